"""What the report is drawn on: an A4 page in points, the origin at the upper left."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

WIDTH, HEIGHT = 595, 842
"""A4 in points of 1/72 inch, as whole numbers."""

Point = tuple[float, float]
Colour = str
"""As `#rrggbb`."""


class Anchor(StrEnum):
    """Which end of a text stands at its point."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


class Canvas(Protocol):
    """Takes shapes in the order they are painted."""

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a closed shape."""
        ...

    def line(self, points: Sequence[Point], colour: Colour, width: float = 1) -> None:
        """Draw a line through the points."""
        ...

    def text(
        self,
        at: Point,
        words: str,
        *,
        size: float = 9,
        bold: bool = False,
        anchor: Anchor = Anchor.START,
        colour: Colour = "#222222",
    ) -> None:
        """Write one line, its baseline at the point."""
        ...


def rectangle(x: float, y: float, width: float, height: float) -> list[Point]:
    """Return the corners of a rectangle given its upper left one."""
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
