"""Commands that put right whose a reading is, and what was sent meanwhile."""

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
