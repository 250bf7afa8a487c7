"""Who may put right what was sent: the gate is asked again, of the grants as they are now."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

from gateway.clock import Instant
from gateway.consent.gate import Reason
from gateway.domain.correction import Wrong
from gateway.domain.receipt import Receipt
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START, ManualClock
from tests.journal.making import LONG_AGO, SCALE, consenting, grant, weight, withdrawal
from tests.journal.owing import LATER, another, due, sent, sent_by_a_slow_clock


async def test_of_another_time_and_another_person_the_person_is_told(
    journal: Journal, reader: Reader
) -> None:
    await consenting(journal)
    released = await sent_by_a_slow_clock(journal)
    await journal.hub_time_known(Instant(START, 60.0, "boot-1"), stepped=True)
    await journal.reassign(released.delivery.entry.id, await another(journal))

    corrections = await due(journal)

    assert [correction.wrong for correction in corrections] == [Wrong.PERSON]
    assert [owed.wrong for owed in reader.corrections_owed()] == ["person"]


async def test_without_consent_it_is_left_to_a_person_until_there_is(
    journal: Journal, reader: Reader
) -> None:
    ada = await consenting(journal)
    released = await sent(journal)
    await journal.record_withdrawal(withdrawal(ada))
    await journal.reassign(released.delivery.entry.id, await another(journal))

    withheld = await due(journal)
    (owed,) = reader.corrections_owed()
    woken: list[str] = []
    journal.when_due("mes", lambda: woken.append("mes"))
    await journal.record_grant(grant(ada, "anew"))
    (correction,) = await due(journal)

    assert (withheld, owed.problem, woken) == ([], Reason.WITHDRAWN, ["mes"])
    assert correction.released.grant.id == "anew"


async def test_what_a_clock_that_was_ahead_left_to_a_person_is_put_right_after_all(
    journal: Journal, reader: Reader, clock: ManualClock
) -> None:
    """By that clock the consent had ended."""
    ada = (await journal.add_subject("Ada")).id
    await journal.adopt(SCALE.id, SCALE.driver)
    await journal.assign(SCALE.id, None, ada, LONG_AGO)
    await journal.record_grant(grant(ada, expires=START + timedelta(days=365)))
    released = await sent(journal)
    await journal.reassign(released.delivery.entry.id, await another(journal))
    await journal.hub_time_known(clock.now())
    clock.step(timedelta(days=400))

    ended = await journal.claim_corrections("mes", 10, clock.now().utc)
    (left,) = reader.corrections_owed()
    clock.step(timedelta(days=-400))
    await journal.hub_time_known(clock.now(), stepped=True)
    (correction,) = await due(journal)

    assert (ended, left.problem) == ([], Reason.EXPIRED)
    assert correction.released.subject == ada


async def test_a_retraction_needs_no_time_and_no_quality_but_a_living_grant(
    journal: Journal,
) -> None:
    await consenting(journal)
    entry = (await sent(journal)).delivery.entry.id

    await journal.dismiss(entry)

    (correction,) = await due(journal)
    assert correction.wrong is Wrong.PERSON


async def test_a_reading_is_taken_back_under_a_grant_that_no_longer_covers_its_time(
    journal: Journal,
) -> None:
    """Nothing of the reading is told: the grant counts for the record that is to be put right."""
    ada = await consenting(journal)
    entry = (await sent(journal)).delivery.entry.id
    await journal.record_withdrawal(withdrawal(ada))
    await journal.record_grant(grant(ada, "from now on", covers_from=LATER))

    await journal.reassign(entry, await another(journal))

    (correction,) = await due(journal)
    assert correction.released.grant.id == "from now on"


async def test_another_time_is_not_told_under_a_grant_that_does_not_cover_it(
    journal: Journal, reader: Reader
) -> None:
    ada = await consenting(journal)
    await sent_by_a_slow_clock(journal)
    await journal.record_withdrawal(withdrawal(ada))
    await journal.record_grant(grant(ada, "from now on", covers_from=LATER))

    await journal.hub_time_known(Instant(START, 60.0, "boot-1"), stepped=True)

    assert await due(journal) == []
    assert [owed.problem for owed in reader.corrections_owed()] == [Reason.BEFORE_GRANT]


async def test_a_destination_that_refuses_the_person_is_told_nothing_until_they_consent_anew(
    journal: Journal, reader: Reader
) -> None:
    ada = await consenting(journal)
    entry = (await sent(journal)).delivery.entry.id
    await journal.record(SCALE, [weight(2)])
    (other,) = await journal.claim("mes", 1, START)
    await journal.refuse(other)
    await journal.reassign(entry, await another(journal))

    refused = await due(journal)
    left = [owed.problem for owed in reader.corrections_owed()]
    await journal.record_grant(grant(ada, "anew"))
    (correction,) = await due(journal)

    assert (refused, left) == ([], [Reason.REFUSED_THERE])
    assert correction.released.subject == ada


async def test_a_correction_of_a_reading_that_is_damaged_is_a_persons_and_the_others_are_made(
    journal: Journal, reader: Reader, path: Path
) -> None:
    await consenting(journal)
    await journal.record(SCALE, [weight(1), weight(2)])
    bo = await another(journal)
    for released in await journal.claim("mes", 2, START):
        await journal.settle(released, Receipt("mes", "Observation/1", START))
        await journal.reassign(released.delivery.entry.id, bo)
    with sqlite3.connect(path) as other:
        other.execute("UPDATE entries SET payload = zeroblob(99) WHERE number = 1")
    other.close()

    made = [correction.released.delivery.entry.reading.record for correction in await due(journal)]

    assert made == ["seq:2"]
    assert [owed.problem for owed in reader.corrections_owed()] == ["unreadable", None]
