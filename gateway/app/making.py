"""What the hub computes by itself: summaries and reports, as they become due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime

from gateway.clock import Clock
from gateway.collect.reports import Reports
from gateway.collect.summaries import Summaries, Wanted
from gateway.consent.gate import covers
from gateway.consent.grant import living
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal.reader import Reader
from gateway.uplink.api import Timer

_EVERY_S = 300.0
"""Periods end at midnight, and nobody waits for their sums; a look costs a few milliseconds."""

_log = logging.getLogger(__name__)


async def make_as_due(summaries: Summaries, reports: Reports | None, timer: Timer) -> None:
    """Make what is due, from time to time, until cancelled."""
    while True:
        await _make(summaries)
        if reports is not None:
            await _make(reports)
        await timer(asyncio.Event(), _EVERY_S)


async def _make(due: Summaries | Reports) -> None:
    try:
        await due.make_due()
    except JournalError as error:
        _log.error("nothing can be computed: %s", error)
    except Exception as error:  # noqa: BLE001 - our bug must not stop the rest
        # Not its words: an error nobody foresaw may quote a value.
        _log.error("computing failed with %s, which is a bug: report it", type(error).__name__)


def wanted(reader: Reader, clock: Clock, routes: Mapping[str, frozenset[Kind]]) -> Wanted:
    """Tell whether a kind of reading about a period may go anywhere, as consent is now.

    It only saves computing what would stay here; the gate decides when something is sent.
    """

    def ask(subject: SubjectId, kind: Kind, since: datetime, until: datetime) -> bool:
        taking = {name for name, kinds in routes.items() if kind in kinds}
        now = clock.now().utc
        return any(
            grant.destination in taking and covers(grant, kind, since, until, now)
            for grant in living(reader.ledger(subject))
        )

    return ask
