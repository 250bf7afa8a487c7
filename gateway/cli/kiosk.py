"""Commands of the kiosk: one person's turn at a counter's devices."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.arguments import Json, names, person
from gateway.cli.show import as_json, say
from gateway.cli.speech import Speech

kiosk = typer.Typer(invoke_without_command=True, help="One person's turn at a counter's devices.")


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(kiosk, name="kiosk")


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
