"""What is said to people, in French and in English: files of the same keys in both.

`fr.toml` and `en.toml` here have what screens, commands and receipts share; each adds its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class Words:
    """The words of one language, by a key with a dot for each table it is in."""

    def __init__(self, language: Language, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """Return the text with its gaps filled in. KeyError if there is none."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def count(self, key: str, number: int, **values: object) -> str:
        """Return the text for so many: `key.one`, else `key.other`. French says one for none."""
        single = number == 1 or (number == 0 and self.language == "fr")
        told = self.number(number)
        return self(f"{key}.{'one' if single else 'other'}", number=told, **values)

    def number(self, value: int | Decimal) -> str:
        """Write a number with the digits it has; its thousands stay on one line."""
        signs = {",": self("thousands"), ".": self("decimal")}
        return "".join(signs.get(each, each) for each in f"{Decimal(value):,f}")

    def or_none(self, key: str) -> str | None:
        """Return the text, or None if there is none."""
        return self._texts.get(key)

    def and_also(self, texts: Mapping[str, str]) -> Words:
        """Return these words and more of the same language."""
        return Words(self.language, {**self._texts, **texts})


@cache
def words(language: str) -> Words:
    """Return the shared words of a language. KeyError for one that there is none of."""
    for known in LANGUAGES:
        if known == language:
            return Words(known, read("gateway.language", f"{known}.toml"))
    raise KeyError(language)


def read(package: str, *path: str) -> dict[str, str]:
    """Read a file of texts by its path in a package."""
    told = resources.files(package).joinpath(*path).read_text(encoding="utf-8")
    return dict(_flat(tomllib.loads(told), ""))


def _flat(table: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
