"""A person at a device: what they type on its keys, and what they see on its display."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from bumble.core import ProtocolError
from bumble.pairing import PairingConfig, PairingDelegate
from firmware_sims.bp_monitor.bluetooth_sig import blood_pressure_monitor
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings
from firmware_sims.identity import Pairing
from firmware_sims.ledger import Ledger
from firmware_sims.radio import VirtualRadio

from tests.firmware_sims.collector import Collector
from tests.firmware_sims.people import PACE, Time, body, identity

SOON_S = 5


class Hub(PairingDelegate):  # type: ignore[misc]  # bumble carries no types
    """A collector with keys and a display."""

    def __init__(self) -> None:
        super().__init__(io_capability=PairingDelegate.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT)
        self.shows: asyncio.Queue[int] = asyncio.Queue()

    async def display_number(self, number: int, digits: int) -> None:
        self.shows.put_nowait(number)

    async def generate_passkey(self) -> int:
        self.shows.put_nowait(42)
        return 42

    async def compare_numbers(self, number: int, digits: int) -> bool:
        self.shows.put_nowait(number)
        return True


def cuff(pairing: Pairing) -> EpisodicDevice:
    time = Time()
    fittings = Fittings(now=time, clock=DeviceClock(time), ledger=Ledger(), pace=PACE)
    device = blood_pressure_monitor(identity(pairing), {None: body()}, fittings)
    device.measure()
    return device


async def pair(radio: VirtualRadio, device: EpisodicDevice, hub: Hub) -> Any:
    await radio.add(device)
    central = await radio.central()
    central.pairing_config_factory = lambda _: PairingConfig(
        delegate=hub, identity_address_type=PairingConfig.AddressType.RANDOM
    )
    async with Collector(central, device.identity.address) as collector:
        await collector.link.pair()
        return collector.link.authenticated


@pytest.mark.parametrize("wrong", [0, 1])
async def test_what_the_collector_shows_is_typed_on_the_keys(wrong: int) -> None:
    device, hub = cuff(Pairing.KEYPAD), Hub()
    async with VirtualRadio() as radio:
        pairing = asyncio.ensure_future(pair(radio, device, hub))
        shown = await asyncio.wait_for(hub.shows.get(), SOON_S)
        device.identity.panel.keyed.put_nowait(shown + wrong)

        if wrong:
            with pytest.raises(ProtocolError):
                await pairing
        else:
            assert await pairing


async def test_both_show_the_same_number() -> None:
    device, hub = cuff(Pairing.NUMBERS), Hub()
    async with VirtualRadio() as radio:
        await pair(radio, device, hub)

    assert device.identity.panel.shown.get_nowait() == hub.shows.get_nowait()
