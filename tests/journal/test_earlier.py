"""What devices held from before anybody was said to use them, by their numbers on them."""

from __future__ import annotations

from datetime import timedelta

from gateway.domain.device_time import EARLIEST
from gateway.domain.subject import Attribution
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.making import SCALE, undated, weight

DAY = timedelta(days=1)


def asked(reader: Reader) -> list[str | None]:
    """Return the records that are asked about each by itself, the latest first."""
    return [view.entry.reading.record for view in reader.nobodys(50)[0]]


def counted(reader: Reader) -> dict[str | None, int]:
    return {each.slot: each.count for each in reader.nobodys(0)[1]}


async def test_it_is_counted_by_number_and_the_rest_is_asked_about(
    journal: Journal, reader: Reader
) -> None:
    odile, marcel = [await journal.add_subject(name) for name in ("Odile", "Marcel")]
    before = [weight(n, slot=slot, at=START - DAY) for n, slot in enumerate(("1", "1", "2"))]
    guests = [weight(n, slot=slot, at=START - DAY) for n, slot in ((3, None), (4, "3"))]
    await journal.record(SCALE, [*before, *guests, undated(5)])
    nobody_said_anything = asked(reader), counted(reader)

    await journal.assign(SCALE.id, "1", odile.id, START)
    await journal.assign(SCALE.id, "2", marcel.id, START + DAY)
    await journal.record(SCALE, [weight(6, slot="2", at=START)])

    assert nobody_said_anything[1] == {}
    assert len(nobody_said_anything[0]) == 6
    assert counted(reader) == {"1": 2, "2": 2}
    assert [each.until for each in reader.nobodys(0)[1]] == [START, START + DAY]
    assert set(asked(reader)) == {"seq:3", "seq:4", "seq:5"}


async def test_without_numbers_it_is_all_that_came_before(journal: Journal, reader: Reader) -> None:
    odile = await journal.add_subject("Odile")
    await journal.record(SCALE, [weight(n, at=START - n * DAY) for n in range(4)])

    await journal.assign(SCALE.id, None, odile.id, START)
    first = counted(reader)
    await journal.assign(SCALE.id, None, odile.id, EARLIEST)

    assert first == {None: 3}
    assert counted(reader) == {}


async def test_only_so_many_are_asked_about_at_a_time_the_latest_first(
    journal: Journal, reader: Reader
) -> None:
    await journal.record(SCALE, [weight(n, at=START - n * DAY) for n in range(9)])

    found, _ = reader.nobodys(4)

    assert [view.entry.reading.record for view in found] == [f"seq:{n}" for n in range(4)]
    assert found == reader.entries(limit=4, unclaimed=True)


async def test_what_was_dismissed_is_neither(journal: Journal, reader: Reader) -> None:
    odile = await journal.add_subject("Odile")
    (entry,) = await journal.record(SCALE, [weight(1, at=START - DAY)])
    await journal.assign(SCALE.id, None, odile.id, START)
    await journal.dismiss(entry.id)

    assert (asked(reader), counted(reader)) == ([], {})
    view = reader.entry(entry.id)
    assert view is not None
    assert view.entry.attribution is Attribution.DISMISSED
