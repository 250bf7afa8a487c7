"""What UTC was in each boot of the hub, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.clock import Instant
from gateway.domain.kiosk import ClosedBy
from gateway.domain.subject import Attribution
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import LONG_AGO, SCALE, YEARS, grant, up, weighed

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


async def _lose_a_boot(journal: Journal) -> None:
    """Record `seq:2` in a boot that lies between START + 100 s and START + 3400 s.

    It was 600 s after that boot began: between START + 700 s and START + 3400 s.
    """
    before, lost = up(100, wrong_by=timedelta()), up(600, boot="boot-2")
    await journal.record(SCALE, [weighed(1, before), weighed(2, lost)])
    await journal.hub_time_known(Instant(START + HOUR, 200.0, "boot-3"))


async def test_a_boot_without_the_time_lies_between_its_neighbours(
    journal: Journal, reader: Reader
) -> None:
    before, lost = up(100, wrong_by=timedelta()), up(600, boot="boot-2")
    await journal.record(SCALE, [weighed(1, before), weighed(2, lost)])
    third = Instant(START + HOUR, 200.0, "boot-3")

    await journal.hub_time_known(third)

    view = reader.entries(limit=1)[0]
    assert view.entry.reading.record == "seq:2"
    # Boot 2 lasted 600 s, after 100 s past START and before 200 s short of an hour past it.
    assert view.entry.timing.earliest == START + timedelta(seconds=700) - timedelta(minutes=2)
    assert view.entry.timing.latest == START + HOUR - timedelta(seconds=200) + timedelta(minutes=2)
    assert view.entry.timing.sendable


async def test_boots_in_which_the_hub_never_knew_the_time_lie_between_the_nearest_that_are_known(
    journal: Journal, reader: Reader
) -> None:
    known = [Instant(START - 9 * HOUR, 60.0, "boot-0"), up(100, wrong_by=timedelta())]
    lost = [up(600, boot="boot-2"), up(600, boot="boot-3")]
    received = [*known, *lost]
    await journal.record(SCALE, [weighed(n, instant) for n, instant in enumerate(received)])

    await journal.hub_time_known(Instant(START + HOUR, 200.0, "boot-4"))

    timings = {v.entry.reading.record: v.entry.timing for v in reader.entries()}
    for record in ("seq:2", "seq:3"):
        assert timings[record].earliest == START + timedelta(seconds=700) - timedelta(minutes=2)
        latest = START + HOUR - timedelta(seconds=200) + timedelta(minutes=2)
        assert timings[record].latest == latest


async def test_a_boot_that_lies_before_one_whose_time_was_wrong_is_placed_anew_once_that_is_right(
    journal: Journal, reader: Reader
) -> None:
    before, lost = up(100, wrong_by=timedelta()), up(600, boot="boot-2")
    await journal.record(SCALE, [weighed(1, before), weighed(2, lost)])
    right = Instant(START + HOUR, 200.0, "boot-3")
    wrong = replace(right, utc=right.utc - HOUR / 2)

    await journal.hub_time_known(wrong)
    await journal.hub_time_known(right, stepped=True)

    timing = reader.entries(limit=1)[0].entry.timing
    assert timing.latest == right.utc - timedelta(seconds=200) + timedelta(minutes=2)
    assert timing.sendable


async def test_a_boot_that_nothing_is_known_before_keeps_waiting(
    journal: Journal, reader: Reader
) -> None:
    await journal.record(SCALE, [weighed(1, up(60))])

    corrected = await journal.hub_time_known(Instant(START + HOUR, 200.0, "boot-2"))

    assert corrected == 0
    assert not reader.entries()[0].entry.timing.sendable


async def test_a_first_boot_without_the_time_keeps_none_of_the_later_from_getting_theirs(
    journal: Journal, reader: Reader
) -> None:
    await journal.record(SCALE, [weighed(0, up(60, boot="boot-0"))])

    await _lose_a_boot(journal)

    timings = {view.entry.reading.record: view.entry.timing for view in reader.entries()}
    assert (timings["seq:0"].sendable, timings["seq:2"].sendable) == (False, True)


async def test_a_boot_that_finds_no_room_between_its_neighbours_keeps_waiting(
    journal: Journal, reader: Reader
) -> None:
    """It lasted longer than the time between them: one of the two was told a wrong time."""
    lost = up(2 * 3600, boot="boot-2")
    await journal.record(SCALE, [weighed(1, up(100, wrong_by=timedelta())), weighed(2, lost)])

    corrected = await journal.hub_time_known(Instant(START + HOUR, 200.0, "boot-3"))

    assert corrected == 0
    assert [view.entry.timing.sendable for view in reader.entries()] == [True, False]


async def test_a_reading_of_when_the_hub_knew_the_time_tells_it_of_those_before_it(
    journal: Journal, reader: Reader
) -> None:
    await journal.record(SCALE, [weighed(1, up(10))])
    await journal.record(SCALE, [weighed(2, up(20, wrong_by=timedelta()))])

    corrected = await journal.hub_time_known(Instant(START + HOUR, 5.0, "boot-2"))

    times = {v.entry.reading.record: v.entry.timing.measured_at for v in reader.entries()}
    assert (corrected, times["seq:1"]) == (1, START + 10 * SECOND)


async def test_a_reading_of_a_boot_that_was_lost_is_not_sent_where_it_may_be_of_after_the_consent(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, None, subject, LONG_AGO)
    for name, until_s in (("perhaps", 3000), ("surely", 3600)):
        until = START + until_s * SECOND
        given = grant(subject, name).model_copy(update={"covers_until": until})
        await journal.record_grant(given)
        if name == "perhaps":
            await _lose_a_boot(journal)
            perhaps = await journal.claim("mes", 10, START + HOUR)

    surely = await journal.claim("mes", 10, START + HOUR)

    assert [each.delivery.entry.reading.record for each in perhaps] == ["seq:1"]
    assert [each.delivery.entry.reading.record for each in surely] == ["seq:2"]


async def test_a_reading_of_a_boot_that_was_lost_is_nobodys_where_the_next_may_have_been_measured(
    journal: Journal, reader: Reader
) -> None:
    ada, bo = [(await journal.add_subject(name)).id for name in ("Ada", "Bo")]
    await journal.adopt(SCALE.id, SCALE.driver)
    adas = await journal.assign(SCALE.id, None, ada, LONG_AGO)
    handed_over = START + 3000 * SECOND
    await journal.end_assignment(adas, handed_over)
    await journal.assign(SCALE.id, None, bo, handed_over)

    await _lose_a_boot(journal)

    entries = {view.entry.reading.record: view.entry for view in reader.entries()}
    assert entries["seq:1"].subject == ada
    assert (entries["seq:2"].subject, entries["seq:2"].attribution) == (None, Attribution.AMBIGUOUS)


async def test_a_turn_that_is_closed_without_the_time_went_on_until_the_hub_last_knew_it(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    ada = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.hub_time_known(clock.now())
    await journal.open_kiosk([SCALE.id], subject=ada, lasts=HOUR)
    clock.advance(60)
    clock.boot()
    await journal.hub_time_known(clock.now())
    clock.advance(600)
    await journal.record(SCALE, [weighed(1, clock.now())])
    clock.boot()
    clock.step(-YEARS)
    clock.trusted = False

    await journal.close_kiosk(ClosedBy.PERSON)

    assert [each.until for each in reader.assignments()] == [START + 660 * SECOND]
