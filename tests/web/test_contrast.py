"""The colours of the screens can be told apart: WCAG 2.2, 1.4.3 for text, 1.4.11 for the rest."""

import re
from itertools import product
from pathlib import Path

import pytest

import gateway.web

CSS = (Path(gateway.web.__file__).parent / "static" / "screens.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in CSS.split("}")[:2]
)
PAPERS = ("paper", "card", "field", "bad-paper", "well-paper", "hover")
SIGNS = ("soft", "good", "wait", "bad", "deep", "deeper")
TEXT = [
    *product(("ink", "soft", "deep", "bad"), PAPERS),
    *(("on", sign) for sign in SIGNS),
]
OTHER = [*product(("focus",), PAPERS), *product(("soft", "deep", "bad"), ("paper", "card"))]
"""The ring of the focus, and the borders of what is filled in and pressed."""


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), TEXT, ids=str)
def test_text_can_be_read(front: str, back: str, colours: dict[str, str]) -> None:
    assert contrast(colours[front], colours[back]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), OTHER, ids=str)
def test_what_has_the_focus_or_is_filled_in_can_be_seen(
    front: str, back: str, colours: dict[str, str]
) -> None:
    assert contrast(colours[front], colours[back]) >= 3


def test_what_is_dark_has_every_colour_of_its_own() -> None:
    assert DARK.keys() == LIGHT.keys()
    assert luminance(DARK["paper"]) < 0.05 < luminance(LIGHT["paper"])


def test_no_colour_of_text_is_outside_the_list() -> None:
    written = set(re.findall(r"(?<![-\w])color: ([^;}]+)[;}]", CSS))

    assert written <= {"inherit", "#000", *(f"var(--{name})" for name in LIGHT)}


def contrast(one: str, other: str) -> float:
    """Return the ratio of two colours: 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance as WCAG defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
