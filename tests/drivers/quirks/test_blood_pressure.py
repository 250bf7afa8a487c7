from __future__ import annotations

import struct
from datetime import UTC
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.device_time import corrected
from gateway.domain.reading import Measure, Quality, Reading
from gateway.drivers.api import Channel, Frame, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER
from gateway.drivers.bp_monitor.bluetooth_sig.codec import measurement
from gateway.drivers.bp_monitor.omron_ble import DRIVER as OMRON_BLE
from gateway.drivers.bp_monitor.yonker import DRIVER as YONKERS
from gateway.drivers.bp_monitor.yonker.session import DATA as YONKER
from gateway.drivers.bp_monitor.yonker.session import SERVICE as YONKER_SERVICE
from gateway.drivers.gatt_device import CURRENT_TIME
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER as METER
from gateway.drivers.registry import installed
from gateway.drivers.scale.bluetooth_sig import DRIVER as SCALE
from gateway.errors import LinkLost, PairingNeeded
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from gateway.wire.cursor import Cursor
from gateway.wire.ieee11073 import medfloat, sfloat
from tests.drivers.bp_monitor.bluetooth_sig.test_memory import Cuff as CuffWithMemory
from tests.drivers.bp_monitor.bluetooth_sig.test_memory import memory
from tests.drivers.bp_monitor.bluetooth_sig.test_omron import Cuff as OmronCuff
from tests.drivers.bp_monitor.bluetooth_sig.test_omron import measured
from tests.drivers.bp_monitor.bluetooth_sig.test_session import (
    BEURER,
    EARLIER,
    TAKEN,
    cuff,
    systolic,
)
from tests.drivers.bp_monitor.omron_ble.test_omron_ble import Cuff as EepromCuff
from tests.drivers.bp_monitor.omron_ble.test_omron_ble import slot, summed
from tests.drivers.glucose_meter.bluetooth_sig.meter import Meter, record
from tests.drivers.scale.bluetooth_sig.test_session import COMPOSITION, WEIGHT, scale

PARIS = {"set_clock": "Europe/Paris"}
FAR_OFF = "e207 01 01 00 00 00 01 00 00"  # 2018


def good(session: RecordingSession) -> list[Reading]:
    return [reading for reading in session.readings if reading.quality is Quality.GOOD]


@pytest.mark.parametrize(
    "frame",
    [
        "16 ff07 ff07 ff07 ea07 03 0e 0a 19 00 ff07 0000",
        "00 ff07 5000 5d00",
        "00 0008 0208 fe07",
    ],
)
async def test_quirk_01_a_failed_measurement_is_an_event_and_no_value(frame: str) -> None:
    session = cuff(frame)

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.remarks == ["measurement_failed"]


@pytest.mark.parametrize("name", ["BM48", "BM59", "Beurer BM 85", "ELITE 900"])
async def test_quirk_02_a_beurer_is_read_in_its_own_order(name: str) -> None:
    session = cuff(BEURER)
    session.sighting = Sighting("x", Reach.BLE, name=name)

    await DRIVER.converse(session)

    pressure, rate = session.readings
    assert [int(q.value) for q in rate.values.values()] == [65]
    assert (pressure.slot, pressure.quality) == ("1", Quality.GOOD)
    assert Measure.MEAN_ARTERIAL not in pressure.values


async def test_quirk_02_and_is_not_trusted_where_nobody_knows_it_for_one() -> None:
    session = cuff(BEURER)

    await DRIVER.converse(session)

    assert good(session) == []


def as_text(octets: str) -> str:
    """What is left of octets that were taken for text on the way."""
    return bytes.fromhex(octets).decode("latin-1").encode("utf-8").hex()


@settings(max_examples=30)
@given(st.integers(60, 250), st.integers(30, 150), st.integers(30, 200))
async def test_quirk_07_bytes_that_went_through_utf_8_are_not_trusted(
    systolic_mmhg: int, diastolic_mmhg: int, pulse: int
) -> None:
    numbers = [f"{it:02x}00" for it in (systolic_mmhg, diastolic_mmhg, diastolic_mmhg)]
    session = cuff(as_text(f"06 {' '.join(numbers)} ea07 03 0e 0a 19 00 {pulse:02x}00"))

    await DRIVER.converse(session)

    assert good(session) == []
    assert [r.device_time.stamp for r in session.readings if r.device_time is not None] in (
        [None],
        [None, None],
    )


async def test_quirk_07_nor_are_they_from_a_scale_or_a_meter() -> None:
    weighed = scale((WEIGHT, as_text("02 983a ea07 03 0e 0a 19 00")))
    mangled = bytes.fromhex(as_text(record(1, 110).hex()))
    year_only = record(2, 110, base="c3aa 07 02 0e 08 2d")
    measured_glucose = Meter({1: mangled, 2: year_only}).session()
    for driver, session in ((SCALE, weighed), (METER, measured_glucose)):
        await driver.converse(session)

    assert (good(weighed), good(measured_glucose)) == ([], [])
    assert len(weighed.readings) == 1


async def test_quirk_07_a_clock_that_was_never_set_is_no_such_thing() -> None:
    session = cuff("02 7800 5000 5d00 ffff ff ff ff ff ff")

    await DRIVER.converse(session)

    assert systolic(good(session)) == [120]


@pytest.mark.parametrize("octets", ["<3f", ">3f", ">3H"])
@settings(max_examples=30)
@given(st.integers(60, 250), st.integers(30, 150))
async def test_quirk_09_numbers_in_another_format_are_not_guessed_and_not_trusted(
    octets: str, systolic_mmhg: int, diastolic_mmhg: int
) -> None:
    numbers = struct.pack(octets, systolic_mmhg, diastolic_mmhg, diastolic_mmhg)
    session = cuff(f"00{numbers.hex()}")

    await DRIVER.converse(session)

    assert good(session) == []


def test_quirk_09_a_float_of_another_standard_is_read_as_what_is_specified() -> None:
    ieee_754 = bytes.fromhex("0000f042")  # 120.0 as a float of IEEE 754

    assert sfloat(Cursor(ieee_754)) == 0
    assert str(medfloat(Cursor(ieee_754))).startswith("-1.048576E+72")


@pytest.mark.parametrize("year", ["b207", "2e08"])
async def test_quirk_16_a_cuff_in_1970_or_2094_dates_nothing(year: str) -> None:
    session = cuff(f"02 7800 5000 5d00 {year} 03 0e 0a 19 00")

    await DRIVER.converse(session)

    timing = corrected(session.readings[0], UTC)
    assert timing.measured_at == session.readings[0].received.utc


@pytest.mark.parametrize("user", [0, 7, 0xFF])
async def test_quirk_19_user_0_is_a_user_and_255_is_nobody(user: int) -> None:
    session = cuff(f"0a 7800 5000 5d00 ea07 03 0e 0a 19 00 {user:02x}")

    await DRIVER.converse(session)

    assert {r.slot for r in session.readings} == {None if user == 0xFF else str(user)}


@pytest.mark.parametrize("user", [0, 7, 0xFF])
async def test_quirk_19_so_it_is_with_scales(user: int) -> None:
    session = scale((WEIGHT, f"04 983a {user:02x}"), (COMPOSITION, f"0400 fa00 {user:02x}"))

    await SCALE.converse(session)

    assert [r.slot for r in session.readings] == [None if user == 0xFF else str(user)] * 2


async def test_quirk_20_second_63_is_59_and_an_empty_slot_is_nothing() -> None:
    late = bytearray(slot(120, 25))
    late[6] |= 0x3F
    over = b"\xe2" + slot(120, 26)[1:]
    session = EepromCuff(slots=[summed(late), bytes(14), b"\xff" * 14, over]).session()

    await OMRON_BLE.converse(session)

    (pressure, _) = session.readings
    assert pressure.device_time is not None
    assert pressure.device_time.stamp is not None
    assert pressure.device_time.stamp.second == 59


@settings(max_examples=50)
@given(st.binary(min_size=16, max_size=16))
@example(bytes.fromhex("0075 0055 005f 00e4 0709 1810 4800 6900"))  # its "pulse" is 72
async def test_quirk_21_a_vendors_frame_under_the_measurement_is_no_good_reading(
    rest: bytes,
) -> None:
    session = cuff(f"fe202700{rest.hex()}")

    await DRIVER.converse(session)

    assert good(session) == []


async def test_quirk_23_an_a_and_d_cuff_is_subscribed_to_first_and_never_read() -> None:
    asked: list[str] = []

    class Noting(ScriptedLink):
        async def subscribe(self, channel: Channel, /) -> Any:
            asked.append(f"subscribe {channel}")
            return await super().subscribe(channel)

        async def read(self, channel: Channel, /) -> Frame:
            asked.append(f"read {channel}")
            return await super().read(channel)

    measurement = gatt("1810", "2a35")
    others = {gatt("1810", "2a08"): b"", gatt("180a", "2a24"): b"UA-651BLE"}
    link = Noting(others, pending=[(measurement, bytes.fromhex(TAKEN))])

    await DRIVER.converse(RecordingSession(DRIVER, link))

    assert asked[0] == f"subscribe {measurement}"
    assert f"read {measurement}" not in asked


async def test_quirk_24_readings_that_were_kept_back_come_together() -> None:
    session = cuff(EARLIER, TAKEN, then=LinkLost)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [130, 120]


async def test_quirk_24_so_do_those_of_a_scale() -> None:
    kept = [(WEIGHT, f"02 983a ea07 03 {day:02x} 0a 19 00") for day in (1, 2, 3)]
    session = scale(*kept, then=LinkLost)

    await SCALE.converse(session)

    assert [
        r.device_time.stamp.day for r in session.readings if r.device_time and r.device_time.stamp
    ] == [1, 2, 3]


async def test_quirk_25_a_hidden_service_asks_for_pairing() -> None:
    session = RecordingSession(
        OMRON_BLE, ScriptedLink({gatt("1800", "2a00"): b""}), settings={"model": "HEM-7142T2"}
    )

    with pytest.raises(PairingNeeded):
        await OMRON_BLE.converse(session)


@pytest.mark.parametrize("code", [0x80, 0x03])
async def test_quirk_28_a_clock_that_takes_no_time_is_no_trouble(code: int) -> None:
    link = OmronCuff({1: measured(1)}, shown=FAR_OFF).link()
    refusing = RefusingWrites({**link.values, CURRENT_TIME: b""}, link.answers, link.pending)
    refusing.code = code
    session = RecordingSession(DRIVER, refusing, settings=dict(PARIS))

    await DRIVER.converse(session)

    assert systolic(session.readings) == [101]
    assert session.remarks[0] == ("clock_set" if code == 0x80 else "clock_not_set")


class RefusingWrites(ScriptedLink):
    code = 0

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        if channel == CURRENT_TIME:
            self.refuse = {CURRENT_TIME: self.code}
        await super().write(channel, data, acknowledged=acknowledged)


@pytest.mark.parametrize(
    ("shown", "is_set"), [(FAR_OFF, True), ("ea07 03 0e 0a 20 00 06 00 00", False)]
)
async def test_quirk_29_the_clock_is_set_on_its_first_notification_if_it_is_far_off(
    shown: str, is_set: bool
) -> None:
    link = OmronCuff({1: measured(1)}, shown=shown).link()
    session = RecordingSession(DRIVER, link, settings=dict(PARIS))

    await DRIVER.converse(session)

    assert (link.written[0][0] == CURRENT_TIME) is is_set
    assert systolic(session.readings) == [101]


def test_quirk_31_cuffs_of_one_name_are_told_apart_by_their_services() -> None:
    def chosen(*services: str) -> str | None:
        sighting = Sighting("x", Reach.BLE, name="BLEsmart_0000", services=frozenset(services))
        best = installed().best(sighting)
        return None if best is None else best.manifest.name

    assert chosen("1810") == "bp_monitor/bluetooth_sig"
    assert chosen("fe4a") == "bp_monitor/omron_ble"


async def test_quirk_39_every_indication_of_a_history_is_kept() -> None:
    frames = [f"02 {100 + n:02x}00 5000 5d00 ea07 03 0d {n:02x} 00 00" for n in range(20)]
    session = cuff(*frames, then=LinkLost)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [100 + n for n in range(20)]


async def test_quirk_41_a_yonker_is_read_by_its_own_service() -> None:
    sighting = Sighting("x", Reach.BLE, services=frozenset({YONKER_SERVICE}))
    driver = installed().best(sighting)
    result = (YONKER, bytes.fromhex("81 83 67 51 0000 19 0b 18 13 12 00000000"))
    session = RecordingSession(YONKERS, ScriptedLink(pending=[result]), sighting=sighting)

    await YONKERS.converse(session)

    assert driver is YONKERS
    assert systolic(session.readings) == [131]


async def test_quirk_54_all_three_ways_of_sending_a_pressure_are_known() -> None:
    old, new = cuff(TAKEN), CuffWithMemory(memory(1, 2)).session()
    enhanced = cuff("42 7800 5000 5d00 80510100", channel=gatt("1810", "2b34"))

    for session in (old, new, enhanced):
        await DRIVER.converse(session)

    assert [len(systolic(it.readings)) for it in (old, new, enhanced)] == [1, 2, 1]


async def test_quirk_52_payloads_that_nobody_knows_are_all_set_aside_and_none_is_guessed() -> None:
    session = cuff(*(f"ff {n:02x} 00" for n in range(10)))

    await DRIVER.converse(session)

    assert session.readings == []
    assert len(session.aside) == 10


PLAIN = st.integers(0, 2045)  # 2046 and 2047 are infinity and NaN in the one, no pressure in any


@given(PLAIN, PLAIN, PLAIN)
def test_quirk_40_a_plain_number_of_mmhg_is_what_an_sfloat_says(
    systolic: int, diastolic: int, pulse: int
) -> None:
    """A SBM69 sends u16 where the specification has SFLOAT: the same octets, so far."""
    octets = struct.pack("<B4H", 0x04, systolic, diastolic, 0, pulse)

    message = measurement(octets)

    assert (message.systolic, message.diastolic, message.pulse) == (systolic, diastolic, pulse)


async def test_quirk_40_so_its_readings_are_good_with_user_and_status() -> None:
    session = cuff("1e 8000 5200 0000 ea07 03 0e 0a 19 00 4a00 01 0000")

    await DRIVER.converse(session)

    assert systolic(good(session)) == [128]
    assert [r.slot for r in session.readings] == ["1", "1"]
