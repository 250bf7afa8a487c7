"""How answers look on a terminal: tables and sentences for people, JSON for scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from textwrap import indent
from typing import Any

import typer
from rich import _wrap
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.speech import Speech
from gateway.language.plain import plain, plain_lines

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

_wrap.re_word = re.compile(r"[^\S\xa0]*[\S\xa0]+[^\S\xa0]*")  # else it breaks a no-break space
_STEERING = re.compile("[\x7f-\x9f]")
"""What steers some terminals and JSON leaves as it is."""
_UNFOLDED = 10_000
"""Columns of what is not a terminal: a file or a pipe has no edge to fold at."""


def say(text: str) -> None:
    """Print a sentence as it is: what looks like markup is none, and the terminal does the folding.

    So a path or an id stays in one piece for whoever copies it.
    """
    console.print(plain_lines(text), markup=False, soft_wrap=True)


def complain(text: str) -> None:
    """Print on standard error why the command did not do what it was asked."""
    errors.print(plain_lines(f"healthspace-gateway: {text}"), markup=False, soft_wrap=True)


def as_json(answer: object) -> None:
    """Print an answer the way a script reads it: one JSON document."""
    console.out(_document(answer), highlight=False)


def as_json_items(answers: Iterable[object]) -> None:
    """Print answers as one JSON array, item by item, however many they are."""
    begin = "["
    for answer in answers:
        console.out(f"{begin}\n{indent(_document(answer), '  ')}", end="", highlight=False)
        begin = ","
    console.out("\n]" if begin == "," else "[]", highlight=False)


def _document(answer: object) -> str:
    text = json.dumps(answer, ensure_ascii=False, indent=2)
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def rows(
    t: Speech, title: str, columns: Mapping[str, str], answer: Sequence[Mapping[str, Any]]
) -> None:
    """Print one table; `columns` maps a key of each row to the column's heading, in English."""
    table = Table(title=t(title), title_justify="left", show_edge=False, pad_edge=False)
    for number, heading in enumerate(columns.values()):
        # The first is what other commands ask for, so it is never folded.
        table.add_column(t(heading), overflow="fold", no_wrap=number == 0)
    for row in answer:
        table.add_row(*(Text(plain(_cell(t, row.get(key)))) for key in columns))
    to = console if console.is_terminal else Console(highlight=False, width=_UNFOLDED)
    to.print(table)
    if not answer:
        say(t("  (none)"))


def agreed(t: Speech, question: str) -> bool:
    """Ask the person at the terminal for a yes; anything else is a no."""
    yes = t("y")
    told: str = typer.prompt(
        f"{question} [{yes}/{t('N')}]", default="", show_default=False, prompt_suffix=t(": ")
    )
    return told.strip().lower() in {"y", "yes", yes, t("yes")}


def typed(t: Speech, what: str) -> str:
    """Ask the person at the terminal for something."""
    told: str = typer.prompt(what, prompt_suffix=t(": "))
    return told


def _cell(t: Speech, value: object) -> str:
    """Write one value: nothing for None, a short list for a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    if isinstance(value, list | tuple):
        return ", ".join(_cell(t, item) for item in value)
    return str(value)
