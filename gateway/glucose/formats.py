"""The report as a file."""

from __future__ import annotations

from gateway.glucose.pdf import PdfCanvas
from gateway.glucose.report import Report, alternative, draw
from gateway.glucose.svg import SvgCanvas
from gateway.glucose.words import LANGUAGES


def to_svg(report: Report, language: str) -> str:
    """Return the page as SVG. `language` is fr or en."""
    words, canvas = LANGUAGES[language], SvgCanvas()
    draw(report, canvas, words)
    return canvas.finish(words.title, alternative(report, words), language)


def to_pdf(report: Report, language: str) -> bytes:
    """Return the page as PDF. `language` is fr or en."""
    words, canvas = LANGUAGES[language], PdfCanvas()
    draw(report, canvas, words)
    return canvas.finish(words.title, alternative(report, words), language)


def to_text(report: Report, language: str) -> str:
    """Return in words what the page shows."""
    return alternative(report, LANGUAGES[language])
