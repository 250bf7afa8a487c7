"""Whose a reading is, said again: claimed, reassigned, dismissed, and what was sent meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from gateway.domain.receipt import Receipt
from gateway.domain.subject import Attribution, SubjectId
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import LONG_AGO, SCALE, consenting, grant, weight

DAY = timedelta(days=1)


async def _two(journal: Journal) -> tuple[SubjectId, SubjectId]:
    """Add two people who consent; the scale measures the first."""
    first = await consenting(journal)
    other = (await journal.add_subject("Bo")).id
    await journal.record_grant(grant(other, "grant-of-bo"))
    return first, other


async def test_a_claim_keeps_time_and_content(journal: Journal, reader: Reader) -> None:
    subject = (await journal.add_subject("Ada")).id
    (entry,) = await journal.record(SCALE, [weight(1)])

    await journal.claim_entry(entry.id, subject)
    await journal.claim_entry(entry.id, subject)

    view = reader.entry(entry.id)
    assert view is not None
    assert (view.entry.reading, view.entry.timing) == (entry.reading, entry.timing)
    assert (view.entry.subject, view.entry.attribution) == (subject, Attribution.CLAIM)


async def test_an_entry_of_one_person_is_not_given_to_another(journal: Journal) -> None:
    await consenting(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    other = (await journal.add_subject("Bo")).id

    with pytest.raises(JournalError, match="another person's"):
        await journal.claim_entry(entry.id, other)


async def test_a_reading_sent_for_the_wrong_person_is_a_task_and_goes_to_the_right_one(
    journal: Journal, reader: Reader
) -> None:
    first, other = await _two(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    (sent,) = await journal.claim("mes", 10, START)
    await journal.settle(sent, Receipt("mes", "Observation/7", START))

    await journal.reassign(entry.id, other)

    (owed,) = reader.corrections_owed()
    (again,) = await journal.claim("mes", 10, START)
    assert (owed.subject, owed.wrong, owed.reference) == (first, "person", "Observation/7")
    assert (again.subject, again.delivery.unsettled) == (other, False)
    assert again.delivery.entry.timing == entry.timing
    assert again.delivery.entry.reading == entry.reading


async def test_what_was_not_sent_owes_nothing(journal: Journal, reader: Reader) -> None:
    _, other = await _two(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])

    await journal.reassign(entry.id, other)

    assert reader.corrections_owed() == []
    assert [released.subject for released in await journal.claim("mes", 10, START)] == [other]


async def test_what_may_have_arrived_is_a_task_too(journal: Journal, reader: Reader) -> None:
    first, other = await _two(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    (released,) = await journal.claim("mes", 10, START)
    await journal.unsettle(released, START, "timeout")

    await journal.reassign(entry.id, other)

    assert [owed.subject for owed in reader.corrections_owed()] == [first]
    (again,) = await journal.claim("mes", 10, START)
    assert not again.delivery.unsettled  # a search in this person's record would find nothing


async def test_whose_a_person_said_it_is_stands_when_its_time_turns_out_to_be_another(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    await journal.hub_time_known(clock.now())
    first, other = await _two(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    await journal.reassign(entry.id, other)

    clock.step(timedelta(hours=-1))
    await journal.hub_time_known(clock.now(), stepped=True)

    (view,) = reader.entries()
    assert view.earlier != ()
    assert view.entry.subject == other != first


async def test_what_a_destination_calls_one_persons_reading_is_not_said_of_anothers(
    journal: Journal, reader: Reader
) -> None:
    first, other = await _two(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    (sent,) = await journal.claim("mes", 10, START)
    await journal.settle(sent, Receipt("mes", "Observation/7", START))
    await journal.reassign(entry.id, other)
    (doubtful,) = await journal.claim("mes", 10, START)
    await journal.unsettle(doubtful, START, "timeout")

    await journal.dismiss(entry.id)

    owed = {each.subject: each.reference for each in reader.corrections_owed()}
    assert owed == {first: "Observation/7", other: None}


async def test_what_a_person_may_have_been_sent_before_is_searched_for_when_it_is_theirs_again(
    journal: Journal,
) -> None:
    first, other = await _two(journal)
    (there,) = await journal.record(SCALE, [weight(1)])
    (sent,) = await journal.claim("mes", 10, START)
    await journal.settle(sent, Receipt("mes", "Observation/7", START))
    (doubtful,) = await journal.record(SCALE, [weight(2)])
    (released,) = await journal.claim("mes", 10, START)
    await journal.unsettle(released, START, "timeout")

    await journal.reassign(there.id, other)
    await journal.reassign(there.id, first)
    await journal.dismiss(doubtful.id)
    await journal.claim_entry(doubtful.id, first)

    again = await journal.claim("mes", 10, START)
    assert {each.delivery.entry.id for each in again} == {there.id, doubtful.id}
    assert [(each.subject, each.delivery.unsettled) for each in again] == [(first, True)] * 2


async def test_a_reading_on_its_way_waits_until_it_has_arrived(journal: Journal) -> None:
    _, other = await _two(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    await journal.claim("mes", 10, START)

    with pytest.raises(JournalError, match="being sent right now"):
        await journal.reassign(entry.id, other)


async def test_reassigning_and_dismissing_are_audited(journal: Journal, reader: Reader) -> None:
    _, other = await _two(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    await journal.reassign(entry.id, other)
    await journal.dismiss(entry.id)

    events = [link.event for link in reader.audit()]

    assert events[-3:] == ["reassigned", "dismissed", "withheld"]
    assert reader.verify_against(None).whole


async def test_a_guests_reading_is_dismissed_kept_and_never_sent(
    journal: Journal, reader: Reader
) -> None:
    subject = (await journal.add_subject("Ada")).id
    (entry,) = await journal.record(SCALE, [weight(1)])

    await journal.dismiss(entry.id)
    await journal.assign(SCALE.id, None, subject, START.replace(year=2020))

    view = reader.entry(entry.id)
    assert view is not None
    assert (view.entry.subject, view.entry.attribution) == (None, Attribution.DISMISSED)
    assert reader.entries(unclaimed=True) == []
    assert await journal.claim("mes", 10, START) == []


async def test_what_was_dismissed_can_still_be_claimed(journal: Journal, reader: Reader) -> None:
    _, other = await _two(journal)
    (entry,) = await journal.record(SCALE, [weight(1)])
    await journal.dismiss(entry.id)

    await journal.claim_entry(entry.id, other)

    assert [released.subject for released in await journal.claim("mes", 10, START)] == [other]


async def test_a_reading_of_nobody_is_claimed_not_reassigned(journal: Journal) -> None:
    subject = (await journal.add_subject("Ada")).id
    (entry,) = await journal.record(SCALE, [weight(1)])

    with pytest.raises(JournalError, match="claim it"):
        await journal.reassign(entry.id, subject)


async def test_the_chain_tells_from_whom_to_whom_a_reading_went(
    journal: Journal, reader: Reader
) -> None:
    first, other = await _two(journal)
    (theirs,) = await journal.record(SCALE, [weight(1)])
    (nobodys,) = await journal.record(SCALE, [weight(2, slot="2", at=LONG_AGO - DAY)])
    await journal.claim_entry(nobodys.id, first)
    await journal.reassign(nobodys.id, other)
    await journal.dismiss(nobodys.id)
    await journal.dismiss(nobodys.id)
    (assignment,) = reader.assignments()
    await journal.end_assignment(assignment, START - DAY)

    told = [(link.event, json.loads(link.manifest)) for link in reader.audit()]

    entries = {"entries": [nobodys.id]}
    assert [each for each in told if each[0] in ("attributed", "reassigned", "dismissed")] == [
        ("attributed", {"entries": {first: [nobodys.id]}}),
        ("reassigned", {"from": first, "to": other, **entries}),
        ("dismissed", {"from": other, **entries}),
        ("dismissed", {"from": "", **entries}),
        ("reassigned", {"from": first, "to": "", "entries": [theirs.id]}),
    ]


async def test_nothing_is_somebodys_who_is_not_known_here(journal: Journal, reader: Reader) -> None:
    stranger = SubjectId("p-stranger")
    first, _ = await _two(journal)
    (theirs,) = await journal.record(SCALE, [weight(1)])
    (nobodys,) = await journal.record(SCALE, [weight(2, at=LONG_AGO - DAY)])

    with pytest.raises(JournalError, match="must be added first"):
        await journal.claim_entry(nobodys.id, stranger)
    with pytest.raises(JournalError, match="must be added first"):
        await journal.reassign(theirs.id, stranger)

    assert [view.entry.subject for view in reader.entries()] == [first, None]
