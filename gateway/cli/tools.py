"""Commands for developers and operators that need no daemon: decode, config."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gateway.cli.show import console, say

Guest = Annotated[
    list[str] | None, typer.Option(help="A guest package whose driver may be used too.")
]

config = typer.Typer(no_args_is_help=True, help="The configuration file.")


def add(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(decode)
    app.add_typer(config, name="config")


def decode(guest: Guest = None) -> None:
    """Say what bytes mean: JSON lines in, JSON lines out.

    In: {"id": ..., "characteristic": "2a35", "hex": "..."} or {"id": ..., "driver": "<name>",
    "hex": "..."} (or "text"). Out: {"id": ..., "ok": true, "message": {...}} or {"id": ..., "ok":
    false, "error": "...", "offset": n}.
    """
    from gateway.drivers.decoding import Decoding
    from gateway.drivers.registry import installed

    decoding = Decoding(installed(tuple(guest or ())))
    for line in sys.stdin.buffer:
        if line.strip():
            sys.stdout.write(decoding.line(line) + "\n")
    sys.stdout.flush()


@config.command()
def check(context: typer.Context) -> None:
    """Validate the configuration file; each fault with its line."""
    from gateway.app.configured_drivers import drivers_of

    path = context.obj.path
    drivers_of(context.obj.config)
    say(context.obj.t("{path}: no fault.", path=path))


@config.command("show")
def show(context: typer.Context) -> None:
    """Print the configuration with every default filled in; secrets are masked."""
    console.out(context.obj.config.model_dump_json(indent=2), highlight=False)
