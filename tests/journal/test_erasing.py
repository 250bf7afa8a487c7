"""Erasing a person leaves nothing of them behind, and the audit chain whole."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.domain.subject import SubjectId
from gateway.drivers.api import SERIAL, Frame
from gateway.errors import DecodeError, JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.schema import open_reader
from gateway.journal.taken_back import TakenBackFile
from gateway.testing.clock import START
from tests.journal.cutting import PowerCuts
from tests.journal.making import (
    LONG_AGO,
    SCALE,
    SENSOR,
    consenting,
    grant,
    open_journal,
    weight,
    withdrawal,
)

FRAME = Frame(SERIAL, bytes.fromhex("02 41 03"), Instant(START, 1000.0, "test-boot"))


async def _two_people(journal: Journal) -> tuple[SubjectId, SubjectId]:
    ada = await consenting(journal, "1")
    bob = (await journal.add_subject("Bob")).id
    await journal.assign(SCALE.id, "2", bob, LONG_AGO)
    await journal.record_grant(grant(bob, "grant-of-bob"))
    await journal.set_pairing(ada, "mes", b"secret of Ada")
    await journal.record(SCALE, [weight(n, slot=slot) for n in (1, 2) for slot in ("1", "2")])
    return ada, bob


async def test_the_person_and_all_that_is_theirs_is_gone(journal: Journal, reader: Reader) -> None:
    ada, bob = await _two_people(journal)
    await journal.claim("mes", 10, START)
    await journal.adopt(SENSOR.id, SENSOR.driver)
    await journal.open_kiosk([SENSOR.id], subject=ada)

    erased = await journal.erase(ada)

    assert erased == 2
    assert [subject.id for subject in reader.subjects()] == [bob]
    assert {view.entry.subject for view in reader.entries()} == {bob}
    assert reader.ledger(ada) == ()
    assert await journal.pairing(ada, "mes") is None
    assert reader.kiosk() is None
    assert reader.summary().deliveries == {"sending": 2}
    assert reader.verify_against(None).whole
    with pytest.raises(JournalError, match="does not know that person"):
        await journal.record_grant(grant(ada, "grant-2"))


async def test_what_their_device_measures_afterwards_is_nobodys(journal: Journal) -> None:
    ada = await consenting(journal)
    await journal.record(SCALE, [weight(1)])

    await journal.erase(ada)

    (entry,) = await journal.record(SCALE, [weight(2)])
    assert entry.subject is None


async def test_what_nobody_could_read_of_a_device_whose_readings_they_claimed_is_gone_too(
    journal: Journal, reader: Reader
) -> None:
    """No assignment says that it measured them."""
    ada = (await journal.add_subject("Ada")).id
    (found,) = await journal.record(SCALE, [weight(1)])
    await journal.set_aside(SCALE, FRAME, DecodeError("odd length", FRAME.data, 2))
    await journal.remark(SCALE, "battery_low", FRAME)
    await journal.claim_entry(found.id, ada)

    await journal.erase(ada)

    (device,) = reader.devices()
    assert (device.set_aside, device.remarks) == (0, 0)


async def test_the_other_person_keeps_everything(journal: Journal, reader: Reader) -> None:
    ada, bob = await _two_people(journal)

    await journal.erase(ada)
    await journal.record(SCALE, [weight(3, slot="2")])

    released = await journal.claim("mes", 10, START)
    assert [each.delivery.entry.reading.record for each in released] == ["seq:1", "seq:2", "seq:3"]
    assert len(reader.ledger(bob)) == 1


async def test_not_a_byte_of_the_rows_is_left_in_the_files(path: Path) -> None:
    async with open_journal(path) as journal:
        ada, _ = await _two_people(journal)
        sealed = _sealed(path, ada)

        await journal.erase(ada)
        await journal.bookmark(SCALE)  # the log is emptied between the two

        left = _written(path)

    assert len(sealed) == 7
    assert not any(value[:16] in left for value in sealed)


def test_the_power_may_fail_at_any_moment_of_an_erasure(path: Path) -> None:
    sealed: list[bytes] = []

    async def erasing() -> None:
        async with open_journal(path) as journal:
            ada, _ = await _two_people(journal)
            sealed.extend(_sealed(path, ada))
            cuts.begin()
            await journal.erase(ada)
            cuts.acknowledged()
            await journal.bookmark(SCALE)

    async def readings() -> int:
        """Start it; return how many readings there are, and see that the rest is nowhere."""
        async with open_journal(path):
            with Reader.open(path) as reader:
                entries = reader.entries()
                assert reader.summary().entries == len(entries)
                assert len(reader.subjects()) == (2 if len(entries) == 4 else 1)
                assert reader.verify_against(None).whole
            if len(entries) == 2:
                assert not any(value[:16] in _written(path) for value in sealed)
        return len(entries)

    path.parent.mkdir(mode=0o700)
    with PowerCuts(path.parent) as cuts:
        asyncio.run(erasing())
    found = set()
    for cut in cuts.all:
        cut.lay(path.parent)
        told = TakenBackFile(path).all()
        left = asyncio.run(readings())
        assert left == 2 or not cut.acknowledged, cut
        assert told or left == 4, cut
        found.add(left)

    assert found == {2, 4}


def _sealed(path: Path, subject: SubjectId) -> list[bytes]:
    """Return all that is sealed for a person, and their key."""
    looking = open_reader(path)
    found = looking.rows(
        "SELECT payload FROM entries WHERE subject = ?1 UNION ALL"
        " SELECT payload FROM consent WHERE subject = ?1 UNION ALL"
        " SELECT wrapped FROM keys WHERE owner = ?1 UNION ALL"
        " SELECT wrapped FROM spare_keys WHERE owner = ?1 UNION ALL"
        " SELECT name FROM subjects WHERE id = ?1 UNION ALL"
        " SELECT secret FROM pairings WHERE subject = ?1",
        (subject,),
    )
    looking.close()
    return [bytes(value) for (value,) in found]


def _written(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob("journal.db*"))


async def test_a_ledger_is_append_only_while_the_person_is_known(path: Path) -> None:
    async with open_journal(path) as journal:
        ada = await consenting(journal)
        await journal.record_withdrawal(withdrawal(ada))
    with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute("DELETE FROM consent")
    other.close()


async def test_erasing_somebody_unknown_is_refused(journal: Journal) -> None:
    ada = await consenting(journal)
    await journal.erase(ada)

    with pytest.raises(JournalError, match="does not know that person"):
        await journal.erase(ada)
