"""Documents go where the configuration says, for the people it names, and nothing else does."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.domain.reading import Kind
from gateway.errors import UplinkRejected, UplinkUnauthorised
from gateway.testing.clock import START, ManualClock
from gateway.uplink.documents import DocumentsUplink, Filing
from tests.uplink.documents import on_its_way, page, settings
from tests.uplink.samples import BOB, released


class MemoryDeposit:
    def __init__(self) -> None:
        self.kept: list[Filing] = []

    async def put(self, filing: Filing, /) -> str:
        self.kept.append(filing)
        return f"page-{len(self.kept)}"

    async def find(self, filing: Filing, /) -> str | None:
        known = [each.identifier for each in self.kept]
        return f"page-{known.index(filing.identifier) + 1}" if filing.identifier in known else None

    async def close(self) -> None: ...


@pytest.fixture
def deposit() -> MemoryDeposit:
    return MemoryDeposit()


@pytest.fixture
def uplink(deposit: MemoryDeposit) -> DocumentsUplink:
    return DocumentsUplink(settings(), deposit, ManualClock())


async def test_a_document_that_was_put_there_gives_a_receipt(uplink: DocumentsUplink) -> None:
    receipt = await uplink.send(on_its_way())

    assert (receipt.destination, receipt.reference, receipt.at) == ("documents", "page-1", START)


async def test_one_that_is_there_is_found(uplink: DocumentsUplink) -> None:
    assert await uplink.find(on_its_way()) is None
    await uplink.send(on_its_way())

    receipt = await uplink.find(on_its_way(unsettled=True))

    assert receipt is not None
    assert (receipt.reference, receipt.found) == ("page-1", True)
    assert await uplink.find(on_its_way(page("report:2"))) is None


@pytest.mark.parametrize(
    "stray", [released(destination="documents"), released(page(), destination="elsewhere")]
)
async def test_no_reading_and_nothing_for_elsewhere_is_deposited(
    stray: Any, uplink: DocumentsUplink, deposit: MemoryDeposit
) -> None:
    with pytest.raises(UplinkRejected, match="not meant"):
        await uplink.send(stray)

    assert deposit.kept == []


async def test_nothing_is_deposited_for_whom_the_place_does_not_know(
    uplink: DocumentsUplink, deposit: MemoryDeposit
) -> None:
    with pytest.raises(UplinkUnauthorised, match="patients"):
        await uplink.send(on_its_way(page(subject=BOB)))

    assert deposit.kept == []


def test_it_takes_documents_alone() -> None:
    assert settings().kinds == {Kind.GLUCOSE_REPORT}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"base_url": None}, "folder or base_url"),
        ({"folder": "/tmp"}, "folder or base_url"),
        ({"base_url": "http://elsewhere.example/fhir"}, "https"),
        ({"patient_system": None}, "patient_system"),
        ({"token_file": "/tmp/token"}, "not both"),
        ({"key_file": "/tmp/key"}, "go together"),
        ({"type_code": "107931-8"}, "pattern"),
        ({"solution_oid": "1.2.x"}, "pattern"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        settings(**change)
