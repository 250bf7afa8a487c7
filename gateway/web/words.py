"""What the screens say, in French and in English: `translations/*.toml`, same keys in both.

What receipts and the command say too, such as dates and kinds of readings, is in `language/`.
"""

from __future__ import annotations

from functools import cache

from gateway.language.words import Words, read
from gateway.language.words import words as shared


@cache
def words(language: str) -> Words:
    """Return the words of a language. KeyError for one that there is none of."""
    return shared(language).and_also(read("gateway.web", "translations", f"{language}.toml"))
