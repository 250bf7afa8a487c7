"""Which grants a broker's clients are told not to use any more, and whose sensors go."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.app.revocations import revoked
from gateway.domain.kiosk import ClosedBy
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.taken_back import NAME
from gateway.testing.clock import START
from tests.journal.making import SCALE, consenting, grant, open_journal, withdrawal


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    async with open_journal(path) as opened:
        yield opened


@pytest.fixture
def reader(path: Path, journal: Journal) -> Iterator[Reader]:
    with Reader.open(path) as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


async def test_what_was_withdrawn_is_revoked_and_what_was_granted_since_is_not(
    journal: Journal, reader: Reader
) -> None:
    ada = await consenting(journal)
    await journal.record_withdrawal(withdrawal(ada))
    withdrawn = revoked(reader, "mes", START)
    await journal.record_grant(grant(ada, "g2"))

    assert withdrawn == ([f"grant-of-{ada}"], [ada])
    assert revoked(reader, "mes", START) == ([f"grant-of-{ada}"], [])
    assert revoked(reader, "elsewhere", START) == ([], [])


async def test_a_grant_that_came_to_its_end_is_not_revoked_but_its_sensors_go(
    journal: Journal, reader: Reader
) -> None:
    """What is retained of them at a broker would else tell for ever who was measured."""
    ada = (await journal.add_subject("Ada")).id
    ends = START + timedelta(days=1)
    await journal.record_grant(grant(ada, "g1", expires=ends))
    before, after = (revoked(reader, "mes", at) for at in (START, ends))
    await journal.record_grant(grant(ada, "g2"))

    assert before == ([], [])
    assert after == ([], [ada])
    assert revoked(reader, "mes", ends) == ([], [])


async def test_it_stays_revoked_after_the_person_was_erased(
    journal: Journal, reader: Reader
) -> None:
    """A relay that was away still has readings under it, and asks whether it may bring them."""
    ada = await consenting(journal)
    await journal.record_withdrawal(withdrawal(ada))

    await journal.erase(ada)

    assert revoked(reader, "mes", START) == ([f"grant-of-{ada}"], [ada])


async def test_a_guest_who_left_a_kiosk_withdrew_nothing(journal: Journal, reader: Reader) -> None:
    await journal.adopt(SCALE.id, SCALE.driver)
    guest = (await journal.open_kiosk([SCALE.id])).subject
    await journal.record_grant(grant(guest))

    await journal.close_kiosk(ClosedBy.PERSON)

    assert revoked(reader, "mes", START) == ([], [])


async def test_a_withdrawal_that_could_not_be_kept_revokes_nothing(
    journal: Journal, reader: Reader, path: Path
) -> None:
    ada = await consenting(journal)
    told = path.with_name(NAME)
    await journal.record_withdrawal(withdrawal(ada))
    line = told.read_text().replace("withdrawal-1", "withdrawal-2")
    await journal.record_grant(grant(ada, "g2"))
    told.write_text(line.replace(f"grant-of-{ada}", "g2"))  # the disk was full before the commit

    assert revoked(reader, "mes", START) == ([f"grant-of-{ada}"], [])
