from datetime import timedelta

import pytest
from bumble.core import ProtocolError
from firmware_sims.bp_monitor.taidoc import HOST, encode
from firmware_sims.bp_monitor.taidoc_ble import (
    PIPE,
    SERVICE,
    MixedMonitor,
    MixedSettings,
    encode_glucose,
)
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import Fittings
from firmware_sims.faults import Fault, Faults
from firmware_sims.identity import Pairing
from firmware_sims.ledger import Kind, Ledger

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import PACE, Time, body, identity


def monitor(
    *,
    stored: int = 3,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
    pairing: Pairing = Pairing.NONE,
    settings: MixedSettings | None = None,
) -> MixedMonitor:
    now = Time()
    fittings = Fittings(
        now=now,
        clock=DeviceClock(now, utc_offset=timedelta(hours=1)),
        ledger=ledger or Ledger(),
        faults=Faults(faults),
        pace=PACE,
    )
    device = MixedMonitor(identity(pairing), body(), fittings, settings)
    device.remember(stored, every=timedelta(hours=1))
    return device


async def asked(collector: Collector, command: int, index: int = 0) -> bytes:
    before = len(collector.values[PIPE])
    question = encode(command, index.to_bytes(2, "little") + bytes(2), HOST)
    await collector.write(SERVICE, PIPE, question)
    await collector.until(lambda: len(collector.values[PIPE]) > before)
    return collector.values[PIPE][before]


def test_glucose_is_what_a_public_client_was_told() -> None:
    # 81,38,107,0,0,0,165,135 in a comment of a client for FORA glucose meters, of 107 mg/dL
    said = bytes((81, 38, 107, 0, 0, 0, 165, 135))

    assert encode_glucose(107)[:2] == said[2:4]
    assert encode(0x26, said[2:6]) == said


async def test_a_record_is_told_in_two_answers_the_newest_first() -> None:
    ledger = Ledger()
    device = monitor(ledger=ledger)
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, PIPE)
        count = await asked(collector, 0x2B)
        when, what = await asked(collector, 0x25, 0), await asked(collector, 0x26, 0)
        oldest = await asked(collector, 0x26, 2)

    pressures = [row.values for row in ledger.produced if row.kind is Kind.BLOOD_PRESSURE]
    assert count == encode(0x2B, bytes((3, 0, 0, 0)))
    assert when[4] & 0x80  # a pressure
    assert [what[2], oldest[2]] == [int(pressures[at]["systolic"]) for at in (-1, 0)]
    assert device.held == 3


async def test_glucose_stands_in_the_same_memory_without_the_mark() -> None:
    device = monitor(settings=MixedSettings(glucose_every=3))
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, PIPE)
        marks = [(await asked(collector, 0x25, at))[4] >> 7 for at in range(3)]

    assert marks == [0, 1, 1]


async def test_a_link_that_is_not_encrypted_is_told_nothing() -> None:
    async with discovered(monitor(pairing=Pairing.JUST_WORKS)) as collector:
        with pytest.raises(ProtocolError):
            await collector.write(SERVICE, PIPE, encode(0x24, direction=HOST))


async def test_erasing_is_told_as_forbidden_and_not_done() -> None:
    device = monitor()
    async with discovered(device) as collector:
        await collector.subscribe(SERVICE, PIPE)
        await asked(collector, 0x52)

    assert device.forbidden.received == ["erase memory"]
    assert device.held == 3


async def test_a_wrong_checksum_comes_before_the_right_one() -> None:
    async with discovered(monitor(faults={Fault.WRONG_CHECKSUM: 1})) as collector:
        await collector.subscribe(SERVICE, PIPE)
        wrong = await asked(collector, 0x24)
        await collector.received(PIPE, 2)

    assert wrong[:7] == collector.values[PIPE][1][:7]
    assert wrong != collector.values[PIPE][1]
