from __future__ import annotations

import pytest

from gateway.domain.device_time import Correction, corrected
from gateway.domain.reading import Kind, Measure
from gateway.drivers.api import Reach, Sighting, gatt
from gateway.drivers.registry import installed
from gateway.drivers.scale.bluetooth_sig import DRIVER, codec
from gateway.drivers.scale.bluetooth_sig.consent import CONTROL_POINT
from gateway.drivers.scale.sanitas import DRIVER as SANITAS
from gateway.drivers.scale.xiaomi.session import V1, V2
from gateway.testing.clock import START
from gateway.testing.links import ScriptedLink
from tests.drivers.scale.bluetooth_sig.test_consent import HEIGHT, INCREMENT, Scale
from tests.drivers.scale.bluetooth_sig.test_session import (
    C_FAILED,
    C_STUB,
    COMPOSITION,
    WEIGHT,
    W,
    scale,
    told,
)
from tests.drivers.scale.sanitas.test_sanitas import PARTS, SETTLED
from tests.drivers.scale.sanitas.test_sanitas import scale as sanitas
from tests.drivers.scale.xiaomi.test_xiaomi import (
    GONE,
    MOVING,
    OBJECT,
    STANDING,
    heard,
)
from tests.drivers.scale.xiaomi.test_xiaomi import told as shown


async def test_quirk_10_zeros_of_a_history_are_no_measurement_and_leak_nothing() -> None:
    real = (COMPOSITION, "9803 fa00 581b 9001 0000 0000 0000")
    session = scale(real, C_STUB, C_STUB)

    await DRIVER.converse(session)

    assert len([r for r in session.readings if r.kind is Kind.BODY_COMPOSITION]) == 1
    assert session.remarks.count("nothing_measured") >= 1


async def test_quirk_11_an_unsuccessful_measurement_has_no_value() -> None:
    session = scale((WEIGHT, "00 ffff"), C_FAILED)

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.remarks == ["measurement_failed", "measurement_failed"]


async def test_quirk_12_a_detecto_below_zero_is_no_weight_and_others_bit_4_says_nothing() -> None:
    detecto, other = scale((WEIGHT, "10 2800")), scale((WEIGHT, "10 983a"))
    detecto.sighting = Sighting("x", Reach.BLE, name="DETECTO 6880")
    for session in (detecto, other):
        await DRIVER.converse(session)

    assert detecto.readings == []
    assert told(other.readings) == ["weight: 75.000 kg"]


@pytest.mark.parametrize("resolution", range(16))
async def test_quirk_13_a_weight_is_5_g_per_bit_whatever_the_resolution(resolution: int) -> None:
    octets = (resolution << 3).to_bytes(4, "little")
    session = scale((WEIGHT, "00 983a"))
    assert isinstance(session.link, ScriptedLink)
    session.link.values = {gatt("181d", "2a9e"): octets}

    await DRIVER.converse(session)

    assert codec.weight_feature(octets).weight_resolution_index == resolution
    assert told(session.readings) == ["weight: 75.000 kg"]


async def test_quirk_14_only_a_standing_person_is_weighed_by_a_mi_scale() -> None:
    both_bits = (STANDING[0], "31 983a ea07030e0b1a35")  # pounds and jin: the first decides

    assert shown(await heard(MOVING, GONE, OBJECT)) == []
    assert shown(await heard(STANDING, MOVING, both_bits)) == ["75.000 kg", "68.040 kg"]


@pytest.mark.parametrize(("ohm", "is_one"), [("0100", "1 Ohm"), ("b70b", "2999 Ohm")])
async def test_quirk_15_up_to_2999_ohm_are_an_impedance(ohm: str, is_one: str) -> None:
    assert shown(await heard((V2, f"02 26 ea07030e0a1a35 {ohm} 983a"))) == ["75.000 kg", is_one]


@pytest.mark.parametrize("ohm", ["0000", "b80b", "fdff", "feff"])
async def test_quirk_15_a_sentinel_is_no_impedance(ohm: str) -> None:
    assert shown(await heard((V2, f"02 26 ea07030e0a1a35 {ohm} 983a"))) == ["75.000 kg"]


async def test_quirk_16_a_clock_in_1970_or_2094_dates_nothing() -> None:
    mi = await heard((V1, "22 983a b20701010a1a35"))
    beurer = sanitas(PARTS[0], PARTS[1].replace("6a21f4c6", "ea21f4c6"), PARTS[2])
    await SANITAS.converse(beurer)
    zone = START.tzinfo or pytest.fail("no zone")

    timings = [corrected(session.readings[0], zone) for session in (mi, beurer)]

    assert [timing.measured_at for timing in timings] == [START, START]
    assert timings[0].reason is Correction.MEASURED_OFFSET


async def test_quirk_16_nor_does_one_that_is_wrong_by_years_and_does_not_look_it() -> None:
    session = sanitas(PARTS[0], PARTS[1].replace("6a21f4c6", "6380f4c6"), PARTS[2])  # 2022
    await SANITAS.converse(session)

    zone = START.tzinfo or pytest.fail("no zone")
    assert {corrected(r, zone).measured_at for r in session.readings} == {START}


async def test_quirk_42_a_wrong_code_is_given_once_and_nothing_else_is_tried() -> None:
    device = Scale({1: 3752})
    session = device.session(consents="1:1234")
    for _ in range(3):
        await DRIVER.converse(session)
        session.link = device.link()

    assert [request.hex() for request in device.asked] == ["0201d204"]


async def test_quirk_42_after_a_wrong_code_no_other_is_tried_at_once() -> None:
    device = Scale({1: 3752, 2: 42})

    await DRIVER.converse(device.session(consents="1:1234, 2:0042"))

    assert [request.hex() for request in device.asked] == ["0201d204"]


async def test_quirk_43_a_profile_is_committed_only_where_the_owner_says_so() -> None:
    silent, ordered = Scale({1: 1}), Scale({1: 1})
    sessions = silent.session(consents="1:1"), ordered.session(consents="1:1", commit_profile=True)
    for session in sessions:
        await DRIVER.converse(session)

    consent = (CONTROL_POINT, bytes.fromhex("02010100"))
    writes = [it.link.written for it in sessions if isinstance(it.link, ScriptedLink)]
    as_read_and_counted = [(HEIGHT, b"\xaf\0"), (INCREMENT, b"\x08\0\0\0")]
    assert writes == [[consent], [consent, *as_read_and_counted]]


async def test_quirk_44_a_sibling_that_needs_no_consent_is_heard() -> None:
    session = Scale({}).session()
    assert isinstance(session.link, ScriptedLink)
    session.link.pending.append((W[0], bytes.fromhex(W[1])))

    await DRIVER.converse(session)

    assert [r.values[Measure.WEIGHT].value for r in session.readings] == [75]
    assert session.remarks == []


def test_quirk_44_a_maker_alone_chooses_no_driver() -> None:
    maker_only = Sighting("x", Reach.BLE, manufacturer_data={0x0611: b""})

    assert installed().best(maker_only) is None


async def test_quirk_45_every_frame_is_acknowledged() -> None:
    session = sanitas(SETTLED, *PARTS)

    await SANITAS.converse(session)

    frames = [bytes.fromhex(it) for it in (SETTLED, *PARTS)]
    assert isinstance(session.link, ScriptedLink)
    acknowledged = [data for _, data in session.link.written[1:]]
    assert acknowledged == [b"\xe7\xf1" + frame[1:4] for frame in frames]
