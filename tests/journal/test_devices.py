"""What is kept of the pairing of a device: who said what, never the code."""

import json

import pytest

from gateway.domain.device import DeviceId
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader

CUFF = DeviceId("ble:C0:FF:EE:00:00:01")


async def test_pairing_by_a_person_and_a_forgotten_bond_are_audited(
    journal: Journal, reader: Reader
) -> None:
    await journal.adopt(CUFF, "bp_monitor/bluetooth_sig")
    await journal.pairing_answered(CUFF, "code")
    await journal.bond_forgotten(CUFF)

    links = list(reader.audit())[-2:]
    assert [(link.event, json.loads(link.manifest)) for link in links] == [
        ("pairing_answered", {"answer": "code", "device": 1}),
        ("bond_forgotten", {"device": 1}),
    ]


async def test_what_was_never_seen_has_no_bond_to_forget(journal: Journal) -> None:
    with pytest.raises(JournalError, match="does not know that device"):
        await journal.bond_forgotten(CUFF)
