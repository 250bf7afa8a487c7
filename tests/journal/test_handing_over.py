"""A device that somebody else used for a week is put right in one go, as if said from the start."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.clock import Instant
from gateway.domain.correction import Wrong
from gateway.domain.receipt import Receipt
from gateway.domain.subject import Assignment, Attribution, SubjectId
from gateway.errors import JournalError
from gateway.journal import attribution
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.retention import Retention
from gateway.journal.writer import Transaction
from gateway.testing.clock import START, ManualClock
from tests.journal.breaking import lose_table
from tests.journal.cutting import PowerCuts
from tests.journal.making import (
    EVERYTHING,
    LONG_AGO,
    SCALE,
    SENSOR,
    consenting,
    grant,
    open_journal,
    weight,
)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAYS = 8
BEGIN = START - DAYS * DAY
MEMORY = Path("/dev/shm")


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every reading looked at in a transaction of its own."""
    monkeypatch.setattr(attribution, "AT_ONCE", 1)


def period(subject: SubjectId, first: int, after: int, slot: str | None = None) -> Assignment:
    """Say that the scale measured them from the beginning of a day to that of another."""
    since, until = BEGIN + first * DAY, BEGIN + after * DAY
    return Assignment(device=SCALE.id, slot=slot, subject=subject, since=since, until=until)


@dataclass(frozen=True)
class Said:
    """That the scale, or one of its numbers, measured somebody on some days."""

    who: str
    slot: str | None
    first: int
    after: int
    cut_after: int | None = None
    """After how many transactions it fails, if it takes so many."""


@dataclass(frozen=True)
class Started:
    """That the hub was started anew."""


@dataclass(frozen=True)
class Weighed:
    """That somebody stood on it, from what hour on, hour by hour."""

    slot: str | None
    hour: int
    times: int = 1


PEOPLE = ("Odile", "Marcel", "Nadia")
SLOTS = (None, "1", "2")
people, slots = st.sampled_from(PEOPLE), st.sampled_from(SLOTS)
spans = st.tuples(st.integers(0, DAYS), st.integers(0, DAYS)).filter(lambda span: span[0] < span[1])
cuts = st.sampled_from((None, 0, 1, 2))
words = st.builds(
    lambda who, slot, span, cut: Said(who, slot, *span, cut), people, slots, spans, cuts
)
steps = st.one_of(
    words,
    st.just(Started()),
    st.builds(Weighed, slots, st.integers(0, DAYS * 24 - 1), st.integers(1, 5)),
    st.builds(Weighed, slots, st.integers(1, DAYS - 1).map(lambda day: day * 24)),  # at midnight
)


@settings(max_examples=60)
@example(True, [Weighed(None, 9, 4), Said("Marcel", None, 0, 2, cut_after=1)])
@given(st.booleans(), st.lists(steps, min_size=1, max_size=14))
def test_whatever_was_said_first_the_readings_are_whose_they_would_be_if_said_rightly_at_once(
    assigned: bool, story: Sequence[Said | Weighed | Started]
) -> None:
    begun = [Said(PEOPLE[0], None, 0, DAYS)] if assigned else []
    with pytest.MonkeyPatch.context() as in_pieces:
        in_pieces.setattr(attribution, "AT_ONCE", 1)
        as_it_went, said = asyncio.run(_owners([*begun, *story]))
    rest = [each for each in story if isinstance(each, Weighed)]
    as_it_should, _ = asyncio.run(_owners([*_truth(said), *rest]))

    assert as_it_went == as_it_should


def _truth(said: Sequence[Said]) -> list[Said]:
    """Return what was true of each day and number: the last word on it; nothing contradicts."""
    found = []
    for day in range(DAYS):
        at = {slot: _last_word(said, slot, day) for slot in SLOTS}
        found += [
            Said(who, slot, day, day + 1)
            for slot, who in at.items()
            if who is not None and (slot is None or who != at[None])
        ]
    return found


async def _owners(
    story: Sequence[Said | Weighed | Started],
) -> tuple[dict[str | None, str | None], list[Said]]:
    """Return whose each reading is at last, and what was said; each is recorded as it comes."""
    said: list[Said] = []
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        path = Path(folder) / "journal.db"
        journal = open_journal(path, ManualClock())
        await journal.adopt(SCALE.id, SCALE.driver)
        known = {name: (await journal.add_subject(name)).id for name in PEOPLE}
        for name, subject in known.items():
            await journal.record_grant(grant(subject, f"grant-of-{name}"))
        for each in [*story, Started()]:
            match each:
                case Said():
                    if await _said(journal, each, known[each.who]):
                        said.append(each)
                    await _nobody_is_sent_another_s(journal, said, known)
                case Weighed():
                    hours = range(each.hour, each.hour + each.times)
                    readings = [weight(h, at=BEGIN + h * HOUR, slot=each.slot) for h in hours]
                    await journal.record(SCALE, readings)
                case Started():
                    await journal.close()
                    journal = open_journal(path, ManualClock())
        await journal.close()
        with Reader.open(path) as reader:
            owners = {
                f"{view.entry.reading.record} {view.entry.reading.slot}": next(
                    (name for name in PEOPLE if known[name] == view.entry.subject), None
                )
                for view in reader.entries(limit=1000)
            }
    return owners, said


async def _said(journal: Journal, each: Said, subject: SubjectId) -> bool:
    """Say it, unless it fails before its first transaction is done."""
    whose = period(subject, each.first, each.after, each.slot)
    foreseen = await journal.hand_over(whose, only_look=True)
    with pytest.MonkeyPatch.context() as cut:
        _cut_short(cut, each.cut_after)
        try:
            assert await journal.hand_over(whose) == foreseen
        except JournalError:
            return each.cut_after != 0
    return True


def _cut_short(cut: pytest.MonkeyPatch, after: int | None) -> None:
    """Let readings be looked at again in so many transactions, and fail in the next."""
    look_again, looked = attribution.look_again, list[object]()

    def fail(tx: Transaction, those: Iterable[attribution.Found]) -> None:
        there = list(those)
        if there and len(looked) == after:
            raise JournalError("the disk is gone")
        looked.extend([there] if there else [])
        look_again(tx, there)

    cut.setattr(attribution, "look_again", fail)


async def _hand_over_in_part(journal: Journal, whose: Assignment, pieces: int) -> None:
    """Say it, and have it fail after so many transactions."""
    with pytest.MonkeyPatch.context() as cut:
        _cut_short(cut, pieces)
        with pytest.raises(JournalError, match="the disk is gone"):
            await journal.hand_over(whose)


async def _nobody_is_sent_another_s(
    journal: Journal, said: Sequence[Said], known: Mapping[str, SubjectId]
) -> None:
    """Let all leave that may, and come back: each is of whom it was last said to be."""
    released = await journal.claim("mes", 1000, START)
    for each in released:
        reading = each.delivery.entry.reading
        assert reading.record is not None
        hour = int(reading.record.removeprefix("seq:"))
        days = {(hour - 1) // 24, hour // 24} if hour % 24 == 0 else {hour // 24}
        whose = {_last_word(said, reading.slot, day) for day in days}
        assert {known.get(name or "") for name in whose} == {each.subject}
        await journal.retry_at(each, START, "not there")


def _last_word(said: Sequence[Said], slot: str | None, day: int) -> str | None:
    about = [each for each in said if each.first <= day < each.after]
    of_slot = [each.who for each in about if each.slot in (None, slot)]
    return of_slot[-1] if of_slot else None


async def _sent(journal: Journal) -> None:
    """Let the destination have all that may go there."""
    for number, released in enumerate(await journal.claim("mes", 100, START)):
        await journal.settle(released, Receipt("mes", f"Observation/{number}", START))


async def test_what_was_sent_is_corrected_and_goes_to_whose_it_is_only_with_their_consent(
    journal: Journal, reader: Reader
) -> None:
    marcel = await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    await journal.record(SCALE, [weight(day, at=BEGIN + day * DAY + DAY / 2) for day in range(6)])
    await _sent(journal)

    foreseen = await journal.hand_over(period(odile, 2, 5), only_look=True)
    untouched = {view.entry.subject for view in reader.entries()}
    done = await journal.hand_over(period(odile, 2, 5))
    await journal.record(SCALE, [weight(9, at=BEGIN + 3 * DAY)])  # told late, out of its memory

    assert foreseen == done
    assert (done.readings, done.unsure, done.standing, done.there) == (3, 0, 0, {"mes": 3})
    assert untouched == {marcel}
    hers = reader.entries(subject=odile)
    assert [view.entry.reading.record for view in hers] == ["seq:4", "seq:3", "seq:9", "seq:2"]
    owed = reader.corrections_owed()
    assert {(each.subject, each.wrong) for each in owed} == {(marcel, Wrong.PERSON)}
    assert sorted(each.reference or "" for each in owed) == [f"Observation/{n}" for n in (2, 3, 4)]
    assert await journal.claim("mes", 100, START) == []

    await journal.record_grant(grant(odile, "grant-2", covers_from=BEGIN + 3 * DAY - DAY / 4))
    released = await journal.claim("mes", 100, START)
    covered = {each.delivery.entry.reading.record for each in released}
    assert covered == {"seq:3", "seq:4", "seq:9"}
    assert {each.subject for each in released} == {odile}


async def test_it_is_undone_by_saying_the_same_of_whose_they_were(
    journal: Journal, reader: Reader
) -> None:
    marcel = await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    await journal.record(SCALE, [weight(day, at=BEGIN + day * DAY + DAY / 2) for day in range(6)])
    await _sent(journal)

    await journal.hand_over(period(odile, 2, 5))
    undone = await journal.hand_over(period(marcel, 2, 5))

    assert undone.readings == 3
    assert {view.entry.subject for view in reader.entries()} == {marcel}
    assert await journal.claim_corrections("mes", 10, START) == []  # nothing is wrong there now
    later = await journal.record(SCALE, [weight(9)])
    assert [entry.subject for entry in later] == [marcel]


async def test_what_a_person_said_of_one_reading_stands_and_is_counted(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    odile, nadia = [(await journal.add_subject(name)).id for name in ("Odile", "Nadia")]
    days = [weight(day, at=BEGIN + day * DAY + DAY / 2) for day in range(4)]
    entries = await journal.record(SCALE, days)
    await journal.reassign(entries[0].id, odile)
    await journal.reassign(entries[1].id, nadia)
    await journal.dismiss(entries[2].id)

    done = await journal.hand_over(period(odile, 0, 4))

    assert (done.readings, done.standing) == (1, 2)
    owners = [view.entry.subject for view in reader.entries()]
    assert owners == [odile, None, nadia, odile]


async def test_what_may_have_been_measured_outside_of_it_is_asked_about(
    journal: Journal, reader: Reader
) -> None:
    marcel = await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    minute = timedelta(minutes=1)
    borders = (BEGIN + 2 * DAY + minute, BEGIN + 3 * DAY + minute, BEGIN + 3 * DAY + 9 * minute)
    await journal.record(SCALE, [weight(number, at=at) for number, at in enumerate(borders)])

    done = await journal.hand_over(period(odile, 2, 3))

    *sure, second, first = [view.entry for view in reader.entries()]
    assert (done.readings, done.unsure) == (0, 2)
    assert {each.attribution for each in (first, second)} == {Attribution.AMBIGUOUS}
    assert [each.subject for each in sure] == [marcel]


async def test_what_was_nobodys_and_is_perhaps_theirs_is_asked_about(
    journal: Journal, reader: Reader
) -> None:
    odile = (await journal.add_subject("Odile")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    border = BEGIN + 2 * DAY + timedelta(minutes=1)
    (before,) = await journal.record(SCALE, [weight(1, at=border)])

    done = await journal.hand_over(period(odile, 2, 3))

    (view,) = reader.entries()
    assert (done.readings, done.unsure) == (0, 0)
    assert (before.attribution, view.entry.attribution) == (
        Attribution.UNCLAIMED,
        Attribution.AMBIGUOUS,
    )


async def test_a_reading_goes_by_the_time_that_it_is_known_to_have_been_measured_at(
    journal: Journal, reader: Reader
) -> None:
    """One was timed anew, since the hub's clock had been a week slow; the other never was."""
    await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    noon, up = BEGIN + 2.5 * DAY, timedelta(minutes=1)
    slow = weight(1).model_copy(update={"received": Instant(noon - 7 * DAY, 60.0, "boot-1")})
    await journal.record(SCALE, [slow, weight(2, at=noon)])
    await journal.hub_time_known(Instant(noon + up, 120.0, "boot-1"), stepped=True)

    done = await journal.hand_over(period(odile, 2, 3))

    assert done.readings == 2
    assert {view.entry.subject for view in reader.entries()} == {odile}


async def test_a_reading_that_is_damaged_keeps_none_of_the_others_from_whose_they_are(
    journal: Journal, reader: Reader, path: Path
) -> None:
    await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    await journal.record(SCALE, [weight(n, at=BEGIN + DAY / 2) for n in range(3)])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE entries SET payload = zeroblob(99) WHERE number = 1")
    other.close()

    done = await journal.hand_over(period(odile, 0, 1))

    assert done.readings == 2
    assert [view.entry.subject for view in reader.entries()] == [odile, odile]


async def test_what_is_of_another_device_or_perhaps_of_another_time_is_not_counted(
    journal: Journal, reader: Reader
) -> None:
    marcel = await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.assign(SENSOR.id, None, marcel, LONG_AGO)
    midday, border = BEGIN + 2.5 * DAY, BEGIN + 3 * DAY
    (theirs,) = await journal.record(SENSOR, [weight(1, at=midday, device=SENSOR.id)])
    (perhaps,) = await journal.record(SCALE, [weight(2, at=border)])
    await journal.dismiss(perhaps.id)

    done = await journal.hand_over(period(odile, 2, 3))

    assert (done.readings, done.unsure, done.standing) == (0, 0, 0)
    owners = {view.entry.id: view.entry.subject for view in reader.entries()}
    assert owners == {theirs.id: marcel, perhaps.id: None}


async def test_one_number_of_a_device_is_one_person_s_and_the_others_stay_whose_they_were(
    journal: Journal, reader: Reader
) -> None:
    marcel = await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    noon = BEGIN + DAY / 2
    await journal.record(SCALE, [weight(n, at=noon, slot=slot) for n, slot in enumerate(SLOTS)])

    done = await journal.hand_over(period(odile, 0, 1, slot="2"))

    assert done.readings == 1
    owners = {view.entry.reading.slot: view.entry.subject for view in reader.entries()}
    assert owners == {None: marcel, "1": marcel, "2": odile}


async def test_what_is_on_its_way_follows_once_it_is_known_what_came_of_it(
    journal: Journal, reader: Reader
) -> None:
    marcel = await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    await journal.record(SCALE, [weight(1, at=BEGIN + DAY / 2)])
    (leaving,) = await journal.claim("mes", 1, START)

    done = await journal.hand_over(period(odile, 0, 1))
    meanwhile = [view.entry.subject for view in reader.entries()]
    await journal.settle(leaving, Receipt("mes", "Observation/1", START))

    (view,) = reader.entries()
    assert done.readings == 1
    assert meanwhile == [marcel]
    assert view.entry.subject == odile
    assert [each.subject for each in reader.corrections_owed()] == [marcel]


async def test_what_is_on_its_way_to_one_destination_leaves_for_no_other_until_it_is_back(
    path: Path,
) -> None:
    """Whose it is cannot be said before."""
    async with open_journal(path, routes={"mes": EVERYTHING, "home": EVERYTHING}) as journal:
        marcel = await consenting(journal)
        odile = (await journal.add_subject("Odile")).id
        await journal.record_grant(grant(marcel, "grant-2", destination="home"))
        await journal.record_grant(grant(odile, "grant-3", destination="home"))
        await journal.record(SCALE, [weight(1, at=BEGIN + DAY / 2)])
        (leaving,) = await journal.claim("mes", 1, START)
        await journal.hand_over(period(odile, 0, 1))

        meanwhile = await journal.claim("home", 10, START)
        asked_again = await journal.next_due("home")
        await journal.settle(leaving, Receipt("mes", "Observation/1", START))
        (released,) = await journal.claim("home", 10, START)

    assert (meanwhile, asked_again) == ([], START + timedelta(minutes=1))
    assert released.subject == odile


async def test_a_turn_at_a_counter_in_that_period_is_left_alone(journal: Journal) -> None:
    await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    await journal.open_kiosk([SCALE.id])

    around = period(odile, 0, DAYS + 1)
    with pytest.raises(JournalError, match="at the counter"):
        await journal.hand_over(around, only_look=True)
    with pytest.raises(JournalError, match="at the counter"):
        await journal.hand_over(around)
    await journal.hand_over(period(odile, 0, DAYS))  # before it


async def test_a_few_are_handed_over_all_or_none(journal: Journal, reader: Reader) -> None:
    """What is cut short in the middle of it has not begun."""
    marcel, odile = await _four_days(journal)

    await _hand_over_in_part(journal, period(odile, 0, 4), 0)
    half_way = {view.entry.subject for view in reader.entries()}
    said_half_way = [(each.subject, each.since, each.until) for each in reader.assignments()]
    await journal.hand_over(period(odile, 0, 4))

    assert (half_way, said_half_way) == ({marcel}, [(marcel, LONG_AGO, None)])
    assert {view.entry.subject for view in reader.entries()} == {odile}
    assert reader.verify_against(None).whole  # the chain is whole
    assert _assigned(reader) == [
        (marcel, LONG_AGO, BEGIN),
        (marcel, BEGIN + 4 * DAY, None),
        (odile, BEGIN, BEGIN + 4 * DAY),
    ]


async def _four_days(journal: Journal) -> tuple[SubjectId, SubjectId]:
    """Have the scale measure Marcel on four days; Odile is there too."""
    marcel = await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    days = [weight(day, at=BEGIN + day * DAY + DAY / 2) for day in range(4)]
    await journal.record(SCALE, days)
    return marcel, odile


def _assigned(reader: Reader) -> list[tuple[SubjectId, datetime, datetime | None]]:
    return [(each.subject, each.since, each.until) for each in reader.assignments()]


@pytest.mark.usefixtures("one_at_a_time")
async def test_recording_goes_on_while_many_are_handed_over(journal: Journal) -> None:
    _, odile = await _four_days(journal)

    handing = asyncio.create_task(journal.hand_over(period(odile, 0, 4)))
    await asyncio.sleep(0)
    await journal.record(SCALE, [weight(20)])
    recorded_before_the_end = not handing.done()

    assert (recorded_before_the_end, (await handing).readings) == (True, 4)


@pytest.mark.usefixtures("one_at_a_time")
async def test_many_that_are_cut_short_are_sent_as_nobody_else_s_and_follow_at_the_next_start(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        marcel, odile = await _four_days(journal)
        await _sent(journal)
        await _hand_over_in_part(journal, period(odile, 0, 4), 2)
        with Reader.open(path) as reader:
            half_way = [view.entry.subject for view in reader.entries()]
    async with open_journal(path) as journal:
        with Reader.open(path) as reader:
            started = {view.entry.subject for view in reader.entries()}
            whole = reader.verify_against(None).whole
            owed = Counter(each.subject for each in reader.corrections_owed())
            assigned = _assigned(reader)
        left = await journal.claim("mes", 100, START)

    assert half_way == [marcel, marcel, odile, odile]
    assert (started, left, whole) == ({odile}, [], True)
    assert owed == {marcel: 4}
    assert assigned == [
        (marcel, LONG_AGO, BEGIN),
        (marcel, BEGIN + 4 * DAY, None),
        (odile, BEGIN, BEGIN + 4 * DAY),
    ]


@pytest.mark.usefixtures("one_at_a_time")
def test_the_power_may_fail_at_any_moment_while_many_are_handed_over(path: Path) -> None:
    """They are all hers at the next start, or all his as if nothing had been said."""
    known: list[SubjectId] = []

    async def handing() -> None:
        async with open_journal(path) as journal:
            known.extend(await _four_days(journal))
            for released in await journal.claim("mes", 2, START):
                await journal.settle(released, Receipt("mes", None, START))
            cuts.begin()
            await journal.set_bookmark(SCALE, "before")
            await journal.hand_over(period(known[1], 0, 4))
            cuts.acknowledged()

    async def started() -> SubjectId | None:
        async with open_journal(path) as journal:
            with Reader.open(path) as reader:
                (owner,) = {view.entry.subject for view in reader.entries()}
                assert reader.verify_against(None).whole
            released = await journal.claim("mes", 100, START)
        assert {each.subject for each in released} == ({known[0]} if owner == known[0] else set())
        return owner

    path.parent.mkdir(mode=0o700)
    with PowerCuts(path.parent) as cuts:
        asyncio.run(handing())
    marcel, odile = known
    found = set()
    for cut in cuts.all:
        cut.lay(path.parent)
        owner = asyncio.run(started())
        assert owner == odile or not cut.acknowledged, cut
        found.add(owner)

    assert found == {marcel, odile}


@pytest.mark.usefixtures("one_at_a_time")
async def test_many_that_are_cut_short_follow_though_the_journal_is_damaged_then(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        _, odile = await _four_days(journal)
        await _sent(journal)
        await _hand_over_in_part(journal, period(odile, 0, 4), 2)
    lose_table(path, "remarks_device")

    async with open_journal(path):
        with Reader.open(path) as reader:
            owners = {view.entry.subject for view in reader.entries()}
            saved = [each.saved for each in reader.salvaged()]

    assert (owners, saved) == ({odile}, [4])


@pytest.mark.usefixtures("one_at_a_time")
async def test_until_all_are_looked_at_none_leaves_for_whose_it_was(journal: Journal) -> None:
    _, odile = await _four_days(journal)
    await _hand_over_in_part(journal, period(odile, 0, 4), 1)

    nothing = await journal.claim("mes", 100, START)
    await journal.record_grant(grant(odile, "grant-2"))
    released = await journal.claim("mes", 100, START)

    assert nothing == []
    assert [each.subject for each in released] == [odile] * 4


@pytest.mark.usefixtures("one_at_a_time")
async def test_what_is_not_looked_at_yet_is_not_corrected_where_it_should_not_be(
    journal: Journal,
) -> None:
    marcel = await consenting(journal)
    odile = (await journal.add_subject("Odile")).id
    slow, right = Instant(START - DAY, 60.0, "boot-1"), Instant(START, 60.0, "boot-1")
    days = [weight(n).model_copy(update={"received": slow}) for n in range(2)]
    await journal.record(SCALE, days)
    await _sent(journal)
    await journal.hub_time_known(right, stepped=True)
    await _hand_over_in_part(journal, period(odile, 0, DAYS + 1), 1)

    corrections = await journal.claim_corrections("mes", 10, START)
    more = await journal.claim_corrections("mes", 10, START)

    assert {(each.wrong, each.released.subject) for each in [*corrections, *more]} == {
        (Wrong.PERSON, marcel)
    }


@pytest.mark.usefixtures("one_at_a_time")
async def test_until_it_is_looked_at_nobody_can_say_of_one_that_is_another_s_by_now(
    journal: Journal, reader: Reader
) -> None:
    await journal.adopt(SCALE.id, SCALE.driver)
    odile, nadia = [(await journal.add_subject(name)).id for name in ("Odile", "Nadia")]
    await journal.record(SCALE, [weight(n, at=BEGIN + n * HOUR) for n in range(4)])
    await _hand_over_in_part(journal, period(odile, 0, 1), 1)

    nobody_s = [view.entry for view in reader.entries() if view.entry.subject is None]
    with pytest.raises(JournalError, match="already another person's"):
        await journal.claim_entry(nobody_s[0].id, nadia)
    await journal.reassign(nobody_s[1].id, nadia)
    await journal.dismiss(nobody_s[2].id)

    told = [
        (link.event, json.loads(link.manifest)["from"])
        for link in reader.audit()
        if link.event in ("reassigned", "dismissed")
    ]
    assert told == [("reassigned", odile), ("dismissed", odile)]


@pytest.mark.usefixtures("one_at_a_time")
async def test_what_is_not_looked_at_yet_is_kept_though_it_is_old(
    journal: Journal, reader: Reader
) -> None:
    _, odile = await _four_days(journal)
    await _hand_over_in_part(journal, period(odile, 0, 4), 1)

    later = START + 100 * DAY
    await journal.expire(Retention(undelivered=90 * DAY), later)

    left = [view.entry.subject for view in reader.entries()]
    assert odile not in left
    assert len(left) == 3


@pytest.mark.usefixtures("one_at_a_time")
async def test_who_consents_meanwhile_consents_for_what_is_theirs_once_all_is_done(
    journal: Journal,
) -> None:
    _, odile = await _four_days(journal)

    handing = asyncio.create_task(journal.hand_over(period(odile, 0, 4)))
    await asyncio.sleep(0)
    await journal.record_grant(grant(odile, "grant-2"))

    assert handing.done()


@pytest.mark.usefixtures("one_at_a_time")
async def test_who_is_erased_meanwhile_takes_with_them_what_had_become_theirs(
    journal: Journal, reader: Reader
) -> None:
    marcel, odile = await _four_days(journal)

    handing = asyncio.create_task(journal.hand_over(period(odile, 0, 3)))
    await asyncio.sleep(0)
    erased = await journal.erase(odile)

    assert ((await handing).readings, erased) == (3, 3)
    assert [view.entry.subject for view in reader.entries()] == [marcel]


async def test_of_nobody_and_of_no_time_nothing_is_said(journal: Journal) -> None:
    odile = await consenting(journal)

    with pytest.raises(JournalError, match="does not know that person"):
        await journal.hand_over(period(SubjectId("p-nobody"), 0, 1))
    with pytest.raises(ValueError, match="after its beginning"):
        await journal.hand_over(period(odile, 1, 1))
    with pytest.raises(ValueError, match="has an end"):
        await journal.hand_over(period(odile, 1, 2).model_copy(update={"until": None}))
