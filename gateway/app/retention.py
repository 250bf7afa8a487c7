"""Forgets readings that were kept as long as the configuration says."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from gateway.clock import HubClock
from gateway.config import Config
from gateway.domain.device import device_meant
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.retention import Expiry, Retention
from gateway.metrics import Metrics
from gateway.uplink.api import Timer

LOOK_EVERY_S = 6 * 3600.0

_log = logging.getLogger(__name__)


def retention_of(config: Config) -> Retention:
    """Return what the configuration says."""
    days = (config.retention.delivered_days, config.retention.undelivered_days)
    delivered, undelivered = (None if each is None else timedelta(days=each) for each in days)
    kiosk = config.kiosk
    if kiosk is None:
        return Retention(delivered, undelivered)
    counter = frozenset(device_meant(each) for each in kiosk.devices)
    return Retention(delivered, undelivered, timedelta(days=kiosk.unclaimed_days), counter)


async def watch_retention(
    retention: Retention, clock: HubClock, journal: Journal, metrics: Metrics, timer: Timer
) -> None:
    """Forget what is too old, now and then; runs for ever, or not at all if all is kept.

    Never soon after a start, nor after the clock was set: a clock that is years ahead for an hour
    must not cost anybody's readings.
    """
    if retention == Retention():
        return
    never = asyncio.Event()
    while True:
        steps = clock.steps
        await timer(never, LOOK_EVERY_S)
        if clock.now().trusted and clock.steps == steps:
            try:
                await _forget(retention, clock, journal, metrics)
            except JournalError as error:
                _log.error("nothing could be forgotten: %s", error)


async def _forget(
    retention: Retention, clock: HubClock, journal: Journal, metrics: Metrics
) -> None:
    while expired := await journal.expire(retention, clock.now().utc):
        for why, count in expired.items():
            metrics.count("readings_expired_total", count, why=why)
        if lost := expired.get(Expiry.UNDELIVERED):
            _log.error("%d readings expired that had not been delivered", lost)
        if not any(expired.values()):
            return
