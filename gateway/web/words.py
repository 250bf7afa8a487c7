"""What the screens say, in French and in English: `translations/*.toml`, same keys in both.

What kinds of readings are called is in `consent/kinds.py`, for receipts say it too; dates and
numbers, for everybody, are in `language/`.
"""

from __future__ import annotations

from functools import cache

from gateway.consent.kinds import NAMES
from gateway.language.words import Words, read
from gateway.language.words import words as shared


@cache
def words(language: str) -> Words:
    """Return the words of a language. KeyError for one that there is none of."""
    kinds = {f"kind.{kind}": name for kind, name in NAMES[language].items()}
    here = read("gateway.web", "translations", f"{language}.toml")
    return shared(language).and_also(here | kinds)
