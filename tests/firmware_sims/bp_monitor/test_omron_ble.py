from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from bumble import core
from bumble.device import Peer
from firmware_sims.bp_monitor.omron_ble import (
    CLASSIC,
    FROM_CUFF,
    MODERN,
    TO_CUFF,
    UNLOCK,
    OmronCuff,
)
from firmware_sims.bp_monitor.omron_memory import (
    HEM_7142T2,
    HEM_7322T,
    HEM_7361T,
    HEM_7600T,
    MODELS,
    Model,
)
from firmware_sims.episodic import People
from firmware_sims.faults import Fault
from firmware_sims.identity import Pairing
from firmware_sims.ledger import Ledger
from firmware_sims.packing.omron import exclusive_or
from firmware_sims.radio import VirtualRadio

from tests.firmware_sims.collector import Collector
from tests.firmware_sims.people import body, fittings, identity

KEY = bytes(range(16))
START, END = "0800000000100018", "080f000000000007"


def cuff(
    model: Model = HEM_7142T2,
    *,
    stored: int = 2,
    key: bytes | None = KEY,
    pairing_mode: bool = True,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
) -> OmronCuff:
    given = fittings(ledger, faults)
    people: People = {slot: body(f"user {slot}") for slot in range(1, len(model.users) + 1)}
    device = OmronCuff(identity(Pairing.JUST_WORKS), people, given, model, key=key)
    device.remember(stored, every=timedelta(hours=1))
    if pairing_mode:
        device.pairing_mode()
    return device


class Reader(Collector):
    """Somebody who reads the memory of a cuff."""

    def look(self, model: Model) -> None:
        self._service: int | str = MODERN if model.modern else CLASSIC
        self._channels = 1 if model.modern else 4
        self.frames: list[bytes] = []
        self.unlock_answers: list[str] = []
        self._pieces = b""

    async def listen(self) -> None:
        for uuid in FROM_CUFF[: self._channels]:
            await self.find(self._service, uuid).subscribe(self._hear)

    def _hear(self, piece: bytes) -> None:
        self._pieces += piece
        if len(self._pieces) >= self._pieces[0]:
            self.frames.append(self._pieces)
            self._pieces = b""
        self._news.set()

    async def ask(self, octets: str) -> bytes:
        before = len(self.frames)
        channel = self.find(self._service, TO_CUFF[0])
        await channel.write_value(bytes.fromhex(octets), with_response=True)
        await self.until(lambda: len(self.frames) > before or self.lost.is_set())
        return self.frames[-1]

    async def read_memory(self, address: int, size: int) -> bytes:
        octets = b"\x08\x01\x00" + address.to_bytes(2, "big") + bytes([size, 0])
        answer = await self.ask((octets + bytes([exclusive_or(octets)])).hex())
        assert answer[1:6] == b"\x81\x00" + octets[3:6]
        assert exclusive_or(answer) == 0
        return answer[6:-2]

    async def unlock(self, octets: bytes) -> str:
        channel = self.find(self._service, UNLOCK)
        if not self.unlock_answers:
            await channel.subscribe(self._unlocked)
        before = len(self.unlock_answers)
        await channel.write_value(octets, with_response=True)
        await self.until(lambda: len(self.unlock_answers) > before)
        return self.unlock_answers[-1]

    def _unlocked(self, answer: bytes) -> None:
        self.unlock_answers.append(answer.hex())
        self._news.set()


@asynccontextmanager
async def reading(device: OmronCuff, model: Model) -> AsyncIterator[Reader]:
    """Pair, look again, and listen; a classic cuff also wants its key."""
    async with VirtualRadio() as radio:
        await radio.add(device)
        async with Reader(await radio.central(), device.identity.address) as reader:
            await reader.link.pair()
            await reader.grow(247)
            await reader.discover()
            reader.look(model)
            await reader.listen()
            if not model.modern:
                assert await reader.unlock(b"\x01" + KEY) == "8100"
            yield reader


def said(record: bytes, model: Model) -> tuple[str, str, str]:
    systolic, diastolic, pulse = record[0], record[1], record[2]
    if model.index_order == "big":
        diastolic, systolic, pulse = record[0], record[1], record[3]
    return str(systolic + 25), str(diastolic), str(pulse)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: str(model.name))
async def test_every_record_stands_in_its_slot(model: Model) -> None:
    ledger = Ledger()
    device = cuff(model, stored=4, ledger=ledger)
    async with reading(device, model) as reader:
        await reader.ask(START)
        found = {
            user: [
                await reader.read_memory(start + at * model.record_octets, model.record_octets)
                for at in range(3)
            ]
            for user, start in enumerate(model.users, start=1)
        }

    for user, records in found.items():
        produced = [row.values for row in ledger.produced if row.slot == user]
        shown = [(row["systolic"], row["diastolic"]) for row in produced if "systolic" in row]
        full = records[: len(shown)]
        assert [said(record, model)[:2] for record in full] == shown[:3]
        assert set(records[len(shown)] if len(shown) < 3 else b"\xff") == {0xFF}


async def test_the_index_tells_the_next_slot_and_what_is_unread() -> None:
    async with reading(cuff(HEM_7322T, stored=3), HEM_7322T) as reader:
        big = await reader.read_memory(0x0260, 8)
    async with reading(cuff(HEM_7142T2, stored=17), HEM_7142T2) as reader:
        little = await reader.read_memory(0x0260, 8)

    assert big.hex() == "0002000100020001"
    assert little.hex() == "030000000e000000"


@pytest.mark.parametrize(
    ("model", "size", "clock"),
    [
        (HEM_7600T, 10, "0000" + "031a0c0a0000" + "00" + "33"),
        (HEM_7361T, 16, "0000000000000000" + "1a030a0c0000" + "33" + "00"),
    ],
)
async def test_the_clock_stands_in_the_settings(model: Model, size: int, clock: str) -> None:
    async with reading(cuff(model), model) as reader:
        assert (await reader.read_memory(model.clock_at, size)).hex() == clock


async def test_a_read_beyond_the_end_is_answered_without_data() -> None:
    async with reading(cuff(), HEM_7142T2) as reader:
        assert await reader.read_memory(0x0FFF, 16) == b""


async def test_a_modern_cuff_shows_its_service_only_to_who_paired() -> None:
    device = cuff()
    async with VirtualRadio() as radio:
        await radio.add(device)
        async with Collector(await radio.central(), device.identity.address) as collector:
            before = await collector.discover()
            await collector.link.pair()
            again = Peer(collector.link)
            await again.discover_services()
            after = [service.uuid.to_hex_str() for service in again.services]

    assert MODERN not in before
    assert "FE4A" in after


@pytest.mark.parametrize("model", [HEM_7142T2, HEM_7322T], ids=lambda model: str(model.name))
async def test_a_cuff_that_does_not_show_p_lets_nobody_pair(model: Model) -> None:
    device = cuff(model, pairing_mode=False)
    async with VirtualRadio() as radio:
        await radio.add(device)
        async with Collector(await radio.central(), device.identity.address) as collector:
            with pytest.raises(core.ProtocolError):
                await collector.link.pair()


async def test_a_classic_cuff_takes_a_key_while_it_shows_p_and_wants_it_from_then_on() -> None:
    device = cuff(HEM_7322T, key=None)
    async with VirtualRadio() as radio:
        await radio.add(device)
        async with Reader(await radio.central(), device.identity.address) as reader:
            await reader.link.pair()
            await reader.discover()
            reader.look(HEM_7322T)
            answers = [
                await reader.unlock(b"\x01" + KEY),
                await reader.unlock(b"\x00" + KEY),
                await reader.unlock(b"\x02" + bytes(16)),
                await reader.unlock(b"\x00" + KEY),
                await reader.unlock(b"\x01" + KEY[::-1]),
                await reader.unlock(b"\x01" + KEY),
            ]

    assert answers == ["0f01", "0f00", "8200", "8000", "0f01", "8100"]


async def test_the_token_of_newer_clients_is_answered() -> None:
    async with reading(cuff(), HEM_7142T2) as reader:
        answer = await reader.unlock(bytes.fromhex("11deadbeef") + bytes(15))

    assert answer == "9100deadbeef"


async def test_frames_of_a_classic_cuff_come_over_four_channels() -> None:
    async with reading(cuff(HEM_7322T, stored=4), HEM_7322T) as reader:
        records = await reader.read_memory(0x02AC, 0x2C)

    assert len(records) == 0x2C


async def test_the_end_is_confirmed_and_a_cuff_left_alone_hangs_up() -> None:
    async with reading(cuff(), HEM_7142T2) as reader:
        start = await reader.ask(START)
        end = await reader.ask(END)
        await reader.until_lost()

    assert start[1:3].hex() == "8000"
    assert end.hex() == "088f000000000087"


async def test_writing_is_answered_not_done_and_told() -> None:
    device = cuff()
    async with reading(device, HEM_7142T2) as reader:
        octets = bytes.fromhex("1001c0026008") + bytes(8) + b"\x00"
        answer = await reader.ask((octets + bytes([exclusive_or(octets)])).hex())
        index = await reader.read_memory(0x0260, 8)

    assert answer[1:5].hex() == "81c00260"
    assert index.hex() == "0200000002000000"
    assert device.forbidden.received == ["write into the memory"]


async def test_who_switches_a_modern_cuffs_notifications_off_loses_the_bond() -> None:
    device = cuff()
    async with reading(device, HEM_7142T2) as reader:
        await reader.find(MODERN, FROM_CUFF[0]).unsubscribe(force=True)
        await reader.until_lost()

    assert device.forbidden.received == ["switch notifications off"]


@pytest.mark.parametrize(("fault", "checks"), [(Fault.GARBAGE_FRAME, [1, 0]), (Fault.SLOW, [0])])
async def test_a_fault_strikes_once_and_the_record_still_comes(
    fault: Fault, checks: Sequence[int]
) -> None:
    device = cuff(faults={fault: 1})
    async with reading(device, HEM_7142T2) as reader:
        await reader.find(MODERN, TO_CUFF[0]).write_value(
            bytes.fromhex("08010002e80e00ed"), with_response=True
        )
        await reader.until(lambda: len(reader.frames) == len(checks))
        frames: list[Any] = reader.frames

    assert [min(exclusive_or(frame), 1) for frame in frames] == checks


async def test_a_link_that_drops_in_a_read_keeps_the_memory() -> None:
    device = cuff(HEM_7322T, stored=4, faults={Fault.DISCONNECT_MID_RECORD: 1})
    async with reading(device, HEM_7322T) as reader:
        await reader.find(CLASSIC, TO_CUFF[0]).write_value(
            bytes.fromhex("08010002ac2c008b"), with_response=True
        )
        await reader.until_lost()

    assert reader.frames == []
    assert device.held == 4


async def test_a_measurement_that_failed_is_kept_nowhere() -> None:
    ledger = Ledger()
    device = cuff(stored=1, ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})

    assert (device.held, ledger.produced) == (0, [])
