"""The published dialogues with CGM sensors, held with this driver."""

from __future__ import annotations

import json
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.reading import Measure
from gateway.drivers.api import Channel, gatt
from gateway.drivers.cgm.bluetooth_sig import DRIVER
from gateway.errors import LinkLost
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.cgm.bluetooth_sig.sensor import MEASUREMENT, RACP, sample

pytestmark = pytest.mark.skipif(
    "GATEWAY_VECTORS" not in os.environ, reason="GATEWAY_VECTORS is not set"
)


def dialogue(name: str) -> dict[str, Any]:
    rows = json.loads((Path(os.environ["GATEWAY_VECTORS"]) / "dialogues.json").read_text())
    found: dict[str, Any] = next(row for row in rows if row["id"] == name)
    return found


def cgm(characteristic: str) -> Channel:
    return gatt("181f", characteristic)


async def test_a_gap_is_filled_from_the_bookmark_on() -> None:
    script = dialogue("CGM-LIVE-GAP")
    reads = {
        cgm(step["char"]): bytes.fromhex(step["hex"])
        for step in script["steps"]
        if step["dir"] == "read"
    }
    sent = [
        (cgm(step["char"]), bytes.fromhex(step["hex"]))
        for step in script["steps"]
        if step["dir"] in ("notify", "indicate")
    ]
    (asked,) = [bytes.fromhex(s["hex"]) for s in script["steps"] if s["dir"] == "write"]
    before = [(MEASUREMENT, sample(1570)), (MEASUREMENT, sample(1575))]
    answers = {
        bytes.fromhex("0101"): [*before, (RACP, bytes.fromhex("06000101"))],
        bytes.fromhex("0401"): [(RACP, bytes.fromhex("05000200"))],
        asked: sent,
    }
    values = {**reads, MEASUREMENT: b""}
    link = ScriptedLink(values, {RACP: lambda request: answers[request]}, then=LinkLost)
    session = RecordingSession(DRIVER, link)
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert link.written[-1] == (RACP, asked)
    reading = session.readings[-1]
    (expected,) = script["expect"]["glucose"]
    assert reading.values[Measure.GLUCOSE].value == Decimal(str(expected))
    assert reading.device_time is not None
    (local,) = script["expect"]["measured_at_local"]
    assert reading.device_time.stamp == datetime.fromisoformat(local)
