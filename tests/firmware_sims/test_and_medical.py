from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from bumble import core
from firmware_sims.and_medical import (
    COMMANDS,
    SERVICE,
    AndDevice,
    older_uc_352ble,
    ua_651ble,
    uc_352ble,
)
from firmware_sims.episodic import People
from firmware_sims.faults import Fault
from firmware_sims.identity import Pairing
from firmware_sims.ledger import Ledger
from firmware_sims.radio import VirtualRadio
from firmware_sims.scale import and_older

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import body, fittings, identity

ONE: People = {None: body()}
WHO = identity(Pairing.JUST_WORKS)


def cuff(ledger: Ledger | None = None, faults: dict[Fault, int] | None = None) -> AndDevice:
    return ua_651ble(WHO, ONE, fittings(ledger, faults, clock_service=False))


async def test_a_cuff_that_shows_pr_pairs_and_then_gives_what_it_has() -> None:
    ledger = Ledger()
    device = cuff(ledger)
    device.remember(2, every=timedelta(hours=1))
    device.pairing_mode()
    async with discovered(device) as collector:
        await collector.link.pair()
        frames = await collector.told(0x1810, 0x2A35, 2)
        await collector.until_lost()

    systolic = [str(int.from_bytes(frame[1:3], "little")) for frame in frames]
    assert systolic == [row.values["systolic"] for row in ledger.produced[::2]]
    assert device.held == 0


async def test_a_cuff_that_does_not_show_pr_refuses_and_keeps_what_it_has() -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        with pytest.raises(core.ProtocolError):
            await collector.link.pair()

    assert device.held == 1


async def test_pr_calls_although_nothing_was_measured_and_is_over_once_paired() -> None:
    device = cuff()
    device.pairing_mode()
    async with discovered(device) as collector:
        await collector.link.pair()
        await collector.until_lost()

    assert not device.identity.pairable()


async def test_it_hangs_up_when_told() -> None:
    device = cuff()
    device.measure()
    device.pairing_mode()
    async with discovered(device) as collector:
        await collector.link.pair()
        commands = collector.find(SERVICE, COMMANDS)
        await commands.write_value(bytes.fromhex("020103"), with_response=True)
        await collector.until_lost()

    assert device.held == 1


@pytest.mark.parametrize(
    ("make", "service"),
    [(ua_651ble, 0x1810), (uc_352ble, 0x181D), (older_uc_352ble, and_older.SERVICE)],
    ids=["cuff", "scale", "older scale"],
)
async def test_the_clock_is_set_by_a_command_or_beside_the_measurement(
    make: Callable[..., AndDevice], service: int | str
) -> None:
    device = make(WHO, ONE, fittings(clock_service=False))
    device.pairing_mode()
    async with discovered(device) as collector:
        await collector.link.pair()
        before = await collector.read(service, 0x2A08)
        await collector.write(service, 0x2A08, bytes.fromhex("ea0701020a0b0c"))
        beside = device.clock.device_local()
        commands = collector.find(SERVICE, COMMANDS)
        said: list[bytes] = []
        await commands.subscribe(said.append)
        await commands.write_value(bytes.fromhex("0801011a03040a0b0c"), with_response=True)
        await commands.write_value(bytes.fromhex("020004"), with_response=True)
        await collector.until_lost()

    assert before.hex() == "ea07030a0c0000"
    assert beside == datetime(2026, 1, 2, 10, 11, 12)  # noqa: DTZ001 - the device's own
    assert device.clock.device_local() == datetime(2026, 3, 4, 10, 11, 12)  # noqa: DTZ001
    assert [frame.hex() for frame in said] == ["0800041a03040a0b0c"]


@pytest.mark.parametrize(
    ("command", "name"), [("020112", "erase memory"), ("020110", "forget the bond")]
)
async def test_what_nobody_should_send_is_told_and_not_done(command: str, name: str) -> None:
    device = cuff()
    device.measure()
    device.pairing_mode()
    async with discovered(device) as collector:
        await collector.link.pair()
        commands = collector.find(SERVICE, COMMANDS)
        await commands.write_value(bytes.fromhex(command), with_response=True)

    assert device.forbidden.received == [name]
    assert device.held == 1


async def test_a_scale_speaks_pounds_and_no_composition() -> None:
    ledger = Ledger()
    device = uc_352ble(WHO, ONE, fittings(ledger, clock_service=False), imperial=True)
    device.measure()
    device.pairing_mode()
    async with discovered(device) as collector:
        await collector.link.pair()
        (frame,) = await collector.told(0x181D, 0x2A9D, 1)

    steps = int.from_bytes(frame[1:3], "little")
    assert ledger.produced[0].values == {"weight": f"{steps / 100:.2f}", "unit": "lb"}
    assert len(ledger.produced) == 1


@pytest.mark.parametrize("imperial", [False, True])
async def test_an_older_scale_tells_tenths_in_the_makers_service(imperial: bool) -> None:
    ledger = Ledger()
    device = older_uc_352ble(WHO, ONE, fittings(ledger, clock_service=False), imperial=imperial)
    device.measure()
    device.pairing_mode()
    async with discovered(device) as collector:
        await collector.link.pair()
        (frame,) = await collector.told(and_older.SERVICE, and_older.WEIGHT, 1)
        with pytest.raises(LookupError):
            collector.find(0x181D, 0x2A9D)

    tenths = int.from_bytes(frame[1:3], "little")
    unit = "lb" if imperial else "kg"
    assert [row.values for row in ledger.produced] == [{"weight": f"{tenths / 10}", "unit": unit}]
    assert 50 < tenths / (22.05 if imperial else 10) < 80
    assert (frame[0], frame[3:].hex()) == (0b10 | imperial, "ea07030a0c0000")


async def test_an_older_scale_that_failed_says_so() -> None:
    ledger = Ledger()
    device = older_uc_352ble(
        WHO, ONE, fittings(ledger, {Fault.NAN_MEASUREMENT: 1}, clock_service=False)
    )
    device.measure()
    device.pairing_mode()
    async with discovered(device) as collector:
        await collector.link.pair()
        (frame,) = await collector.told(and_older.SERVICE, and_older.WEIGHT, 1)

    assert frame[1:3] == b"\xff\xff"
    assert ledger.produced == []


async def test_what_is_not_heard_comes_with_the_next_measurement() -> None:
    device = cuff(faults={Fault.NOT_HEARD: 1})
    device.measure()
    async with VirtualRadio() as radio:
        peripheral = await radio.add(device)
        await radio.central()
        silent = not peripheral.calling
        device.measure()
        await peripheral.until(lambda: peripheral.calling, 5)

        assert silent
        assert peripheral.calling
        assert device.held == 2


async def test_a_bond_is_enough_the_next_time() -> None:
    device = cuff()
    device.pairing_mode()
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        async with Collector(central, WHO.address) as collector:
            await collector.link.pair()
        device.measure()
        async with Collector(central, WHO.address) as collector:
            await collector.link.encrypt()
            await collector.discover()
            await collector.subscribe(0x1810, 0x2A35)

            assert len(await collector.received(0x2A35, 1)) == 1
