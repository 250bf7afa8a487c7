"""The journal is the outbox and the token store that the uplinks ask for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.consent.grant import Withdrawal
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.domain.subject import SubjectId
from gateway.errors import UplinkRefused, UplinkUnauthorised, UplinkUnavailable
from gateway.journal.journal import Journal
from gateway.metrics import Metrics
from gateway.testing.clock import START, ManualClock
from gateway.uplink.lane import Left
from gateway.uplink.mes_tokens import TokenStore
from gateway.uplink.outbox import Outbox
from gateway.uplink.route import Route
from tests.uplink.doubles import Answered, PassingTime, ScriptedUplink, grant
from tests.uplink.samples import CUFF


class House:
    """A journal with one person and their scale, and a route out of it."""

    def __init__(self, journal: Journal, clock: ManualClock, subject: SubjectId) -> None:
        self.journal, self.clock, self.subject = journal, clock, subject
        self.uplink = ScriptedUplink()
        self.timer = PassingTime(clock)
        outbox: Outbox = journal
        self.route = Route(
            outbox,
            self.uplink,
            clock,
            Metrics(),
            max_concurrent=4,
            timer=self.timer,
            jitter=lambda: 0.0,
        )

    async def weigh(self, number: int) -> None:
        reading = Reading(
            device=CUFF.id,
            kind=Kind.WEIGHT,
            values={Measure.WEIGHT: Quantity(value=Decimal(70 + number), unit=Unit.KILOGRAM)},
            received=Instant(self.clock.now().utc, 1.0, "test-boot"),
            record=f"seq:{number}",
        )
        await self.journal.record(CUFF, [reading])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = ManualClock()
    routes = {"mes": frozenset({Kind.WEIGHT})}
    async with Journal.open(tmp_path / "j.db", clock=clock, zone=UTC, routes=routes) as journal:
        subject = (await journal.add_subject("somebody")).id
        await journal.describe(CUFF)
        await journal.assign(CUFF.id, None, subject, START - timedelta(days=1))
        await journal.record_grant(grant(subject))
        yield House(journal, clock, subject)


async def test_recorded_readings_arrive_once_whatever_happens_on_the_way(house: House) -> None:
    for number in range(3):
        await house.weigh(number)
    (first, *_) = await house.journal.claim("mes", 1, house.clock.now().utc)
    await house.journal.retry_at(first, START, "not yet")
    house.uplink.does(first.delivery.entry, UplinkUnavailable("down"), Answered("lost"))

    for _ in range(6):
        await house.route.round()

    assert len(house.uplink.there) == len(set(house.uplink.there)) == 3
    assert await house.journal.next_due("mes") is None


async def test_a_refusal_there_withholds_the_rest(house: House) -> None:
    for number in range(3):
        await house.weigh(number)
    for released in await house.journal.claim("mes", 3, house.clock.now().utc):
        house.uplink.does(released.delivery.entry, UplinkRefused("no"))
        await house.journal.retry_at(released, START, "not yet")

    for _ in range(3):
        await house.route.round()

    assert await house.journal.next_due("mes") is None
    assert len(house.uplink.sent) == 1


async def test_a_withdrawal_returns_when_nothing_more_leaves(house: House) -> None:
    for number in range(2):
        await house.weigh(number)
    hung = asyncio.Event()
    (first, second) = await house.journal.claim("mes", 2, house.clock.now().utc)
    for released in (first, second):
        house.uplink.gates[released.delivery.entry.id] = hung
        await house.journal.retry_at(released, START, "not yet")
    sending = asyncio.create_task(house.route.round())
    await house.uplink.started.wait()

    gone = Withdrawal(
        id="w", subject=house.subject, destination="mes", at=START, withdrawn_by="somebody"
    )
    await house.journal.record_withdrawal(gone)
    left = await house.route.quiesce(house.subject, timedelta(0))
    await sending
    await house.route.round()

    assert left == Left(unknown=tuple(house.uplink.sent))
    assert len(house.uplink.sent) == 1


async def test_a_pairing_survives_in_the_journal(house: House) -> None:
    store: TokenStore = house.journal

    await store.set_pairing(house.subject, "mes", b"secret")

    assert await store.pairing(house.subject, "mes") == b"secret"


async def test_who_pairs_after_a_refused_attempt_does_not_wait(house: House) -> None:
    await house.weigh(1)
    (released,) = await house.journal.claim("mes", 1, house.clock.now().utc)
    house.uplink.does(released.delivery.entry, UplinkUnauthorised("not paired"))
    await house.journal.retry_at(released, START, "not yet")
    await house.route.round()

    house.route.resume(house.subject)
    await house.journal.hasten(house.subject, "mes")
    await house.route.round()

    assert await house.journal.next_due("mes") is None
    assert len(house.uplink.sent) == 2
