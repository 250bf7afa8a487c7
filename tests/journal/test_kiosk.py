"""One person's turn at the counter: what is theirs, and what stays of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.kiosk import LONGEST, ClosedBy, OpenedBy
from gateway.domain.subject import Attribution, SubjectId
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import SCALE, grant, weight

MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE


@pytest.fixture(autouse=True)
async def counter(journal: Journal) -> None:
    await journal.adopt(SCALE.id, SCALE.driver)


async def test_what_is_measured_in_a_session_is_that_persons(
    journal: Journal, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id])
    clock.advance(180)

    (entry,) = await journal.record(SCALE, [weight(1, at=START + 3 * MINUTE)])

    assert (entry.subject, entry.attribution) == (session.subject, Attribution.SESSION)


async def test_a_reading_measured_before_the_session_is_never_the_sessions(
    journal: Journal,
) -> None:
    await journal.open_kiosk([SCALE.id])

    before, within_its_doubt = await journal.record(
        SCALE, [weight(1, at=START - 20 * MINUTE), weight(2, at=START + 1 * MINUTE)]
    )

    assert (before.subject, before.attribution) == (None, Attribution.UNCLAIMED)
    assert (within_its_doubt.subject, within_its_doubt.attribution) == (
        None,
        Attribution.AMBIGUOUS,
    )


async def test_what_is_measured_outside_of_a_session_is_nobodys(
    journal: Journal, clock: ManualClock
) -> None:
    await journal.open_kiosk([SCALE.id])
    clock.advance(240)
    await journal.close_kiosk(ClosedBy.PERSON)

    (after,) = await journal.record(SCALE, [weight(1, at=START + 9 * MINUTE)])

    assert after.subject is None


async def test_what_is_received_just_before_the_limit_is_the_sessions(journal: Journal) -> None:
    session = await journal.open_kiosk([SCALE.id])

    (hers,) = await journal.record(SCALE, [weight(1, at=session.until - MINUTE)])

    assert hers.subject == session.subject


async def test_at_the_limit_the_session_holds_no_more(journal: Journal) -> None:
    await journal.open_kiosk([SCALE.id], lasts=5 * MINUTE)

    (late,) = await journal.record(SCALE, [weight(1, at=START + 8 * MINUTE)])

    assert late.subject is None


async def test_a_session_lasts_longer_if_somebody_says_so_in_time(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id], lasts=5 * MINUTE)
    await journal.record(SCALE, [weight(1, at=START)])
    clock.advance(4 * 60)

    longer = await journal.prolong_kiosk(10 * MINUTE)
    clock.advance(4 * 60)
    (late,) = await journal.record(SCALE, [weight(2, at=START + 8 * MINUTE)])

    assert longer.until == session.until + 9 * MINUTE
    assert reader.kiosk() == longer
    assert late.subject == session.subject
    assert [each.until for each in reader.assignments()] == [longer.until]
    assert reader.verify_against(None).whole


async def test_more_time_never_shortens_a_session(journal: Journal) -> None:
    session = await journal.open_kiosk([SCALE.id], lasts=10 * MINUTE)

    assert (await journal.prolong_kiosk(MINUTE)).until == session.until


async def test_a_session_that_is_over_is_not_made_longer(
    journal: Journal, clock: ManualClock
) -> None:
    """Somebody else may have been measured since."""
    with pytest.raises(JournalError, match="no session is open"):
        await journal.prolong_kiosk(MINUTE)
    await journal.open_kiosk([SCALE.id], lasts=5 * MINUTE)
    clock.advance(5 * 60)

    with pytest.raises(JournalError, match="no session is open"):
        await journal.prolong_kiosk(MINUTE)


async def test_a_session_ends_soon_once_that_was_asked_for_unless_it_is_prolonged_meanwhile(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id], lasts=10 * MINUTE)

    ending = await journal.end_kiosk_in(MINUTE)
    clock.advance(30)
    longer = await journal.prolong_kiosk(5 * MINUTE)
    clock.advance(2 * 60)
    (mine,) = await journal.record(SCALE, [weight(1, at=clock.now().utc)])
    await journal.end_kiosk_in(MINUTE)
    clock.advance(60)
    (late,) = await journal.record(SCALE, [weight(2, at=clock.now().utc)])

    assert (ending.until, longer.until) == (START + MINUTE, START + 5.5 * MINUTE)
    assert (mine.subject, late.subject) == (session.subject, None)
    assert [each.until for each in reader.assignments()] == [START + 3.5 * MINUTE]
    assert reader.verify_against(None).whole
    with pytest.raises(JournalError, match="no session is open"):
        await journal.end_kiosk_in(MINUTE)


@pytest.mark.parametrize("lasts", [timedelta(), LONGEST + timedelta(seconds=1)])
async def test_a_session_lasts_for_some_time_and_not_for_ever(
    journal: Journal, lasts: timedelta
) -> None:
    with pytest.raises(ValueError, match="lasts at most"):
        await journal.open_kiosk([SCALE.id], lasts=lasts)


async def test_whoever_closes_another_session_than_the_open_one_ends_nothing(
    journal: Journal, reader: Reader
) -> None:
    over = await journal.open_kiosk([SCALE.id])
    await journal.close_kiosk(ClosedBy.PERSON)
    session = await journal.open_kiosk([SCALE.id])

    assert await journal.close_kiosk(ClosedBy.PERSON, over.number) is None
    assert reader.kiosk() == session


async def test_nobody_stays_known_where_no_session_is_open(journal: Journal) -> None:
    with pytest.raises(JournalError, match="no session is open"):
        await journal.keep_kiosk("Ada")


async def test_nobody_can_open_a_session_for_somebody_unknown_here(
    journal: Journal, reader: Reader
) -> None:
    with pytest.raises(JournalError, match="must be added first"):
        await journal.open_kiosk([SCALE.id], subject=SubjectId("nobody"))

    assert reader.kiosk() is None


async def test_one_person_at_a_time(journal: Journal, reader: Reader) -> None:
    first = await journal.open_kiosk([SCALE.id], opened_by=OpenedBy.STAFF)

    with pytest.raises(JournalError, match="close it first"):
        await journal.open_kiosk([SCALE.id])

    assert reader.kiosk() == first


async def test_nothing_of_a_guest_stays(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id])
    await journal.record_grant(grant(session.subject))
    clock.advance(180)
    await journal.record(SCALE, [weight(1, at=START + 3 * MINUTE)])

    ended = await journal.close_kiosk(ClosedBy.PERSON)

    assert ended is not None
    assert (ended.erased, ended.unsent) == (1, 1)
    assert (reader.entries(), reader.subjects(), reader.assignments()) == ([], [], [])
    assert (reader.kiosk(), reader.ledger(session.subject)) == (None, ())
    assert await journal.claim("mes", 10, START) == []
    assert reader.verify_against(None).whole


async def test_what_was_erased_does_not_come_back_out_of_the_devices_memory(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    await journal.open_kiosk([SCALE.id])
    clock.advance(180)
    reading = weight(1, at=START + 3 * MINUTE)
    await journal.record(SCALE, [reading])
    await journal.close_kiosk(ClosedBy.PERSON)

    again = await journal.record(SCALE, [reading])

    assert (again, reader.entries()) == ([], [])


async def test_a_guest_who_chose_to_stay_stays(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    session = await journal.open_kiosk([SCALE.id])
    clock.advance(180)
    await journal.record(SCALE, [weight(1, at=START + 3 * MINUTE)])
    await journal.keep_kiosk("Ada")

    ended = await journal.close_kiosk(ClosedBy.PERSON)

    assert ended is not None
    assert ended.erased is None
    assert [subject.label for subject in reader.subjects()] == ["Ada"]
    assert [view.entry.subject for view in reader.entries()] == [session.subject]


async def test_someone_known_here_is_not_erased_by_sitting_down(
    journal: Journal, reader: Reader
) -> None:
    known = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=known)

    ended = await journal.close_kiosk(ClosedBy.LIMIT)

    assert ended is not None
    assert (ended.erased, ended.unsent, ended.session.closed_by) == (None, 0, ClosedBy.LIMIT)
    assert [subject.id for subject in reader.subjects()] == [known]


async def test_closing_when_none_is_open_is_no_news(journal: Journal) -> None:
    assert await journal.close_kiosk(ClosedBy.PERSON) is None


async def test_sessions_are_audited(journal: Journal, reader: Reader) -> None:
    await journal.open_kiosk([SCALE.id])
    await journal.prolong_kiosk(30 * MINUTE)
    await journal.end_kiosk_in(MINUTE)
    await journal.close_kiosk(ClosedBy.PERSON)

    events = [link.event for link in reader.audit()]

    assert events[-6:] == [
        "assigned",
        "kiosk_opened",
        "kiosk_prolonged",
        "kiosk_ending",
        "kiosk_closed",
        "erased",
    ]


async def test_no_two_sessions_have_one_number_not_even_when_the_guest_was_erased(
    journal: Journal,
) -> None:
    numbers = []
    for _ in range(3):
        numbers.append((await journal.open_kiosk([SCALE.id])).number)
        await journal.close_kiosk(ClosedBy.PERSON)

    assert numbers == sorted(set(numbers))


async def test_a_turn_lasts_as_long_though_the_hubs_clock_is_set_meanwhile(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    await journal.hub_time_known(clock.now())
    session = await journal.open_kiosk([SCALE.id])
    clock.advance(120)
    taken = weight(1).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    (theirs,) = await journal.record(SCALE, [taken])

    clock.step(timedelta(hours=-1))  # it was an hour ahead
    await journal.hub_time_known(clock.now(), stepped=True)

    clock.advance(3600)
    later = weight(2).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    (nobodys,) = await journal.record(SCALE, [later])
    kept = reader.entry(theirs.id)
    assert kept is not None
    assert kept.entry.subject == theirs.subject == session.subject
    assert kept.entry.timing.measured_at == theirs.timing.measured_at - timedelta(hours=1)
    assert nobodys.subject is None
    now_open = reader.kiosk()
    assert now_open is not None
    assert now_open.until == session.until - timedelta(hours=1)


async def test_a_turn_that_was_over_when_the_hubs_clock_was_set_holds_nothing_that_comes_later(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    await journal.hub_time_known(clock.now())
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada)
    clock.advance(240)
    taken = weight(1).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    (hers,) = await journal.record(SCALE, [taken])
    clock.advance(61)
    await journal.close_kiosk(ClosedBy.PERSON)

    clock.step(timedelta(hours=-1))  # it was an hour ahead
    await journal.hub_time_known(clock.now(), stepped=True)

    clock.advance(3600 - 120)
    later = weight(2).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    (nobodys,) = await journal.record(SCALE, [later])
    kept = reader.entry(hers.id)
    assert kept is not None
    assert kept.entry.subject == ada
    assert nobodys.subject is None


@pytest.mark.parametrize("ahead", [20 * MINUTE, HOUR], ids=["within its limit", "past its limit"])
async def test_a_turn_that_ended_by_a_clock_that_was_ahead_since_a_restart_ended_when_it_did(
    journal: Journal, clock: ManualClock, ahead: timedelta
) -> None:
    await journal.hub_time_known(clock.now())
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=HOUR)
    clock.advance(60)
    clock.boot()
    clock.step(ahead)
    await journal.hub_time_known(clock.now())
    clock.advance(60)
    await journal.close_kiosk(ClosedBy.PERSON)

    clock.step(-ahead)
    await journal.hub_time_known(clock.now(), stepped=True)

    clock.advance(180)
    later = weight(1).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    (nobodys,) = await journal.record(SCALE, [later])
    assert nobodys.subject is None


async def test_a_turn_that_was_prolonged_by_a_clock_that_was_ahead_since_a_restart_is_no_longer(
    journal: Journal, clock: ManualClock
) -> None:
    await journal.hub_time_known(clock.now())
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=HOUR)
    clock.advance(60)
    clock.boot()
    clock.step(20 * MINUTE)
    await journal.hub_time_known(clock.now())
    await journal.prolong_kiosk(HOUR)

    clock.step(-20 * MINUTE)
    await journal.hub_time_known(clock.now(), stepped=True)

    clock.advance(3600 + 180)
    later = weight(1).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    (nobodys,) = await journal.record(SCALE, [later])
    clock.advance(60)
    ended = await journal.close_kiosk(ClosedBy.LIMIT)
    assert nobodys.subject is None
    assert ended is not None
    assert ended.session.until < clock.now().utc - 3 * MINUTE


async def test_a_turn_of_before_a_restart_does_not_move_with_a_clock_that_was_behind_since(
    journal: Journal, clock: ManualClock
) -> None:
    await journal.hub_time_known(clock.now())
    clock.advance(30)
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=5 * MINUTE)
    clock.boot()
    clock.step(-HOUR)
    await journal.hub_time_known(clock.now())

    clock.step(HOUR)
    await journal.hub_time_known(clock.now(), stepped=True)

    clock.advance(3600 + 60)
    later = weight(1).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    (nobodys,) = await journal.record(SCALE, [later])
    assert nobodys.subject is None


@pytest.mark.parametrize(
    ("believed", "by"),
    [((HOUR, 0 * HOUR), HOUR), ((3 * HOUR, 2 * HOUR), -HOUR)],
    ids=["behind", "ahead"],
)
async def test_a_turn_that_may_be_of_either_boot_holds_only_what_is_its_in_both(
    journal: Journal, clock: ManualClock, believed: tuple[timedelta, timedelta], by: timedelta
) -> None:
    """By what was believed the one before lasted longer than until this one began."""
    before, now = believed
    clock.step(before)
    await journal.hub_time_known(clock.now())
    clock.boot()
    clock.step(now - before)
    await journal.hub_time_known(clock.now())
    clock.advance(60)
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=10 * MINUTE)

    clock.step(by)
    await journal.hub_time_known(clock.now(), stepped=True)

    clock.advance(24 * 3600)
    midst = START + now + 6 * MINUTE
    entries = await journal.record(SCALE, [weight(1, at=midst), weight(2, at=midst + by)])
    assert [entry.subject for entry in entries] == [None, None]


async def test_a_turn_that_was_over_before_a_restart_keeps_what_was_its_own(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    await journal.hub_time_known(clock.now())
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=HOUR)
    clock.advance(600)
    await journal.close_kiosk(ClosedBy.PERSON)
    clock.advance(3600)
    clock.boot()
    clock.step(HOUR / 4)
    await journal.hub_time_known(clock.now())

    clock.step(-HOUR / 4)
    await journal.hub_time_known(clock.now(), stepped=True)

    assert [(a.since, a.until) for a in reader.assignments()] == [(START, START + 10 * MINUTE)]
    (hers,) = await journal.record(SCALE, [weight(1, at=START + 5 * MINUTE)])
    assert hers.subject == ada


async def test_a_turn_that_is_closed_late_was_over_at_its_limit(
    journal: Journal, clock: ManualClock
) -> None:
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=5 * MINUTE)
    clock.advance(480)
    taken = weight(1).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    clock.advance(480)

    await journal.close_kiosk(ClosedBy.LIMIT)

    (nobodys,) = await journal.record(SCALE, [taken])
    assert nobodys.subject is None


async def test_a_turn_that_is_closed_by_a_hub_that_does_not_know_the_time_ends_when_it_last_knew(
    journal: Journal, clock: ManualClock
) -> None:
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=HOUR)
    await journal.hub_time_known(clock.now())
    clock.boot()
    clock.step(20 * MINUTE)
    clock.trusted = False
    with pytest.raises(JournalError, match="does not know the time"):
        await journal.prolong_kiosk(HOUR)
    await journal.close_kiosk(ClosedBy.PERSON)
    clock.step(-20 * MINUTE)
    clock.trusted = True
    await journal.hub_time_known(clock.now())

    clock.advance(240)
    (nobodys,) = await journal.record(SCALE, [weight(1, at=clock.now().utc)])

    assert nobodys.subject is None


async def test_until_the_hub_last_knew_the_time_such_a_turn_went_on(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    ada = (await journal.add_subject("Ada")).id
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=HOUR)
    clock.advance(600)
    taken = weight(1).model_copy(update={"received": clock.now(), "taken_within": MINUTE})
    await journal.record(SCALE, [taken])
    clock.boot()
    clock.trusted = False

    await journal.close_kiosk(ClosedBy.PERSON)

    assert [each.until for each in reader.assignments()] == [START + 10 * MINUTE]


async def test_a_turn_takes_nothing_that_was_here_before_it(
    journal: Journal, clock: ManualClock, reader: Reader
) -> None:
    (nobodys,) = await journal.record(SCALE, [weight(1, at=START)])
    clock.step(timedelta(minutes=-30))  # the hub was started anew, with a time that is behind

    await journal.open_kiosk([SCALE.id], lasts=timedelta(hours=1))

    kept = reader.entry(nobodys.id)
    assert kept is not None
    assert kept.entry.subject is None
