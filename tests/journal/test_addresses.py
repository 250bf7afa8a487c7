"""A destination that is pointed elsewhere gets nothing until its people consent to that."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.consent.gate import Reason
from gateway.consent.grant import Grant
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.journal.ledger import NOWHERE, Addresses
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.making import ROUTES, SCALE, consenting, grant, open_journal, weight
from tests.journal.test_schema import DATABASES, lay

HERE: Addresses = {"mes": ("https://space.example/fhir",)}
ELSEWHERE: Addresses = {"mes": ("https://elsewhere.example/fhir",)}
MOVED: Addresses = {"mes": ("https://new.example/fhir", *HERE["mes"])}
WITHHELD = ("withheld", Reason.ADDRESS_CHANGED)
PAGE = 4096


def opened(path: Path, addresses: Addresses) -> Journal:
    return open_journal(path, addresses=addresses)


async def agree(journal: Journal, subject: SubjectId, name: str, addresses: Addresses) -> None:
    """Consent to the destination as it is, to earlier readings too."""
    (address, *_) = addresses["mes"]
    await journal.record_grant(grant(subject, name).model_copy(update={"address": address}))


async def waiting(path: Path) -> SubjectId:
    """Leave a reading, due, of a person who consented to the destination that was there."""
    async with opened(path, HERE) as journal:
        subject = (await journal.add_subject("Ada")).id
        await journal.adopt(SCALE.id, SCALE.driver)
        await journal.assign(SCALE.id, None, subject, START - timedelta(days=1))
        await agree(journal, subject, "grant-1", HERE)
        await journal.record(SCALE, [weight(1)])
    return subject


async def claimed(path: Path, addresses: Addresses) -> int:
    async with opened(path, addresses) as journal:
        return len(await journal.claim("mes", 10, START))


def stands(path: Path) -> list[tuple[str, str | None]]:
    with Reader.open(path) as reader:
        return [(counted.state, counted.reason) for counted in reader.delivery_counts()]


async def test_what_waited_does_not_leave_for_another_address(path: Path) -> None:
    await waiting(path)

    assert await claimed(path, ELSEWHERE) == 0
    assert stands(path) == [WITHHELD]


async def test_it_leaves_once_its_person_consents_to_that_address(path: Path) -> None:
    subject = await waiting(path)
    await claimed(path, ELSEWHERE)

    async with opened(path, ELSEWHERE) as journal:
        await agree(journal, subject, "grant-2", ELSEWHERE)
        (released,) = await journal.claim("mes", 10, START)

    assert released.grant.id == "grant-2"


async def test_it_leaves_for_where_it_was_to_go_once_the_destination_is_there_again(
    path: Path,
) -> None:
    await waiting(path)
    await claimed(path, ELSEWHERE)

    assert await claimed(path, HERE) == 1


async def test_the_same_service_at_a_new_address_asks_nobody(path: Path) -> None:
    await waiting(path)

    assert await claimed(path, MOVED) == 1


async def test_what_may_have_arrived_at_the_old_address_is_still_doubted(path: Path) -> None:
    await waiting(path)
    async with opened(path, HERE) as journal:
        (released,) = await journal.claim("mes", 10, START)
        await journal.unsettle(released, START, "no answer")
    await claimed(path, ELSEWHERE)

    async with opened(path, HERE) as journal:
        (again,) = await journal.claim("mes", 10, START)

    assert again.delivery.unsettled


async def test_nothing_is_put_right_at_another_address(path: Path) -> None:
    await waiting(path)
    async with opened(path, HERE) as journal:
        (released,) = await journal.claim("mes", 10, START)
        await journal.settle(released, Receipt("mes", "Observation/1", START))
        bo = (await journal.add_subject("Bo")).id
        await journal.reassign(released.delivery.entry.id, bo)

    async with opened(path, ELSEWHERE) as journal:
        elsewhere = await journal.claim_corrections("mes", 10, START)
    with Reader.open(path) as reader:
        (left,) = reader.corrections_owed()
    async with opened(path, HERE) as journal:
        here = await journal.claim_corrections("mes", 10, START)

    assert (elsewhere, left.problem) == ([], Reason.ADDRESS_CHANGED)
    assert len(here) == 1


# --- grants of before addresses were recorded ---------------------------------------------------


@pytest.fixture
def before(path: Path) -> Path:
    """Lay a journal of before: a grant without an address, and a reading that is due."""
    lay(DATABASES[7], path)
    return path


@pytest.mark.parametrize(("addresses", "leaves"), [(HERE, 1), (MOVED, 1), (ELSEWHERE, 0)])
async def test_a_grant_of_before_is_good_where_its_destination_was_then(
    before: Path, addresses: Addresses, leaves: int
) -> None:
    async with opened(before, HERE):
        pass

    assert await claimed(before, addresses) == leaves


async def test_a_grant_of_before_for_what_was_nowhere_then_is_good_nowhere(before: Path) -> None:
    async with opened(before, NOWHERE):
        pass

    assert await claimed(before, ELSEWHERE) == 0


def test_a_journal_whose_step_is_yet_to_be_taken_can_be_read(before: Path) -> None:
    with Reader.open(before) as reader:
        (subject,) = reader.subjects()
        (given,) = reader.ledger(subject.id)

        assert isinstance(given, Grant)
        assert reader.address_of(given) is None
        assert not reader.refused(subject.id, "mes")


async def test_damage_does_not_make_a_grant_of_before_good_elsewhere(before: Path) -> None:
    async with opened(before, HERE):
        pass
    with sqlite3.connect(before) as other:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'remarks_device'"
        (root,) = other.execute(sql).fetchone()
    other.close()
    content = bytearray(before.read_bytes())
    content[(root - 1) * PAGE : root * PAGE] = b"\xff" * PAGE
    before.write_bytes(content)

    async with opened(before, ELSEWHERE) as journal:
        elsewhere = await journal.claim("mes", 10, START)
    with Reader.open(before) as reader:
        salvaged = reader.salvaged()

    assert (len(salvaged), elsewhere) == (1, [])
    assert await claimed(before, HERE) == 1


async def test_a_grant_without_an_address_is_good_where_nobody_says_where_that_is(
    path: Path,
) -> None:
    async with open_journal(path, routes=ROUTES) as journal:
        await consenting(journal)
        await journal.record(SCALE, [weight(1)])

        assert len(await journal.claim("mes", 10, START)) == 1
