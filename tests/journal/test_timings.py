"""The hub that did not know the time, and what it says once it does."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.consent.correction import ReleasedCorrection
from gateway.domain.device_time import Correction
from gateway.domain.receipt import Receipt
from gateway.domain.subject import Attribution
from gateway.errors import JournalError
from gateway.journal import timings
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.writer import Transaction
from gateway.testing.clock import START
from tests.journal.breaking import lose_table
from tests.journal.making import (
    EVERYTHING,
    SCALE,
    consenting,
    grant,
    open_journal,
    up,
    weighed,
)

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


async def test_what_came_before_the_hub_knew_the_time_waits_and_is_then_sent(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    (waiting,) = await journal.record(SCALE, [weighed(1, up(60))])
    withheld = await journal.claim("mes", 10, START)

    corrected = await journal.hub_time_known(up(300, wrong_by=timedelta()))

    (released,) = await journal.claim("mes", 10, START)
    entry = released.delivery.entry
    assert (waiting.timing.reason, withheld, corrected) == (Correction.HUB_CLOCK_UNSET, [], 1)
    assert entry.timing.measured_at == START + timedelta(seconds=60)
    assert (entry.subject, entry.attribution) == (subject, Attribution.ASSIGNMENT)
    view = reader.entry(entry.id)
    assert view is not None
    assert [timing.reason for timing in view.earlier] == [Correction.HUB_CLOCK_UNSET]
    assert "timed" in [event.name for event in reader.story(entry.id)]


async def test_recording_goes_on_while_many_readings_get_their_time(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timings, "AT_ONCE", 1)
    await journal.record(SCALE, [weighed(n, up(60)) for n in range(20)])

    timing = asyncio.create_task(journal.hub_time_known(up(300, wrong_by=timedelta())))
    await asyncio.sleep(0)
    await journal.record(SCALE, [weighed(20, up(301))])
    recorded_before_the_end = not timing.done()

    assert (recorded_before_the_end, await timing) == (True, 20)


async def test_a_crash_while_many_get_their_time_leaves_none_without(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing leaves with a wrong time meanwhile."""
    right = up(300, wrong_by=timedelta())
    time_waiting = timings.time_waiting

    def time_four(tx: Transaction, zone: tzinfo, *, after: int) -> tuple[int, int | None]:
        if after >= 4:
            raise JournalError("the power is cut")
        return time_waiting(tx, zone, after=after)

    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weighed(n, up(60)) for n in range(9)])
        with monkeypatch.context() as until_then:
            until_then.setattr(timings, "AT_ONCE", 2)
            until_then.setattr(timings, "time_waiting", time_four)
            with pytest.raises(JournalError):
                await journal.hub_time_known(right)
        some = await journal.claim("mes", 10, START)
    async with open_journal(path) as journal:
        corrected = await journal.hub_time_known(replace(right, boot_id="boot-2", monotonic=1.0))
        rest = await journal.claim("mes", 10, START)  # with those that were on their way

    assert (len(some), corrected, len(rest)) == (4, 5, 9)
    left = [each.delivery.entry.timing.measured_at for each in (*some, *rest)]
    assert left == [START + timedelta(seconds=60)] * 13


async def test_recording_goes_on_while_many_are_timed_anew(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timings, "AT_ONCE", 1)
    wrong, right = replace(up(60, wrong_by=-HOUR), trusted=True), up(300, wrong_by=timedelta())
    await journal.record(SCALE, [weighed(n, wrong) for n in range(20)])

    timing = asyncio.create_task(journal.hub_time_known(right, stepped=True))
    await asyncio.sleep(0)
    await journal.record(SCALE, [weighed(20, up(301, wrong_by=timedelta()))])
    recorded_before_the_end = not timing.done()

    assert (recorded_before_the_end, await timing) == (True, 20)


async def test_a_crash_while_many_are_timed_anew_lets_none_leave_with_the_wrong_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, right = replace(up(60, wrong_by=-HOUR), trusted=True), up(300, wrong_by=timedelta())
    soon = START + timedelta(minutes=2)
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weighed(n, wrong) for n in range(9)])
        for released in await journal.claim("mes", 3, START):
            await journal.settle(released, Receipt("mes", None, START))
        with monkeypatch.context() as until_then:
            until_then.setattr(timings, "AT_ONCE", 1)
            _cut_short(until_then, 5)
            with pytest.raises(JournalError, match="the power is cut"):
                await journal.hub_time_known(right, stepped=True)
        some = await journal.claim("mes", 10, START)
        for released in some:
            await journal.retry_at(released, START, "not there")
    async with open_journal(path) as journal:
        before = await journal.claim("mes", 10, START)
        for released in before:
            await journal.retry_at(released, START, "not there")
        corrected = await journal.hub_time_known(Instant(START + HOUR, 9.0, "boot-2"))
        rest = await journal.claim("mes", 10, soon)
        owed = [each.released.delivery.entry.timing for each in await _corrections(journal, soon)]

    assert (len(some), len(before), corrected, len(rest), len(owed)) == (2, 2, 4, 6, 3)
    left = [each.delivery.entry.timing.measured_at for each in (*some, *before, *rest)]
    assert {*left, *(each.measured_at for each in owed)} == {START + timedelta(seconds=60)}


async def test_what_is_to_be_timed_anew_is_so_though_the_journal_is_damaged_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, right = replace(up(60, wrong_by=-HOUR), trusted=True), up(300, wrong_by=timedelta())
    async with open_journal(path) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weighed(n, wrong) for n in range(4)])
        with monkeypatch.context() as until_then:
            until_then.setattr(timings, "AT_ONCE", 1)
            _cut_short(until_then, 1)
            with pytest.raises(JournalError, match="the power is cut"):
                await journal.hub_time_known(right, stepped=True)
    lose_table(path, "remarks_device")

    async with open_journal(path) as journal:
        some = await journal.claim("mes", 10, START)
        corrected = await journal.hub_time_known(Instant(START + HOUR, 9.0, "boot-2"))

    assert (len(some), corrected) == (1, 3)


async def test_a_correction_of_what_is_to_be_timed_anew_waits_until_it_is(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await consenting(journal)
    first = replace(up(60, wrong_by=-2 * HOUR), trusted=True)
    second, right = replace(up(90, wrong_by=-HOUR), trusted=True), up(99, wrong_by=timedelta())
    await journal.record(SCALE, [weighed(n, first) for n in range(3)])
    for released in await journal.claim("mes", 10, START):
        await journal.settle(released, Receipt("mes", "Observation/1", START))
    await journal.hub_time_known(second, stepped=True)  # a correction of each, an hour too early

    with monkeypatch.context() as until_then:
        until_then.setattr(timings, "AT_ONCE", 1)
        _cut_short(until_then, 1)
        with pytest.raises(JournalError, match="the power is cut"):
            await journal.hub_time_known(right, stepped=True)
    some = await _corrections(journal, START)
    await journal.hub_time_known(right)
    all_of_them = await _corrections(journal, START + timedelta(minutes=2))

    assert (len(some), len(all_of_them)) == (1, 3)
    told = [each.released.delivery.entry.timing.measured_at for each in (*some, *all_of_them)]
    assert set(told) == {START + timedelta(seconds=60)}


async def _corrections(journal: Journal, now: datetime) -> list[ReleasedCorrection]:
    return await journal.claim_corrections("mes", 10, now)


def _cut_short(cut: pytest.MonkeyPatch, after: int) -> None:
    """Let so many transactions time entries anew, and the next fail."""
    time_wrong, done = timings.time_wrong, list[object]()

    def fail(tx: Transaction, zone: tzinfo) -> tuple[int, bool]:
        if len(done) == after:
            raise JournalError("the power is cut")
        done.append(tx)
        return time_wrong(tx, zone)

    cut.setattr(timings, "time_wrong", fail)


async def test_what_waits_says_that_it_waits_for_the_hubs_clock(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    (entry,) = await journal.record(SCALE, [weighed(1, up(60))])
    await journal.claim_entry(entry.id, (await journal.add_subject("Bo")).id)

    await journal.claim("mes", 10, START)

    view = reader.entry(entry.id)
    assert view is not None
    assert [delivery.reason for delivery in view.deliveries] == ["time_pending"]


async def test_learning_the_time_twice_corrects_once(journal: Journal, reader: Reader) -> None:
    await journal.record(SCALE, [weighed(1, up(60))])

    known = [await journal.hub_time_known(up(300 + n, wrong_by=timedelta())) for n in range(2)]

    assert known == [1, 0]
    assert [link.event for link in reader.audit()].count("timed") == 1


async def test_what_gets_no_time_yet_holds_up_nothing_behind_it(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timings, "AT_ONCE", 1)
    lost = [weighed(n, up(60, boot="boot-0")) for n in range(2)]  # nothing is known before it
    await journal.record(SCALE, [*lost, weighed(3, up(60))])

    corrected = await journal.hub_time_known(up(300, wrong_by=timedelta()))

    assert corrected == 1
    assert [v.entry.timing.sendable for v in reader.entries()] == [True, False, False]


async def test_it_survives_a_restart_of_the_gateway(path: Path) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weighed(1, up(60))])

    async with open_journal(path) as journal:
        assert await journal.hub_time_known(up(300, wrong_by=timedelta())) == 1


async def test_a_hub_clock_that_was_trusted_and_wrong_makes_a_task_of_what_was_sent(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    wrong = replace(up(60, wrong_by=-HOUR), trusted=True)
    await journal.record(SCALE, [weighed(1, wrong), weighed(2, up(90, wrong_by=timedelta()))])
    first, second = await journal.claim("mes", 10, START)
    for released in (first, second):
        await journal.settle(released, Receipt("mes", "Observation/7", START))

    corrected = await journal.hub_time_known(up(300, wrong_by=timedelta()), stepped=True)

    (owed,) = reader.corrections_owed()
    assert corrected == 1
    assert (owed.entry, owed.wrong, owed.reference) == (
        first.delivery.entry.id,
        "time",
        "Observation/7",
    )
    await journal.correction_done(owed.number)
    assert reader.corrections_owed() == []


async def test_a_hub_clock_that_was_ahead_makes_a_task_as_well(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    ahead = replace(up(60, wrong_by=HOUR), trusted=True)
    await journal.record(SCALE, [weighed(1, ahead)])
    (released,) = await journal.claim("mes", 1, START + HOUR + 60 * SECOND)
    await journal.settle(released, Receipt("mes", "Observation/7", START))

    await journal.hub_time_known(up(300, wrong_by=timedelta()), stepped=True)

    assert [owed.wrong for owed in reader.corrections_owed()] == ["time"]


async def test_what_came_when_the_hub_had_the_right_time_unawares_is_sent_once_it_knows(
    journal: Journal,
) -> None:
    await consenting(journal)
    unaware = replace(up(60, wrong_by=timedelta()), trusted=False)
    await journal.record(SCALE, [weighed(1, unaware)])

    corrected = await journal.hub_time_known(up(300, wrong_by=timedelta()))

    (released,) = await journal.claim("mes", 1, START + HOUR)
    assert corrected == 1
    assert released.delivery.entry.timing.measured_at == START + 60 * SECOND


async def test_neither_a_damaged_reading_nor_one_of_another_boot_keeps_the_rest_from_the_right_time(
    journal: Journal, reader: Reader, path: Path
) -> None:
    wrong = replace(up(60, wrong_by=-HOUR), trusted=True)
    other = replace(up(9, boot="boot-0", wrong_by=timedelta()), trusted=False)
    received = [wrong, wrong, other, wrong]
    await journal.record(SCALE, [weighed(n, each) for n, each in enumerate(received)])
    with sqlite3.connect(path) as damaging:
        damaging.execute("UPDATE entries SET payload = zeroblob(99) WHERE number = 1")
    damaging.close()

    await journal.hub_time_known(up(300, wrong_by=timedelta()), stepped=True)

    times = {v.entry.reading.record: v.entry.timing.measured_at for v in reader.entries()}
    assert times["seq:1"] == times["seq:3"] == START + 60 * SECOND


async def test_what_arrives_with_the_former_time_is_owed_a_correction_there_and_nowhere_else(
    path: Path,
) -> None:
    async with open_journal(path, routes={"mes": EVERYTHING, "fhir": EVERYTHING}) as journal:
        subject = await consenting(journal)
        await journal.record_grant(grant(subject, "grant-2", destination="fhir"))
        wrong = replace(up(60, wrong_by=-HOUR), trusted=True)
        await journal.record(SCALE, [weighed(1, wrong)])
        (there,) = await journal.claim("fhir", 1, START)
        await journal.settle(there, Receipt("fhir", "Observation/8", START))
        (on_its_way,) = await journal.claim("mes", 1, START)
        await journal.hub_time_known(up(300, wrong_by=timedelta()), stepped=True)
        (correction,) = await journal.claim_corrections("fhir", 1, START)
        await journal.corrected(correction)

        await journal.settle(on_its_way, Receipt("mes", "Observation/7", START))

    with closing(Reader.open(path)) as reader:
        assert [owed.destination for owed in reader.corrections_owed()] == ["mes"]


async def test_what_may_have_arrived_is_searched_for_at_every_time_it_can_have_been_sent_with(
    journal: Journal,
) -> None:
    await consenting(journal)
    wrong = replace(up(60, wrong_by=-HOUR), trusted=True)
    (first, waiting) = await journal.record(SCALE, [weighed(1, wrong), weighed(2, up(90))])
    (sent,) = await journal.claim("mes", 10, START)
    await journal.unsettle(sent, START, "timeout")

    await journal.hub_time_known(up(300, wrong_by=timedelta()), stepped=True)

    again = {
        each.delivery.entry.id: each.delivery for each in await journal.claim("mes", 10, START)
    }
    assert again[first.id].entry.timing != first.timing
    assert (again[first.id].unsettled, again[first.id].earlier) == (True, (first.timing,))
    assert (again[waiting.id].unsettled, again[waiting.id].earlier) == (False, ())


async def test_what_is_timed_anew_while_on_its_way_arrives_with_the_former_time(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    wrong = replace(up(60, wrong_by=-HOUR), trusted=True)
    await journal.record(SCALE, [weighed(1, wrong), weighed(2, wrong)])
    arrived, turned_back = await journal.claim("mes", 10, START)

    await journal.hub_time_known(up(300, wrong_by=timedelta()), stepped=True)
    await journal.settle(arrived, Receipt("mes", "Observation/7", START))
    await journal.retry_at(turned_back, START, "the server rests")

    (owed,) = reader.corrections_owed()
    assert (owed.entry, owed.wrong, owed.reference) == (
        arrived.delivery.entry.id,
        "time",
        "Observation/7",
    )


async def test_where_it_arrives_later_with_the_former_time_a_correction_is_owed_as_well(
    path: Path,
) -> None:
    async with open_journal(path, routes={"mes": EVERYTHING, "fhir": EVERYTHING}) as journal:
        subject = await consenting(journal)
        await journal.record_grant(grant(subject, "grant-2", destination="fhir"))
        wrong = replace(up(60, wrong_by=-HOUR), trusted=True)
        await journal.record(SCALE, [weighed(1, wrong)])
        (first,) = await journal.claim("mes", 10, START)
        await journal.settle(first, Receipt("mes", "Observation/7", START))
        (later,) = await journal.claim("fhir", 10, START)

        await journal.hub_time_known(up(300, wrong_by=timedelta()), stepped=True)
        await journal.settle(later, Receipt("fhir", "Observation/8", START))

    with closing(Reader.open(path)) as reader:
        owed = [(each.destination, each.reference) for each in reader.corrections_owed()]
    assert owed == [("mes", "Observation/7"), ("fhir", "Observation/8")]


async def test_what_a_search_finds_with_a_former_time_is_owed_a_correction(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        await consenting(journal)
        wrong = replace(up(60, wrong_by=-HOUR), trusted=True)
        await journal.record(SCALE, [weighed(1, wrong)])
        await journal.claim("mes", 10, START)
        await journal.hub_time_known(up(300, wrong_by=timedelta()), stepped=True)

    async with open_journal(path) as journal:  # it ended before it knew what came of it
        (again,) = await journal.claim("mes", 10, START)
        (then,) = again.delivery.earlier
        await journal.settle(again, Receipt("mes", "Observation/7", START, found_at=then))

    with closing(Reader.open(path)) as reader:
        (owed,) = reader.corrections_owed()
    assert (owed.wrong, owed.reference) == ("time", "Observation/7")


async def test_a_clock_set_while_the_gateway_was_stopped_is_noticed(path: Path) -> None:
    async with open_journal(path) as journal:
        wrong = replace(up(60, wrong_by=-HOUR), trusted=True)
        await journal.record(SCALE, [weighed(1, wrong)])

    async with open_journal(path) as journal:
        assert await journal.hub_time_known(up(300, wrong_by=timedelta())) == 1

    with closing(Reader.open(path)) as reader:
        timing = reader.entries()[0].entry.timing
    assert timing.measured_at == START + timedelta(seconds=60)


async def test_a_hub_clock_set_wrong_and_right_again_leaves_the_time_as_it_was(
    journal: Journal, reader: Reader
) -> None:
    right = timedelta()
    await journal.hub_time_known(up(30, wrong_by=right))
    (entry,) = await journal.record(SCALE, [weighed(1, up(60, wrong_by=right))])

    await journal.hub_time_known(replace(up(90, wrong_by=-HOUR), trusted=True), stepped=True)
    await journal.hub_time_known(up(120, wrong_by=right), stepped=True)

    assert reader.entries()[0].entry.timing.measured_at == entry.timing.measured_at


async def test_what_comes_after_an_erasure_is_timed_anew_as_what_came_before_it(
    journal: Journal, reader: Reader
) -> None:
    """The numbers of what was erased are given again."""
    ada = await consenting(journal)
    await journal.record(SCALE, [weighed(1, up(60, wrong_by=timedelta()))])
    wrong = replace(up(60, boot="boot-2", wrong_by=-9 * HOUR), trusted=True)
    await journal.hub_time_known(wrong)
    await journal.erase(ada)
    await journal.record(SCALE, [weighed(2, wrong)])

    await journal.hub_time_known(up(120, boot="boot-2", wrong_by=timedelta()), stepped=True)

    assert reader.entries()[0].entry.timing.measured_at == START + timedelta(seconds=60)


async def test_what_was_received_before_the_clock_was_set_and_comes_after_has_the_right_time(
    journal: Journal,
) -> None:
    """A device was giving what it had while the hub's clock, trusted and wrong, was set."""
    wrong = replace(up(40, wrong_by=-3 * HOUR), trusted=True)
    await journal.hub_time_known(replace(wrong, monotonic=30.0, utc=wrong.utc - 10 * SECOND))
    await journal.hub_time_known(up(50, wrong_by=timedelta()), stepped=True)

    (entry,) = await journal.record(SCALE, [weighed(1, wrong)])

    assert entry.timing.measured_at == START + 40 * SECOND
