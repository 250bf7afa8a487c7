"""What is in the air around the box: virtual devices, and the trouble a test makes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from bleak import BleakScanner
from bleak.exc import BleakDBusError
from dbus_fast import Variant
from firmware_sims.bp_monitor.bluetooth_sig import blood_pressure_monitor
from firmware_sims.cgm.bluetooth_sig import GlucoseSensor
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings
from firmware_sims.identity import Identity, Pairing
from firmware_sims.ledger import Ledger
from firmware_sims.peripheral import Peripheral, VirtualDevice
from firmware_sims.radio import VirtualRadio
from firmware_sims.store_and_forward import Pace

from gateway.errors import RadioUnavailable
from gateway.transport.ble.adapter import BluezAdapter
from gateway.transport.ble.bluez import forget
from gateway.transport.ble.bus import ADAPTER, BUS, SERVICE, call, objects, system_bus
from tests.bluez.box import Box
from tests.firmware_sims.people import body

PASSKEY = 123456
READY_WITHIN_S, LOOK_AGAIN_S = 40.0, 0.1
PATIENT = Pace(advertise_for_s=120, idle_s=3, settle_s=0.1)
"""A cuff that waits for a busy machine."""


class Air:
    """Devices by address, each heard by the box as soon as it has something to say."""

    def __init__(self, radio: VirtualRadio, box: Box) -> None:
        self.box = box
        self.ledger = Ledger()
        self._radio = radio
        self.peripherals: dict[str, Peripheral] = {}
        """The devices' ends of the air, by address."""
        self._jammed = False
        self._there: dict[str, VirtualDevice] = {}
        self._known: set[str] = set()

    async def cuff(
        self,
        pairing: Pairing = Pairing.JUST_WORKS,
        *,
        stored: int = 3,
        number: int = 1,
        private: bool = False,
    ) -> EpisodicDevice:
        """Put a cuff with some readings there."""
        device = blood_pressure_monitor(
            _identity(f"C4:00:00:00:01:{number:02X}", f"Cuff {number}", pairing, private),
            {None: body(seed=number)},
            Fittings(now=_now, clock=DeviceClock(_now), ledger=self.ledger, pace=PATIENT),
        )
        device.remember(stored, every=timedelta(hours=1))
        await self.add(device)
        return device

    async def sensor(self, *, hours: float) -> GlucoseSensor:
        """Put a sensor there that was put on so long ago."""
        now = _now().replace(microsecond=0)
        device = GlucoseSensor(
            _identity("C4:00:00:00:02:01", "Sensor", Pairing.JUST_WORKS),
            body(),
            started_at=now - timedelta(hours=hours),
            now=_now,
            clock=DeviceClock(_now),
            ledger=self.ledger,
        )
        device.remember(now, gap_at=None, gap=timedelta())
        await self.add(device)
        return device

    async def add(self, device: VirtualDevice) -> Peripheral:
        """Put any device there."""
        address = device.identity.address
        self._there[address] = device
        self._known.add(address)
        peripheral = self.peripherals[address] = await self._radio.add(device)
        return peripheral

    async def remove(self, device: VirtualDevice) -> None:
        """Carry a device away: its link is lost, and if it comes back, it knows nobody."""
        del self._there[device.identity.address]
        await self._radio.remove(device)

    async def unplug(self) -> None:
        """Pull the adapter out. Its power goes first, or its last words would be noise."""
        self._radio.cut_power()
        await self.box.do("unplug")

    def refuse_to_stop_scanning(self) -> None:
        """Let the adapter fail the next command to stop its scan."""
        self._radio.refuse_to_stop_scanning()

    async def jam(self) -> None:
        """Leave the kernel in a scan that it cannot end, as an adapter in trouble does."""
        self._jammed = True
        scanner = BleakScanner()
        await scanner.start()
        self.refuse_to_stop_scanning()
        with pytest.raises(BleakDBusError, match="InProgress"):
            await scanner.stop()

    async def clear(self) -> None:
        """Leave Bluetooth as it was found, whatever the test did to it."""
        for device in list(self._there.values()):
            await self.remove(device)
        await self.box.do("repair")
        async with asyncio.timeout(READY_WITHIN_S):
            while not await _is_ready():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_S)
        if self._jammed:
            await BluezAdapter(None).restart()
        for address in self._known:
            await forget(address)


async def _is_ready() -> bool:
    """Whether the adapter is there and switched on, which it is from here on."""
    try:
        async with system_bus() as bus:
            for path, interfaces in (await objects(bus)).items():
                if ADAPTER in interfaces:
                    on = [ADAPTER, "Powered", Variant("b", True)]
                    await call(bus, SERVICE, path, f"{BUS}.Properties", "Set", "ssv", on)
                    return True
    except RadioUnavailable:
        return False
    return False


def _identity(address: str, name: str, pairing: Pairing, private: bool = False) -> Identity:
    return Identity(
        name=name,
        address=address,
        manufacturer="Imaginary Devices",
        model="V-1",
        serial="0001",
        pairing=pairing,
        passkey=PASSKEY,
        private=private,
    )


def _now() -> datetime:
    return datetime.now(UTC)
