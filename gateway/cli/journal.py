"""Commands about readings: what was measured, what is owed, what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli.arguments import Json, person
from gateway.cli.show import as_json, rows, say

outbox = typer.Typer(invoke_without_command=True, help="What is still owed to whom.")

Limit = Annotated[int, typer.Option(help="How many, the newest first.")]


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command("journal")(readings)
    app.command()(claim)
    app.add_typer(outbox, name="outbox")


def readings(
    context: typer.Context,
    who: Annotated[str | None, typer.Option("--person", help="Only theirs.")] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List readings, the newest first, and what became of each."""
    client = context.obj.client
    subject = person(client, who)["id"] if who is not None else None
    answer = client.get("readings", limit=limit, subject=subject)
    if json:
        as_json(answer)
        return
    shown = [
        {
            **reading,
            "values": ", ".join(
                f"{measure} {value['value']} {value['unit']}"
                for measure, value in reading["values"].items()
            )
            or reading["limit"],
            "subject": _whose(reading),
            "way": ", ".join(
                f"{delivery['destination']}: {delivery['reason'] or delivery['state']}"
                for delivery in reading["deliveries"]
            ),
        }
        for reading in answer
    ]
    columns = {
        "id": "reading",
        "measured_at": "measured",
        "kind": "kind",
        "values": "value",
        "subject": "person",
        "way": "its way",
    }
    rows("Readings", columns, shown)


def _whose(reading: Mapping[str, Any]) -> str:
    """Say whose it is, or whose it may be: for a person to say, with 'claim'."""
    suggestion = reading["suggestion"]
    if suggestion is not None:
        return f"nobody; perhaps {suggestion['subject']}"
    return str(reading["subject"] or "nobody")


def claim(
    context: typer.Context,
    reading: Annotated[str, typer.Argument(help="The reading's id, as in 'journal'.")],
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Whose it is.")],
) -> None:
    """Say whose an unclaimed reading is."""
    client = context.obj.client
    client.post("readings", reading, "claim", subject=person(client, who)["id"])
    say("Claimed.")


@outbox.callback()
def show(context: typer.Context, json: Json = False) -> None:
    """Show how many deliveries are in which state, and why."""
    if context.invoked_subcommand is not None:
        return
    answer = context.obj.client.get("outbox")
    if json:
        as_json(answer)
        return
    columns = {"destination": "destination", "state": "state", "reason": "why", "count": "readings"}
    rows("Outbox", columns, answer)


@outbox.command()
def retry(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", help="The destination.")],
) -> None:
    """Send parked readings again, after what they were refused for was mended."""
    answer = context.obj.client.post("outbox", "retry", destination=to)
    say(f"{answer['retried']} readings are due again.")
