from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.reading import Kind, Measure, Quality
from gateway.drivers.api import Channel, Frame, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER
from gateway.drivers.bp_monitor.omron_ble import DRIVER as OMRON_BLE
from gateway.drivers.gatt_device import CURRENT_TIME
from gateway.drivers.registry import installed
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
from tests.drivers.bp_monitor.omron_ble.test_omron_ble import slot

PARIS = {"set_clock": "Europe/Paris"}
FAR_OFF = "e207 01 01 00 00 00 01 00 00"  # 2018


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


async def test_quirk_07_bytes_that_went_through_utf_8_are_not_trusted() -> None:
    mangled = bytes.fromhex(TAKEN.replace(" ", "")).decode("latin-1").encode("utf-8")
    session = cuff(mangled.hex())

    await DRIVER.converse(session)

    good = [r for r in session.readings if r.quality is Quality.GOOD and r.kind is Kind.HEART_RATE]
    stamps = [r.device_time.stamp for r in session.readings if r.device_time is not None]
    assert good == []
    assert stamps == [None] * len(stamps)


def test_quirk_09_a_format_is_never_guessed_from_its_bytes() -> None:
    ieee_754 = bytes.fromhex("0000f042")  # 120.0 as a float of IEEE 754

    assert sfloat(Cursor(ieee_754)) == 0
    assert str(medfloat(Cursor(ieee_754))).startswith("-1.048576E+72")


@pytest.mark.parametrize("user", [0, 7, 0xFF])
async def test_quirk_19_user_0_is_a_user_and_255_is_nobody(user: int) -> None:
    session = cuff(f"0a 7800 5000 5d00 ea07 03 0e 0a 19 00 {user:02x}")

    await DRIVER.converse(session)

    assert {r.slot for r in session.readings} == {None if user == 0xFF else str(user)}


async def test_quirk_20_second_63_is_59_and_an_empty_slot_is_nothing() -> None:
    late = bytearray(slot(120, 25))
    late[6] |= 0x3F
    over = b"\xe2" + slot(120, 26)[1:]
    session = EepromCuff(slots=[bytes(late), bytes(14), b"\xff" * 14, over]).session()

    await OMRON_BLE.converse(session)

    (pressure, _) = session.readings
    assert pressure.device_time is not None
    assert pressure.device_time.stamp is not None
    assert pressure.device_time.stamp.second == 59


async def test_quirk_21_a_vendors_frame_under_the_measurement_is_no_good_reading() -> None:
    session = cuff("fe20 2700 7800 5000 4800 0102 0304 0506 0708 090a")

    await DRIVER.converse(session)

    assert [r for r in session.readings if r.quality is Quality.GOOD] == []


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
    link = Noting({gatt("1810", "2a08"): b""}, pending=[(measurement, bytes.fromhex(TAKEN))])

    await DRIVER.converse(RecordingSession(DRIVER, link))

    assert asked[0] == f"subscribe {measurement}"
    assert f"read {measurement}" not in asked


async def test_quirk_24_readings_that_were_kept_back_come_together() -> None:
    session = cuff(EARLIER, TAKEN, then=LinkLost)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [130, 120]


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
        sighting = Sighting("x", Reach.BLE, name="BLEsmart_0001", services=frozenset(services))
        best = installed().best(sighting)
        return None if best is None else best.manifest.name

    assert chosen("1810") == "bp_monitor/bluetooth_sig"
    assert chosen("fe4a") == "bp_monitor/omron_ble"


async def test_quirk_39_every_indication_of_a_history_is_kept() -> None:
    frames = [f"02 {100 + n:02x}00 5000 5d00 ea07 03 0d {n:02x} 00 00" for n in range(20)]
    session = cuff(*frames, then=LinkLost)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [100 + n for n in range(20)]


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
