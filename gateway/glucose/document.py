"""The report of one page as a document to be deposited.

It is drawn without a name: what the household calls a person never leaves the hub. Whose it is,
the place where it is deposited says.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.document import Document
from gateway.glucose.formats import to_pdf
from gateway.glucose.report import Report, period
from gateway.glucose.words import words

PDF = "application/pdf"


def document(report: Report, language: str) -> Document:
    """Return the page as a PDF. `language` is fr or en."""
    say = words(language)
    unnamed = replace(report, name=say("report.unnamed"))
    return Document(
        title=f"{say('report.title')}, {period(report, say)}",
        language=language,
        media_type=PDF,
        made_at=report.made_at,
        content=to_pdf(unnamed, language),
    )
