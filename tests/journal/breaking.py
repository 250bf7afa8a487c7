"""Breaks the file of a journal as a dying disk does, while somebody has it open."""

import sqlite3
from pathlib import Path

_PAGE = 4096


def page_of_entries(path: Path) -> int:
    """Return where the page with the first entry begins; nobody may have the journal open."""
    with sqlite3.connect(path) as looking:
        ((payload,),) = looking.execute("SELECT payload FROM entries ORDER BY number LIMIT 1")
    looking.close()
    return path.read_bytes().index(payload) // _PAGE * _PAGE


def break_page(path: Path, at: int) -> None:
    """Overwrite what says how the page is laid out."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 8)


def lose_table(path: Path, table: str) -> None:
    """Overwrite where a table begins; nobody may have the journal open."""
    with sqlite3.connect(path) as looking:
        ((root,),) = looking.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
    looking.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * _PAGE)
        file.write(b"\xa5" * _PAGE)
