"""What is kept of a device, and of its pairing: who said what, never the code."""

import json
from pathlib import Path

import pytest

from gateway.domain.device import Device, DeviceId
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from tests.journal.making import SCALE, open_journal, weight

CUFF = DeviceId("ble:C0:FF:EE:00:00:01")
OTHER = DeviceId("ble:C0:FF:EE:00:00:02")


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


async def test_a_device_that_is_ours_no_more_is_so_alone_and_stays_known(
    journal: Journal, reader: Reader
) -> None:
    await journal.adopt(CUFF, "bp_monitor/bluetooth_sig")
    await journal.adopt(OTHER, "bp_monitor/bluetooth_sig")

    await journal.disown(CUFF)

    assert [(each.device.id, each.adopted) for each in reader.devices()] == [
        (CUFF, False),
        (OTHER, True),
    ]
    await journal.adopt(CUFF, "bp_monitor/bluetooth_sig")
    assert [each.adopted for each in reader.devices()] == [True, True]


async def test_of_each_device_the_latest_of_its_own_remarks_is_told(
    journal: Journal, reader: Reader
) -> None:
    cuff, other = (Device(id=each, driver="bp_monitor/bluetooth_sig") for each in (CUFF, OTHER))
    for device, event in ((cuff, "body moved"), (cuff, "cuff too loose"), (other, "no pulse")):
        await journal.remark(device, event)

    told = [(each.device.id, each.remarks, each.last_remark) for each in reader.devices()]

    assert told == [(CUFF, 2, "cuff too loose"), (OTHER, 1, "no pulse")]


async def test_what_a_device_tells_of_itself_later_is_added_to_what_is_known_of_it(
    path: Path,
) -> None:
    async with open_journal(path) as journal:
        await journal.record(SCALE, [weight(1)])
        await journal.record(SCALE.model_copy(update={"model": None, "firmware": "2"}), [weight(2)])

    with Reader.open(path) as reader:
        (known,) = reader.devices()
    assert known.device == SCALE.model_copy(update={"firmware": "2"})
