"""The report of one page as a document to be deposited.

It is drawn without a name: what the household calls a person never leaves the hub. Whose it is,
the place where it is deposited says.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.document import Document
from gateway.glucose.formats import to_pdf
from gateway.glucose.report import Report
from gateway.glucose.words import LANGUAGES

PDF = "application/pdf"


def document(report: Report, language: str) -> Document:
    """Return the page as a PDF. `language` is fr or en."""
    words = LANGUAGES[language]
    unnamed = replace(report, name=words.unnamed)
    period = words.period.format(
        first=words.day(report.first), last=words.day(report.last), days=report.on_grid.days
    )
    return Document(
        title=f"{words.title}, {period}",
        language=language,
        media_type=PDF,
        made_at=report.made_at,
        content=to_pdf(unnamed, language),
    )
