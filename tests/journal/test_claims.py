import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.consent.gate import Reason
from gateway.domain.reading import Kind, Quality
from gateway.domain.receipt import Receipt
from gateway.journal import asking
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import (
    LONG_AGO,
    SCALE,
    SENSOR,
    consenting,
    grant,
    ketone,
    open_journal,
    undated,
    weight,
    withdrawal,
)

LATER = START + timedelta(hours=1)


async def _records(journal: Journal, limit: int = 50) -> list[str | None]:
    claimed = await journal.claim("mes", limit, LATER)
    return [released.delivery.entry.reading.record for released in claimed]


def _reasons(reader: Reader) -> dict[str | None, int]:
    return {c.reason: c.count for c in reader.delivery_counts() if c.state == "withheld"}


async def test_deliveries_come_in_the_order_they_were_recorded(journal: Journal) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(2), weight(1)])
    await journal.record(SCALE, [weight(3)])

    assert await _records(journal, limit=2) == ["seq:2", "seq:1"]
    assert await _records(journal, limit=2) == ["seq:3"]


async def test_postponed_deliveries_come_in_due_order(journal: Journal) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(n) for n in range(3)])
    minutes = (30, 10, 20)
    outcomes = (journal.retry_at, journal.unsettle, journal.retry_at)
    claimed = await journal.claim("mes", 3, START)
    for keep, released, due in zip(outcomes, claimed, minutes, strict=True):
        await keep(released, START + timedelta(minutes=due), "503")

    assert await _records(journal) == ["seq:1", "seq:2", "seq:0"]


async def test_who_was_paired_anew_waits_no_longer_and_others_do(journal: Journal) -> None:
    subject = await consenting(journal, slot="1")
    await consenting(journal, slot="2")
    await journal.record(SCALE, [weight(1, slot="1"), weight(2, slot="2")])
    for released in await journal.claim("mes", 2, START):
        await journal.retry_at(released, LATER, "not paired")

    await journal.hasten(subject, "mes")

    assert [r.subject for r in await journal.claim("mes", 2, START)] == [subject]


async def test_a_person_with_a_backlog_does_not_keep_others_waiting(journal: Journal) -> None:
    many = await consenting(journal, slot="1")
    few = await consenting(journal, slot="2")
    await journal.record(SCALE, [weight(n, slot="1") for n in range(20)])
    await journal.record(SCALE, [weight(n, slot="2") for n in (100, 101)])

    claimed = await journal.claim("mes", 5, START)

    assert [r.subject for r in claimed] == [many, few, many, few, many]


async def test_a_limit_is_filled_when_one_person_has_little(journal: Journal) -> None:
    await consenting(journal, slot="1")
    await consenting(journal, slot="2")
    await journal.record(SCALE, [weight(n, slot="1") for n in range(20)])
    await journal.record(SCALE, [weight(100, slot="2")])

    assert len(await journal.claim("mes", 15, START)) == 15


async def test_no_more_than_the_limit_leaves_though_some_of_what_was_due_is_held(
    journal: Journal,
) -> None:
    ending = (await journal.add_subject("Bo")).id
    lasting = await consenting(journal, slot="1")
    await journal.assign(SCALE.id, "2", ending, LONG_AGO)
    await journal.record_grant(grant(ending, "ending", expires=LATER))
    await journal.record(SCALE, [weight(n, slot=slot) for n, slot in enumerate("1212121212111")])

    claimed = await journal.claim("mes", 4, LATER)

    assert [released.subject for released in claimed] == [lasting] * 4


async def test_the_next_that_is_due_is_the_earliest_of_anybody_that_is_still_owed_there(
    journal: Journal,
) -> None:
    soon, later = START + timedelta(minutes=10), START + timedelta(minutes=30)
    for slot in "123":
        await consenting(journal, slot=slot)
    await journal.record(SCALE, [weight(n, slot=slot) for n, slot in enumerate("1223")])
    one, two, settled, again = await journal.claim("mes", 4, START)
    await journal.retry_at(one, later, "503")
    await journal.unsettle(two, soon, "no answer")
    await journal.settle(settled, Receipt("mes", "Observation/1", START))
    await journal.retry_at(again, later, "503")

    assert await journal.next_due("mes") == soon
    assert await journal.next_due("elsewhere") is None


async def test_withheld_deliveries_say_why(journal: Journal, reader: Reader) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, "1", subject, LONG_AGO)
    await journal.record(SCALE, [weight(1, slot="1"), weight(2)])
    await journal.claim("mes", 10, START)
    ungranted = _reasons(reader)
    kinds = frozenset({Kind.WEIGHT})
    since = START - timedelta(minutes=2)
    await journal.record_grant(grant(subject, kinds=kinds, covers_from=since, expires=LATER))
    (dark,) = await journal.record(SCALE, [undated(5)])
    await journal.claim_entry(dark.id, subject)
    early, perhaps = START - timedelta(days=1), START - timedelta(minutes=3)
    await journal.record(
        SCALE,
        [
            weight(3, slot="1", at=early),
            weight(4, slot="1", quality=Quality.CONTROL),
            weight(6, slot="1", at=perhaps),
        ],
    )

    released = await journal.claim("mes", 10, START)

    assert ungranted == {Reason.NO_GRANT: 1, Reason.UNCLAIMED: 1}
    assert [r.delivery.entry.reading.record for r in released] == ["seq:1"]
    assert _reasons(reader) == {
        Reason.UNCLAIMED: 1,
        Reason.BEFORE_GRANT: 1,
        Reason.PERHAPS_BEFORE_GRANT: 1,
        Reason.NOT_RELIABLE: 1,
        Reason.TIME_UNKNOWN: 1,
    }


async def test_what_may_be_older_than_a_consent_from_now_on_leaves_once_earlier_ones_may(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, None, subject, LONG_AGO)
    await journal.record_grant(grant(subject, covers_from=START))
    await journal.record(SCALE, [weight(1, at=START + timedelta(minutes=1))])

    from_now_on, why = await _records(journal), _reasons(reader)
    await journal.record_grant(grant(subject, "grant-2"))

    assert (from_now_on, why) == ([], {Reason.PERHAPS_BEFORE_GRANT: 1})
    assert await _records(journal) == ["seq:1"]


async def test_an_expired_grant_releases_nothing_and_a_new_one_does(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, None, subject, LONG_AGO)
    await journal.record_grant(grant(subject, expires=LATER))
    await journal.record(SCALE, [weight(1)])

    at_expiry, why = await _records(journal), _reasons(reader)
    await journal.record_grant(grant(subject, "grant-2"))

    assert (at_expiry, why) == ([], {Reason.EXPIRED: 1})
    assert await _records(journal) == ["seq:1"]


async def test_withheld_deliveries_do_not_hide_those_that_may_leave(journal: Journal) -> None:
    await consenting(journal, slot="1")
    await journal.record(SCALE, [weight(n) for n in range(300)])
    await journal.record(SCALE, [weight(999, slot="1")])

    assert await _records(journal, limit=10) == ["seq:999"]


async def test_one_claim_decides_a_bounded_number_and_next_due_tells_of_the_rest(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AT_ONCE", 20)
    subject = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, None, subject, LONG_AGO)
    await journal.record_grant(grant(subject, expires=LATER))
    await journal.record(SCALE, [weight(n) for n in range(50)])

    rounds = 0
    while await journal.next_due("mes") is not None:
        assert await _records(journal, limit=10) == []
        rounds += 1

    assert rounds == 3


async def test_a_withdrawal_recorded_before_the_claim_is_honoured(journal: Journal) -> None:
    subject = await consenting(journal)
    await journal.record(SCALE, [weight(1)])

    _, claimed = await asyncio.gather(
        journal.record_withdrawal(withdrawal(subject)), journal.claim("mes", 10, START)
    )
    await journal.record(SCALE, [weight(2)])

    assert claimed == []
    assert await _records(journal) == []


async def test_what_was_released_to_a_cancelled_caller_is_given_back(journal: Journal) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(1)])
    due = asyncio.Event()
    journal.when_due("mes", due.set)
    claiming = asyncio.ensure_future(journal.claim("mes", 10, START))
    await asyncio.sleep(0)

    claiming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claiming
    await due.wait()

    (again,) = await journal.claim("mes", 10, START)
    assert (again.delivery.unsettled, again.delivery.attempt) == (False, 2)


async def test_that_one_of_them_is_erased_meanwhile_keeps_no_other_from_being_given_back(
    journal: Journal,
) -> None:
    ada = await consenting(journal, "1")
    await consenting(journal, "2")
    await journal.record(SCALE, [weight(1, slot="1"), weight(2, slot="2")])
    due = asyncio.Event()
    journal.when_due("mes", due.set)
    claiming = asyncio.ensure_future(journal.claim("mes", 10, START))
    erasing = asyncio.ensure_future(journal.erase(ada))
    await asyncio.sleep(0)

    claiming.cancel()
    await erasing
    await due.wait()

    (again,) = await journal.claim("mes", 10, START)
    assert again.delivery.entry.reading.record == "seq:2"


async def test_consent_to_all_that_a_destination_took_then_covers_nothing_it_takes_now(
    path: Path, clock: ManualClock
) -> None:
    then = frozenset(Kind) - {Kind.BLOOD_KETONE}
    async with open_journal(path, clock, {"mes": then}) as journal:
        subject = (await journal.add_subject("Ada")).id
        await journal.adopt(SENSOR.id, SENSOR.driver)
        await journal.assign(SENSOR.id, None, subject, LONG_AGO)
        await journal.record_grant(grant(subject, kinds=then))
    async with open_journal(path, clock) as journal:
        await journal.record(SENSOR, [ketone(1, "3.1", START)])

        with Reader.open(path) as reader:
            before, why = await _records(journal), _reasons(reader)
        await journal.record_grant(grant(subject, "grant-2"))

        assert (before, why) == ([], {Reason.KIND_NOT_COVERED: 1})
        assert await _records(journal) == ["seq:1"]


async def test_each_destination_has_a_queue_of_its_own(path: Path, clock: ManualClock) -> None:
    routes = {"mes": frozenset(Kind), "fhir": frozenset(Kind)}
    async with open_journal(path, clock, routes) as journal:
        subject = await consenting(journal)
        await journal.record(SCALE, [weight(1)])

        elsewhere = await journal.claim("fhir", 10, START)
        await journal.record_grant(grant(subject, "for fhir", destination="fhir"))

        assert elsewhere == []
        assert len(await journal.claim("fhir", 10, START)) == 1
        assert len(await journal.claim("mes", 10, START)) == 1


async def test_a_clock_that_was_ahead_when_an_attempt_failed_delays_the_next_no_longer(
    journal: Journal, clock: ManualClock
) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(1), weight(2)])
    ahead, soon = await journal.claim("mes", 2, START)
    await journal.retry_at(ahead, START + timedelta(days=4000), "503")
    await journal.retry_at(soon, START + timedelta(hours=1), "503")
    due = asyncio.Event()
    journal.when_due("mes", due.set)

    await journal.hub_time_known(clock.now(), stepped=True)
    await due.wait()

    (again,) = await journal.claim("mes", 10, START)
    assert again.delivery.entry.reading.record == "seq:1"


async def test_a_clock_that_was_ahead_when_recording_delays_nothing(
    journal: Journal, clock: ManualClock
) -> None:
    await consenting(journal)
    clock.step(timedelta(days=900))
    await journal.record(SCALE, [weight(1)])

    clock.step(timedelta(days=-900))

    assert await _records(journal) == ["seq:1"]
