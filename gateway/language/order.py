"""The order of a dictionary: an accent tells apart only what is spelled alike without it."""

from __future__ import annotations

import unicodedata


def by_the_letter(text: str) -> tuple[str, str]:
    """Return by what a list in French or English is sorted: `Cétones` comes before `Composition`.

    Code points alone put each accented letter behind `z`.
    """
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in letters if not unicodedata.combining(each)), text
