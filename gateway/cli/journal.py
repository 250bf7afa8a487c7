"""Commands about readings: what was measured, what is owed, what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gateway.cli.arguments import Json, names, person
from gateway.cli.show import as_json, rows, say
from gateway.cli.speech import Speech
from gateway.domain.quantity import Unit

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
    t, called = context.obj.t, names(client, context.obj.t)
    shown = [
        {
            "id": reading["id"],
            "measured_at": _measured(t, reading),
            "kind": t.kinds([reading["kind"]]),
            "values": _values(t, reading),
            "subject": _whose(t, called, reading),
            "way": t("; ").join(t.stands(way) for way in reading["deliveries"])
            or t.words("delivery.none"),
        }
        for reading in answer
    ]
    columns = {
        "id": "reading",
        "measured_at": "measured",
        "kind": "kind",
        "values": "value",
        "subject": "person",
        "way": "where it is",
    }
    rows(t, "Readings", columns, shown)


def _measured(t: Speech, reading: Mapping[str, Any]) -> str:
    if reading["uncertainty_s"] is None:
        return t.words("time.unknown")
    return t.moment(reading["measured_at"])


def _values(t: Speech, reading: Mapping[str, Any]) -> str:
    """Say what was measured; what the screens add in brackets is left out."""
    if reading["limit"] is not None:
        return t.words(f"limit.{reading['limit']}")
    return ", ".join(
        f"{t.words(f'measure.{measure}').partition(' (')[0]} {_quantity(t, value)}"
        for measure, value in reading["values"].items()
    )


def _quantity(t: Speech, value: Mapping[str, Any]) -> str:
    number = str(value["value"]).replace(".", t.words("decimal"))
    unit = t.words(f"unit.{Unit(value['unit']).name.lower()}")
    return f"{number} {unit}".strip()


def _whose(t: Speech, called: Mapping[str, str], reading: Mapping[str, Any]) -> str:
    """Say whose it is, or whose it may be: for a person to say, with 'claim'."""
    suggestion, subject = reading["suggestion"], reading["subject"]
    if suggestion is not None:
        perhaps = suggestion["subject"]
        return t("nobody; perhaps {who}", who=called.get(perhaps, perhaps))
    return t("nobody") if subject is None else called.get(subject, subject)


def claim(
    context: typer.Context,
    reading: Annotated[str, typer.Argument(help="The reading's id, as in 'journal'.")],
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Whose it is.")],
) -> None:
    """Say whose an unclaimed reading is."""
    client = context.obj.client
    client.post("readings", reading, "claim", subject=person(client, who)["id"])
    say(context.obj.t("Claimed."))


@outbox.callback()
def show(context: typer.Context, json: Json = False) -> None:
    """Show how many deliveries are in which state, and why."""
    if context.invoked_subcommand is not None:
        return
    answer = context.obj.client.get("outbox")
    if json:
        as_json(answer)
        return
    t = context.obj.t
    lines = [
        {
            "destination": counted["destination"],
            "way": t.stands(counted),
            "why": t.again(counted["reason"] or "") if counted["state"] == "parked" else "",
            "count": counted["count"],
        }
        for counted in answer
    ]
    columns = {
        "destination": "destination",
        "way": "where they are",
        "why": "why",
        "count": "readings",
    }
    rows(t, "Outbox", columns, lines)


@outbox.command()
def retry(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", help="The destination.")],
) -> None:
    """Send parked readings again, after what they were refused for was mended."""
    answer = context.obj.client.post("outbox", "retry", destination=to)
    say(
        context.obj.t.count(
            "One reading is due again.", "{number} readings are due again.", answer["retried"]
        )
    )
