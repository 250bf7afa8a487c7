"""How answers look on a terminal: tables and sentences for people, JSON for scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from textwrap import indent
from typing import Any

import typer
from rich import _wrap
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.speech import Speech
from gateway.language.plain import plain, plain_lines

console = Console(highlight=False, emoji=False)  # else the :AB: of an address becomes a pictogram
errors = Console(stderr=True, highlight=False, emoji=False)

_wrap.re_word = re.compile(r"[^\S\xa0]*[\S\xa0]+[^\S\xa0]*")  # else it breaks a no-break space
_STEERING = re.compile("[\x7f-\x9f]")
"""What steers some terminals and JSON leaves as it is."""
_BETWEEN = " │ "
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
    text = json.dumps(answer, ensure_ascii=console.encoding != "utf-8", indent=2)
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def rows(
    t: Speech, title: str, columns: Mapping[str, str], answer: Sequence[Mapping[str, Any]]
) -> None:
    """Print one table; `columns` maps a key of each row to the column's heading, in English.

    On a terminal that is too narrow for it, the rows are printed one below the other.
    """
    headings = [t(heading) for heading in columns.values()]
    lines = [[plain(_cell(t, row.get(key))) for key in columns] for row in answer]
    if console.is_terminal and _width(headings, lines) > console.width:
        _one_below_the_other(t(title), headings, lines)
    else:
        table = Table(*headings, title=t(title), title_justify="left", show_edge=False)
        table.pad_edge = False
        for line in lines:
            table.add_row(*map(Text, line))
        to = console if console.is_terminal else Console(highlight=False, width=_UNFOLDED)
        to.print(table)
    if not answer:
        say(t("  (none)"))


def _width(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> int:
    """Return how wide a table is in which nothing is folded."""
    widest = (max(map(cell_len, column)) for column in zip(headings, *lines, strict=True))
    return sum(widest) + len(_BETWEEN) * (len(headings) - 1)


def _one_below_the_other(
    title: str, headings: Sequence[str], lines: Sequence[Sequence[str]]
) -> None:
    """Print each row by itself, and of it what there is."""
    console.print(Text(title, style="italic"))
    for line in lines:
        console.print(f"{headings[0]} ", Text(line[0], style="bold"), sep="", soft_wrap=True)
        rest = Table.grid(padding=(0, 2))
        for heading, value in zip(headings[1:], line[1:], strict=True):
            if value:
                rest.add_row(f"  {heading}", Text(value))
        console.print(rest)


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
