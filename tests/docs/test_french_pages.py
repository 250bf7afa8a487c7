"""What the French pages say that the screens say, the screens do say."""

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "fr" / "guide.md"
TRANSLATIONS = tomllib.loads((files("gateway.web") / "translations" / "fr.toml").read_text("utf-8"))


def texts(within: object) -> Iterator[str]:
    if isinstance(within, dict):
        for value in within.values():
            yield from texts(value)
    else:
        yield str(within)


def pattern(text: str) -> str:
    """Return what matches a text with its blanks filled in; a space is a space."""
    return re.sub(r"\\\{\w+\\\}", ".+", re.escape(re.sub(r"\s", " ", text)))


SHOWN = [
    pattern(text)
    for text in texts(TRANSLATIONS)
    if re.sub(r"\{\w+\}", "", text).strip(" :")  # one that is all blanks says nothing
]


@pytest.mark.parametrize("said", re.findall(r"« (.+?) »", GUIDE.read_text()))
def test_the_guide_quotes_the_screens_word_for_word(said: str) -> None:
    assert any(re.fullmatch(each, said) for each in SHOWN)
