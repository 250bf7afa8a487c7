"""How answers look on a terminal: tables for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def as_json(answer: object) -> None:
    """Print an answer the way a script reads it: one JSON document."""
    console.out(json.dumps(answer, ensure_ascii=False, indent=2), highlight=False)


def rows(title: str, columns: Mapping[str, str], answer: Sequence[Mapping[str, Any]]) -> None:
    """Print one table; `columns` maps a key of each row to the column's heading."""
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in answer:
        table.add_row(*(cell(row.get(key)) for key in columns))
    console.print(table)
    if not answer:
        console.print("  (none)")


def cell(value: object) -> str:
    """Write one value: nothing for None, a short list for a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    return str(value)
