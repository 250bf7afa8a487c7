"""The command that lets a browser in to the screens."""

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
    json: Json = False,
) -> None:
    """Print the address that lets one browser in, once, within ten minutes."""
    role = "kiosk" if kiosk else "owner"
    answer = context.obj.client.post("screens", "invitations", role=role)
    if json:
        as_json(answer)
        return
    say(answer["url"])
