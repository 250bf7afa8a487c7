"""When the daemon forgets, and when it does not dare to."""

import asyncio
from datetime import datetime, timedelta

import pytest

from gateway.app.retention import retention_of, watch_retention
from gateway.clock import HubClock
from gateway.config import parse
from gateway.domain.device import DeviceId
from gateway.errors import ConfigError, JournalFull
from gateway.journal.retention import Expiry, Retention
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock

KEPT = Retention(undelivered=timedelta(days=90))


class Journal:
    """Notes when it was asked to forget; the first so many times it cannot."""

    def __init__(self, troubles: int = 0) -> None:
        self.asked: list[datetime] = []
        self.troubles = troubles

    async def expire(self, retention: Retention, now: datetime) -> dict[Expiry, int]:
        if self.troubles:
            self.troubles -= 1
            raise JournalFull("the disk is full")
        self.asked.append(now)
        return {Expiry.UNDELIVERED: 1 if len(self.asked) == 1 else 0}


async def _watched(
    *steps: timedelta, known: bool = True, trusted_again: bool = False, troubles: int = 0
) -> tuple[Journal, Metrics]:
    """Let some times six hours pass, the clock being set before the end of each."""
    manual = ManualClock()
    clock = HubClock(manual, lambda: known)
    clock.now()
    journal, metrics = Journal(troubles), Metrics()
    waiting = iter(steps)

    async def timer(_: asyncio.Event, seconds: float) -> None:
        step = next(waiting, None)
        if step is None:
            raise asyncio.CancelledError
        manual.advance(seconds)
        manual.step(step)
        clock.now()
        if trusted_again:
            clock.trust()

    with pytest.raises(asyncio.CancelledError):
        await watch_retention(KEPT, clock, journal, metrics, timer)  # type: ignore[arg-type]
    return journal, metrics


async def test_it_forgets_every_six_hours_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    journal, metrics = await _watched(timedelta(), timedelta())

    assert len(journal.asked) == 3  # twice until there was none, and once more
    assert metrics.value("readings_expired_total", why="undelivered") == 1
    assert caplog.messages == ["1 readings expired that had not been delivered"]


@pytest.mark.parametrize("trusted_again", [False, True])
async def test_it_forgets_nothing_for_six_hours_after_the_clock_was_set(
    trusted_again: bool,
) -> None:
    journal, _ = await _watched(timedelta(days=4000), trusted_again=trusted_again)

    assert journal.asked == []


async def test_it_forgets_nothing_while_the_hub_does_not_know_the_time() -> None:
    journal, _ = await _watched(timedelta(), timedelta(), known=False)

    assert journal.asked == []


async def test_a_full_disk_ends_nothing_and_it_forgets_later() -> None:
    journal, _ = await _watched(timedelta(), timedelta(), troubles=1)

    assert len(journal.asked) == 2


def test_all_is_kept_unless_the_configuration_says_otherwise() -> None:
    assert retention_of(parse("")) == Retention()
    assert retention_of(parse("[retention]\nundelivered_days = 90")) == KEPT


def test_what_is_undelivered_is_kept_for_ninety_days_at_least() -> None:
    with pytest.raises(ConfigError, match="undelivered_days"):
        parse("[retention]\nundelivered_days = 30")


def test_what_is_nobodys_at_the_counter_is_kept_for_a_week_unless_something_else_is_said() -> None:
    counter = '[kiosk]\ndevices = ["serial:cuff", "c4:00:00:00:00:0a"]'
    devices = frozenset({DeviceId("serial:cuff"), DeviceId("ble:C4:00:00:00:00:0A")})

    week, day = (retention_of(parse(f"{counter}{said}")) for said in ("", "\nunclaimed_days = 1"))

    assert week == Retention(unclaimed=timedelta(days=7), counter=devices)
    assert day == Retention(unclaimed=timedelta(days=1), counter=devices)
