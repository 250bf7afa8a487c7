"""The commands, in the order of `--help`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway import config as configuration
from gateway.cli import (
    audit,
    backups,
    checks,
    consents,
    corrections,
    devices,
    journal,
    pairing,
    report,
    screens,
    tools,
)
from gateway.cli.show import complain
from gateway.client import Client
from gateway.errors import GatewayError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Reads health devices, keeps every reading, sends only what its owner consented to.",
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="The configuration file.")] = None,
) -> None:
    """Remember where the configuration is; it is read by the commands that need it."""
    context.obj = Asked(config)


class Asked:
    """What every command may need: the configuration, and a way to ask the gateway."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """The configuration file."""
        return configuration.find(self._path)

    @property
    def config(self) -> configuration.Config:
        """The validated configuration."""
        return configuration.load(self.path)

    @property
    def client(self) -> Client:
        """The way to the daemon, or to the journal."""
        return Client(self.config)


@app.command()
def run(context: typer.Context) -> None:
    """Run the daemon in the foreground."""
    from gateway.app import run as start

    start(context.obj.config)


@app.command()
def relay(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option(help="This relay's own name, the same after every restart.")
    ] = None,
) -> None:
    """Bring consented readings from a broker to a FHIR server; any number side by side."""
    from gateway.app.relay import run as start

    start(context.obj.config, name)


@app.command()
def demo(
    seconds: Annotated[int, typer.Option(help="How long the devices measure.")] = 60,
    kills: Annotated[int, typer.Option(help="How often the daemon is killed meanwhile.")] = 0,
    seed: Annotated[int, typer.Option(help="Repeats the moments of the kills.")] = 1,
    keep: Annotated[Path | None, typer.Option(help="A folder to keep everything in.")] = None,
) -> None:
    """Watch readings travel from virtual devices to a sandbox health space, and check the sums."""
    from gateway.demo import show

    raise typer.Exit(show(seconds=seconds, kills=kills, seed=seed, keep=keep))


devices.add(app)
pairing.add(app)
consents.add(app)
journal.add(app)
corrections.add(app)
report.add(app)
screens.add(app)
tools.add(app)
checks.add(app)
backups.add(app)
audit.add(app)


def command() -> None:
    """Run the command; a refusal or a fault of the gateway is one sentence, not a traceback."""
    try:
        app(prog_name="healthspace-gateway")
    except GatewayError as error:
        complain(str(error))
        sys.exit(1)
