"""The report as SVG: works without scripts, prints, and says in words what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from gateway.glucose.canvas import HEIGHT, WIDTH, Anchor, Colour, Point


class SvgCanvas:
    """Collects shapes; `finish` returns the document."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a closed shape."""
        self._parts.append(f'<polygon points="{_points(points)}" fill="{fill}"/>')

    def line(self, points: Sequence[Point], colour: Colour, width: float = 1) -> None:
        """Draw a line through the points."""
        self._parts.append(
            f'<polyline points="{_points(points)}" fill="none" stroke="{colour}"'
            f' stroke-width="{width:g}"/>'
        )

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
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{at[0]:g}" y="{at[1]:g}" font-size="{size:g}" text-anchor="{anchor}"'
            f' fill="{colour}"{weight}>{escape(words)}</text>'
        )

    def finish(self, title: str, description: str, language: str) -> str:
        """Return the document, with its text alternative."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
            f' lang={quoteattr(language)} font-family="Helvetica, Arial, sans-serif"'
            ' aria-labelledby="title description">'
            f'<title id="title">{escape(title)}</title>'
            f'<desc id="description">{escape(description)}</desc>' + "".join(self._parts) + "</svg>"
        )


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.5g},{y:.5g}" for x, y in points)
