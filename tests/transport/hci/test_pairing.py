"""A device and its owner, over real SMP: whoever has a display shows, whoever has keys types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from firmware_sims.bp_monitor.bluetooth_sig import blood_pressure_monitor
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings
from firmware_sims.identity import Pairing, pairing_config
from firmware_sims.ledger import Ledger
from firmware_sims.peripheral import Peripheral
from firmware_sims.radio import VirtualRadio

from gateway.clock import SystemClock
from gateway.drivers.api import Manifest, Reach, Sighting, gatt
from gateway.errors import PairingNeeded, RadioUnavailable
from gateway.transport import pairing
from gateway.transport.hci import HciTransport
from gateway.transport.settings import HciSettings, WithoutCode
from tests.firmware_sims.people import PACE, Time, body, identity

FEATURE = gatt("1810", "2a49")
MANIFEST = Manifest("test/cuff", "Cuff", Reach.BLE, frozenset(), "none", ())
PASSKEY = 123456
SOON_S = 5.0


class Person:
    """Reads and types at the hub what the test has them read and type."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.shown: asyncio.Queue[int] = asyncio.Queue()
        self.types: asyncio.Queue[int | None] = asyncio.Queue()
        self.agrees = False
        self.sees_a_code = False
        self.thinks = asyncio.Event()

    async def type_code(self, address: str, within: float, /) -> int | None:
        self.asked.append(address)
        self.thinks.set()
        try:
            return await self.types.get()
        finally:
            self.thinks.clear()

    async def show_code(self, address: str, code: int, within: float, /) -> None:
        self.shown.put_nowait(code)
        self.sees_a_code = True
        try:
            await asyncio.Event().wait()
        finally:
            self.sees_a_code = False

    async def confirm(self, address: str, within: float, /) -> bool:
        self.asked.append(address)
        return self.agrees


@asynccontextmanager
async def opened(
    how: Pairing, person: Person, without_code: WithoutCode = WithoutCode.ACCEPT
) -> AsyncIterator[tuple[Any, EpisodicDevice, Peripheral]]:
    """Connect to a cuff that has something to say; its values are closed until it is paired."""
    time = Time()
    fittings = Fittings(now=time, clock=DeviceClock(time), ledger=Ledger(), pace=PACE)
    cuff = blood_pressure_monitor(identity(how, PASSKEY), {None: body()}, fittings)
    cuff.measure()
    seen: asyncio.Queue[Sighting] = asyncio.Queue()
    async with VirtualRadio() as radio:
        peripheral = await radio.add(cuff)
        url = f"tcp-client:{await radio.serve('127.0.0.1', 0)}"
        settings = HciSettings(url=url, pairing_without_code=without_code)
        transport = HciTransport(settings, SystemClock(), owner=person)
        watching = asyncio.ensure_future(transport.watch(seen.put_nowait))
        link = await transport.open(await asyncio.wait_for(seen.get(), SOON_S), MANIFEST)
        yield link, cuff, peripheral
        await link.close()
        watching.cancel()
        with suppress(asyncio.CancelledError, RadioUnavailable):
            await watching


async def test_the_code_that_a_cuff_shows_is_typed_by_its_owner() -> None:
    person = Person()
    person.types.put_nowait(PASSKEY)
    async with opened(Pairing.PASSKEY, person) as (link, cuff, _):
        feature = await link.read(FEATURE)

    assert (len(feature.data), person.asked) == (2, [cuff.identity.address])


async def test_a_cuff_that_can_show_a_code_is_asked_for_it_though_it_does_not_insist() -> None:
    person = Person()
    person.types.put_nowait(PASSKEY)
    async with opened(Pairing.PASSKEY, person) as (link, cuff, peripheral):
        rules = pairing_config(cuff.identity)
        rules.mitm = False
        peripheral._stack.pairing_config_factory = lambda _: rules
        await link.read(FEATURE)

    assert person.asked == [cuff.identity.address]


@pytest.mark.parametrize(
    ("typed", "why"), [(PASSKEY + 1, r"not accept the code\)"), (None, "was not given")]
)
async def test_a_wrong_code_or_none_needs_a_person(typed: int | None, why: str) -> None:
    person = Person()
    person.types.put_nowait(typed)
    async with opened(Pairing.PASSKEY, person) as (link, _, _):
        with pytest.raises(PairingNeeded, match=why):
            await link.read(FEATURE)


async def test_who_takes_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "ANSWER_WITHIN_S", 0.05)
    async with opened(Pairing.PASSKEY, Person()) as (link, _, _):
        with pytest.raises(PairingNeeded, match="nobody answered in time"):
            await link.read(FEATURE)


async def test_a_cuff_that_leaves_while_its_owner_thinks_asks_no_longer() -> None:
    person = Person()
    async with opened(Pairing.PASSKEY, person) as (link, _, peripheral):
        reading = asyncio.ensure_future(link.read(FEATURE))
        await asyncio.wait_for(person.thinks.wait(), SOON_S)
        await peripheral.disconnect()

        with pytest.raises(PairingNeeded, match="no longer wanted an answer"):
            await reading
    await asyncio.sleep(0)
    assert not person.thinks.is_set()


async def test_a_cuff_that_leaves_before_it_accepted_the_right_code_is_not_said_to_refuse_it() -> (
    None
):
    person = Person()
    async with opened(Pairing.PASSKEY, person) as (link, _, peripheral):
        reading = asyncio.ensure_future(link.read(FEATURE))
        await asyncio.wait_for(person.thinks.wait(), SOON_S)
        person.types.put_nowait(PASSKEY)
        await asyncio.sleep(0)
        await peripheral.disconnect()

        with pytest.raises(PairingNeeded, match="or went out of reach"):
            await reading


async def test_the_code_that_the_hub_shows_is_typed_on_a_cuff_and_shown_no_longer() -> None:
    person = Person()
    async with opened(Pairing.KEYPAD, person) as (link, cuff, _):
        reading = asyncio.ensure_future(link.read(FEATURE))
        cuff.identity.panel.keyed.put_nowait(await asyncio.wait_for(person.shown.get(), SOON_S))
        feature = await reading
        await asyncio.sleep(0)

        assert (len(feature.data), person.sees_a_code) == (2, False)


@pytest.mark.parametrize("misread", [0, 1])
async def test_of_two_numbers_the_owner_types_the_one_of_the_cuff(misread: int) -> None:
    person = Person()
    async with opened(Pairing.NUMBERS, person) as (link, cuff, _):
        reading = asyncio.ensure_future(link.read(FEATURE))
        number = await asyncio.wait_for(cuff.identity.panel.shown.get(), SOON_S)
        person.types.put_nowait(number + misread)

        if misread:
            with pytest.raises(PairingNeeded):
                await reading
        else:
            assert len((await reading).data) == 2


@pytest.mark.parametrize(
    ("without_code", "agrees", "asked", "why"),
    [
        (WithoutCode.ACCEPT, False, 0, None),
        (WithoutCode.ASK, True, 1, None),
        (WithoutCode.ASK, False, 1, "did not agree"),
        (WithoutCode.REFUSE, True, 0, "pairing without is off"),
    ],
)
async def test_a_cuff_without_a_code_is_paired_as_its_owner_wants(
    without_code: WithoutCode, agrees: bool, asked: int, why: str | None
) -> None:
    person = Person()
    person.agrees = agrees
    async with opened(Pairing.JUST_WORKS, person, without_code) as (link, _, _):
        if why is None:
            assert len((await link.read(FEATURE)).data) == 2
        else:
            with pytest.raises(PairingNeeded, match=why):
                await link.read(FEATURE)

    assert len(person.asked) == asked
