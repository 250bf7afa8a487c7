from __future__ import annotations

from datetime import datetime

import pytest

from gateway.drivers.api import Channel, Frame, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER
from gateway.drivers.gatt_device import introduce, read_clock, text
from gateway.errors import LinkError, LinkLost, LinkTimeout, PairingNeeded
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession

MANUFACTURER, MODEL, SERIAL = gatt("180a", "2a29"), gatt("180a", "2a24"), gatt("180a", "2a25")
SYSTEM_ID, BATTERY = gatt("180a", "2a23"), gatt("180f", "2a19")
CURRENT_TIME, AND_DATE_TIME = gatt("1805", "2a2b"), gatt("181d", "2a08")


def session_with(
    values: dict[Channel, bytes], refuse: tuple[Channel, ...] = ()
) -> RecordingSession:
    link = ScriptedLink(values=values, refuse=dict.fromkeys(refuse, 0x05))
    return RecordingSession(DRIVER, link)


@pytest.mark.conformance(
    "GLP/COL/GLD/BV-02",
    "GLP/COL/GLD/BV-11",
    "GLP/COL/GLD/BV-12",
    "BLP/COL/BPD/BV-09",
    "BLP/COL/BPD/BV-10",
    "R-CGMP-D9",
    "R-WSP-1",
)
async def test_a_device_tells_who_it_is() -> None:
    session = session_with(
        {
            MANUFACTURER: b"A&D Medical\0\0",
            MODEL: b"UA-651BLE ",
            SERIAL: b"5140600123",
            SYSTEM_ID: bytes.fromhex("0100000000 563412"),
            BATTERY: b"\x50",
        }
    )

    await introduce(session)

    told = session.device
    assert (told.manufacturer, told.model, told.serial) == (
        "A&D Medical",
        "UA-651BLE",
        "5140600123",
    )
    assert told.system_id == "12-34-56-00-00-00-00-01"
    assert told.battery_percent == 80


async def test_what_a_device_leaves_empty_stays_as_it_was_known() -> None:
    session = session_with(
        {
            MODEL: b"\0\0\0\0",
            SERIAL: b"00000000",
            SYSTEM_ID: bytes(8),
            BATTERY: b"\xff",
        }
    )
    before = session.device.model_copy(update={"model": "BM 85", "battery_percent": 40})
    session.device = before

    await introduce(session)

    assert session.device == before


@pytest.mark.parametrize("octets", ["", "0102", "ffffffffffffffff"])
async def test_a_system_id_that_is_none_is_absent(octets: str) -> None:
    session = session_with({SYSTEM_ID: bytes.fromhex(octets), BATTERY: b""})

    await introduce(session)

    assert session.device.system_id is None


@pytest.mark.conformance("GLP/COL/GLD/BV-12", "BLP/COL/BPD/BV-10")
async def test_a_refused_value_does_not_stop_the_others() -> None:
    session = session_with({SERIAL: b"42"}, refuse=(MANUFACTURER, MODEL))

    await introduce(session)

    assert session.device.serial == "42"


class _Failing(ScriptedLink):
    def __init__(self, values: dict[Channel, bytes], error: LinkError | PairingNeeded) -> None:
        super().__init__(values=values)
        self.error = error
        self.asked = 0

    async def read(self, channel: Channel, /) -> Frame:
        self.asked += 1
        raise self.error


@pytest.mark.parametrize("error", [LinkLost("gone"), LinkTimeout("late"), PairingNeeded("pair")])
async def test_trouble_ends_the_questions_without_an_error(error: LinkError) -> None:
    link = _Failing({MANUFACTURER: b"x", MODEL: b"y", CURRENT_TIME: bytes(10)}, error)
    session = RecordingSession(DRIVER, link)

    clock = await read_clock(session)
    await introduce(session)

    assert clock is None
    assert link.asked == 2


async def test_the_current_time_is_a_sample_of_the_clock() -> None:
    session = session_with(
        {CURRENT_TIME: bytes.fromhex("ea07 03 0e 0a 1a 35 06 80 00"), AND_DATE_TIME: bytes(7)}
    )

    sample = await read_clock(session)

    assert sample is not None
    assert sample.shown == datetime.fromisoformat("2026-03-14T10:26:53")
    assert sample.at == session.now()


async def test_a_date_time_in_the_measuring_service_does_as_well() -> None:
    session = session_with(
        {CURRENT_TIME: b"\0", AND_DATE_TIME: bytes.fromhex("ea07 03 0e 0a 1a 35")}
    )

    sample = await read_clock(session)

    assert sample is not None
    assert sample.shown == datetime.fromisoformat("2026-03-14T10:26:53")


async def test_a_clock_that_was_never_set_is_no_sample() -> None:
    session = session_with({CURRENT_TIME: bytes(10)}, refuse=(AND_DATE_TIME,))

    assert await read_clock(session) is None


def test_a_text_that_is_not_utf_8_keeps_what_can_be_read() -> None:
    assert text(b"boso medicus\xae") == "boso medicus�"
