"""Real drivers over real Linux Bluetooth: pair, receive what was stored, come back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from firmware_sims.episodic import EpisodicDevice
from firmware_sims.faults import Fault
from firmware_sims.identity import Pairing
from firmware_sims.peripheral import Peripheral

from gateway.domain.device import DeviceId
from gateway.transport.rotating_names import RotatingNames
from tests.bluez.air import PASSKEY, Air
from tests.bluez.hub import BLOOD_PRESSURE, CGM, WITHIN_S, Hub, running

LISTENING = "0A"  # as the kernel writes it


async def test_stored_readings_arrive_from_a_cuff_that_pairs_without_a_code(
    air: Air, hub: Hub
) -> None:
    cuff = await air.cuff(Pairing.JUST_WORKS, stored=3)
    device = hub.adopt(cuff.identity.address, BLOOD_PRESSURE)
    await hub.until(lambda: hub.readings(device) == 6)

    assert hub.kinds() == {"blood_pressure": 3, "heart_rate": 3}


async def test_the_owner_types_the_code_that_a_cuff_shows(air: Air, hub: Hub) -> None:
    hub.owner.passkeys = [PASSKEY]
    cuff = await air.cuff(Pairing.PASSKEY, stored=2)
    device = hub.adopt(cuff.identity.address, BLOOD_PRESSURE)
    await hub.until(lambda: hub.readings(device) == 4)

    assert hub.owner.asked == [cuff.identity.address]


async def test_a_bonded_cuff_is_not_paired_again(air: Air, hub: Hub) -> None:
    hub.owner.passkeys = [PASSKEY]
    cuff = await air.cuff(Pairing.PASSKEY, stored=1)
    device = hub.adopt(cuff.identity.address, BLOOD_PRESSURE)
    await hub.until(lambda: hub.readings(device) == 2 and not hub.is_talking())
    cuff.measure()
    await hub.until(lambda: hub.readings(device) == 4)

    assert hub.owner.asked == [cuff.identity.address]


@pytest.mark.parametrize("afterwards", ["the daemon", "bluetoothd"])
async def test_a_cuff_whose_address_rotates_keeps_its_id_once_it_is_paired(
    air: Air, tmp_path: Path, afterwards: str
) -> None:
    cuff = await air.cuff(stored=1, private=True)
    peripheral = air.peripherals[cuff.identity.address]
    first = DeviceId(f"ble-rotating:{peripheral.address.to_string(False)}")
    async with running(tmp_path / "journal.db") as hub:
        hub.adopt_as(first, BLOOD_PRESSURE)
        await hub.until(lambda: hub.readings(first) == 2 and not hub.is_talking())
        if afterwards == "the daemon":
            await measures_under_another_address(cuff, peripheral)
            await hub.until(lambda: hub.readings(first) == 4 and not hub.is_talking())
    if afterwards == "bluetoothd":
        await air.box.do("bluetoothd_off")
        await air.box.do("bluetoothd_on")
        await air.box.do("ready")
    async with running(tmp_path / "journal.db") as hub:
        hub.adopt_as(first, BLOOD_PRESSURE)
        before = hub.readings(first)
        await measures_under_another_address(cuff, peripheral)
        await hub.until(lambda: hub.readings(first) == before + 2)
        bonded = hub.transport.is_bonded(first)
        had_a_bond = await hub.transport.forget(first)

    assert bonded
    assert had_a_bond


async def test_what_a_cuff_is_called_is_kept_while_it_is_still_connected(
    air: Air, tmp_path: Path
) -> None:
    cuff = await air.cuff(stored=1, private=True)
    first = air.peripherals[cuff.identity.address].address.to_string(False)
    async with running(tmp_path / "journal.db") as hub:
        device = hub.adopt_as(DeviceId(f"ble-rotating:{first}"), BLOOD_PRESSURE)
        await hub.until(lambda: hub.readings(device) == 2)
        kept = RotatingNames(tmp_path / "rotating-names.json")
        found = kept.called(cuff.identity.address), hub.is_talking()

    assert found == (first, True)


async def test_a_cuff_that_claims_to_be_another_of_ours_keeps_no_bond(
    air: Air, tmp_path: Path
) -> None:
    cuff = await air.cuff(stored=1, private=True)
    peripheral = air.peripherals[cuff.identity.address]
    first = DeviceId(f"ble-rotating:{peripheral.address.to_string(False)}")
    async with running(tmp_path / "journal.db") as hub:
        other = hub.adopt(cuff.identity.address, BLOOD_PRESSURE)
        hub.adopt_as(first, BLOOD_PRESSURE)
        await hub.until(lambda: hub.readings(first) == 2 and not hub.is_talking())
        found = hub.readings(other), await hub.transport.forget(other)

    assert found == (0, False)


async def measures_under_another_address(cuff: EpisodicDevice, peripheral: Peripheral) -> None:
    assert await peripheral.until(lambda: not (peripheral.linked or peripheral.calling), WITHIN_S)
    await peripheral.rotate()
    cuff.measure()


async def test_subscriptions_are_left_as_they_are_when_a_conversation_ends(
    air: Air, hub: Hub
) -> None:
    cuff = await air.cuff(stored=1)
    peripheral = air.peripherals[cuff.identity.address]
    device = hub.adopt(cuff.identity.address, BLOOD_PRESSURE)
    await hub.until(lambda: hub.readings(device) == 2 and not hub.is_talking())

    assert await peripheral.until(lambda: not peripheral.linked, 10)
    assert peripheral.switched_off == 0


async def test_a_sensor_that_is_cut_off_gives_the_rest_of_its_memory_later(
    air: Air, hub: Hub
) -> None:
    sensor = await air.sensor(hours=10)
    sensor.faults.arm(Fault.DISCONNECT_MID_RECORD)
    device = hub.adopt(sensor.identity.address, CGM)
    await hub.until(lambda: hub.readings(device) == sensor.held)

    produced = len(air.ledger.produced)
    assert hub.readings(device) == produced == 120


async def test_no_connection_to_the_bus_is_left_behind(air: Air, tmp_path: Path) -> None:
    before = connections(air.box.bus_port)
    for number in (1, 2):
        async with running(tmp_path / f"journal-{number}.db") as hub:
            cuff = await air.cuff(stored=1, number=number)
            device = hub.adopt(cuff.identity.address, BLOOD_PRESSURE)
            await hub.until(lambda: hub.readings(device) == 2)  # noqa: B023  # within this turn
    async with asyncio.timeout(5):
        while connections(air.box.bus_port) > max(before, 1):  # noqa: ASYNC110  # one is bleak's
            await asyncio.sleep(0.05)


def connections(port: int) -> int:
    """Count the sockets of this process that are connected to a port."""
    ours = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        row[2].endswith(f":{port:04X}") and row[3] != LISTENING and f"socket:[{row[9]}]" in ours
        for row in rows
    )
