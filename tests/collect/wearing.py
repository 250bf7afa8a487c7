"""A sensor that is worn, and when its samples are looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.device import Device
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.views import Sample
from gateway.testing.clock import ManualClock
from tests.journal.making import SENSOR, glucose

PARIS = ZoneInfo("Europe/Paris")
MIDNIGHT = datetime(2026, 3, 14, tzinfo=PARIS)
MORNING = MIDNIGHT + timedelta(hours=9)
SLOT = timedelta(minutes=5)


async def worn(
    journal: Journal,
    since: datetime,
    until: datetime = MORNING,
    mg_dl: str = "150",
    device: Device = SENSOR,
    every: timedelta = SLOT,
) -> None:
    """Samples without a gap, `since` left out and `until` not."""
    first, last = since.astimezone(UTC), until.astimezone(UTC)
    times = [first + every * n for n in range(1, (last - first) // every + 1)]
    made = [glucose(int(t.timestamp()), mg_dl, t) for t in times]
    of_it = [each.model_copy(update={"device": device.id}) for each in made]
    await journal.record(device, of_it)


async def live_on(journal: Journal, clock: ManualClock, days: int = 1) -> None:
    """Let days pass with the sensor on the arm."""
    now = clock.now().utc
    clock.advance(days * 86400)
    await worn(journal, now, clock.now().utc)


def opened_days(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Return a list that grows whenever samples are opened, by where their time begins."""
    opened: list[datetime] = []
    glucose_of = Reader.glucose

    def counting(it: Reader, subject: SubjectId, since: datetime, until: datetime) -> list[Sample]:
        opened.append(since)
        return glucose_of(it, subject, since, until)

    monkeypatch.setattr(Reader, "glucose", counting)
    return opened
