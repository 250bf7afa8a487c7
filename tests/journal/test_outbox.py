"""The table of states, and each way through it by the journal's calls."""

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.consent.gate import Released
from gateway.domain.reading import Quality
from gateway.domain.receipt import Receipt
from gateway.errors import JournalError
from gateway.journal import outbox
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.states import TRANSITIONS, Event, State, after
from gateway.testing.clock import START, ManualClock
from tests.journal.making import (
    EVERYTHING,
    LONG_AGO,
    SCALE,
    consenting,
    grant,
    open_journal,
    weight,
    withdrawal,
)

LATER = START + timedelta(hours=1)
RECEIPT = Receipt("mes", "Observation/1", START)


async def _released(journal: Journal) -> Released:
    """Return a delivery on its way."""
    await consenting(journal)
    await journal.record(SCALE, [weight(1)])
    (released,) = await journal.claim("mes", 10, START)
    return released


async def _again(journal: Journal, now: datetime) -> list[bool]:
    """Claim, and tell of each delivery whether it is to be searched for first."""
    return [r.delivery.unsettled for r in await journal.claim("mes", 10, now)]


def _states(reader: Reader) -> dict[tuple[State, str | None, bool], int]:
    return {(c.state, c.reason, c.may_have_arrived): c.count for c in reader.delivery_counts()}


def test_every_state_has_its_row_and_can_be_reached() -> None:
    reached = {to for row in TRANSITIONS.values() for to in row.values()}

    assert set(TRANSITIONS) == set(State)
    assert reached == set(State)


def test_every_event_happens_to_some_state() -> None:
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_what_is_not_in_the_table_is_an_error(state: State, event: Event) -> None:
    if event in TRANSITIONS[state]:
        assert after(state, event, may_have_arrived=False) is TRANSITIONS[state][event]
    else:
        with pytest.raises(JournalError, match="cannot meet"):
            after(state, event, may_have_arrived=False)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_what_may_have_arrived_is_never_plainly_due(state: State, event: Event) -> None:
    if event in TRANSITIONS[state]:
        assert after(state, event, may_have_arrived=True) is not State.DUE


@pytest.mark.parametrize("state", [s for s in State if s not in (State.SETTLED, State.DROPPED)])
def test_a_withdrawal_drops_whatever_is_still_owed(state: State) -> None:
    assert TRANSITIONS[state][Event.WITHDRAWN] is State.DROPPED


async def test_a_claimed_delivery_is_on_its_way_and_not_claimed_twice(
    journal: Journal, reader: Reader
) -> None:
    released = await _released(journal)

    assert (released.delivery.attempt, released.delivery.unsettled) == (1, False)
    assert await _again(journal, LATER) == []
    assert _states(reader) == {(State.SENDING, None, False): 1}


async def test_a_receipt_settles(journal: Journal, reader: Reader) -> None:
    released = await _released(journal)

    await journal.settle(released, RECEIPT)

    assert _states(reader) == {(State.SETTLED, None, False): 1}
    assert await journal.next_due("mes") is None


async def test_unavailable_is_due_again_at_its_time_without_a_search(journal: Journal) -> None:
    released = await _released(journal)

    await journal.retry_at(released, LATER, "503")

    assert await journal.next_due("mes") == LATER
    assert await _again(journal, LATER - timedelta(seconds=1)) == []
    assert await _again(journal, LATER) == [False]


async def test_an_unknown_outcome_is_searched_for_first(journal: Journal) -> None:
    released = await _released(journal)

    await journal.unsettle(released, LATER, "no answer")

    assert await journal.next_due("mes") == LATER
    assert await _again(journal, LATER) == [True]


async def test_a_search_that_finds_no_one_home_is_still_a_search(journal: Journal) -> None:
    await journal.unsettle(await _released(journal), START, "no answer")
    (searching,) = await journal.claim("mes", 10, START)

    await journal.retry_at(searching, LATER, "503")

    assert await _again(journal, LATER) == [True]


async def test_at_the_next_start_the_chain_tells_of_what_was_on_its_way(path: Path) -> None:
    async with open_journal(path) as journal:
        released = await _released(journal)

    async with open_journal(path):
        with Reader.open(path) as reader:
            story = reader.story(released.delivery.entry.id)

    assert [event.name for event in story] == ["recorded", "released", "unsettled"]


async def test_on_its_way_at_a_crash_is_unsettled_at_the_next_start(path: Path) -> None:
    async with open_journal(path) as journal:
        await _released(journal)

    async with open_journal(path) as journal:
        assert await _again(journal, START) == [True]


async def test_rejected_is_parked_until_an_operator_says_retry(
    journal: Journal, reader: Reader
) -> None:
    await journal.park(await _released(journal), "422: unknown code")
    parked, tried = _states(reader), await _again(journal, LATER)

    retried = await journal.retry_parked(destination="mes")

    assert parked == {(State.PARKED, "422: unknown code", False): 1}
    assert tried == []
    assert retried == 1
    assert await _again(journal, LATER) == [False]


async def test_one_parked_entry_can_be_retried_alone(journal: Journal, reader: Reader) -> None:
    await consenting(journal)
    first, _ = await journal.record(SCALE, [weight(1), weight(2)])
    for released in await journal.claim("mes", 10, START):
        await journal.park(released, "422")

    retried = await journal.retry_parked(entry=first.id)

    assert retried == 1
    assert await journal.retry_parked(destination="elsewhere") == 0
    assert _states(reader) == {(State.PARKED, "422", False): 1, (State.DUE, None, False): 1}
    assert [r.delivery.entry.id for r in await journal.claim("mes", 10, START)] == [first.id]


async def test_recording_goes_on_while_many_that_are_parked_are_retried(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 2)
    await consenting(journal)
    await journal.record(SCALE, [weight(n) for n in range(20)])
    for released in await journal.claim("mes", 20, START):
        await journal.park(released, "422")

    retrying = asyncio.create_task(journal.retry_parked())
    await asyncio.sleep(0)
    await journal.record(SCALE, [weight(20)])
    recorded_before_the_end = not retrying.done()

    assert (recorded_before_the_end, await retrying) == (True, 20)
    assert _states(reader) == {(State.DUE, None, False): 21}


async def test_parked_while_unsettled_is_still_searched_for_when_retried(
    journal: Journal,
) -> None:
    await journal.unsettle(await _released(journal), START, "no answer")
    (searching,) = await journal.claim("mes", 10, START)
    await journal.park(searching, "400 to the search")

    await journal.retry_parked()

    assert await _again(journal, START) == [True]


async def test_withheld_while_unsettled_is_still_searched_for_after_a_new_grant(
    path: Path, clock: ManualClock
) -> None:
    async with open_journal(path, clock) as journal:
        subject = (await journal.add_subject("Ada")).id
        await journal.adopt(SCALE.id, SCALE.driver)
        await journal.assign(SCALE.id, None, subject, LONG_AGO)
        await journal.record_grant(grant(subject, "short", expires=LATER))
        await journal.record(SCALE, [weight(1)])
        (released,) = await journal.claim("mes", 10, START)
        await journal.unsettle(released, LATER, "no answer")
        expired = await _again(journal, LATER)

        await journal.record_grant(grant(subject, "anew"))

        assert expired == []
        assert await _again(journal, LATER) == [True]


async def test_a_refusal_there_withholds_all_of_the_person_until_they_grant_anew(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    entries = await journal.record(SCALE, [weight(1), weight(2)])
    (released,) = await journal.claim("mes", 1, START)

    await journal.refuse(released)
    at_once, said = _states(reader), reader.ledger(subject)
    told = [reader.story(entry.id)[-1].name for entry in entries]
    await journal.record(SCALE, [weight(3)])
    tried = await _again(journal, LATER)
    refused = reader.refused(subject, "mes")
    held = _states(reader)
    await journal.record_grant(grant(subject, "anew"))

    assert at_once == {(State.WITHHELD, "refused_there", False): 2}
    assert told == ["refused"] * 2
    assert tried == []
    assert [entry.id for entry in said] == [f"grant-of-{subject}"]
    assert refused
    assert held == {(State.WITHHELD, "refused_there", False): 3}
    assert not reader.refused(subject, "mes")
    assert await _again(journal, LATER) == [False] * 3


async def test_what_would_not_be_sent_anyway_says_so_though_the_person_is_refused_there(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(1)])
    (released,) = await journal.claim("mes", 1, START)
    await journal.refuse(released)

    await journal.record(SCALE, [weight(2, quality=Quality.CONTROL), weight(3)])

    assert _states(reader) == {
        (State.WITHHELD, "refused_there", False): 2,
        (State.WITHHELD, "not_reliable", False): 1,
    }


async def test_a_refusal_of_one_person_leaves_others_alone(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal, slot="1")
    other = await consenting(journal, slot="2")
    await journal.record(SCALE, [weight(1, slot="1"), weight(2, slot="2")])
    (mine,) = await journal.claim("mes", 1, START)

    await journal.refuse(mine)
    await journal.record(SCALE, [weight(3, slot="1"), weight(4, slot="2")])

    assert [r.subject for r in await journal.claim("mes", 10, START)] == [other, other]
    told = [json.loads(link.manifest) for link in reader.audit() if link.event == "refused"]
    assert told == [{"destination": "mes", "entries": [mine.delivery.entry.id]}]


async def test_what_comes_of_it_at_one_destination_is_no_news_of_another(
    path: Path, clock: ManualClock
) -> None:
    async with open_journal(path, clock, {"fhir": EVERYTHING, "mes": EVERYTHING}) as journal:
        ada = await consenting(journal)
        await journal.record_grant(grant(ada, "for fhir", destination="fhir"))
        await journal.record(SCALE, [weight(1)])
        (there,) = await journal.claim("fhir", 1, START)
        (released,) = await journal.claim("mes", 1, START)

        await journal.settle(released, RECEIPT)
        await journal.retry_at(there, LATER, "503")

        assert await journal.claim("mes", 1, LATER) == []
        assert len(await journal.claim("fhir", 1, LATER)) == 1


async def test_a_withdrawal_of_one_person_leaves_others_alone(journal: Journal) -> None:
    mine = await consenting(journal, slot="1")
    other = await consenting(journal, slot="2")
    await journal.record(SCALE, [weight(1, slot="1"), weight(2, slot="2")])

    assert await journal.record_withdrawal(withdrawal(mine)) == 1
    assert [r.subject for r in await journal.claim("mes", 10, START)] == [other]


async def test_what_became_theirs_is_theirs_to_consent_to_and_to_withdraw(
    journal: Journal, reader: Reader
) -> None:
    ada = (await journal.add_subject("Ada")).id
    entries = await journal.record(SCALE, [weight(1), weight(2)])
    for entry in entries:
        await journal.claim_entry(entry.id, ada)
    ungranted = await _again(journal, START)

    await journal.record_grant(grant(ada))
    (released,) = await journal.claim("mes", 1, START)
    await journal.settle(released, RECEIPT)

    assert ungranted == []
    assert await journal.record_withdrawal(withdrawal(ada)) == 1
    assert _states(reader) == {
        (State.SETTLED, None, False): 1,
        (State.DROPPED, "withdrawn", False): 1,
    }


async def test_a_withdrawal_drops_what_is_owed_and_marks_what_may_have_arrived(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    await journal.record(SCALE, [weight(1), weight(2), weight(3)])
    on_its_way, unsure = await journal.claim("mes", 2, START)
    await journal.unsettle(unsure, LATER, "no answer")

    dropped = await journal.record_withdrawal(withdrawal(subject))

    assert dropped == 3
    assert on_its_way.subject == subject
    assert _states(reader) == {
        (State.DROPPED, "withdrawn", True): 2,
        (State.DROPPED, "withdrawn", False): 1,
    }


@pytest.mark.parametrize(
    ("outcome", "state", "may_have_arrived"),
    [
        ("settle", State.SETTLED, False),
        ("retry_at", State.DROPPED, False),
        ("unsettle", State.DROPPED, True),
        ("park", State.DROPPED, True),
        ("refuse", State.DROPPED, True),
    ],
)
async def test_what_comes_of_a_delivery_met_by_a_withdrawal_is_taken_down(
    journal: Journal, reader: Reader, outcome: str, state: State, may_have_arrived: bool
) -> None:
    released = await _released(journal)
    await journal.record_withdrawal(withdrawal(released.subject))

    await _let(journal, released, outcome)

    assert _states(reader) == {(state, "withdrawn", may_have_arrived): 1}
    assert await journal.next_due("mes") is None


@pytest.mark.parametrize("outcome", ["settle", "retry_at", "unsettle", "park", "refuse"])
async def test_a_settled_delivery_is_over(journal: Journal, outcome: str) -> None:
    released = await _released(journal)
    await journal.settle(released, RECEIPT)

    with pytest.raises(JournalError, match="settled cannot meet"):
        await _let(journal, released, outcome)


async def test_settled_deliveries_survive_a_withdrawal(journal: Journal, reader: Reader) -> None:
    released = await _released(journal)
    await journal.settle(released, RECEIPT)

    dropped = await journal.record_withdrawal(withdrawal(released.subject))

    assert dropped == 0
    assert _states(reader) == {(State.SETTLED, None, False): 1}


async def test_a_delivery_that_was_never_queued_cannot_settle(
    journal: Journal, tmp_path: Path
) -> None:
    async with open_journal(tmp_path / "other.db") as other:
        stranger = await _released(other)

    with pytest.raises(JournalError, match="no such delivery"):
        await journal.settle(stranger, RECEIPT)


async def test_a_release_is_good_for_one_attempt(journal: Journal) -> None:
    stale = await _released(journal)
    await journal.unsettle(stale, START, "no answer")
    await journal.claim("mes", 10, START)

    with pytest.raises(JournalError, match="released again since"):
        await journal.retry_at(stale, LATER, "503")


async def test_workers_are_woken_when_something_becomes_due_for_them(
    path: Path, clock: ManualClock
) -> None:
    woken: list[str] = []
    async with open_journal(path, clock, {"a": frozenset(), "b": frozenset({weight(1).kind})}) as j:
        for name in ("a", "b"):
            j.when_due(name, lambda name=name: woken.append(name))  # type: ignore[misc]
        subject = await consenting(j, slot="1")
        await j.record_grant(grant(subject, destination="b"))
        woken.clear()
        await j.record(SCALE, [weight(1, slot="1")])
        await j.record(SCALE, [weight(1, slot="1")])
        await j.record(SCALE, [weight(2)])
        nobodys = list(woken)

        await j.assign(SCALE.id, None, subject, LONG_AGO)

    assert (nobodys, woken) == (["b"], ["b", "b"])


async def test_the_worker_is_woken_when_what_it_waited_for_has_come(journal: Journal) -> None:
    released = await _released(journal)
    await journal.retry_at(released, LATER, "not paired")
    woken: list[str] = []
    journal.when_due("mes", lambda: woken.append("mes"))

    await journal.hasten(released.subject, "mes")

    assert woken == ["mes"]


async def _let(journal: Journal, released: Released, outcome: str) -> None:
    match outcome:
        case "settle":
            await journal.settle(released, RECEIPT)
        case "retry_at":
            await journal.retry_at(released, LATER, "503")
        case "unsettle":
            await journal.unsettle(released, LATER, "no answer")
        case "park":
            await journal.park(released, "422")
        case _:
            await journal.refuse(released)
