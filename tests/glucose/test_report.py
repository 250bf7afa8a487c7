"""The one-page report as SVG, PDF and words."""

import re
import zlib
from datetime import datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from gateway.glucose.formats import to_pdf, to_svg, to_text
from gateway.glucose.report import Report, make_report
from gateway.glucose.trace import SLOT, Sample
from gateway.glucose.words import words

PARIS = ZoneInfo("Europe/Paris")
END = datetime(2026, 3, 14, tzinfo=PARIS)


def worn(days: int) -> list[Sample]:
    return [(END - n * SLOT, Decimal(100 + n % 60)) for n in range(1, days * 288)]


def report(samples: list[Sample] | None = None, days: int = 14) -> Report:
    given = worn(days) if samples is None else samples
    return make_report("Odile <& fille>", given, days, END, END)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_svg_is_well_formed_and_says_in_words_what_it_shows(language: str) -> None:
    drawn = ElementTree.fromstring(to_svg(report(), language))

    title, description = drawn[0], drawn[1]
    assert title.text == words(language)("report.title")
    assert description.text == to_text(report(), language)
    assert drawn.attrib["role"] == "img"


def test_numbers_are_written_as_the_language_does() -> None:
    assert "129,4 mg/dL (7,2 mmol/L)" in to_text(report(), "fr")
    assert "129.4 mg/dL (7.2 mmol/L)" in to_text(report(), "en")


@pytest.mark.parametrize("samples", [None, []], ids=["with data", "without"])
def test_french_puts_a_space_before_its_signs(samples: list[Sample] | None) -> None:
    assert re.findall(r"\S[:;]", to_text(report(samples), "fr")) == []


def test_figures_without_enough_data_are_marked() -> None:
    text = to_text(report(), "en")

    assert "Mean glucose: 129.4 mg/dL (7.2 mmol/L);" in text
    assert re.search(r"Variation \(CV\): \d+\.\d % \*;", text)
    assert "Very low (< 54 mg/dL): 0.0 % *;" in text


def test_the_profile_has_both_units_and_names_its_curves() -> None:
    drawn = ElementTree.fromstring(to_svg(report(), "fr"))

    written = [text.text for text in drawn.iter() if text.tag.endswith("text")]
    assert {"350", "19,4", "180", "10,0", "70", "3,9", "54", "3,0"} <= set(written)
    assert [each for each in written if each and re.fullmatch(r"\d+ %", each)] == [
        *("5 %", "25 %", "50 %", "75 %", "95 %")
    ]


def test_the_pdf_is_one_a4_page_that_any_reader_can_open() -> None:
    """Every offset of the table points to its object, and the content unpacks."""
    written = to_pdf(report(), "fr")

    table = int(written.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    offsets = [int(line) for line in re.findall(rb"(\d{10}) 00000 n", written[table:])]
    assert all(
        written[at:].startswith(b"%d 0 obj" % number) for number, at in enumerate(offsets, start=1)
    )
    stream = written.split(b"stream\n", 1)[1].split(b"\nendstream", 1)[0]
    content = zlib.decompress(stream)
    assert "Établi".encode("cp1252").hex().encode() in content
    assert b"/MediaBox [0 0 595 842]" in written
    assert written.count(b"/Type /Page ") == 1


def test_the_pdf_carries_its_text_alternative() -> None:
    written = to_pdf(report(), "fr")

    alternative = re.search(rb"/Alt <feff([0-9a-f]+)>", written)
    assert alternative is not None
    assert bytes.fromhex(alternative[1].decode()).decode("utf-16-be") == to_text(report(), "fr")


def test_without_data_the_page_says_so() -> None:
    empty = report([])

    assert "aucune donnée" in to_text(empty, "fr")
    assert "no data" in to_svg(empty, "en")
    assert to_pdf(empty, "en").startswith(b"%PDF-1.7")


def test_the_days_of_a_change_to_summer_time_are_drawn() -> None:
    end = datetime(2026, 4, 1, tzinfo=PARIS)
    samples = [(end - timedelta(minutes=5 * n), Decimal(120)) for n in range(14 * 288)]

    drawn = make_report("Odile", samples, 14, end, end)

    assert "<svg" in to_svg(drawn, "fr")


@pytest.mark.parametrize(
    ("language", "goal"), [("en", "very low included"), ("fr", "très bas compris")]
)
def test_a_goal_for_two_ranges_together_says_so(language: str, goal: str) -> None:
    """4 % is for all below 70 mg/dL: 3.5 % there and 0.9 % further down are too many."""
    drawn = to_svg(report(), language)

    assert re.search(rf"&lt; 4 %, {goal}<", drawn)
    assert re.search(r"&lt; 1 %<", drawn)


@pytest.mark.parametrize(
    ("language", "most", "days"),
    [
        ("en", "goal: 36 % at most", "30 or 35 days are needed"),
        ("fr", "objectif : 36 % au plus", "il faut, selon le chiffre, 30 ou 35 jours"),
    ],
)
def test_goals_and_notes_are_words_and_no_signs_of_a_programmer(
    language: str, most: str, days: str
) -> None:
    drawn = to_svg(report(), language)

    assert most in drawn.replace("\N{NO-BREAK SPACE}", " ")
    assert days in drawn
    assert "&lt;=" not in drawn
