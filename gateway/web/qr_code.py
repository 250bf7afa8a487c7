"""Draws an address as a QR code, for a telephone: the only file that knows segno.

It costs three megabytes, so it is loaded when the first code is drawn.
"""

from __future__ import annotations

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
    import segno

    matrix = segno.make(text, micro=False, error="l").matrix
    path = "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z"
        for y, row in enumerate(matrix)
        for x, dark in enumerate(row)
        if dark
    )
    return QrCode(len(matrix) + 2 * _QUIET, path)
