"""The words of the report, `fr.toml` and `en.toml`; how it writes numbers and dates."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache

from gateway.language.words import Words, read
from gateway.language.words import words as shared


@cache
def words(language: str) -> Words:
    """Return the words of a language. KeyError for one that there is none of."""
    return shared(language).and_also(read("gateway.glucose", f"{language}.toml"))


def number(value: Decimal, say: Words) -> str:
    """Write a number with the comma or point of the language."""
    return str(value).replace(".", say("decimal"))


def date(at: datetime, say: Words) -> str:
    """Write a date."""
    return at.strftime(say("report.date"))
