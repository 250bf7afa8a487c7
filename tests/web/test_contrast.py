"""The colours of the screens can be told apart: WCAG 2.2, 1.4.3 for text, 1.4.11 for the rest."""

import re
from itertools import product
from pathlib import Path

import pytest

import gateway.web

CSS = (Path(gateway.web.__file__).parent / "static" / "screens.css").read_text(encoding="utf-8")
COLOURS = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", CSS.partition("}")[0])) | {
    "white": "#ffffff"
}
PAPERS = ("paper", "card", "white", "bad-paper", "well-paper", "hover")
SIGNS = ("soft", "good", "wait", "bad", "deep", "deeper")
TEXT = [
    *product(("ink", "soft", "deep", "bad"), PAPERS),
    *(("white", sign) for sign in SIGNS),
]
OTHER = [*product(("focus",), PAPERS), *product(("soft", "deep", "bad"), ("paper", "card"))]
"""The ring of the focus, and the borders of what is filled in and pressed."""


@pytest.mark.parametrize(("front", "back"), TEXT, ids=str)
def test_text_can_be_read(front: str, back: str) -> None:
    assert contrast(COLOURS[front], COLOURS[back]) >= 4.5


@pytest.mark.parametrize(("front", "back"), OTHER, ids=str)
def test_what_has_the_focus_or_is_filled_in_can_be_seen(front: str, back: str) -> None:
    assert contrast(COLOURS[front], COLOURS[back]) >= 3


def test_no_colour_of_text_is_outside_the_list() -> None:
    written = set(re.findall(r"(?<![-\w])color: ([^;}]+)[;}]", CSS))

    assert written <= {"inherit", "#fff", "#000", *(f"var(--{name})" for name in COLOURS)}


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
