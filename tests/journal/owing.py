"""Readings that a destination has, and what of them turns out wrong."""

from __future__ import annotations

from datetime import timedelta

from gateway.clock import Instant
from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.testing.clock import START
from tests.journal.making import SCALE, weight

LATER = START + timedelta(hours=1)


async def sent(journal: Journal) -> Released:
    """Record a reading and have the destination accept it."""
    await journal.record(SCALE, [weight(1)])
    (released,) = await journal.claim("mes", 1, START)
    await journal.settle(released, Receipt("mes", "Observation/1", START))
    return released


async def sent_by_a_slow_clock(journal: Journal) -> Released:
    """Have the destination accept a reading of when the hub's clock, trusted, was an hour slow."""
    slow = Instant(START - timedelta(hours=1), 60.0, "boot-1")
    await journal.record(SCALE, [weight(1).model_copy(update={"received": slow})])
    (released,) = await journal.claim("mes", 1, START)
    await journal.settle(released, Receipt("mes", "Observation/1", START))
    return released


async def another(journal: Journal) -> SubjectId:
    return (await journal.add_subject("Bo")).id


async def due(journal: Journal) -> list[ReleasedCorrection]:
    return await journal.claim_corrections("mes", 10, LATER)
