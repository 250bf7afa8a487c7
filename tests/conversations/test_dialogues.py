"""The published dialogues, over the virtual radio: real GATT, ATT and HCI between both ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.reading import Measure
from gateway.drivers.api import Driver
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER as CUFF
from gateway.drivers.cgm.bluetooth_sig import DRIVER as SENSOR
from gateway.drivers.cgm.bluetooth_sig import control_point, sensor_session
from gateway.drivers.cgm.bluetooth_sig.codec import decode_session_start
from gateway.drivers.cgm.bluetooth_sig.sensor import CONTROL_POINT, START
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER as METER
from gateway.drivers.glucose_meter.bluetooth_sig import codec
from gateway.drivers.glucose_meter.bluetooth_sig.session import mark_of
from gateway.drivers.scale.bluetooth_sig import DRIVER as SCALE
from gateway.errors import LinkError, ProtocolError
from gateway.testing.session import RecordingSession
from tests.conversations.scripted_device import ScriptedDevice, Step
from tests.transport.hci.test_transport import watch
from tests.transport.hci.virtual_air import open_air

ADDRESS = "C0:FF:EE:00:00:09"
AND = "233BF000-5A34-1B6D-975C-000D5690ABE4"
SERVICES = {
    "GLS": dict.fromkeys(("2A18", "2A34", "2A52"), "1808"),
    "CGM": dict.fromkeys(("2AA7", "2AA8", "2AA9", "2AAA", "2AAC", "2A52"), "181F"),
    "BLS": {"2A35": "1810"},
    "UDS": {"2A9F": "181C", "2A9D": "181D"},
    "AND": {"2A9D": "181D", "233BF001": AND},
}

pytestmark = pytest.mark.skipif(
    "GATEWAY_VECTORS" not in os.environ, reason="GATEWAY_VECTORS is not set"
)


def dialogue(name: str) -> dict[str, Any]:
    rows = json.loads((Path(os.environ["GATEWAY_VECTORS"]) / "dialogues.json").read_text())
    found: dict[str, Any] = next(row for row in rows if row["id"] == name)
    return found


async def held(
    name: str, driver: Driver, bookmark: str = "", **settings: str
) -> tuple[RecordingSession, ScriptedDevice, BaseException | None]:
    """Hold a published dialogue; see `converse_over_the_air`."""
    steps = dialogue(name)["steps"]
    return await converse_over_the_air(steps, SERVICES[name[:3]], driver, bookmark, **settings)


async def converse_over_the_air(
    steps: Iterable[Step],
    services: Mapping[str, str],
    driver: Driver,
    bookmark: str = "",
    until: str | None = None,
    **settings: str,
) -> tuple[RecordingSession, ScriptedDevice, BaseException | None]:
    """Hold the dialogue; return what was recorded, the device, and how it ended for the driver."""
    async with open_air() as air, watch(air) as watched:
        device = ScriptedDevice(air.link, ADDRESS, steps, services, until)
        running = asyncio.ensure_future(device.run())
        sighting = await watched.sighting()
        link = await watched.transport.open(sighting, driver.manifest)
        session = RecordingSession(driver, link, settings=dict(settings))
        await session.set_bookmark(bookmark)
        ended: BaseException | None = None
        try:
            async with asyncio.timeout(30):
                await driver.converse(session)
        except (LinkError, ProtocolError) as error:
            ended = error
        await link.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return session, device, ended


def glucose(session: RecordingSession) -> list[float]:
    return [float(r.values[Measure.GLUCOSE].value) for r in session.readings]


@pytest.mark.parametrize("name", ["GLS-ALL", "GLS-CONTEXT-JOIN"])
async def test_a_meters_records_arrive(name: str) -> None:
    session, _, _ = await held(name, METER)

    assert glucose(session) == dialogue(name)["expect"]["mg_dl"]


async def test_a_meter_without_filter_is_asked_for_everything() -> None:
    script = dialogue("GLS-INCREMENTAL-FALLBACK")
    *_, last = (bytes.fromhex(it["hex"]) for it in script["steps"] if it["char"] == "2A18")
    known = mark_of(codec.decode_measurement(last)).to_text()

    session, device, _ = await held("GLS-INCREMENTAL-FALLBACK", METER, known)

    asked = [data.hex() for name, data in device.written]
    assert asked[:2] == ["0103010300", "0101"]
    # Of the two records the bookmark says that one is in the journal.
    assert len(session.readings) == script["expect"]["records_total"] - 1


@pytest.mark.parametrize("code", ["code", "alt"])
async def test_a_busy_meter_is_disconnected_and_tried_again(code: str) -> None:
    steps = [{**step, "code": step.get(code)} for step in dialogue("GLS-BUSY")["steps"]]

    session, _, ended = await converse_over_the_air(steps, SERVICES["GLS"], METER)

    assert isinstance(ended, ProtocolError)
    assert session.readings == []


async def test_a_cuffs_stored_readings_arrive_and_its_failure_is_an_event() -> None:
    session, _, _ = await held("BLS-STORED", CUFF)

    found = [int(r.values[Measure.SYSTOLIC].value) for r in session.readings[::2]]
    assert found == dialogue("BLS-STORED")["expect"]["systolic"]
    assert session.remarks == ["measurement_failed"]


async def test_a_refused_consent_is_not_repeated() -> None:
    session, device, _ = await held("UDS-CONSENT-BAD", SCALE, consents="1:1234")

    assert device.written == [("2A9F", bytes.fromhex("0201d204"))]
    assert session.remarks[0].startswith("consent_refused")


async def test_a_sensors_gap_is_filled_from_the_bookmark_on() -> None:
    script = dialogue("CGM-LIVE-GAP")
    octets = next(it["hex"] for it in script["steps"] if it["char"] == "2AAA")
    minute = int.from_bytes(
        bytes.fromhex(next(it["hex"] for it in script["steps"] if it["char"] == "2AA9"))[:2],
        "little",
    )
    started = datetime.now(UTC) - timedelta(minutes=minute)
    known = sensor_session.Mark("known", started, octets[:18], minute=1575, interval=5)

    session, device, _ = await held("CGM-LIVE-GAP", SENSOR, known.to_text())

    (asked,) = (it["hex"] for it in script["steps"] if it["dir"] == "write")
    assert device.written[0] == ("2A52", bytes.fromhex(asked))
    assert glucose(session) == script["expect"]["glucose"]
    assert session.aside == []


@pytest.mark.slow
async def test_an_a_and_d_scale_is_told_to_disconnect() -> None:
    session, device, _ = await held("AND-CLOSE", SCALE)

    assert [r.values[Measure.WEIGHT].original for r in session.readings] == ["56.80 lb"]
    assert device.written == [("233BF001", bytes.fromhex("020103"))]


async def test_the_start_of_a_session_is_understood_and_refused_by_every_link() -> None:
    steps = dialogue("CGM-START")["steps"]
    time, start, answer = (bytes.fromhex(step["hex"]) for step in steps)
    async with open_air() as air, watch(air) as watched:
        device = ScriptedDevice(air.link, ADDRESS, steps, SERVICES["CGM"])
        running = asyncio.ensure_future(device.run())
        link = await watched.transport.open(await watched.sighting(), SENSOR.manifest)
        for channel, octets in ((START, time), (CONTROL_POINT, start)):
            with pytest.raises(ValueError, match="no driver may write this"):
                await link.write(channel, octets)
        await link.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    said = control_point.Response("response", request_op=0x1A, response_code=1, crc_checked=True)
    assert control_point.decode(answer, e2e_crc=True) == said
    assert control_point.decode(start, e2e_crc=True).op == "start_session"
    assert decode_session_start(time, e2e_crc=True).time_zone_min == 60
    assert device.written == []


def test_every_published_dialogue_is_held_here() -> None:
    rows = json.loads((Path(os.environ["GATEWAY_VECTORS"]) / "dialogues.json").read_text())
    here = Path(__file__).read_text()

    assert [row["id"] for row in rows if f'"{row["id"]}"' not in here] == []
