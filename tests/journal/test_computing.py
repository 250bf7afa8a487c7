"""What is computed here about a person is theirs, is kept once, and gives way to what is better."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.domain.document import Document
from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Reading
from gateway.domain.receipt import Receipt
from gateway.domain.subject import Attribution, SubjectId
from gateway.errors import JournalError
from gateway.journal.computing import Outdated
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.breaking import lose_table
from tests.journal.making import LONG_AGO, SENSOR, consenting, grant, open_journal, withdrawal

MIDNIGHT = datetime(2026, 3, 14, tzinfo=UTC)


def mean(mg_dl: str, document: Document | None = None) -> Reading:
    values = {
        Measure.GLUCOSE: Quantity(value=Decimal(mg_dl), unit=Unit.MILLIGRAM_PER_DECILITRE),
        Measure.DAYS: Quantity(value=Decimal(7), unit=Unit.COUNT),
    }
    return Reading(
        device=SENSOR.id,
        kind=Kind.MEAN_INTERSTITIAL_GLUCOSE if document is None else Kind.GLUCOSE_REPORT,
        values=values,
        received=Instant(START, 1000.0, "test-boot"),
        device_time=DeviceTime(
            stamp=MIDNIGHT.replace(tzinfo=None), raw=MIDNIGHT.isoformat(), utc_offset=timedelta()
        ),
        record="mean/2026-03-14",
        live=False,
        period=timedelta(days=7),
        document=document,
    )


async def computed(journal: Journal, subject: SubjectId, reading: Reading) -> Entry:
    entry = await journal.compute(SENSOR, subject, reading)
    assert entry is not None
    return entry


async def test_it_is_the_persons_whoever_wears_the_sensor_now(
    journal: Journal, reader: Reader
) -> None:
    wore_it_before = await consenting(journal)
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.assign(SENSOR.id, None, wore_it_before, LONG_AGO)
    wears_it_now = (await journal.add_subject("Bo")).id

    entry = await computed(journal, wears_it_now, mean("142.0"))

    assert (entry.subject, entry.attribution) == (wears_it_now, Attribution.COMPUTED)
    stored = reader.entry(entry.id)
    assert stored is not None
    assert stored.entry == entry


async def test_its_time_is_the_end_of_its_period_and_certain(journal: Journal) -> None:
    entry = await computed(journal, await consenting(journal), mean("142.0"))

    timing = entry.timing
    assert (timing.measured_at, timing.uncertainty) == (MIDNIGHT, timedelta())
    assert timing.sendable


async def test_a_hub_clock_that_was_set_moves_no_period(journal: Journal, reader: Reader) -> None:
    entry = await computed(journal, await consenting(journal), mean("142.0"))

    await journal.hub_time_known(
        Instant(START + timedelta(days=3), 1000.0, "test-boot"), stepped=True
    )

    stored = reader.entry(entry.id)
    assert stored is not None
    assert stored.entry.timing == entry.timing


async def test_the_same_again_is_no_news(journal: Journal) -> None:
    subject = await consenting(journal)
    await computed(journal, subject, mean("142.0"))

    assert await journal.compute(SENSOR, subject, mean("142.0")) is None


async def test_without_a_consent_it_waits_and_with_one_it_leaves(journal: Journal) -> None:
    subject = (await journal.add_subject("Bo")).id
    entry = await computed(journal, subject, mean("142.0"))

    assert await journal.claim("mes", 10, START) == []
    await journal.record_grant(grant(subject))
    (released,) = await journal.claim("mes", 10, START)

    assert released.delivery.entry == entry


async def test_a_better_one_takes_the_place_of_one_that_never_left(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    first = await computed(journal, subject, mean("142.0"))

    better = await journal.compute(
        SENSOR, subject, mean("143.0"), instead_of=Outdated(first.id, START)
    )

    released = await journal.claim("mes", 10, START)
    assert better is not None
    assert [each.delivery.entry.id for each in released] == [better.id]
    assert reader.corrections_owed() == []
    old = reader.entry(first.id)
    assert old is not None
    assert (old.entry.attribution, old.entry.subject) == (Attribution.REPLACED, subject)
    assert [(d.state, d.reason) for d in old.deliveries] == [("dropped", "replaced")]


async def test_one_that_was_replaced_is_not_queued_by_a_later_grant(
    path: Path, journal: Journal
) -> None:
    subject = await consenting(journal)
    first = await computed(journal, subject, mean("142.0"))
    better = await journal.compute(
        SENSOR, subject, mean("143.0"), instead_of=Outdated(first.id, START)
    )
    await journal.close()
    kinds = frozenset({Kind.MEAN_INTERSTITIAL_GLUCOSE})

    async with open_journal(path, routes={"mes": kinds, "fhir": kinds}) as again:
        await again.record_grant(grant(subject, "grant-2", destination="fhir"))
        released = await again.claim("fhir", 10, START)

    assert better is not None
    assert [each.delivery.entry.id for each in released] == [better.id]


@pytest.mark.parametrize("settled", [True, False])
async def test_one_that_left_stays_and_its_destination_is_owed_a_correction(
    settled: bool, journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    first = await computed(journal, subject, mean("142.0"))
    (released,) = await journal.claim("mes", 10, START)
    if settled:
        await journal.settle(released, Receipt("mes", "Observation/7", START))
    else:
        await journal.unsettle(released, START, "timeout")

    better = await journal.compute(
        SENSOR, subject, mean("143.0"), instead_of=Outdated(first.id, START)
    )

    assert better is None
    (owed,) = reader.corrections_owed()
    assert (owed.entry, owed.destination, owed.wrong) == (first.id, "mes", "value")
    assert await journal.claim_corrections("mes", 10, START) == []  # a person's task


async def test_one_that_is_on_its_way_is_looked_at_again_later(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    first = await computed(journal, subject, mean("142.0"))
    await journal.claim("mes", 10, START)
    outdated = Outdated(first.id, START)

    better = await journal.compute(SENSOR, subject, mean("143.0"), instead_of=outdated)

    assert better is None
    assert reader.corrections_owed() == []


async def test_a_correction_that_was_made_is_not_owed_again_for_the_same_reason(
    journal: Journal, reader: Reader
) -> None:
    subject = await consenting(journal)
    first = await computed(journal, subject, mean("142.0"))
    (released,) = await journal.claim("mes", 10, START)
    await journal.settle(released, Receipt("mes", "Observation/7", START))
    outdated = Outdated(first.id, START)
    await journal.compute(SENSOR, subject, mean("143.0"), instead_of=outdated)
    (owed,) = reader.corrections_owed()
    await journal.correction_done(owed.number)

    await journal.compute(SENSOR, subject, mean("143.0"), instead_of=outdated)
    done = reader.corrections_owed()
    later = Outdated(first.id, START + timedelta(days=1))
    await journal.compute(SENSOR, subject, mean("144.0"), instead_of=later)

    assert done == []
    assert len(reader.corrections_owed()) == 1


async def test_it_cannot_be_made_somebody_elses(journal: Journal) -> None:
    entry = await computed(journal, await consenting(journal), mean("142.0"))
    other = (await journal.add_subject("Bo")).id

    with pytest.raises(JournalError, match="computed"):
        await journal.reassign(entry.id, other)


# --- documents --------------------------------------------------------------------------------

PAGE = Document(
    title="AGP",
    language="fr",
    media_type="application/pdf",
    made_at=START,
    content=b"%PDF-\x00\xff",
)


async def test_a_document_keeps_its_bytes_across_a_restart(path: Path) -> None:
    async with open_journal(path) as journal:
        entry = await computed(journal, await consenting(journal), mean("0", document=PAGE))

    with Reader.open(path) as reader:
        stored = reader.entry(entry.id)

    assert stored is not None
    assert stored.entry.reading.document == PAGE


async def test_a_grant_for_readings_releases_no_document(journal: Journal, reader: Reader) -> None:
    subject = (await journal.add_subject("Bo")).id
    readings = frozenset(Kind) - {Kind.GLUCOSE_REPORT}
    await journal.record_grant(grant(subject, kinds=readings))
    entry = await computed(journal, subject, mean("0", document=PAGE))

    assert await journal.claim("mes", 10, START) == []

    view = reader.entry(entry.id)
    assert view is not None
    assert [d.reason for d in view.deliveries] == ["kind_not_covered"]


async def test_a_grant_for_documents_releases_no_reading(journal: Journal) -> None:
    subject = (await journal.add_subject("Bo")).id
    await journal.record_grant(grant(subject, kinds=frozenset({Kind.GLUCOSE_REPORT})))
    await computed(journal, subject, mean("142.0"))
    page = await computed(journal, subject, mean("0", document=PAGE))

    (released,) = await journal.claim("mes", 10, START)

    assert released.delivery.entry == page


async def test_a_withdrawal_drops_a_document_that_waits(journal: Journal, reader: Reader) -> None:
    subject = await consenting(journal)
    entry = await computed(journal, subject, mean("0", document=PAGE))

    assert await journal.record_withdrawal(withdrawal(subject)) == 1

    view = reader.entry(entry.id)
    assert view is not None
    assert [d.state for d in view.deliveries] == ["dropped"]


async def test_erasing_the_person_erases_the_document(path: Path, journal: Journal) -> None:
    subject = await consenting(journal)
    canary = PAGE.model_copy(update={"content": b"CANARY" * 100, "title": "CANARY"})
    canaries = (b"CANARY", base64.b64encode(b"CANARY" * 4))
    entry = await computed(journal, subject, mean("0", document=canary))
    files = list(path.parent.glob("journal*"))
    kept = b"".join(each.read_bytes() for each in files)
    assert not any(each in kept for each in canaries)  # sealed from the first

    await journal.erase(subject)
    await journal.close()

    with Reader.open(path) as reader:
        assert reader.entry(entry.id) is None
    left = b"".join(each.read_bytes() for each in path.parent.glob("journal*"))
    assert not any(each in left for each in canaries)


async def test_one_that_was_replaced_is_not_queued_by_what_damage_leaves_either(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        first = await computed(journal, subject, mean("142.0"))
        outdated = Outdated(first.id, START)
        better = await journal.compute(SENSOR, subject, mean("143.0"), instead_of=outdated)
    lose_table(path, "deliveries")

    async with open_journal(path) as journal:
        released = await journal.claim("mes", 10, START)

    assert better is not None
    assert [each.delivery.entry.id for each in released] == [better.id]
