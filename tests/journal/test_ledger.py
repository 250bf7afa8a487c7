import json
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import ledger, moving
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.states import State
from gateway.testing.clock import START, ManualClock
from tests.journal.making import (
    EVERYTHING,
    LONG_AGO,
    ROUTES,
    SCALE,
    SENSOR,
    consenting,
    glucose,
    grant,
    ketone,
    open_journal,
    weight,
    withdrawal,
)


async def test_the_ledger_keeps_everything_in_order_of_recording(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    first, end, second = grant(subject), withdrawal(subject), grant(subject, "grant-2")

    await journal.record_grant(first)
    await journal.record_withdrawal(end)
    await journal.record_grant(second)

    assert reader.ledger(subject) == (first, end, second)


async def test_the_same_grant_twice_is_no_news_but_another_of_its_id_is_refused(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.record_grant(grant(subject))
    await journal.record_grant(grant(subject))

    with pytest.raises(JournalError, match="another entry of that id"):
        await journal.record_grant(grant(subject, kinds=frozenset({Kind.HEIGHT})))

    assert len(reader.ledger(subject)) == 1


async def test_an_old_withdrawal_repeated_ends_no_newer_grant(journal: Journal) -> None:
    subject = await consenting(journal)
    await journal.record_withdrawal(withdrawal(subject))
    await journal.record_grant(grant(subject, "grant-2"))
    await journal.record(SCALE, [weight(1)])

    dropped = await journal.record_withdrawal(withdrawal(subject))

    assert dropped == 0
    assert len(await journal.claim("mes", 10, START)) == 1


async def test_what_was_dropped_stays_dropped_when_consent_is_given_anew(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    await journal.record(SCALE, [weight(1)])
    await journal.record_withdrawal(withdrawal(subject))

    await journal.record_grant(grant(subject, "grant-2"))

    assert await journal.claim("mes", 10, START) == []
    assert reader.summary().deliveries == {State.DROPPED: 1}


async def test_a_withdrawal_at_one_destination_leaves_the_other_alone(
    path: Path, clock: ManualClock
) -> None:
    async with open_journal(path, clock, {"mes": frozenset(Kind), "fhir": frozenset(Kind)}) as j:
        subject = await consenting(j)
        await j.record_grant(grant(subject, "for fhir", destination="fhir"))
        await j.record(SCALE, [weight(1)])

        dropped = await j.record_withdrawal(withdrawal(subject))

        assert dropped == 1
        assert len(await j.claim("fhir", 10, START)) == 1


async def test_a_withdrawal_survives_a_restart(path: Path, clock: ManualClock) -> None:
    async with open_journal(path, clock) as journal:
        subject = await consenting(journal)
        await journal.record_withdrawal(withdrawal(subject))

    async with open_journal(path, clock) as journal:
        await journal.record(SCALE, [weight(1)])

        assert await journal.claim("mes", 10, START) == []


async def test_a_grant_of_earlier_readings_queues_those_recorded_before_the_destination_was(
    path: Path, clock: ManualClock
) -> None:
    async with open_journal(path, clock, {}) as journal:
        subject = await consenting(journal)
        await journal.record(SCALE, [weight(1)])
    async with open_journal(path, clock) as journal:
        await journal.record_grant(grant(subject, "from now on", covers_from=clock.now().utc))
        with Reader.open(path) as reader:
            assert reader.summary().deliveries == {State.DUE: 1}
        await journal.record_grant(grant(subject, "all", covers_from=LONG_AGO))
        await journal.record_grant(grant(subject, "all again", covers_from=LONG_AGO))

        assert len(await journal.claim("mes", 10, START)) == 1


async def test_a_grant_of_earlier_readings_queues_what_it_covers_and_the_destination_takes(
    path: Path, clock: ManualClock
) -> None:
    kinds = {Kind.WEIGHT, Kind.INTERSTITIAL_GLUCOSE}
    readings = [glucose(1, "100", START), ketone(2, "0.4", START)]
    async with open_journal(path, clock, {}) as journal:
        ada = await consenting(journal)
        await journal.adopt(SENSOR.id, SENSOR.driver)
        await journal.assign(SENSOR.id, None, ada, LONG_AGO)
        await journal.record(SCALE, [weight(1)])
        await journal.record(SENSOR, readings)
    takes = frozenset({Kind.WEIGHT, Kind.BLOOD_KETONE})
    async with open_journal(path, clock, {"mes": takes}) as journal:
        await journal.record_grant(grant(ada, "all", kinds=frozenset(kinds)))

        with Reader.open(path) as reader:
            there = {view.entry.reading.kind for view in reader.entries() if view.deliveries}
    assert there == {Kind.WEIGHT}


async def test_the_audit_chain_tells_of_each_grant_and_each_withdrawal(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    await journal.record_grant(grant(subject))
    await journal.record_withdrawal(withdrawal(subject))

    told = [(link.event, json.loads(link.manifest).get("id")) for link in reader.audit()]

    assert told[-2:] == [("granted", "grant-1"), ("withdrawn", "withdrawal-1")]


async def test_nobody_consents_or_withdraws_who_is_not_known_here(journal: Journal) -> None:
    stranger = SubjectId("p-stranger")

    with pytest.raises(JournalError, match="must be added first"):
        await journal.record_grant(grant(stranger))
    with pytest.raises(JournalError, match="must be added first"):
        await journal.record_withdrawal(withdrawal(stranger))


async def test_what_waited_for_years_is_moved_some_at_a_time_and_none_is_left_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_AT_ONCE", 2)
    monkeypatch.setattr(ledger, "_AT_ONCE", 2)
    states = []

    def look() -> None:
        with Reader.open(path) as reader:
            states.append(reader.summary().deliveries)

    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record_withdrawal(withdrawal(subject, "w1"))
        readings = [weight(number, at=START + timedelta(hours=number // 3)) for number in range(7)]
        await journal.record(SCALE, readings)
        await journal.claim("mes", 10, START)
        look()
        await journal.record_grant(grant(subject, "g2"))
        look()
    async with open_journal(path, routes={**ROUTES, "new": EVERYTHING}) as journal:
        await journal.record_grant(grant(subject, "g3", destination="new"))
        look()
        dropped = await journal.record_withdrawal(withdrawal(subject, "w2"))
        look()

    assert states == [{"withheld": 7}, {"due": 7}, {"due": 14}, {"due": 7, "dropped": 7}]
    assert dropped == 7
