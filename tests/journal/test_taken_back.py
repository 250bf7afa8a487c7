"""What is kept beside the journal of withdrawals and erasures."""

import json
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from gateway.domain.subject import SubjectId
from gateway.errors import JournalError, JournalFull
from gateway.journal.reader import Reader
from gateway.journal.taken_back import NAME, TakenBack, TakenBackFile
from gateway.testing.clock import START
from tests.journal.disk import Disk
from tests.journal.making import SCALE, consenting, grant, open_journal, weight, withdrawal

ADA = SubjectId("p-ada")
WITHDRAWN = TakenBack("w1", ADA, "mes", 7, ("g1", "g2"))
ERASED = TakenBack("erasure-p-ada", ADA, None)


def test_a_line_cut_short_is_left_out_and_spoils_no_other(tmp_path: Path) -> None:
    file = TakenBackFile(tmp_path / "journal.db")
    file.add(WITHDRAWN)
    with (tmp_path / NAME).open("ab") as out:
        out.write(b'\n{"id": "w2", "subj')

    file.add(WITHDRAWN, ERASED)

    assert file.all() == [WITHDRAWN, WITHDRAWN, ERASED]


def test_a_line_of_an_earlier_release_names_no_grants(tmp_path: Path) -> None:
    line = b'{"id": "w1", "subject": "p-ada", "destination": "mes", "number": 7}\n'
    (tmp_path / NAME).write_bytes(line)

    assert TakenBackFile(tmp_path / "journal.db").all() == [replace(WITHDRAWN, grants=())]


async def test_nor_does_it_end_a_grant_that_came_after_the_withdrawal(path: Path) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        await journal.record_withdrawal(withdrawal(subject))
        await journal.record_grant(grant(subject, "grant-2"))
    line = {"id": "withdrawal-1", "subject": subject, "destination": "mes"}  # before numbers were
    path.with_name(NAME).write_text(json.dumps(line))

    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])

        assert len(await journal.claim("mes", 1, START)) == 1


def test_one_that_cannot_be_read_is_said_in_a_sentence_and_none_is_no_trouble(
    tmp_path: Path,
) -> None:
    file = TakenBackFile(tmp_path / "journal.db")
    there_is_none = file.all()
    (tmp_path / NAME).symlink_to(NAME)  # for root reads whatever is there

    with pytest.raises(JournalError, match="cannot read"):
        file.all()

    assert there_is_none == []


async def test_a_withdrawal_names_the_grants_that_it_ends_and_no_other(path: Path) -> None:
    async with open_journal(path) as journal:
        subject, other = await consenting(journal, "1"), await consenting(journal, "2")
        await journal.record_grant(grant(subject, "elsewhere", destination="fhir"))
        await journal.record_grant(grant(subject, "again"))
        await journal.record_withdrawal(withdrawal(subject))

    (told,) = TakenBackFile(path).all()
    assert other != subject
    assert told == TakenBack("withdrawal-1", subject, "mes", 5, (f"grant-of-{subject}", "again"))


async def test_a_withdrawal_that_cannot_be_kept_there_is_not_made(path: Path) -> None:
    async with open_journal(path) as journal:
        subject = await consenting(journal)
        path.with_name(NAME).symlink_to("/dev/full")

        with pytest.raises(JournalFull, match="No space left"):
            await journal.record_withdrawal(withdrawal(subject))

        with Reader.open(path) as reader:
            assert len(reader.ledger(subject)) == 1
        path.with_name(NAME).unlink()
        await journal.record_withdrawal(withdrawal(subject))
    assert [each.id for each in TakenBackFile(path).all()] == ["withdrawal-1"]


@pytest.mark.parametrize("failure", [apsw.FullError, apsw.IOError])
@pytest.mark.parametrize("erases", [True, False])
async def test_what_failed_is_not_done_at_the_next_start_either(
    disk: Disk, path: Path, failure: type[apsw.Error], erases: bool
) -> None:
    """Whichever write of it failed: a person was told that nothing was erased, or withdrawn."""
    async with open_journal(path) as journal:
        subject = await consenting(journal)
    nth, done = 0, False
    while not done:
        async with open_journal(path) as journal:
            disk.fail(after=nth, times=10**6, error=failure)
            try:
                await (
                    journal.erase(subject)
                    if erases
                    else journal.record_withdrawal(withdrawal(subject))
                )
                done = True
            except JournalError:
                pass
            finally:
                disk.heal()
        assert len(TakenBackFile(path).all()) == done
        async with open_journal(path):
            with Reader.open(path) as reader:
                assert len(reader.subjects()) == (not (done and erases))
                assert len(reader.ledger(subject)) == (1 if not done else 0 if erases else 2)
        nth += 1

    assert nth > 3
