"""Draws a text as a QR code, for a telephone: the only file that knows segno.

It costs three megabytes, so it is loaded when the first code is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_QUIET = 4
"""Empty modules around a code, as many as ISO/IEC 18004 asks for."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A code as the path of an SVG drawing of `side` by `side` units."""

    side: int
    path: str


def qr_code(text: str) -> QrCode:
    """Draw a text of up to some 2,900 bytes."""
    matrix = modules(text)
    path = "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z"
        for y, row in enumerate(matrix)
        for x, dark in enumerate(row)
        if dark
    )
    return QrCode(len(matrix) + 2 * _QUIET, path)


def printed(text: str) -> str:
    """Draw a text of up to some 2,900 bytes with letters, two rows in each line, dark on light."""
    matrix = modules(text)
    side = len(matrix) + 2 * _QUIET
    rows = [[False] * side for _ in range(_QUIET)]
    rows += [[False] * _QUIET + [bool(dark) for dark in row] + [False] * _QUIET for row in matrix]
    rows += [[False] * side for _ in range(_QUIET + side % 2)]
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(_HALVES[upper, lower] for upper, lower in zip(*pair, strict=True)).rstrip()
        for pair in pairs
    )


_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def modules(text: str) -> Sequence[bytearray]:
    """Return the code row by row, without the quiet zone: 1 is dark."""
    import segno

    return segno.make(text, micro=False, error="l").matrix
