"""Rows out of the pages of a SQLite file, without the engine: for a file that is damaged.

Every page is looked at by itself, so no page is lost because one that leads to it is: neither the
file's header, nor the description of the tables, nor inner pages are needed. What is read may be
nonsense; whoever asks for rows has to know a sound one when they see it. The format is SQLite's
(https://www.sqlite.org/fileformat2.html), with the page size that our journals have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

PAGE_BYTES = 4096

_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER = 13, 10, 2
_LEAST_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_MOST_LOCAL = {
    _TABLE_LEAF: PAGE_BYTES - 35,
    _INDEX_LEAF: (PAGE_BYTES - 12) * 64 // 255 - 23,
    _INDEX_INNER: (PAGE_BYTES - 12) * 64 // 255 - 23,
}
_CELLS_AT = {_TABLE_LEAF: 8, _INDEX_LEAF: 8, _INDEX_INNER: 12}
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_LOG_HEAD, _FRAME_HEAD = 32, 24

Value = int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class Carved:
    """Something that has the form of a row."""

    number: int | None
    """Its row number; None in a table without, and in an index."""
    values: tuple[Value, ...]
    stated: bool
    """Whether the page says itself that it holds such rows, so that this is not a mere guess."""


def carve(database: Path) -> Iterator[Carved]:
    """Yield whatever looks like a row, in a database and in what its log adds to it."""
    pages = _Pages(database)
    for number in range(2, pages.count + 1):  # the first describes the tables
        page = pages.get(number)
        for kind in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER):
            for cell in _cells(page, kind):
                carved = _row(pages, page, cell, kind)
                if carved is not None:
                    yield Carved(*carved, stated=page[0] == kind)


class _Pages:
    """The pages as of the last commit in the log."""

    def __init__(self, database: Path) -> None:
        with database.open("rb") as file:  # mapped: it may be larger than the memory
            size = database.stat().st_size
            self._content = mmap(file.fileno(), 0, access=ACCESS_READ) if size else b""
        log = database.with_name(database.name + "-wal")
        self._newer = _committed(log.read_bytes()) if log.exists() else {}
        self.count = max(len(self._content) // PAGE_BYTES, *self._newer, 0)

    def get(self, number: int) -> bytes:
        """Return a page; one that is not there is empty."""
        start = (number - 1) * PAGE_BYTES
        page = self._newer.get(number, self._content[start : start + PAGE_BYTES])
        return page.ljust(PAGE_BYTES, b"\0")


def _committed(log: bytes) -> dict[int, bytes]:
    """Return the pages that a log holds up to its last commit. Sums are not compared.

    A log that begins anew overwrites itself from its start; what is left behind is older than the
    database, and has other salts than its head. A head that is damaged has those of no frame.
    """
    step = _FRAME_HEAD + PAGE_BYTES
    heads = [
        log[at : at + _FRAME_HEAD] for at in range(_LOG_HEAD, len(log) - step + 1, step)
    ]  # each: page, size after a commit or 0, two salts, two sums
    if not heads:
        return {}
    salts = log[16:24] if any(head[8:16] == log[16:24] for head in heads) else heads[0][8:16]
    found: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    for nth, head in enumerate(heads):
        if head[8:16] != salts:
            continue
        at = _LOG_HEAD + nth * step + _FRAME_HEAD
        pending[int.from_bytes(head[:4], "big") & 0xFFFFFF] = log[at : at + PAGE_BYTES]
        if any(head[4:8]):
            found |= pending
            pending = {}
    return found


def _cells(page: bytes, kind: int) -> Iterator[int]:
    """Yield where cells may begin: what the page says, and what stands behind, up to a zero."""
    at = _CELLS_AT[kind]
    stated = int.from_bytes(page[3:5], "big")
    nth = 0
    while at + 2 <= PAGE_BYTES:
        cell = int.from_bytes(page[at : at + 2], "big")
        if at < cell <= PAGE_BYTES - 4:
            yield cell
        elif nth >= stated:
            return
        at, nth = at + 2, nth + 1


def _row(
    pages: _Pages, page: bytes, cell: int, kind: int
) -> tuple[int | None, tuple[Value, ...]] | None:
    number: int | None = None
    try:
        at = cell + 4 if kind == _INDEX_INNER else cell
        length, at = _varint(page, at)
        if kind == _TABLE_LEAF:
            number, at = _varint(page, at)
        payload = _payload(pages, page, at, length, _MOST_LOCAL[kind])
        values = None if payload is None else _values(payload)
    except (IndexError, UnicodeDecodeError):
        return None
    return None if values is None else (number, values)


def _payload(pages: _Pages, page: bytes, at: int, length: int, most: int) -> bytes | None:
    """Return a cell's content, what of it lies on overflow pages included."""
    if length <= most:
        return page[at : at + length]
    if length > pages.count * PAGE_BYTES:
        return None
    local = _LEAST_LOCAL + (length - _LEAST_LOCAL) % (PAGE_BYTES - 4)
    if local > most:
        local = _LEAST_LOCAL
    content = page[at : at + local]
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while len(content) < length and 1 < following <= pages.count:
        more = pages.get(following)
        content += more[4 : 4 + length - len(content)]
        following = int.from_bytes(more[:4], "big")
    return content


def _values(payload: bytes) -> tuple[Value, ...] | None:
    """Read a record; None if the lengths it states do not make it up."""
    head, at = _varint(payload, 0)
    if not at < head <= len(payload):
        return None
    types = []
    while at < head:
        serial, at = _varint(payload, at)
        types.append(serial)
    if at != head:
        return None
    found: list[Value] = []
    for serial in types:
        if serial in (0, 8, 9):
            found.append(None if serial == 0 else serial - 8)
            continue
        if serial in (7, 10, 11):
            return None  # no journal holds a fraction
        length = _INTEGER_BYTES[serial] if serial < 7 else (serial - 12) // 2
        content = payload[at : at + length]
        at += length
        if serial < 7:
            found.append(int.from_bytes(content, "big", signed=True))
        else:
            found.append(content.decode() if serial % 2 else content)
    return tuple(found) if at == len(payload) else None


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Read a number of one to nine bytes; return it and where it ends. Raises IndexError."""
    number = 0
    for nth in range(9):
        byte = content[at + nth]
        if nth == 8:
            number = number << 8 | byte
            break
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return (number - (1 << 64) if number >> 63 else number), at + nth + 1
