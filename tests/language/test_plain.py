"""What comes from outside steers no terminal and turns no line around."""

import sys
import unicodedata

import pytest

from gateway.language.plain import plain, plain_lines


@pytest.mark.parametrize(
    "name",
    ["\x1b]0;title\x07", "\x9b2J", "a\rb", "a\nb", "\u202egnihtyna", "\u2066x\u2069", "a\u2028b"],
)
def test_a_name_that_steers_is_marked(name: str) -> None:
    shown = plain(name)

    assert "\N{REPLACEMENT CHARACTER}" in shown
    assert len(shown) == len(name)


def test_nothing_that_is_shown_steers() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))

    for shown in (plain(everything), plain_lines(everything).replace("\n", "")):
        assert not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in shown)
        assert not any(unicodedata.bidirectional(letter) in _TURNING for letter in shown)


@pytest.mark.parametrize(
    "name", ["Odile", "Tensiomètre n° 2", "血圧計", "مقياس", "⚖️ Pèse-personne"]
)
def test_other_names_stay_as_they_are(name: str) -> None:
    assert plain(name) == plain_lines(name) == name


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
