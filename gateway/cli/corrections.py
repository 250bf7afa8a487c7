"""Commands that put right whose a reading is, and what was sent meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli.arguments import Json, names, person
from gateway.cli.devices import Device, Slot
from gateway.cli.show import agreed, as_json, rows, say
from gateway.cli.speech import Speech

corrections = typer.Typer(
    invoke_without_command=True,
    help="What destinations were sent and is wrong there, and who puts it right.",
)

_WRONG = {
    "time": "its time",
    "person": "whose it is",
    "value": "what was computed",
}

Reading = Annotated[str, typer.Argument(help="The reading's id, as in 'journal'.")]


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(reassign)
    app.command()(reassign_period)
    app.command()(dismiss)
    app.add_typer(corrections, name="corrections")


def reassign(
    context: typer.Context,
    reading: Reading,
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Whose it is.")],
) -> None:
    """Say whose a reading is that is someone else's so far."""
    client = context.obj.client
    client.post("readings", reading, "reassign", subject=person(client, who)["id"])
    say(context.obj.t("Reassigned. See 'corrections' for what was sent meanwhile."))


def reassign_period(
    context: typer.Context,
    device: Device,
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Who used it then.")],
    since: Annotated[str, typer.Option(help="From when: a date and time, or days ago such as 7d.")],
    until: Annotated[str, typer.Option(help="Until when: as above, or now.")] = "now",
    slot: Slot = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    json: Json = False,
) -> None:
    """Say who used a device for a while: all that it measured then becomes theirs."""
    client, t = context.obj.client, context.obj.t
    period = {
        "device": device,
        "subject": person(client, who)["id"],
        "slot": slot,
        "since": context.obj.moment(since),
        "until": context.obj.moment(until),
    }
    done = client.post("assignments", "past", **period, only_look=True)
    if not json:
        _foretell(t, done)
    if not yes and not agreed(t, t("Say so of this device, for that time?")):
        raise typer.Abort
    done = client.post("assignments", "past", **period)
    if json:
        as_json(done)
        return
    say(t("Done. See 'corrections' for what was sent meanwhile."))


def _foretell(t: Speech, done: Mapping[str, Any]) -> None:
    say(
        t.count(
            "{number} reading becomes theirs.",
            "{number} readings become theirs.",
            done["readings"],
        )
    )
    for destination, number in sorted(done["there"].items()):
        say(t("Already sent to {title}: {number}.", title=t.title(destination), number=number))
    if done["unsure"]:
        unsure = done["unsure"]
        say(t("Nobody's until you say whose, for want of their time: {number}.", number=unsure))
    if done["standing"]:
        say(t("Left, for it was said of each whose it is: {number}.", number=done["standing"]))


def dismiss(context: typer.Context, reading: Reading) -> None:
    """Say that a reading is nobody's here: a guest's, a pet's, a test."""
    context.obj.client.post("readings", reading, "dismiss")
    say(context.obj.t("Dismissed: it is kept, and never sent."))


@corrections.callback()
def show(context: typer.Context, json: Json = False) -> None:
    """List what is to be put right, and where."""
    if context.invoked_subcommand is not None:
        return
    answer = context.obj.client.get("corrections")
    if json:
        as_json(answer)
        return
    columns = {
        "number": "number",
        "destination": "destination",
        "subject": "in whose record",
        "wrong": "wrong",
        "reference": "called there",
        "by": "by whom",
        "problem": "why",
        "reading": "reading",
    }
    t, called = context.obj.t, names(context.obj.client, context.obj.t)
    lines = [
        {
            **line,
            "subject": called.get(line["subject"], line["subject"]),
            "wrong": t(_WRONG[line["wrong"]]),
            "by": t("the hub") if line["by"] == "hub" else t("a person"),
            "problem": _problem(t, line),
        }
        for line in answer
    ]
    rows(t, "Corrections owed", columns, lines)


def _problem(t: Speech, line: Mapping[str, Any]) -> str:
    """Say why the hub does not do it: a reason of the gate, or a sentence."""
    problem = line["problem"]
    if problem is None:
        return ""
    known = t.words.or_none(f"withheld.{problem}")
    return t.again(problem) if known is None else known.format(destination=line["destination"])


@corrections.command()
def done(
    context: typer.Context, number: Annotated[int, typer.Argument(help="As in the list.")]
) -> None:
    """Say that it was put right there."""
    context.obj.client.post("corrections", str(number), "done")
    say(context.obj.t("Noted."))
