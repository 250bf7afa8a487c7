"""Who walked away from the counter: what is measured meanwhile is nobody's unless they claim it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.kiosk import ClosedBy
from gateway.domain.subject import Attribution
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import SCALE, SENSOR, grant, weight

MINUTE = timedelta(minutes=1)
AT_ONCE = timedelta(seconds=5)
ATTENDED = timedelta(seconds=90)


@pytest.fixture(autouse=True)
async def counter(journal: Journal) -> None:
    await journal.adopt(SCALE.id, SCALE.driver)


async def weigh(
    journal: Journal, clock: ManualClock, record: int, within: timedelta = AT_ONCE
) -> Entry:
    taken = weight(record).model_copy(update={"received": clock.now(), "taken_within": within})
    (entry,) = await journal.record(SCALE, [taken])
    return entry


async def test_what_is_measured_while_nobody_shows_to_be_there_is_nobodys_and_is_not_sent(
    journal: Journal, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    await journal.record_grant(grant(session.subject))
    clock.advance(89)
    theirs = await weigh(journal, clock, 1)
    clock.advance(1)
    early, late = await weigh(journal, clock, 2), clock.now().utc
    clock.advance(60)
    nobodys = await weigh(journal, clock, 3)

    sent = [each.delivery.entry.id for each in await journal.claim("mes", 10, clock.now().utc)]

    assert session.attended_until == late
    assert [each.subject for each in (theirs, early, nobodys)] == [session.subject, None, None]
    assert sent == [theirs.id]


async def test_who_shows_to_be_there_in_time_is_measured_on(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    clock.advance(80)
    first = await weigh(journal, clock, 1)

    there = await journal.attend_kiosk(session.number, ATTENDED)
    clock.advance(80)
    entry = await weigh(journal, clock, 2)

    assert there.attended_until == START + timedelta(seconds=170)
    assert reader.kiosk() == there
    assert first.subject == session.subject
    assert (entry.subject, entry.attribution) == (session.subject, Attribution.SESSION)
    assert len(reader.assignments()) == 1


async def test_to_be_there_never_outlasts_the_session(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    session = await journal.open_kiosk([SCALE.id], lasts=2 * MINUTE, attended=ATTENDED)
    clock.advance(60)
    there = await journal.attend_kiosk(session.number, ATTENDED)
    ending = await journal.end_kiosk_in(MINUTE / 2)
    longer = await journal.prolong_kiosk(5 * MINUTE, ATTENDED)

    assert there.attended_until == session.until
    assert ending.attended_until == ending.until == START + 1.5 * MINUTE
    assert (longer.attended_until, longer.until) == (START + 2.5 * MINUTE, START + 6 * MINUTE)
    assert [each.until for each in reader.assignments()] == [longer.attended_until]


async def test_who_went_away_is_not_taken_to_be_there_by_a_touch_nor_by_more_time(
    journal: Journal, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    clock.advance(90)

    with pytest.raises(JournalError, match="somebody else may sit"):
        await journal.attend_kiosk(session.number, ATTENDED)
    longer = await journal.prolong_kiosk(10 * MINUTE, ATTENDED)
    clock.advance(20)

    assert longer.attended_until == session.attended_until
    assert (await weigh(journal, clock, 1)).subject is None


async def test_who_comes_back_is_measured_from_then_on_and_what_came_meanwhile_stays_nobodys(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    clock.advance(120)
    meanwhile = await weigh(journal, clock, 1)
    clock.advance(60)

    back = await journal.come_back_to_kiosk(session.number, ATTENDED)
    clock.advance(10)
    straddling = await weigh(journal, clock, 2, within=MINUTE)
    clock.advance(20)
    after = await weigh(journal, clock, 3)
    kept = reader.entry(meanwhile.id)

    assert back.attended_until == START + timedelta(seconds=270)
    assert kept is not None
    assert kept.entry.subject is None
    assert straddling.attribution is Attribution.AMBIGUOUS
    assert after.subject == session.subject
    assert reader.verify_against(None).whole


async def test_a_reading_that_came_meanwhile_is_theirs_once_they_say_so_and_goes_with_them(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    await journal.record_grant(grant(session.subject))
    clock.advance(120)
    entry = await weigh(journal, clock, 1)
    with pytest.raises(JournalError, match="somebody else may sit"):
        await journal.claim_at_kiosk(session.number, entry.id)
    await journal.come_back_to_kiosk(session.number, ATTENDED)

    await journal.claim_at_kiosk(session.number, entry.id)
    sent = [each.delivery.entry.id for each in await journal.claim("mes", 10, clock.now().utc)]
    ended = await journal.close_kiosk(ClosedBy.PERSON)

    assert sent == [entry.id]
    assert ended is not None
    assert ended.erased == 1
    assert reader.entries() == []


async def test_what_may_be_of_before_is_nobodys_to_claim_at_the_counter(
    journal: Journal, clock: ManualClock
) -> None:
    before = await weigh(journal, clock, 1)
    clock.advance(10)
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    clock.advance(10)
    straddling = await weigh(journal, clock, 2, within=MINUTE)
    for entry in (before, straddling):
        with pytest.raises(JournalError, match="cannot be of this session"):
            await journal.claim_at_kiosk(session.number, entry.id)


async def test_nor_is_what_another_device_measured_nor_what_is_not_here(
    journal: Journal, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    clock.advance(10)
    taken = weight(1, device=SENSOR.id).model_copy(
        update={"received": clock.now(), "taken_within": AT_ONCE}
    )
    (elsewhere,) = await journal.record(SENSOR, [taken])

    for entry in (elsewhere.id, ReadingId("0" * 32)):
        with pytest.raises(JournalError, match="cannot be of this session"):
            await journal.claim_at_kiosk(session.number, entry)


async def test_at_the_very_moment_nobody_is_there_any_more(
    journal: Journal, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    clock.advance(80)
    entry = await weigh(journal, clock, 1)
    clock.advance(10)

    with pytest.raises(JournalError, match="somebody else may sit"):
        await journal.claim_at_kiosk(session.number, entry.id)
    back = await journal.come_back_to_kiosk(session.number, ATTENDED)

    assert back.attended_until == START + 2 * ATTENDED


async def test_nor_is_what_is_another_sessions_or_was_given_away(
    journal: Journal, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    clock.advance(120)
    given, other = await weigh(journal, clock, 1), await weigh(journal, clock, 2)
    await journal.dismiss(given.id)
    await journal.come_back_to_kiosk(session.number, ATTENDED)

    with pytest.raises(JournalError, match="cannot be of this session"):
        await journal.claim_at_kiosk(session.number, given.id)
    with pytest.raises(JournalError, match="no session is open"):
        await journal.claim_at_kiosk(session.number - 1, other.id)
    with pytest.raises(JournalError, match="no session is open"):
        await journal.attend_kiosk(session.number - 1, ATTENDED)


async def test_who_came_back_and_stays_is_not_taken_to_have_been_there_meanwhile(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    session = await journal.open_kiosk([SCALE.id], attended=ATTENDED)
    clock.advance(120)
    await journal.come_back_to_kiosk(session.number, ATTENDED)
    clock.advance(60)
    await journal.attend_kiosk(session.number, ATTENDED)
    await journal.prolong_kiosk(10 * MINUTE, ATTENDED)

    lasted = [(each.since, each.until) for each in reader.assignments()]

    assert lasted == [(START, START + ATTENDED), (START + 2 * MINUTE, START + 4.5 * MINUTE)]


async def test_a_session_that_was_left_twice_measures_nobody_in_between_when_it_is_over(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    known = (await journal.add_subject("Ada")).id
    session = await journal.open_kiosk([SCALE.id], subject=known, attended=ATTENDED)
    clock.advance(120)
    await journal.come_back_to_kiosk(session.number, ATTENDED)
    clock.advance(30)
    await journal.close_kiosk(ClosedBy.PERSON)

    lasted = [(each.since, each.until) for each in reader.assignments()]

    assert lasted == [(START, START + ATTENDED), (START + 2 * MINUTE, START + 2.5 * MINUTE)]


async def test_who_is_not_asked_is_taken_to_be_there_until_the_end(journal: Journal) -> None:
    session = await journal.open_kiosk([SCALE.id])

    assert session.attended_until == session.until


async def test_nobody_is_there_for_no_time(journal: Journal) -> None:
    with pytest.raises(ValueError, match="for some time"):
        await journal.open_kiosk([SCALE.id], attended=timedelta())
