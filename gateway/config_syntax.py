"""Says what is wrong with a text that is no TOML, and where, in sentences of ours."""

from __future__ import annotations

import re
import tomllib

_NO_STATEMENT = "a line is key = value, or a heading such as [hub]."
_BACKSLASH = "a backslash does not stand for itself: put the text between '...' instead."
_COMPLETE = "this table is complete already: put all its keys in one place."
_NOT_CLOSED = "text is not closed: end it with the quotation mark it begins with."
_SIGN = "a sign here cannot stand in such a file: type the line anew."
_TWICE = "this stands here twice: keep one."

_SENTENCES = {
    "Invalid value": "this is no value: put text in quotation marks, and write true or false so.",
    "Expected '='": "after a key come = and its value.",
    "Expected newline": "nothing may follow here: begin a new line; put text in quotation marks.",
    "Expected ']": "the heading is not closed: write it like [hub] or [[ports]].",
    "Unterminated string": _NOT_CLOSED,
    "Illegal character '\\n'": _NOT_CLOSED,
    "Illegal character": _SIGN,
    "Found invalid character": _SIGN,
    "Cannot declare": "this heading stands here twice: put its keys below one of them.",
    "Cannot overwrite": _TWICE,
    "Duplicate": _TWICE,
    "Cannot mutate": _COMPLETE,
    "Cannot redefine": _COMPLETE,
    "Unclosed array": "the list is not closed: end it with ].",
    "Unclosed inline table": "the table is not closed: end it with a brace.",
    "Unescaped": _BACKSLASH,
    "Invalid hex": _BACKSLASH,
    "Escaped character": _BACKSLASH,
    "Invalid date": "there is no such date or time.",
}
"""By how tomllib begins to say it; the first that fits."""
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)$")


def syntax_fault(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, int, str]:
    """Return the line, the column and the sentence."""
    said = str(error)
    found = next((s for start, s in _SENTENCES.items() if said.startswith(start)), _NO_STATEMENT)
    if place := _PLACE.search(said):
        return int(place[1]), int(place[2]), found
    ending = text.split("\n")  # "at end of document"
    return len(ending), len(ending[-1]) + 1, found
