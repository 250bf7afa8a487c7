import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from bumble import hci
from bumble.core import UUID, AdvertisingData
from bumble.core import TimeoutError as BumbleTimeout
from firmware_sims.device_clock import UNIX_EPOCH, DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing.xiaomi import Unit
from firmware_sims.radio import VirtualRadio
from firmware_sims.scale.xiaomi import MiScale, MiSettings

from tests.firmware_sims.collector import PATIENCE_S
from tests.firmware_sims.people import Time, body, identity

STILL, STEPPED_OFF = 1 << 5, 1 << 7


def scale(
    version: int = 2,
    *,
    unit: Unit = Unit.KILOGRAM,
    faults: dict[Fault, int] | None = None,
    ledger: Ledger | None = None,
) -> MiScale:
    now = Time()
    return MiScale(
        identity(),
        body(),
        now=now,
        clock=DeviceClock(now, factory_time=UNIX_EPOCH),
        ledger=ledger or Ledger(),
        faults=Faults(faults),
        settings=MiSettings(version=version, unit=unit, phase_s=0.15),
    )


async def heard(device: MiScale, weighings: int = 1) -> list[bytes]:
    """Return the service data that somebody in the room hears, repeats left out."""
    said: list[bytes] = []
    over = asyncio.Event()
    service = UUID.from_16_bits(device.advertised[0])

    def hear(advertisement: Any) -> None:
        for uuid, data in advertisement.data.get_all(AdvertisingData.Type.SERVICE_DATA_16_BIT_UUID):
            assert uuid == service
            if not said or said[-1] != data:
                said.append(bytes(data))
            if is_over(said) == weighings:
                over.set()

    async with VirtualRadio() as radio:
        central = await radio.central()
        central.on("advertisement", hear)
        await central.start_scanning(filter_duplicates=False)
        await radio.add(device)
        for _ in range(weighings):
            device.measure()
        async with asyncio.timeout(PATIENCE_S):
            await over.wait()
    return said


def is_over(said: Sequence[bytes]) -> int:
    return sum(bool(control(frame) & STEPPED_OFF) for frame in said)


def control(frame: bytes) -> int:
    return frame[0] if len(frame) == 10 else frame[1]


def weights(frames: Sequence[bytes]) -> list[int]:
    at = slice(1, 3) if len(frames[0]) == 10 else slice(11, 13)
    return [int.from_bytes(frame[at], "little") for frame in frames]


async def test_somebody_sways_stands_still_and_steps_off_and_the_last_weight_stays() -> None:
    ledger = Ledger()

    frames = await heard(scale(version=1, ledger=ledger))

    assert [control(frame) for frame in frames] == [0x02, 0x02, 0x22, 0xA2]
    *_, still, gone = weights(frames)
    assert still == gone
    (row,) = ledger.produced
    assert (row.kind, row.values["unit"]) == (Kind.WEIGHT, "kg")
    assert f"{still / 200:.3f}" == row.values["weight"]


async def test_version_2_measures_impedance_after_the_weight() -> None:
    ledger = Ledger()

    frames = await heard(scale(ledger=ledger))

    assert [frame[1] for frame in frames] == [0x04, 0x04, 0x24, 0x26, 0xA6]
    weight, composition = ledger.produced
    measured = int.from_bytes(frames[3][9:11], "little")
    assert composition.values == {"impedance_ohm": str(measured)}
    assert f"{weights(frames)[2] / 200:.3f}" == weight.values["weight"]
    assert len({frame[2:9] for frame in frames}) == 1  # one time for the whole weighing


@pytest.mark.parametrize(
    ("version", "unit", "bits"),
    [(1, Unit.POUND, 0x23), (1, Unit.JIN, 0x32), (2, Unit.POUND, 0x24), (2, Unit.JIN, 0x64)],
)
async def test_a_scale_says_its_unit(version: int, unit: Unit, bits: int) -> None:
    ledger = Ledger()

    frames = await heard(scale(version, unit=unit, ledger=ledger))

    assert control(frames[2]) == bits
    assert version == 1 or frames[2][0] == (0x03 if unit is Unit.POUND else 0x02)
    assert ledger.produced[0].values == {
        "weight": f"{weights(frames)[2] / 100:.2f}",
        "unit": str(unit),
    }


@pytest.mark.parametrize(("version", "octet", "bit"), [(1, 0, 6), (2, 0, 2)])
async def test_a_suitcase_is_marked_and_is_no_record(version: int, octet: int, bit: int) -> None:
    ledger = Ledger()

    frames = await heard(scale(version, ledger=ledger, faults={Fault.SMALL_OBJECT: 1}))

    assert all(frame[octet] & 1 << bit for frame in frames)
    assert control(frames[2]) & STILL
    assert ledger.produced == []


async def test_an_impedance_that_failed_is_a_number_of_its_own_and_no_composition() -> None:
    ledger = Ledger()

    frames = await heard(scale(ledger=ledger, faults={Fault.IMPEDANCE_FAILED: 1}))

    assert frames[3][9:11].hex() == "fdff"
    assert [row.kind for row in ledger.produced] == [Kind.WEIGHT]


async def test_who_steps_off_too_early_has_no_weight() -> None:
    ledger = Ledger()

    frames = await heard(scale(ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1}))

    assert not any(control(frame) & STILL for frame in frames)
    assert ledger.produced == []


async def test_a_clock_that_was_dropped_begins_in_1970() -> None:
    frames = await heard(scale(version=1, faults={Fault.DROP_CLOCK: 1}))

    assert frames[0][3:10].hex() == "b2070101000000"


async def test_a_frame_cut_short_comes_before_the_weighing() -> None:
    frames = await heard(scale(version=1, faults={Fault.GARBAGE_FRAME: 1}))

    assert [len(frame) for frame in frames] == [9, 10, 10, 10, 10]


async def test_nobody_can_connect_to_it() -> None:
    device = scale()
    async with VirtualRadio() as radio:
        central = await radio.central()
        await radio.add(device)
        device.measure()

        with pytest.raises(BumbleTimeout):
            await central.connect(hci.Address(device.identity.address), timeout=0.5)
