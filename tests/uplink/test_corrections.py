"""Corrections go along the same way as readings, and stop at the same word."""

import asyncio
from datetime import timedelta

import pytest

from gateway.consent.correction import ReleasedCorrection
from gateway.domain.correction import Wrong
from gateway.errors import (
    OutcomeUnknown,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.metrics import Metrics
from gateway.testing.clock import START, ManualClock
from gateway.uplink.lane import Left
from gateway.uplink.route import Route
from tests.uplink.doubles import (
    CorrectingUplink,
    MemoryOutbox,
    PassingTime,
    ScriptedUplink,
    weight,
)
from tests.uplink.samples import ALICE, released


class Bench:
    """A route to a destination, on a clock that tests move."""

    def __init__(self, uplink: ScriptedUplink) -> None:
        self.outbox, self.uplink, self.clock = MemoryOutbox(), uplink, ManualClock()
        self.timer = PassingTime(self.clock)
        self.route = Route(
            self.outbox,
            uplink,
            self.clock,
            Metrics(),
            max_concurrent=4,
            timer=self.timer,
            jitter=lambda: 0.0,
        )

    def owes(self, wrong: Wrong = Wrong.TIME, number: int = 1) -> ReleasedCorrection:
        correction = ReleasedCorrection(number, wrong, "Observation/1", released(weight(number)))
        self.outbox.owe(correction)
        return correction


async def test_a_correction_is_made_after_the_readings_and_once() -> None:
    uplink = CorrectingUplink()
    bench = Bench(uplink)
    reading = weight(2)
    bench.outbox.add(reading)
    correction = bench.owes(Wrong.PERSON)

    for _ in range(3):
        await bench.route.round()

    assert uplink.there == [reading.id]
    assert uplink.corrected == [(Wrong.PERSON, correction.released.delivery.entry.id)]
    assert bench.outbox.owed == {}


async def test_a_destination_that_takes_none_is_asked_for_none() -> None:
    bench = Bench(ScriptedUplink())
    bench.owes()

    await bench.route.round()

    assert list(bench.outbox.owed) == [1]


@pytest.mark.parametrize("error", [UplinkRejected("no updates here"), UplinkRefused("not theirs")])
async def test_what_is_not_taken_is_left_to_a_person(error: Exception) -> None:
    uplink = CorrectingUplink()
    bench = Bench(uplink)
    uplink.does(bench.owes().released.delivery.entry, error)

    await bench.route.round()

    assert bench.outbox.left == {1: str(error)}
    assert bench.outbox.owed == {}


@pytest.mark.parametrize(
    "error",
    [
        UplinkUnavailable("down"),
        UplinkUnauthorised("token"),
        OutcomeUnknown("no answer"),
        ValueError("a bug"),
    ],
)
async def test_what_did_not_work_is_made_later(error: Exception) -> None:
    uplink = CorrectingUplink()
    bench = Bench(uplink)
    uplink.does(bench.owes().released.delivery.entry, error)
    await bench.route.round()
    (_, due_at) = bench.outbox.owed[1]

    for _ in range(20):
        await bench.route.round()

    assert due_at > bench.clock.now().utc - timedelta(days=1)
    assert len(uplink.corrected) == 1


async def test_it_rests_until_the_first_of_both_is_due() -> None:
    bench = Bench(CorrectingUplink())
    bench.outbox.add(weight(2))
    bench.outbox.row(weight(2)).due_at = START + timedelta(seconds=200)
    await bench.outbox.correct_at(bench.owes(), START + timedelta(seconds=90))

    await bench.route.round()

    assert bench.timer.waits == [90]


async def test_after_an_outage_one_delivery_goes_first_and_no_correction_with_it() -> None:
    uplink = CorrectingUplink()
    bench = Bench(uplink)
    bench.outbox.add(weight(2))
    uplink.does(weight(2), UplinkUnavailable("down"))
    await bench.route.round()

    bench.owes()
    await bench.route.round()  # waits
    await bench.route.round()

    assert (uplink.there, uplink.corrected) == ([weight(2).id], [])


async def test_of_who_waits_no_correction_is_tried_and_none_is_asked_for_over_and_over() -> None:
    uplink = CorrectingUplink()
    bench = Bench(uplink)
    uplink.does(bench.owes().released.delivery.entry, UplinkUnauthorised("token"))
    bench.owes(number=2)

    await bench.route.round()

    assert uplink.corrected == []
    dues = {due_at for _, due_at in bench.outbox.owed.values()}
    assert dues == {START + timedelta(minutes=15)}


async def test_a_journal_that_has_no_corrections_to_give_keeps_no_reading_back() -> None:
    bench = Bench(CorrectingUplink())
    bench.outbox.add(weight(2))
    bench.outbox.has_no_corrections = True

    await bench.route.round()

    assert bench.outbox.states() == ["settled"]


async def test_doubts_that_were_settled_put_no_later_correction_off() -> None:
    uplink = CorrectingUplink()
    bench = Bench(uplink)
    bench.outbox.add(weight())
    uplink.does(weight(), *[OutcomeUnknown("no answer")] * 3)
    while not uplink.there:
        await bench.route.round()

    bench.owes()
    uplink.does(weight(), OutcomeUnknown("no answer"))
    await bench.route.round()

    (_, due_at) = bench.outbox.owed[1]
    assert due_at == bench.clock.now().utc + timedelta(seconds=10)


async def test_a_withdrawal_stops_a_correction_under_way(
    caplog: pytest.LogCaptureFixture,
) -> None:
    uplink = CorrectingUplink()
    bench = Bench(uplink)
    reading = bench.owes().released.delivery.entry.id
    uplink.gates[reading] = asyncio.Event()  # it never answers
    going = asyncio.create_task(bench.route.round())
    await uplink.started.wait()

    left = await bench.route.quiesce(ALICE, timedelta(seconds=0.01))
    await going

    assert left == Left()
    assert uplink.corrected == []
    assert "bug" not in caplog.text
