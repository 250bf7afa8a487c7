"""Says `--help`, and what is wrong with a command line, in the person's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import typer
from typer.core import TyperGroup

from gateway.cli.speech import Speech

_AROUND = (
    "ABORTED_TEXT",
    "ARGUMENTS_PANEL_TITLE",
    "COMMANDS_PANEL_TITLE",
    "DEFAULT_STRING",
    "ERRORS_PANEL_TITLE",
    "OPTIONS_PANEL_TITLE",
    "REQUIRED_LONG_STRING",
    "RICH_HELP",
)
_SUBCOMMANDS = "COMMAND [ARGS]..."
_HELP = "Show this message and exit."


def in_language(command: Any, t: Speech) -> None:
    """Put the help of a command, and of all beneath it, into the language."""
    command.format_help = partial(_show, command.format_help, t)
    command.help = _told(command.help, t)
    for parameter in command.params:
        parameter.help = _told(parameter.help, t)
        if parameter.param_type_name == "argument":
            parameter.metavar = t(called(parameter))
    command.get_help_option(typer.Context(command)).help = t(_HELP)
    if isinstance(command, TyperGroup):
        command.subcommand_metavar = t(_SUBCOMMANDS)
        for below in command.commands.values():
            in_language(below, t)


def explain(error: typer.TyperException | typer.Abort, t: Speech) -> int:
    """Tell a command line that cannot be, or that it was given up; return the exit status."""
    draws = _draws_in_language(t)
    if isinstance(error, typer.Abort):
        draws.rich_abort_error()
        return 1
    told = t.again(error.format_message())
    error.format_message = lambda: told  # type: ignore[method-assign]
    draws.rich_format_error(error)
    return error.exit_code


def _show(show: Callable[..., None], t: Speech, *given: Any) -> None:
    _draws_in_language(t)
    show(*given)


def _draws_in_language(t: Speech) -> Any:
    """Return what draws help and misuse. Loading it takes as long as a command that is right."""
    from typer import rich_utils

    for name, text in around().items():
        setattr(rich_utils, name, t(text))
    return rich_utils


@cache
def around() -> Mapping[str, str]:
    """Return what typer itself says around our texts, by its names; it cannot be told otherwise."""
    from typer import rich_utils

    return {name: getattr(rich_utils, name) for name in _AROUND}


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
