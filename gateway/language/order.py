"""The order of a dictionary: an accent tells apart only what is spelled alike without it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def by_the_letter(text: str) -> tuple[str, str]:
    """Return by what a list in French or English is sorted: `Cétones` comes before `Composition`.

    Code points alone put each accented letter behind `z`.
    """
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in letters if not unicodedata.combining(each)), text


def listed(names: Iterable[str]) -> str:
    """Write names one after the other, in that order."""
    return ", ".join(sorted(names, key=by_the_letter))
