"""How a device that keeps what it remembers calls for a collector."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from bumble.core import AdvertisingData
from firmware_sims.bp_monitor.omron_ble import OmronCuff
from firmware_sims.bp_monitor.omron_memory import HEM_7142T2
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import Fittings
from firmware_sims.ledger import Ledger
from firmware_sims.peripheral import FAST_FOR_S
from firmware_sims.radio import VirtualRadio
from firmware_sims.store_and_forward import Pace

from tests.firmware_sims.people import Time, body, identity


class Air:
    """What a device says, and when."""

    def __init__(self, device: OmronCuff) -> None:
        self.device = device
        self.heard: list[tuple[float, str]] = []

    def hear(self, advertisement: Any) -> None:
        told = advertisement.data.get(AdvertisingData.Type.MANUFACTURER_SPECIFIC_DATA)
        if told is not None:
            self.heard.append((asyncio.get_running_loop().time(), told[1].hex()))

    async def within(self, seconds: float) -> list[str]:
        """Listen for so long."""
        since = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        return [said for at, said in self.heard if at > since]


@asynccontextmanager
async def calling(advertise_for_s: float) -> AsyncIterator[Air]:
    now = Time()
    fittings = Fittings(
        now=now, clock=DeviceClock(now), ledger=Ledger(), pace=Pace(advertise_for_s=advertise_for_s)
    )
    device = OmronCuff(identity(), {1: body()}, fittings, HEM_7142T2, key=None)
    air = Air(device)
    async with VirtualRadio() as radio:
        central = await radio.central()
        central.on("advertisement", air.hear)
        await central.start_scanning(active=True, filter_duplicates=False)
        await radio.add(device)
        device.remember(1, every=timedelta(hours=1))
        yield air


async def test_who_calls_for_ever_calls_every_1_to_2_5_s_after_half_a_minute() -> None:
    async with calling(math.inf) as air:
        fast = await air.within(FAST_FOR_S - 1)
        await air.within(2)
        slow = await air.within(60)

    assert len(fast) > 300
    assert 60 / 2.5 <= len(slow) <= 60


async def test_who_is_measured_with_while_it_calls_says_so_and_is_fast_again() -> None:
    async with calling(math.inf) as air:
        before = await air.within(FAST_FOR_S + 10)
        air.device.measure()
        after = await air.within(5)

    assert len(set(before)) == len(set(after)) == 1
    assert set(before) != set(after)
    assert len(after) > 50


async def test_who_calls_for_half_a_minute_is_silent_after_it() -> None:
    async with calling(FAST_FOR_S) as air:
        await air.within(FAST_FOR_S + 1)
        silent = await air.within(60)
        air.device.measure()
        again = await air.within(5)

    assert silent == []
    assert len(again) > 50
