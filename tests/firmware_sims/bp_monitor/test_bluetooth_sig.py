import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from bumble import att, gatt_server
from bumble.pairing import PairingConfig, PairingDelegate
from firmware_sims.bp_monitor.bluetooth_sig import blood_pressure_monitor
from firmware_sims.device_clock import FACTORY_TIME
from firmware_sims.episodic import EpisodicDevice
from firmware_sims.faults import Fault
from firmware_sims.identity import Identity, Pairing
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.radio import VirtualRadio
from firmware_sims.store_and_forward import Pace

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import NOON, PACE, body, fittings, identity


def cuff(
    *,
    who: Identity | None = None,
    faults: dict[Fault, int] | None = None,
    ledger: Ledger | None = None,
    users: int = 0,
    kilopascal: bool = False,
    error: timedelta = timedelta(),
    pace: Pace = PACE,
) -> EpisodicDevice:
    slots = range(1, users + 1) if users else [None]
    given = fittings(ledger, faults, pace=pace, error=error)
    people = {slot: body(f"user {slot}") for slot in slots}
    return blood_pressure_monitor(who or identity(), people, given, kilopascal=kilopascal)


async def test_a_cuff_says_who_it_is_and_what_it_can_do() -> None:
    device = cuff()
    device.measure()
    async with VirtualRadio() as radio:
        await radio.add(device)
        async with Collector(await radio.central(), device.identity.address) as collector:
            services = await collector.discover()

            assert set(services) >= {0x1810, 0x180A, 0x180F, 0x1805}
            assert await collector.read(0x180A, 0x2A29) == b"Imaginary Devices"
            assert await collector.read(0x180A, 0x2A25) == b"0001"
            assert (await collector.read(0x180A, 0x2A23)).hex() == "010000feff0000c4"
            assert await collector.read(0x180F, 0x2A19) == bytes([99])
            assert (await collector.read(0x1810, 0x2A49)).hex() == "0700"


async def test_stored_readings_come_back_to_back_and_are_forgotten_once_confirmed() -> None:
    ledger = Ledger()
    device = cuff(ledger=ledger)
    device.remember(3, every=timedelta(hours=8))
    async with discovered(device) as collector:
        frames = await collector.told(0x1810, 0x2A35, 3)
        await collector.until_lost()

    first = ledger.produced[0]
    assert [row.kind for row in ledger.produced] == [Kind.BLOOD_PRESSURE, Kind.HEART_RATE] * 3
    assert len(device.store.memory) == 0
    assert first.measured_at == NOON - timedelta(hours=24)
    assert frames[0][1] == int(first.values["systolic"])
    assert frames[0][7:14].hex() == "ea0703090c0000"


async def test_a_measurement_during_the_link_is_sent_on_it() -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        await collector.told(0x1810, 0x2A35, 1)
        device.measure()
        frames = await collector.received(0x2A35, 2)

    assert len(frames) == 2


async def test_a_link_lost_mid_record_keeps_the_record_for_the_next() -> None:
    device = cuff(faults={Fault.DISCONNECT_MID_RECORD: 1})
    device.measure()
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        async with Collector(central, device.identity.address) as collector:
            await collector.discover()
            await collector.subscribe(0x1810, 0x2A35)
            await collector.until_lost()
        kept = len(device.store.memory)
        async with Collector(central, device.identity.address) as again:
            await again.discover()
            await again.told(0x1810, 0x2A35, 1)
            await again.until_lost()

    assert kept == 1
    assert len(device.store.memory) == 0


async def test_a_collector_that_leaves_unconfirmed_gets_the_record_again() -> None:
    device = cuff(faults={Fault.SLOW: 1})
    device.remember(2, every=timedelta(hours=1))
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        async with Collector(central, device.identity.address) as collector:
            await collector.discover()
            await collector.subscribe(0x1810, 0x2A35)
        async with Collector(central, device.identity.address) as again:
            await again.discover()
            frames = await again.told(0x1810, 0x2A35, 2)

    assert len(set(frames)) == 2


async def test_a_duplicate_indication_is_the_same_frame_twice() -> None:
    device = cuff(faults={Fault.DUPLICATE_INDICATION: 1})
    device.measure()
    async with discovered(device) as collector:
        frames = await collector.told(0x1810, 0x2A35, 2)

    assert frames[0] == frames[1]


async def test_garbage_comes_before_the_record_it_was_cut_from() -> None:
    device = cuff(faults={Fault.GARBAGE_FRAME: 1})
    device.measure()
    async with discovered(device) as collector:
        frames = await collector.told(0x1810, 0x2A35, 2)

    assert frames[0] == frames[1][:2]


async def test_a_failed_measurement_is_sent_as_nan_and_is_no_record() -> None:
    ledger = Ledger()
    device = cuff(ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})
    device.measure()
    async with discovered(device) as collector:
        frames = await collector.told(0x1810, 0x2A35, 1)

    assert frames[0][1:7].hex() == "ff07ff07ff07"
    assert ledger.produced == []


async def test_a_refusing_cuff_hangs_up_and_is_there_the_next_time() -> None:
    device = cuff(faults={Fault.REFUSE: 1})
    device.measure()
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        async with Collector(central, device.identity.address) as collector:
            await collector.until_lost()
        async with Collector(central, device.identity.address) as again:
            assert 0x1810 in await again.discover()


async def test_users_take_turns_and_are_named_in_the_frame() -> None:
    ledger = Ledger()
    device = cuff(ledger=ledger, users=2)
    device.remember(2, every=timedelta(hours=1))
    async with discovered(device) as collector:
        frames = await collector.told(0x1810, 0x2A35, 2)

    assert [frame[16] for frame in frames] == [1, 2]
    assert [row.slot for row in ledger.produced] == [1, 1, 2, 2]


async def test_kilopascal_is_flagged_and_shown_in_the_ledger() -> None:
    ledger = Ledger()
    device = cuff(ledger=ledger, kilopascal=True)
    device.measure()
    async with discovered(device) as collector:
        frames = await collector.told(0x1810, 0x2A35, 1)

    assert frames[0][0] & 1
    assert ledger.produced[0].values["unit"] == "kPa"


async def test_a_wrong_clock_is_readable_and_can_be_set() -> None:
    device = cuff(error=timedelta(hours=-1))
    device.measure()
    async with discovered(device) as collector:
        before = await collector.read(0x1805, 0x2A2B)
        await collector.write(0x1805, 0x2A2B, bytes.fromhex("ea07030a0c0000020000"))
        after = await collector.read(0x1805, 0x2A2B)

    assert before[:7].hex() == "ea07030a0b0000"
    assert after[:7].hex() == "ea07030a0c0000"


async def test_a_clock_may_refuse_to_be_set() -> None:
    device = cuff(faults={Fault.REFUSE_CLOCK: 1})
    device.measure()
    async with discovered(device) as collector:
        with pytest.raises(att.ATT_Error) as refused:
            await collector.write(0x1805, 0x2A2B, bytes.fromhex("ea07030a0c0000020000"))

    assert refused.value.error_code == 0x80


@pytest.mark.parametrize("octets", ["ea07", "ea070d400c0000020000"])
async def test_a_time_that_is_none_is_refused(octets: str) -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        with pytest.raises(att.ATT_Error) as refused:
            await collector.write(0x1805, 0x2A2B, bytes.fromhex(octets))

    assert refused.value.error_code in (0x0D, 0xFF)


def test_a_dropped_clock_stamps_the_next_record_in_2000() -> None:
    device = cuff(faults={Fault.DROP_CLOCK: 1})

    device.measure()

    assert device.clock.device_local() == FACTORY_TIME


async def test_a_measurement_cannot_be_read() -> None:
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        with pytest.raises(att.ATT_Error) as refused:
            await collector.read(0x1810, 0x2A35)

    assert refused.value.error_code == att.ATT_READ_NOT_PERMITTED_ERROR


async def test_a_cuff_that_wants_pairing_gives_nothing_before_it() -> None:
    device = cuff(who=identity(Pairing.JUST_WORKS))
    device.measure()
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        async with Collector(central, device.identity.address) as collector:
            await collector.discover()
            with pytest.raises(att.ATT_Error) as refused:
                await collector.subscribe(0x1810, 0x2A35)
            await collector.link.pair()
            await collector.told(0x1810, 0x2A35, 1)

    assert refused.value.error_code == att.ATT_INSUFFICIENT_ENCRYPTION_ERROR


class Keyboard(PairingDelegate):  # type: ignore[misc]
    """Types the number that the owner read from the device."""

    def __init__(self, passkey: int) -> None:
        super().__init__(io_capability=PairingDelegate.KEYBOARD_INPUT_ONLY)
        self._passkey = passkey

    async def get_number(self) -> int | None:
        return self._passkey


async def test_a_passkey_pairs_who_typed_it() -> None:
    device = cuff(who=identity(Pairing.PASSKEY, passkey=123456))
    device.measure()
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        central.pairing_config_factory = lambda _: PairingConfig(
            delegate=Keyboard(123456), identity_address_type=PairingConfig.AddressType.RANDOM
        )
        async with Collector(central, device.identity.address) as collector:
            await collector.discover()
            await collector.link.pair()
            await collector.told(0x1810, 0x2A35, 1)

    assert central.keystore is not None


async def test_a_cuff_falls_silent_after_a_while_and_calls_again_after_a_measurement() -> None:
    device = cuff(pace=Pace(advertise_for_s=0.1))
    device.measure()
    async with VirtualRadio() as radio:
        peripheral = await radio.add(device)
        assert await peripheral.until(lambda: peripheral.calling, 5)
        assert await peripheral.until(lambda: not peripheral.calling, 5)
        device.measure()

        assert await peripheral.until(lambda: peripheral.calling, 5)


async def test_a_cuff_does_not_hang_up_on_who_still_talks() -> None:
    device = cuff(pace=replace(PACE, idle_s=10))
    device.measure()
    async with discovered(device) as collector:
        for _ in range(4):
            await asyncio.sleep(7)
            await collector.read(0x180F, 0x2A19)

        assert not collector.lost.is_set()
        await collector.until_lost()


class SlowKeyboard(Keyboard):
    """Types the passkey only after the device would have been idle twice."""

    async def get_number(self) -> int | None:
        await asyncio.sleep(20)
        return await super().get_number()


async def test_a_cuff_waits_for_who_types_the_passkey() -> None:
    device = cuff(who=identity(Pairing.PASSKEY, passkey=123456), pace=replace(PACE, idle_s=10))
    device.measure()
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        central.pairing_config_factory = lambda _: PairingConfig(
            delegate=SlowKeyboard(123456), identity_address_type=PairingConfig.AddressType.RANDOM
        )
        async with Collector(central, device.identity.address) as collector:
            await collector.link.pair()

            assert not collector.lost.is_set()


async def test_a_collector_that_never_confirms_loses_the_link_but_not_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gatt_server, "GATT_REQUEST_TIMEOUT", 0.1)
    device = cuff()
    device.measure()
    async with discovered(device) as collector:
        collector.link.gatt_client.on_att_handle_value_indication = lambda _frame: None
        await collector.subscribe(0x1810, 0x2A35)
        await collector.until_lost()

    assert device.held == 1
