"""The report as a PDF of one A4 page: vectors and the standard fonts, nothing embedded.

Written by hand, because libraries for it weigh more than the rest of the gateway
(`docs/decisions/0004-pdf-by-hand.md`). The page is one tagged figure whose alternative text says
all that it shows.

Spec: ISO 32000-1 (PDF 1.7): 7.5 file structure, 8.5 paths, 9.4 text, 14.7 logical structure.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from gateway.glucose.canvas import HEIGHT, WIDTH, Anchor, Colour, Point

_WIDTHS = {
    **dict.fromkeys("0123456789", 556),
    **dict.fromkeys(" \N{NO-BREAK SPACE}.,:;!/I", 278),
    **dict.fromkeys("ijl", 222),
    **dict.fromkeys("-()rtf", 330),
    **dict.fromkeys("mM", 833),
    "%": 889,
}
_USUAL_WIDTH = 556
"""Thousandths of the size, from the metrics of Helvetica; near enough to centre short texts."""


class PdfCanvas:
    """Collects shapes; `finish` returns the document."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a closed shape."""
        self._parts.append(f"{_colour(fill)} rg {_path(points)} f")

    def line(self, points: Sequence[Point], colour: Colour, width: float = 1) -> None:
        """Draw a line through the points."""
        self._parts.append(f"{_colour(colour)} RG {width:g} w {_path(points)} S")

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
        length = sum(_WIDTHS.get(letter, _USUAL_WIDTH) for letter in words) * size / 1000
        left = at[0] - {Anchor.START: 0.0, Anchor.MIDDLE: length / 2, Anchor.END: length}[anchor]
        font = "F2" if bold else "F1"
        self._parts.append(
            f"BT {_colour(colour)} rg /{font} {size:g} Tf {left:.2f} {HEIGHT - at[1]:.2f} Td"
            f" <{words.encode('cp1252', 'replace').hex()}> Tj ET"
        )

    def finish(self, title: str, description: str, language: str) -> bytes:
        """Return the document, with its text alternative."""
        content = "/Figure <</MCID 0>> BDC\n" + "\n".join(self._parts) + "\nEMC"
        packed = zlib.compress(content.encode("ascii"))
        font = "<</Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding>>"
        return _file(
            (
                f"<</Type /Catalog /Pages 2 0 R /Lang {_string(language)} /StructTreeRoot 8 0 R"
                " /MarkInfo <</Marked true>> /ViewerPreferences <</DisplayDocTitle true>>>>"
            ).encode(),
            b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
            (
                f"<</Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents 4 0 R"
                " /Resources <</Font <</F1 5 0 R /F2 6 0 R>>>> /StructParents 0>>"
            ).encode(),
            b"<</Length %d /Filter /FlateDecode>>\nstream\n%b\nendstream" % (len(packed), packed),
            font.format("Helvetica").encode(),
            font.format("Helvetica-Bold").encode(),
            f"<</Title {_string(title)} /Producer (healthspace-gateway)>>".encode(),
            b"<</Type /StructTreeRoot /K 9 0 R /ParentTree 10 0 R>>",
            (
                "<</Type /StructElem /S /Figure /P 8 0 R /Pg 3 0 R /K 0"
                f" /Alt {_string(description)}>>"
            ).encode(),
            b"<</Nums [0 [9 0 R]]>>",
        )


def _file(*objects: bytes) -> bytes:
    """Write objects, numbered from 1, with their table; 1 is the root and 7 the information."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d /Root 1 0 R /Info 7 0 R>>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def _string(text: str) -> str:
    """Write any text as a hexadecimal string in UTF-16."""
    return f"<feff{text.encode('utf-16-be').hex()}>"


def _path(points: Sequence[Point]) -> str:
    steps = [f"{x:.2f} {HEIGHT - y:.2f}" for x, y in points]
    return f"{steps[0]} m " + " ".join(f"{step} l" for step in steps[1:])


def _colour(colour: Colour) -> str:
    return " ".join(f"{int(colour[at : at + 2], 16) / 255:.3g}" for at in (1, 3, 5))
