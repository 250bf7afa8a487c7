"""Which device measures whom, and whose the readings are by that."""

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.identity import ReadingId
from gateway.domain.subject import Attribution, SubjectId
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import (
    LONG_AGO,
    SCALE,
    consenting,
    grant,
    open_journal,
    undated,
    weight,
)

DAY = timedelta(days=1)


def _owners(reader: Reader) -> dict[str | None, SubjectId | None]:
    return {v.entry.reading.record: v.entry.subject for v in reader.entries()}


async def test_a_new_assignment_finds_the_person_of_earlier_readings_it_covers(
    journal: Journal, reader: Reader
) -> None:
    await journal.record(
        SCALE, [weight(1, at=START - 2 * DAY), weight(2, slot="2"), weight(3), undated(4)]
    )
    subject = (await journal.add_subject("Ada")).id

    await journal.assign(SCALE.id, None, subject, START - DAY)

    assert _owners(reader) == {"seq:1": None, "seq:2": subject, "seq:3": subject, "seq:4": None}


async def test_what_was_withheld_for_want_of_a_person_becomes_due(journal: Journal) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.record_grant(grant(subject))
    await journal.record(SCALE, [weight(1)])
    unclaimed = await journal.claim("mes", 10, START)

    await journal.assign(SCALE.id, None, subject, LONG_AGO)

    assert unclaimed == []
    assert len(await journal.claim("mes", 10, START)) == 1


async def test_once_one_of_two_is_measured_no_more_what_could_be_either_s_is_the_other_s(
    journal: Journal, reader: Reader
) -> None:
    ada = await consenting(journal)
    bob = (await journal.add_subject("Bob")).id
    await journal.assign(SCALE.id, None, bob, START - 9 * DAY)
    entries = await journal.record(SCALE, [weight(1, at=START - 5 * DAY), weight(2)])
    assert {entry.attribution for entry in entries} == {Attribution.AMBIGUOUS}

    (first, _) = reader.assignments()
    await journal.end_assignment(first, START - 2 * DAY)

    assert first.subject == ada
    assert _owners(reader) == {"seq:1": None, "seq:2": bob}


async def test_an_assignment_ends_though_a_reading_under_it_is_damaged(
    path: Path, clock: ManualClock
) -> None:
    async with open_journal(path, clock) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1), weight(2)])
    _damage_entry(path, 1)

    async with open_journal(path, clock) as journal:
        with Reader.open(path) as reader:
            (made,) = reader.assignments()
            await journal.end_assignment(made, START - 2 * DAY)
            assert _owners(reader) == {"seq:2": None}


async def test_a_hub_starts_though_a_reading_that_it_was_to_look_at_again_is_damaged(
    path: Path, clock: ManualClock
) -> None:
    async with open_journal(path, clock) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])
        await journal.claim("mes", 1, START)
        with Reader.open(path) as reader:
            (made,) = reader.assignments()
        await journal.end_assignment(made, START - 2 * DAY)
    _damage_entry(path, 1)

    await open_journal(path, clock).close()


def _damage_entry(path: Path, number: int) -> None:
    with sqlite3.connect(path) as other:
        other.execute("UPDATE entries SET payload = zeroblob(99) WHERE number = ?", (number,))
    other.close()


async def test_an_assignment_takes_no_reading_from_its_person(
    journal: Journal, reader: Reader
) -> None:
    first = await consenting(journal)
    await journal.record(SCALE, [weight(1)])
    other = (await journal.add_subject("Bo")).id

    await journal.assign(SCALE.id, None, other, LONG_AGO)

    assert _owners(reader) == {"seq:1": first}


async def test_an_ended_assignment_covers_no_later_reading(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    made = await journal.assign(SCALE.id, None, subject, START - DAY)
    await journal.record(SCALE, [weight(1)])

    ended = await journal.end_assignment(made, START + DAY)
    await journal.record(SCALE, [weight(2), weight(3, at=START + DAY)])

    assert ended.until == START + DAY
    assert reader.assignments() == [ended]
    assert _owners(reader) == {"seq:1": subject, "seq:2": subject, "seq:3": None}


async def test_an_assignment_that_ends_in_the_past_lets_go_of_what_came_later(
    journal: Journal, reader: Reader
) -> None:
    ada, bo = [(await journal.add_subject(name)).id for name in ("Ada", "Bo")]
    await journal.adopt(SCALE.id, SCALE.driver)
    adas = await journal.assign(SCALE.id, None, ada, START - DAY)
    _, _, claimed = await journal.record(
        SCALE, [weight(1), weight(2, at=START + DAY), weight(3, at=START + DAY)]
    )
    await journal.reassign(claimed.id, bo)
    await journal.reassign(claimed.id, ada)  # she said that it is hers

    await journal.end_assignment(adas, START + DAY / 2)
    await journal.assign(SCALE.id, None, bo, START + DAY / 2)

    assert _owners(reader) == {"seq:1": ada, "seq:2": bo, "seq:3": ada}


async def test_what_was_received_before_an_assignment_ended_was_measured_before(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    await journal.record(SCALE, [weight(1)])  # it may be two minutes old, and nothing later
    (made,) = reader.assignments()

    await journal.end_assignment(made, START + timedelta(seconds=30))

    assert _owners(reader) == {"seq:1": subject}


async def test_what_was_received_before_the_hub_knew_the_time_was_measured_before_it_came(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    long_ago = replace(Instant(LONG_AGO, 1000.0, "test-boot"), trusted=False)
    await journal.record(SCALE, [weight(1).model_copy(update={"received": long_ago})])
    await journal.hub_time_known(Instant(START + timedelta(seconds=20), 1020.0, "test-boot"))
    (made,) = reader.assignments()

    await journal.end_assignment(made, START + timedelta(seconds=30))

    assert _owners(reader) == {"seq:1": subject}


async def test_what_is_not_known_is_refused_in_a_sentence(journal: Journal) -> None:
    nobody = SubjectId("p-00000000")
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    made = await journal.assign(SCALE.id, None, subject, START)

    with pytest.raises(JournalError, match="does not know that device"):
        await journal.assign(DeviceId("ble:none"), None, subject, START)
    with pytest.raises(JournalError, match="does not know that person"):
        await journal.assign(SCALE.id, None, nobody, START)
    with pytest.raises(JournalError, match="does not know that person"):
        await journal.record_grant(grant(nobody))
    with pytest.raises(JournalError, match="no such entry"):
        await journal.claim_entry(ReadingId("0" * 32), subject)
    with pytest.raises(JournalError, match="no such assignment"):
        await journal.end_assignment(made.model_copy(update={"slot": "9"}), START + DAY)
    with pytest.raises(ValueError, match="ends after it begins"):
        await journal.assign(SCALE.id, None, subject, START, START)


async def test_only_the_assignment_that_is_named_ends_and_the_chain_tells_so(
    journal: Journal, reader: Reader
) -> None:
    ada, bo = [(await journal.add_subject(name)).id for name in ("Ada", "Bo")]
    await journal.adopt(SCALE.id, SCALE.driver)
    first = await journal.assign(SCALE.id, None, bo, LONG_AGO)
    await journal.end_assignment(first, START - 30 * DAY)
    await journal.assign(SCALE.id, None, ada, START - 20 * DAY)
    both = await journal.assign(SCALE.id, None, bo, START - 20 * DAY)

    await journal.end_assignment(both, START - 10 * DAY)

    lasted = {(each.subject, each.since): each.until for each in reader.assignments()}
    assert lasted == {
        (bo, LONG_AGO): START - 30 * DAY,
        (ada, START - 20 * DAY): None,
        (bo, START - 20 * DAY): START - 10 * DAY,
    }
    link = list(reader.audit())[-1]
    assert (link.event, json.loads(link.manifest)) == (
        "assignment_ended",
        {
            "device": 1,
            "subject": bo,
            "since": (START - 20 * DAY).isoformat(),
            "until": (START - 10 * DAY).isoformat(),
        },
    )
