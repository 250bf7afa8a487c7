from datetime import timedelta

from firmware_sims.device_clock import FACTORY_TIME
from firmware_sims.episodic import EpisodicDevice
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.radio import VirtualRadio
from firmware_sims.scale.bluetooth_sig import body_scale

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import body, fittings, identity


def scale(
    *,
    users: int = 2,
    ledger: Ledger | None = None,
    imperial: bool = False,
    composition: bool = True,
    faults: dict[Fault, int] | None = None,
) -> EpisodicDevice:
    slots = range(1, users + 1) if users else [None]
    given = fittings(ledger, faults)
    people = {slot: body(f"user {slot}") for slot in slots}
    return body_scale(identity(), people, given, imperial=imperial, composition=composition)


async def test_weight_includes_composition_and_both_say_what_they_can_do() -> None:
    device = scale()
    device.measure()
    async with VirtualRadio() as radio:
        await radio.add(device)
        async with Collector(await radio.central(), device.identity.address) as collector:
            services = await collector.discover()
            weight_feature = await collector.read(0x181D, 0x2A9E)
            composition_feature = await collector.read(0x181B, 0x2A9B)

    # time, several users, BMI, weight resolution 7, height resolution 3: 1BF
    assert set(services) >= {0x181D, 0x181B, 0x180A, 0x180F, 0x1805}
    assert weight_feature.hex() == "bf010000"
    # time, several users, b2 b3 b5 b7 b8 b9, mass resolution 7: 3BAF
    assert composition_feature.hex() == "af3b0000"


async def test_each_weighing_is_a_weight_then_a_composition_of_the_same_time_and_user() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger)
    device.remember(2, every=timedelta(hours=12))
    async with discovered(device) as collector:
        await collector.grow(185)
        await collector.subscribe(0x181D, 0x2A9D)
        await collector.subscribe(0x181B, 0x2A9C)
        weights = await collector.received(0x2A9D, 2)
        compositions = await collector.received(0x2A9C, 2)
        await collector.until_lost()

    assert [weight[10] for weight in weights] == [1, 2]
    assert [weight[3:11] for weight in weights] == [frame[4:12] for frame in compositions]
    assert [row.kind for row in ledger.produced] == [Kind.WEIGHT, Kind.BODY_COMPOSITION] * 2
    assert len(device.store.memory) == 0


async def test_the_weight_in_the_frame_is_the_weight_in_the_ledger() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger, users=0, composition=False)
    device.measure()
    async with discovered(device) as collector:
        (frame,) = await collector.told(0x181D, 0x2A9D, 1)

    steps = int.from_bytes(frame[1:3], "little")
    assert frame[0] == 0b0010
    assert f"{steps * 0.005:.2f}" == ledger.produced[0].values["weight"]


async def test_an_imperial_scale_sends_and_enters_pounds() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger, users=1, imperial=True)
    device.measure()
    async with discovered(device) as collector:
        (frame,) = await collector.told(0x181D, 0x2A9D, 1)

    steps = int.from_bytes(frame[1:3], "little")
    assert frame[0] & 1
    assert ledger.produced[0].values == {"weight": f"{steps * 0.01:.2f}", "unit": "lb"}


async def test_a_composition_too_long_for_the_link_comes_in_two_indications() -> None:
    device = scale(users=1)
    device.measure()
    async with discovered(device) as collector:
        frames = await collector.told(0x181B, 0x2A9C, 2)

    several_packets = 1 << 12
    assert all(int.from_bytes(frame[:2], "little") & several_packets for frame in frames)
    assert all(len(frame) <= 20 for frame in frames)


async def test_a_composition_nobody_subscribed_to_is_kept() -> None:
    device = scale(users=1)
    device.measure()
    async with discovered(device) as collector:
        await collector.subscribe(0x181D, 0x2A9D)
        await collector.until_lost()

    assert len(device.store.memory) == 1


async def test_a_failed_weighing_is_sent_as_unsuccessful_and_is_no_record() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger, users=1, faults={Fault.NAN_MEASUREMENT: 1})
    device.measure()
    async with discovered(device) as collector:
        (frame,) = await collector.told(0x181D, 0x2A9D, 1)

    assert frame[1:3].hex() == "ffff"
    assert ledger.produced == []


def test_a_dropped_clock_stamps_the_next_weighing_in_2000() -> None:
    device = scale(faults={Fault.DROP_CLOCK: 1})

    device.measure()

    assert device.clock.device_local() == FACTORY_TIME
