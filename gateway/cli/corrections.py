"""Commands that put right whose a reading is, and what was sent meanwhile; and the kiosk's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli.arguments import Json, names, person
from gateway.cli.show import as_json, rows, say
from gateway.cli.speech import Speech

corrections = typer.Typer(
    invoke_without_command=True,
    help="What destinations were sent and is wrong there, and who puts it right.",
)
kiosk = typer.Typer(invoke_without_command=True, help="One person's turn at a counter's devices.")

_WRONG = {
    "time": "its time",
    "person": "whose it is",
    "value": "what was computed",
}

Reading = Annotated[str, typer.Argument(help="The reading's id, as in 'journal'.")]


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(reassign)
    app.command()(dismiss)
    app.add_typer(corrections, name="corrections")
    app.add_typer(kiosk, name="kiosk")


def reassign(
    context: typer.Context,
    reading: Reading,
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Whose it is.")],
) -> None:
    """Say whose a reading is that is someone else's so far."""
    client = context.obj.client
    client.post("readings", reading, "reassign", subject=person(client, who)["id"])
    say(context.obj.t("Reassigned. See 'corrections' for what was sent meanwhile."))


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


@kiosk.callback()
def present(context: typer.Context, json: Json = False) -> None:
    """Show whose turn it is."""
    if context.invoked_subcommand is not None:
        return
    answer, t = context.obj.client.get("kiosk"), context.obj.t
    if json:
        as_json(answer)
    elif answer is None:
        say(t("Nobody's turn."))
    else:
        who = names(context.obj.client, t).get(answer["subject"], answer["subject"])
        say(t("The turn of {who}, until {until}.", who=who, until=t.clock(answer["until"])))


@kiosk.command("open")
def open_session(
    context: typer.Context,
    devices: Annotated[list[str], typer.Argument(help="The counter's devices.")],
    who: Annotated[str | None, typer.Option("--person", help="A person known here.")] = None,
    minutes: Annotated[int, typer.Option(help="How long it lasts at most.")] = 10,
    staff: Annotated[bool, typer.Option(help="Opened by staff for the person.")] = False,
) -> None:
    """Begin a person's turn, a guest's unless one is named; ends the turn before."""
    client = context.obj.client
    answer = client.post(
        *("kiosk", "open"),
        devices=devices,
        subject=None if who is None else person(client, who)["id"],
        opened_by="staff" if staff else "person",
        minutes=minutes,
    )
    t: Speech = context.obj.t
    whose = names(client, t).get(answer["subject"], answer["subject"])
    until = t.clock(answer["until"])
    say(t("The turn of {who} has begun, until {until} at most.", who=whose, until=until))


@kiosk.command()
def prolong(
    context: typer.Context,
    minutes: Annotated[int, typer.Option(help="How long it lasts from now on.")] = 10,
) -> None:
    """Give the person whose turn it is more time."""
    answer, t = context.obj.client.post("kiosk", "prolong", minutes=minutes), context.obj.t
    say(t("The turn lasts until {until} at most.", until=t.clock(answer["until"])))


@kiosk.command()
def keep(
    context: typer.Context, name: Annotated[str, typer.Argument(help="What to call them.")]
) -> None:
    """Let the guest whose turn it is stay known here."""
    context.obj.client.post("kiosk", "keep", label=name)
    say(context.obj.t("They stay when their turn ends."))


@kiosk.command()
def close(context: typer.Context) -> None:
    """End the turn; a guest who did not choose to stay is erased."""
    answer, t = context.obj.client.post("kiosk", "close"), context.obj.t
    if answer is None:
        say(t("Nobody's turn."))
    elif answer["erased"] is None:
        say(t("The turn has ended."))
    else:
        say(
            t(
                "The turn has ended: {erased} readings erased, {unsent} unsent.",
                erased=answer["erased"],
                unsent=answer["unsent"],
            )
        )
