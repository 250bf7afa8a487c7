"""Readings are kept for ever, or as long as is said; what expires is named and stays away."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.reading import Kind, Reading
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.retention import Expiry, Retention
from gateway.testing.clock import START, ManualClock
from tests.journal.making import (
    EVERYTHING,
    ROUTES,
    SCALE,
    SENSOR,
    ZONE,
    consenting,
    glucose,
    grant,
    open_journal,
    weight,
    withdrawal,
)

DAY = timedelta(days=1)


async def _two(journal: Journal) -> SubjectId:
    """Record two readings, of which the first is delivered; return their person."""
    subject = await consenting(journal)
    await journal.record(SCALE, [weight(1), weight(2)])
    (first,) = await journal.claim("mes", 1, START)
    await journal.settle(first, Receipt("mes", "Observation/1", START))
    return subject


def _kept(path: Path) -> list[str | None]:
    with Reader.open(path) as reader:
        return sorted(view.entry.reading.record or "" for view in reader.entries())


@pytest.mark.parametrize(
    ("retention", "days", "kept"),
    [
        (Retention(), 40_000, ["seq:1", "seq:2"]),
        (Retention(delivered=30 * DAY), 29, ["seq:1", "seq:2"]),
        (Retention(delivered=30 * DAY), 31, ["seq:2"]),
        (Retention(undelivered=90 * DAY), 89, ["seq:1", "seq:2"]),
        (Retention(undelivered=90 * DAY), 91, ["seq:1"]),
        (Retention(30 * DAY, 90 * DAY), 31, ["seq:2"]),
        (Retention(30 * DAY, 90 * DAY), 91, []),
    ],
)
async def test_a_reading_is_kept_as_long_as_is_said(
    path: Path, retention: Retention, days: int, kept: list[str]
) -> None:
    all_are_kept = retention.least is None or days * DAY < retention.least
    assert all_are_kept is (len(kept) == 2)
    async with open_journal(path) as journal:
        await _two(journal)

        await journal.expire(retention, START + days * DAY)

        assert _kept(path) == kept


async def test_what_one_destination_has_and_another_is_owed_is_not_delivered(path: Path) -> None:
    async with open_journal(path, routes={**ROUTES, "fhir": EVERYTHING}) as journal:
        subject = await _two(journal)
        await journal.record_grant(grant(subject, "for fhir", destination="fhir"))

        await journal.expire(Retention(delivered=30 * DAY), START + 31 * DAY)
        still_owed = _kept(path)
        for released in await journal.claim("fhir", 2, START):
            await journal.settle(released, Receipt("fhir", "Observation/1", START))
        await journal.expire(Retention(delivered=30 * DAY), START + 31 * DAY)

        assert (still_owed, _kept(path)) == (["seq:1", "seq:2"], ["seq:2"])


async def test_what_was_dropped_everywhere_or_goes_nowhere_is_not_delivered(path: Path) -> None:
    async with open_journal(path, routes={"mes": frozenset({Kind.WEIGHT})}) as journal:
        subject = await _two(journal)
        await journal.record(SENSOR, [glucose(3, "100", START)])
        await journal.record_withdrawal(withdrawal(subject))

        await journal.expire(Retention(30 * DAY, 90 * DAY), START + 31 * DAY)

        assert _kept(path) == ["seq:2", "seq:3"]


async def test_what_one_destination_has_and_another_may_no_longer_is_delivered(path: Path) -> None:
    async with open_journal(path, routes={**ROUTES, "fhir": EVERYTHING}) as journal:
        subject = await _two(journal)
        await journal.record_grant(grant(subject, "for fhir", destination="fhir"))
        no_longer = withdrawal(subject).model_copy(update={"destination": "fhir"})
        await journal.record_withdrawal(no_longer)

        await journal.expire(Retention(delivered=30 * DAY), START + 31 * DAY)

        assert _kept(path) == ["seq:2"]


async def test_what_came_before_the_hub_knew_the_time_is_not_older_than_it_is(path: Path) -> None:
    clock, years = ManualClock(), timedelta(days=2000)
    kept = Retention(undelivered=90 * DAY)
    async with open_journal(path, clock) as journal:
        clock.step(-years)
        now = clock.now()
        unknown = Instant(now.utc, now.monotonic, now.boot_id, trusted=False)
        reading = weight(1).model_copy(update={"received": unknown})
        await journal.record(SCALE, [reading])
        before_it_knows = await journal.expire(kept, START + DAY)
        clock.advance(300)
        clock.step(years)
        await journal.hub_time_known(clock.now())

        soon = await journal.expire(kept, START + DAY)
        later = await journal.expire(kept, START + 92 * DAY)

    assert [each[Expiry.UNDELIVERED] for each in (before_it_knows, soon, later)] == [0, 0, 1]


def _weight(record: int, clock: ManualClock) -> Reading:
    return weight(record).model_copy(update={"received": clock.now()})


async def test_what_came_before_the_hub_knew_the_time_is_as_old_as_its_boot_was_when_last_seen(
    path: Path,
) -> None:
    """It may have come at the end of that boot; what came after the hub knew is as old as it is."""
    clock, years, kept = ManualClock(), timedelta(days=2000), Retention(undelivered=90 * DAY)
    clock.trusted = False
    clock.step(-years)
    async with open_journal(path, clock) as journal:
        await journal.record(SCALE, [_weight(1, clock)])
        clock.advance(60 * 86_400)
        clock.step(years)
        clock.trusted = True
        await journal.hub_time_known(clock.now())
        clock.advance(86_400)
        await journal.record(SCALE, [_weight(2, clock)])
        clock.advance(39 * 86_400)
        await journal.record(SCALE, [_weight(3, clock)])

        left = []
        for day in (140, 152, 189, 191):
            await journal.expire(kept, START + day * DAY)
            left.append(_kept(path))

    assert left == [["seq:1", "seq:2", "seq:3"], ["seq:1", "seq:3"], ["seq:1", "seq:3"], []]


async def test_what_came_in_a_boot_that_was_lost_is_as_old_as_the_latest_end_of_it(
    path: Path,
) -> None:
    clock, kept = ManualClock(), Retention(undelivered=30 * DAY)
    async with open_journal(path, clock) as journal:
        await journal.record(SCALE, [_weight(1, clock)])
        clock.boot()
        clock.trusted = False
        clock.step(timedelta(days=-2000))
        await journal.record(SCALE, [_weight(2, clock)])
        unplaced = await journal.expire(kept, START + 31 * DAY)
        clock.boot()
        clock.step(timedelta(days=2020))
        clock.trusted = True
        await journal.hub_time_known(clock.now())  # the boot ended within the twenty days before

        left = []
        for day in (49, 51):
            await journal.expire(kept, START + day * DAY)
            left.append(_kept(path))

    assert unplaced == {Expiry.UNDELIVERED: 1}
    assert left == [["seq:2"], []]


async def test_what_came_in_a_boot_of_which_nothing_is_known_stays_and_holds_nothing_else(
    path: Path,
) -> None:
    clock, kept = ManualClock(), Retention(undelivered=30 * DAY)
    clock.trusted = False
    clock.step(timedelta(days=-2000))
    async with open_journal(path, clock) as journal:
        await journal.record(SCALE, [_weight(1, clock)])
        clock.boot()
        clock.step(timedelta(days=2000))
        clock.trusted = True
        await journal.record(SCALE, [_weight(2, clock)])

        await journal.expire(kept, START + 31 * DAY)

    assert _kept(path) == ["seq:1"]


async def test_what_expires_is_named_to_its_person_and_the_chain_stays_whole(path: Path) -> None:
    async with open_journal(path) as journal:
        subject = await _two(journal)
        with Reader.open(path) as reader:
            ids = {v.entry.reading.record: v.entry.id for v in reader.entries()}
        expired = await journal.expire(Retention(undelivered=90 * DAY), START + 91 * DAY)

    assert expired == {Expiry.UNDELIVERED: 1}
    with Reader.open(path) as reader:
        (gone,) = reader.expired(subject)
        assert (gone.entry, gone.why) == (ids["seq:2"], Expiry.UNDELIVERED)
        assert reader.verify_against(None).whole
        told = [(event.name, event.detail) for event in reader.story(gone.entry)]
        assert told[1:] == [("expired", "undelivered")]


async def test_what_expired_does_not_come_back_from_the_devices_memory(path: Path) -> None:
    async with open_journal(path) as journal:
        await _two(journal)
        await journal.expire(Retention(undelivered=90 * DAY), START + 91 * DAY)

        assert await journal.record(SCALE, [weight(2)]) == []


async def test_what_is_nobodys_at_a_counter_is_kept_for_some_days_whatever_else_is_said(
    path: Path,
) -> None:
    kept = Retention(unclaimed=7 * DAY, counter=frozenset({SCALE.id, DeviceId("serial:new")}))
    async with open_journal(path) as journal:
        await journal.describe(SCALE)
        nobodys, dismissed, theirs = await journal.record(SCALE, [weight(1), weight(2), weight(3)])
        home = SCALE.model_copy(update={"id": DeviceId("serial:home")})
        await journal.record(home, [weight(4, device=home.id)])
        await journal.dismiss(dismissed.id)
        await journal.claim_entry(theirs.id, (await journal.add_subject("Ada")).id)

        soon = await journal.expire(kept, START + 6 * DAY)
        later = await journal.expire(kept, START + 8 * DAY)

        assert (soon, later) == ({Expiry.NOBODYS: 0}, {Expiry.NOBODYS: 2})
        assert _kept(path) == ["seq:3", "seq:4"]
        with Reader.open(path) as reader:
            story = [event.name for event in reader.story(nobodys.id)]
            assert story[-1] == "expired"
            assert reader.verify_against(None).whole
        assert await journal.record(SCALE, [weight(1)]) == []  # the scale has it in its memory


async def test_a_reading_on_its_way_waits_for_what_becomes_of_it(path: Path) -> None:
    async with open_journal(path) as journal:
        await _two(journal)
        await journal.claim("mes", 1, START)
        await journal.record(SCALE, [weight(3)])

        await journal.expire(Retention(undelivered=90 * DAY), START + 91 * DAY)

        assert _kept(path) == ["seq:1", "seq:2"]


async def test_a_reading_that_is_wrong_somewhere_waits_until_that_is_put_right(path: Path) -> None:
    async with open_journal(path) as journal:
        await _two(journal)
        other = (await journal.add_subject("Bo")).id
        with Reader.open(path) as reader:
            (there,) = [v for v in reader.entries() if v.deliveries[0].state == "settled"]
            await journal.reassign(there.entry.id, other)
            (owed,) = reader.corrections_owed()

        await journal.record(SENSOR, [glucose(3, "100", START)])  # nobody's

        once = await journal.expire(Retention(undelivered=DAY), START + 2 * DAY)
        await journal.correction_done(owed.number)
        twice = await journal.expire(Retention(undelivered=DAY), START + 2 * DAY)

    assert (once, twice) == ({Expiry.UNDELIVERED: 2}, {Expiry.UNDELIVERED: 1})


async def test_nothing_of_what_expired_is_left_in_the_log(path: Path) -> None:
    async with open_journal(path) as journal:
        await _two(journal)
        await journal.expire(Retention(DAY, DAY), START + 2 * DAY)
        await journal.answers()  # the log is emptied between the two

        assert path.with_name(path.name + "-wal").stat().st_size == 0


async def test_ninety_days_offline_cost_nothing_whatever_is_configured(path: Path) -> None:
    clock = ManualClock()
    async with Journal.open(path, clock=clock, zone=ZONE, routes={"mes": frozenset()}) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(n) for n in range(50)])

        await journal.expire(Retention(1 * DAY, 90 * DAY), START + 90 * DAY)

    assert len(_kept(path)) == 50
    with Reader.open(path) as reader:
        assert "expired" not in [link.event for link in reader.audit()]
