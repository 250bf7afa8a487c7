from pathlib import Path

import pytest
from hypothesis import given

from gateway.domain.device_time import Correction
from gateway.domain.reading import Reading
from gateway.domain.subject import Attribution
from gateway.journal import entry_rows
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.states import State
from tests.domain.readings import readings
from tests.journal.making import (
    LONG_AGO,
    SCALE,
    SENSOR,
    consenting,
    open_journal,
    undated,
    weight,
)


async def test_only_new_readings_come_back_and_in_order(journal: Journal) -> None:
    await journal.record(SCALE, [weight(2)])

    new = await journal.record(SCALE, [weight(1), weight(2), weight(3), weight(1)])

    assert [entry.reading.record for entry in new] == ["seq:1", "seq:3"]


async def test_a_reading_twice_is_no_news(journal: Journal, reader: Reader) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(1)])

    again = await journal.record(SCALE, [weight(1)])

    assert again == []
    assert reader.summary().entries == 1
    assert reader.summary().deliveries == {State.DUE: 1}


@pytest.mark.parametrize("count", [1, 5, 64, 200])
async def test_of_many_at_once_each_new_one_is_kept_and_those_known_or_erased_are_not(
    count: int, path: Path
) -> None:
    async with open_journal(path) as journal:
        ada = (await journal.add_subject("Ada")).id
        await journal.adopt(SCALE.id, SCALE.driver)
        await journal.assign(SCALE.id, "1", ada, LONG_AGO)
        hers = [weight(n, slot="1") for n in range(0, count, 3)]
        known = [weight(n) for n in range(1, count, 3)]
        await journal.record(SCALE, [*hers, *known])
        await journal.erase(ada)

        everything = [weight(n, slot="1" if n % 3 == 0 else None) for n in range(count)]
        new = await journal.record(SCALE, [*everything, *everything])

    assert [entry.reading for entry in new] == everything[2::3]


async def test_what_is_recorded_is_what_is_read_back(journal: Journal, reader: Reader) -> None:
    (entry,) = await journal.record(SCALE, [weight(1, kg="70.50", slot="2")])

    seen = reader.entry(entry.id)

    assert seen is not None
    assert seen.entry == entry
    assert str(seen.entry.timing.measured_at) == "2026-03-14 10:26:53+01:00"


async def test_readings_of_another_device_are_a_mistake_of_the_caller(journal: Journal) -> None:
    with pytest.raises(ValueError, match="the device that is named"):
        await journal.record(SENSOR, [weight(1)])


async def test_the_bookmark_moves_with_its_readings_or_not_at_all(journal: Journal) -> None:
    await journal.record(SCALE, [weight(1)], "after 1")

    with pytest.raises(ValueError, match="the device that is named"):
        await journal.record(SCALE, [weight(2), weight(3, device=SENSOR.id)], "after 3")

    assert await journal.bookmark(SCALE) == "after 1"


async def test_a_bookmark_moves_even_if_no_reading_was_new(journal: Journal) -> None:
    await journal.record(SCALE, [weight(1)], "after 1")

    await journal.record(SCALE, [weight(1)], "after 1 again")

    assert await journal.bookmark(SCALE) == "after 1 again"


async def test_a_bookmark_belongs_to_the_driver_that_set_it(journal: Journal) -> None:
    await journal.set_bookmark(SCALE, "42")
    other = SCALE.model_copy(update={"driver": "scale/other"})

    assert await journal.bookmark(other) is None
    assert await journal.bookmark(SCALE) == "42"


async def test_an_assigned_reading_has_its_person_at_once(journal: Journal) -> None:
    subject = await consenting(journal, slot="1")

    mine, nobodys = await journal.record(SCALE, [weight(1, slot="1"), weight(2, slot="2")])

    assert (mine.subject, mine.attribution) == (subject, Attribution.ASSIGNMENT)
    assert (nobodys.subject, nobodys.attribution) == (None, Attribution.UNCLAIMED)


async def test_a_reading_of_unknown_time_is_nobodys_yet(journal: Journal) -> None:
    await consenting(journal)

    (entry,) = await journal.record(SCALE, [undated(1)])

    assert entry.timing.reason is Correction.UNKNOWN
    assert (entry.subject, entry.attribution) == (None, Attribution.UNCLAIMED)


async def test_two_people_on_one_scale_make_a_reading_ambiguous(journal: Journal) -> None:
    await consenting(journal)
    other = await journal.add_subject("Bo")
    await journal.assign(SCALE.id, None, other.id, LONG_AGO)

    (entry,) = await journal.record(SCALE, [weight(1)])

    assert (entry.subject, entry.attribution) == (None, Attribution.AMBIGUOUS)


@given(readings())
def test_any_reading_survives_being_stored(reading: Reading) -> None:
    assert entry_rows.parse(entry_rows.dump(reading)) == reading
