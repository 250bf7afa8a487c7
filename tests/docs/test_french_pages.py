"""What the French pages say that the screens say, the screens do say."""

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRENCH = sorted((ROOT / "docs" / "fr").glob("*.md"))
FOR_READERS_OF_SCREENS = [ROOT / "docs" / "fr" / name for name in ("guide.md", "officine.md")]
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


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(said, id=f"{page.stem}-{said}")
        for page in FOR_READERS_OF_SCREENS
        for said in re.findall(r"«\s(.+?)\s»", page.read_text())
    ],
)
def test_a_page_quotes_the_screens_word_for_word(said: str) -> None:
    assert any(re.fullmatch(each, re.sub(r"\s", " ", said)) for each in SHOWN)


@pytest.mark.parametrize("page", FRENCH, ids=lambda page: page.name)
def test_no_sign_begins_a_line_for_want_of_the_right_space(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "x", page.read_text(), flags=re.DOTALL)

    assert re.findall(r".{20} [:?!;»%]|« .{20}", prose) == []
    assert re.findall(r"\w[?!;»]|\w:\s|«\w", prose) == []
