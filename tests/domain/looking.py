"""Looks at the clock of a device, and when by them its readings were measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.device_clock import (
    ClockHistory,
    seen,
)
from gateway.domain.device_time import Timing, corrected
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Reading

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def instant(true: datetime) -> Instant:
    return Instant(true, (true - NOON).total_seconds(), "b")


def look(true: datetime, ahead: timedelta) -> ClockSample:
    return ClockSample(shown=(true + ahead).replace(tzinfo=None), at=instant(true))


def seen_in(*looks: ClockSample) -> ClockHistory:
    history: ClockHistory = ()
    for each in looks:
        history = seen(history, each, SECOND)
    return history


def timed(
    stamp: datetime,
    look: ClockSample,
    history: ClockHistory,
    *,
    live: bool = False,
    hub_doubt: timedelta = timedelta(),
) -> Timing:
    told = DeviceTime(stamp=stamp.replace(tzinfo=None), raw="00", clock=look)
    reading = Reading(
        device=DeviceId("ble:1"),
        kind=Kind.WEIGHT,
        values={},
        received=look.at,
        device_time=told,
        live=live,
    )
    return corrected(reading, PARIS, history, hub_doubt=hub_doubt)
