"""The report as a file."""

from __future__ import annotations

from gateway.glucose.pdf import PdfCanvas
from gateway.glucose.report import Report, alternative, draw
from gateway.glucose.svg import SvgCanvas
from gateway.glucose.words import words


def to_svg(report: Report, language: str) -> str:
    """Return the page as SVG. `language` is fr or en."""
    say, canvas = words(language), SvgCanvas()
    draw(report, canvas, say)
    return canvas.finish(say("report.title"), alternative(report, say), language)


def to_pdf(report: Report, language: str) -> bytes:
    """Return the page as PDF. `language` is fr or en."""
    say, canvas = words(language), PdfCanvas()
    draw(report, canvas, say)
    return canvas.finish(say("report.title"), alternative(report, say), language)


def to_text(report: Report, language: str) -> str:
    """Return in words what the page shows."""
    return alternative(report, words(language))
