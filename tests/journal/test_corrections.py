"""What was sent and is wrong there: what is owed, when it is due, and when it is done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.clock import Instant
from gateway.domain.correction import Wrong
from gateway.domain.receipt import Receipt
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.retention import Retention
from gateway.testing.clock import START, ManualClock
from tests.journal.making import SCALE, consenting, grant, weight
from tests.journal.owing import LATER, another, due, sent, sent_by_a_slow_clock


async def test_a_reading_of_somebody_else_is_taken_back_from_who_had_it(
    journal: Journal, reader: Reader
) -> None:
    ada = await consenting(journal)
    released = await sent(journal)
    await journal.reassign(released.delivery.entry.id, await another(journal))

    (correction,) = await due(journal)
    await journal.corrected(correction)

    assert (correction.wrong, correction.reference) == (Wrong.PERSON, "Observation/1")
    assert correction.released.subject == ada
    assert correction.released.delivery.entry.reading == released.delivery.entry.reading
    assert (await due(journal), reader.corrections_owed()) == ([], [])
    told = [event.name for event in reader.story(released.delivery.entry.id)]
    assert told[-2:] == ["correcting", "corrected_there"]


async def test_another_time_is_told_with_the_reading_as_it_is_known_now(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    released = await sent_by_a_slow_clock(journal)

    await journal.hub_time_known(Instant(START, 60.0, "boot-1"), stepped=True)

    (correction,) = await due(journal)
    assert (correction.wrong, correction.reference) == (Wrong.TIME, "Observation/1")
    assert released.delivery.entry.timing.measured_at == START - timedelta(hours=1)
    assert correction.released.delivery.entry.timing.measured_at == START


async def test_a_time_that_changes_while_it_is_being_told_is_told_again(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    hour = timedelta(hours=1)
    await sent_by_a_slow_clock(journal)
    await journal.hub_time_known(Instant(START, 60.0, "boot-1"), stepped=True)
    (first,) = await due(journal)

    await journal.hub_time_known(Instant(START + hour, 60.0, "boot-1"), stepped=True)
    await journal.corrected(first)
    (second,) = await due(journal)
    await journal.corrected(second)

    times = [it.released.delivery.entry.timing.measured_at for it in (first, second)]
    assert times == [START, START + hour]
    assert (await due(journal), reader.corrections_owed()) == ([], [])


async def test_a_correction_that_failed_is_due_again_in_time(journal: Journal) -> None:
    await consenting(journal)
    await journal.reassign((await sent(journal)).delivery.entry.id, await another(journal))
    (correction,) = await due(journal)

    await journal.correct_at(correction, LATER + timedelta(minutes=1))

    then = LATER + timedelta(minutes=1)
    assert await due(journal) == []
    assert await journal.next_correction_due("mes") == then
    (again,) = await journal.claim_corrections("mes", 10, then)
    assert (again.number, again.released.delivery.attempt) == (correction.number, 2)


async def test_the_next_correction_due_is_the_one_that_waits_least(
    journal: Journal, clock: ManualClock
) -> None:
    """That the hub learns the time again changes nothing of when they are due."""
    await consenting(journal)
    await journal.record(SCALE, [weight(1), weight(2)])
    bo = await another(journal)
    for released in await journal.claim("mes", 2, START):
        await journal.settle(released, Receipt("mes", "Observation/1", START))
        await journal.reassign(released.delivery.entry.id, bo)
    one, two = await due(journal)

    await journal.correct_at(one, LATER + timedelta(hours=1))
    await journal.correct_at(two, LATER + timedelta(minutes=1))
    await journal.hub_time_known(clock.now())

    assert await journal.next_correction_due("mes") == LATER + timedelta(minutes=1)
    assert await due(journal) == []


async def test_whoever_corrects_is_woken_once_a_correction_is_owed(journal: Journal) -> None:
    await consenting(journal)
    await sent_by_a_slow_clock(journal)
    woken: list[str] = []
    journal.when_due("mes", lambda: woken.append("mes"))

    await journal.hub_time_known(Instant(START, 60.0, "boot-1"), stepped=True)

    assert woken == ["mes"]


async def test_a_correction_that_a_clock_put_off_for_years_is_due_once_that_is_right(
    journal: Journal, clock: ManualClock
) -> None:
    await consenting(journal)
    await journal.reassign((await sent(journal)).delivery.entry.id, await another(journal))
    (correction,) = await due(journal)
    await journal.correct_at(correction, START + timedelta(days=400))

    put_off = await due(journal)
    await journal.hub_time_known(clock.now())

    assert (put_off, [each.number for each in await due(journal)]) == ([], [correction.number])


async def test_what_the_destination_does_not_take_is_left_to_a_person(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    await journal.reassign((await sent(journal)).delivery.entry.id, await another(journal))
    (correction,) = await due(journal)

    await journal.leave_correction(correction, "It takes no updates.")

    (owed,) = reader.corrections_owed()
    assert owed.problem == "It takes no updates."
    assert await journal.next_correction_due("mes") is None
    await journal.correction_done(owed.number)
    assert reader.corrections_owed() == []


async def test_what_is_theirs_after_all_needs_no_correction(
    journal: Journal, reader: Reader
) -> None:
    ada = await consenting(journal)
    entry = (await sent(journal)).delivery.entry.id
    await journal.reassign(entry, await another(journal))
    await journal.reassign(entry, ada)

    assert await due(journal) == []
    assert reader.corrections_owed() == []


async def test_what_is_theirs_after_all_is_no_task_for_anybody_and_expires_like_the_rest(
    journal: Journal, reader: Reader
) -> None:
    """Else a person would be told to delete there what is right."""
    ada = await consenting(journal)
    released = await sent(journal)
    entry, bo = released.delivery.entry.id, await another(journal)

    await journal.reassign(entry, bo)
    before = [(owed.subject, owed.wrong) for owed in reader.corrections_owed()]
    await journal.reassign(entry, ada)
    back = reader.corrections_owed()
    for again in await journal.claim("mes", 1, LATER):
        await journal.settle(again, Receipt("mes", "Observation/1", LATER, found=True))
    day = timedelta(days=1)
    await journal.expire(Retention(delivered=day, undelivered=day), START + 9 * day)

    assert before == [(ada, Wrong.PERSON)]
    assert back == []
    assert reader.entries() == []


async def test_what_is_learned_while_a_reading_is_on_its_way_is_heeded_when_it_is_back(
    journal: Journal, reader: Reader
) -> None:
    ada = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    adas = await journal.assign(SCALE.id, None, ada, START - timedelta(days=1))
    await journal.record_grant(grant(ada))
    await journal.record(SCALE, [weight(1)])
    (released,) = await journal.claim("mes", 1, START)

    await journal.end_assignment(adas, START - timedelta(hours=1))  # it never was hers
    on_its_way = reader.entry(released.delivery.entry.id)
    await journal.settle(released, Receipt("mes", "Observation/1", START))

    back = reader.entry(released.delivery.entry.id)
    assert on_its_way is not None
    assert back is not None
    assert (on_its_way.entry.subject, back.entry.subject) == (ada, None)
    (correction,) = await due(journal)
    assert (correction.wrong, correction.reference) == (Wrong.PERSON, "Observation/1")


async def test_that_a_correction_was_made_is_told_once(journal: Journal, reader: Reader) -> None:
    await consenting(journal)
    released = await sent(journal)
    await journal.reassign(released.delivery.entry.id, await another(journal))
    (owed,) = reader.corrections_owed()

    await journal.correction_done(owed.number)
    await journal.correction_done(owed.number)

    told = [event.name for event in reader.story(released.delivery.entry.id)]
    assert told.count("corrected_there") == 1


async def test_there_is_no_such_correction(journal: Journal) -> None:
    with pytest.raises(JournalError, match="no such correction"):
        await journal.correction_done(7)
