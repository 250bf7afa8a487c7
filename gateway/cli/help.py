"""Says `--help`, and what is wrong with a command line, in the person's language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer import rich_utils
from typer.core import TyperGroup

from gateway.cli.speech import Speech

_AROUND = {
    name: getattr(rich_utils, name)
    for name in (
        "ABORTED_TEXT",
        "ARGUMENTS_PANEL_TITLE",
        "COMMANDS_PANEL_TITLE",
        "DEFAULT_STRING",
        "ERRORS_PANEL_TITLE",
        "OPTIONS_PANEL_TITLE",
        "REQUIRED_LONG_STRING",
        "RICH_HELP",
    )
}
"""What typer itself says around our texts; it has no other way to be told."""


_COMPLAIN = rich_utils.rich_format_error
_SUBCOMMANDS = "COMMAND [ARGS]..."
_HELP = "Show this message and exit."


def in_language(command: Any, t: Speech) -> None:
    """Put the help of a command, and of all beneath it, into the language."""
    for name, text in _AROUND.items():
        setattr(rich_utils, name, t(text))
    setattr(rich_utils, "rich_format_error", _complaining(t))  # noqa: B010
    _translate(command, t)


def _complaining(t: Speech) -> Callable[[Any], None]:
    """Return what tells a command line that cannot be, as typer does, in the language."""

    def complain(misuse: Any) -> None:
        told = t.again(misuse.format_message())
        misuse.format_message = lambda: told
        _COMPLAIN(misuse)

    return complain


def _translate(command: Any, t: Speech) -> None:
    command.help = _told(command.help, t)
    for parameter in command.params:
        parameter.help = _told(parameter.help, t)
        if parameter.param_type_name == "argument":
            parameter.metavar = t(called(parameter))
    command.get_help_option(typer.Context(command)).help = t(_HELP)
    if isinstance(command, TyperGroup):
        command.subcommand_metavar = t(_SUBCOMMANDS)
        for below in command.commands.values():
            _translate(below, t)


def called(argument: Any) -> str:
    """Return what stands for an argument in a command line, in English."""
    name: str = argument.metavar or argument.name.upper()
    return name


def _told(text: str | None, t: Speech) -> str | None:
    """Tell a help text again; of several paragraphs the first is looked for."""
    if text is None:
        return None
    first, *others = text.split("\n\n")
    return "\n\n".join([t(" ".join(first.split())), *others])
