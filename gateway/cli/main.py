"""The commands, in the order of `--help`."""

from __future__ import annotations

import sys
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
import typer.main

from gateway import __version__
from gateway import config as configuration
from gateway.cli import (
    audit,
    backups,
    checks,
    consents,
    corrections,
    devices,
    journal,
    kiosk,
    pairing,
    report,
    screens,
    tools,
)
from gateway.cli.arguments import language as known_language
from gateway.cli.arguments import moment
from gateway.cli.help import explain, in_language
from gateway.cli.show import complain, say
from gateway.cli.speech import Speech, speech_of
from gateway.client import Client
from gateway.errors import GatewayError
from gateway.language.words import LANGUAGES

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Reads health devices, keeps every reading, sends only what its owner consented to.",
    pretty_exceptions_enable=False,
)


def _say_version(context: typer.Context, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        say(f"healthspace-gateway {__version__}")
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[Path | None, typer.Option(help="The configuration file.")] = None,
    language: Annotated[
        str | None, typer.Option(help="fr or en: what the command says, unless for scripts.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, help="Say which version this is.")
    ] = False,
) -> None:
    """Say what holds for every command; the first two are read before the command line is."""


class Asked:
    """What every command may need: the configuration, a way to ask, and a language to answer in."""

    def __init__(self, path: Path | None, language: str | None) -> None:
        self._path = path
        self.language = language

    @property
    def path(self) -> Path:
        """The configuration file."""
        return configuration.find(self._path)

    @cached_property
    def config(self) -> configuration.Config:
        """The validated configuration."""
        return configuration.load(self.path)

    @cached_property
    def client(self) -> Client:
        """The way to the daemon, or to the journal."""
        return Client(self.config)

    @cached_property
    def t(self) -> Speech:
        """What the command says, in the person's language; without a configuration too."""
        known = self.language if self.language in LANGUAGES else None
        try:
            return speech_of(known, self.config.hub, self.config.titles)
        except GatewayError:
            return speech_of(known or configuration.stated_language(self._path), None)

    def moment(self, text: str) -> str:
        """Read a moment as the API wants it."""
        return moment(text, self.config.hub.tzinfo)


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
    from gateway.demo.play import play

    raise typer.Exit(play(seconds=seconds, kills=kills, seed=seed, keep=keep))


devices.add(app)
pairing.add(app)
consents.add(app)
journal.add(app)
corrections.add(app)
kiosk.add(app)
report.add(app)
screens.add(app)
tools.add(app)
checks.add(app)
backups.add(app)
audit.add(app)


def command() -> None:
    """Run the command; a refusal or a fault of the gateway is one sentence, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old terminal has no sign for everything
    root = typer.main.get_command(app)
    # What stands before the command; what is wrong with it is said when it is run.
    given = root.make_context("", sys.argv[1:], resilient_parsing=True).params
    asked = Asked(given.get("config"), given.get("language"))
    try:
        known_language(asked.language)
        in_language(root, asked.t)
        ended = root(prog_name="healthspace-gateway", obj=asked, standalone_mode=False)
    except GatewayError as error:
        complain(asked.t.again(str(error)))
        sys.exit(1)
    except (typer.TyperException, typer.Abort) as error:
        sys.exit(explain(error, asked.t))
    sys.exit(ended or 0)
