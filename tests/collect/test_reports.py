"""The report of one page is made when it is due, of enough, and for whom it may leave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.app.making import wanted
from gateway.collect.reports import Reports
from gateway.domain.reading import Kind, Measure
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import ManualClock
from tests.collect.wearing import MIDNIGHT, MORNING, PARIS, live_on, opened_days, worn
from tests.journal.making import SENSOR, grant, open_journal

REPORT = Kind.GLUCOSE_REPORT
ROUTES = {"documents": frozenset({REPORT}), "mes": frozenset({Kind.WEIGHT})}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MORNING.astimezone(UTC))


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    async with open_journal(tmp_path / "journal.db", clock, ROUTES) as opened:
        yield opened


@pytest.fixture
def reader(journal: Journal, tmp_path: Path) -> Iterator[Reader]:
    with Reader.open(tmp_path / "journal.db") as opened:
        yield opened


@pytest.fixture
def reports(journal: Journal, reader: Reader, clock: ManualClock) -> Reports:
    asked = wanted(reader, clock, ROUTES)
    return Reports(journal, reader, clock, PARIS, asked, days=7, every_days=7, language="fr")


@pytest.fixture
async def wearer(journal: Journal) -> SubjectId:
    subject = (await journal.add_subject("canary-name")).id
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.assign(SENSOR.id, None, subject, MIDNIGHT - timedelta(days=400))
    return subject


async def run(reports: Reports, clock: ManualClock) -> None:
    clock.advance(3601)
    await reports.make_due()


def ends(reader: Reader) -> list[str]:
    views = sorted(reader.entries(kind=REPORT), key=lambda view: view.position.number)
    at = [view.entry.timing.measured_at.astimezone(PARIS) for view in views]
    return [each.date().isoformat() for each in at]


async def test_a_page_is_made_every_so_many_days(
    journal: Journal, reader: Reader, reports: Reports, clock: ManualClock, wearer: SubjectId
) -> None:
    await journal.record_grant(grant(wearer, destination="documents"))
    await worn(journal, MIDNIGHT - timedelta(days=7))
    for days in (1, 5, 1):
        await run(reports, clock)
        await reports.make_due()
        await live_on(journal, clock, days)
    await run(reports, clock)

    assert ends(reader) == ["2026-03-14", "2026-03-21"]
    view = reader.entries(kind=REPORT)[0]
    page = view.entry.reading.document
    assert page is not None
    assert page.content.startswith(b"%PDF-")
    assert b"canary-name" not in page.content
    assert (page.language, page.media_type) == ("fr", "application/pdf")
    assert view.entry.reading.period == timedelta(days=7)
    assert view.entry.reading.values[Measure.SAMPLES].value > 7 * 288 * 0.9
    assert [delivery.destination for delivery in view.deliveries] == ["documents"]


async def test_no_page_is_made_of_too_little(
    journal: Journal, reader: Reader, reports: Reports, clock: ManualClock, wearer: SubjectId
) -> None:
    await journal.record_grant(grant(wearer, destination="documents"))
    await worn(journal, MIDNIGHT - timedelta(days=4))

    await run(reports, clock)

    assert ends(reader) == []


async def test_a_page_of_too_little_is_tried_again_only_when_there_is_more(
    journal: Journal,
    reader: Reader,
    reports: Reports,
    clock: ManualClock,
    wearer: SubjectId,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = opened_days(monkeypatch)
    await journal.record_grant(grant(wearer, destination="documents"))
    await worn(journal, MIDNIGHT - timedelta(days=4))
    await run(reports, clock)
    once = len(opened)
    await run(reports, clock)
    again = len(opened)
    await worn(journal, MIDNIGHT - timedelta(days=7), MIDNIGHT - timedelta(days=4))
    await run(reports, clock)

    assert (once > 0, again) == (True, once)
    assert ends(reader) == ["2026-03-14"]


@pytest.mark.parametrize(
    "given",
    [
        {"destination": "mes"},
        {"destination": "documents", "kinds": frozenset({Kind.INTERSTITIAL_GLUCOSE})},
        {"destination": "documents", "covers_from": MIDNIGHT - timedelta(days=6)},
        {"destination": "documents", "expires": datetime(2026, 3, 14, 7, tzinfo=UTC)},
    ],
)
async def test_no_page_is_made_that_nobody_may_have(
    given: dict[str, object],
    journal: Journal,
    reader: Reader,
    reports: Reports,
    clock: ManualClock,
    wearer: SubjectId,
) -> None:
    await journal.record_grant(grant(wearer, **given))  # type: ignore[arg-type]
    await worn(journal, MIDNIGHT - timedelta(days=7))

    await run(reports, clock)

    assert ends(reader) == []
