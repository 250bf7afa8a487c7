"""Conversations with glucose sensors as others wrote them down, held with our virtual sensor."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.cgm.bluetooth_sig import GlucoseSensor, SensorSettings
from firmware_sims.cgm.session import Session
from firmware_sims.device_clock import DeviceClock
from firmware_sims.ledger import Ledger
from firmware_sims.packing.cgm import Annunciation, Feature, Record

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import Time, body, identity

FOLDER = os.environ.get("GATEWAY_VECTORS")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="GATEWAY_VECTORS names no folder")

# The captured sensor began at 18:54:44 on its own clock, at zone 0 with unknown DST.
CAPTURED_FEATURES = Feature.RESULT_HIGH_LOW | Feature.TREND | Feature.QUALITY
CAPTURED_START = datetime(2026, 2, 4, 18, 54, 44, tzinfo=UTC)


def dialogue(name: str) -> Sequence[dict[str, Any]]:
    rows = json.loads((Path(FOLDER or "") / "dialogues.json").read_text())
    (steps,) = [row["steps"] for row in rows if row["id"] == name]
    return list(steps)


async def hold(steps: Sequence[dict[str, Any]], collector: Collector) -> list[str]:
    """Do what the collector does in the dialogue; return where the sensor said something else."""
    heard: dict[int, int] = {}
    differences = []
    for step in steps:
        characteristic = int(step["char"], 16)
        match step["dir"]:
            case "read":
                value = await collector.read(0x181F, characteristic)
            case "subscribe":
                await collector.subscribe(0x181F, characteristic)
                continue
            case "write":
                await collector.write(0x181F, characteristic, bytes.fromhex(step["hex"]))
                continue
            case _:
                at = heard.get(characteristic, 0)
                heard[characteristic] = at + 1
                value = (await collector.received(characteristic, at + 1))[at]
        if value.hex() != step["hex"]:
            differences.append(f"{step['char']}: {value.hex()} instead of {step['hex']}")
    return differences


def sensor(now: Time, *, session_control: bool = False) -> GlucoseSensor:
    return GlucoseSensor(
        identity(),
        body(),
        started_at=CAPTURED_START,
        now=now,
        clock=DeviceClock(now),
        ledger=Ledger(),
        settings=SensorSettings(
            session_control=session_control, features=CAPTURED_FEATURES, utc_offset=timedelta()
        ),
    )


async def test_a_live_gap_is_filled_as_captured() -> None:
    now = Time(CAPTURED_START + timedelta(minutes=1582))
    device = sensor(now)
    device.session.records = [
        Record(glucose_mg_dl=Decimal("171.0"), time_offset_min=1575),
        Record(
            glucose_mg_dl=Decimal("172.5"),
            time_offset_min=1580,
            annunciation=Annunciation.CALIBRATION_NOT_ALLOWED,
            trend_mg_dl_min=Decimal("-0.4"),
            quality_percent=Decimal(95),
        ),
    ]
    async with discovered(device) as collector:
        differences = await hold(dialogue("CGM-LIVE-GAP"), collector)

    # The status was captured in another session: its offset, 615 min, is before the record's.
    assert [difference[:4] for difference in differences] == ["2AA9"]


async def test_a_session_is_started_as_the_service_describes() -> None:
    device = sensor(Time(CAPTURED_START), session_control=True)
    device.session = Session(body().glucose, CAPTURED_START)
    device.session.stopped = True
    async with discovered(device) as collector:
        await collector.subscribe(0x181F, 0x2AAC)
        differences = await hold(dialogue("CGM-START"), collector)
        start = await collector.read(0x181F, 0x2AAA)

    assert differences == []
    assert start[:7].hex() == "ea070102080000"
