"""The command that lets a browser in to the screens, and no longer."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.arguments import Json
from gateway.cli.show import as_json, say


def add(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(web)


def web(
    context: typer.Context,
    kiosk: Annotated[
        bool, typer.Option("--kiosk", help="For the browser at the counter: its screen only.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Let those in no longer that were let in before.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the address that lets one browser in, once, within ten minutes."""
    role = "kiosk" if kiosk else "owner"
    if forget:
        _forget(context, role, json)
        return
    answer = context.obj.client.post("screens", "invitations", role=role)
    if json:
        as_json(answer)
        return
    say(answer["url"])


def _forget(context: typer.Context, role: str, json: bool) -> None:
    answer = context.obj.client.post("screens", "forget", role=role)
    if json:
        as_json(answer)
    elif role == "kiosk":
        say(context.obj.t("The browsers at the counter are forgotten: let them in anew."))
    else:
        say(context.obj.t("The owner's browsers are forgotten: let them in anew."))
