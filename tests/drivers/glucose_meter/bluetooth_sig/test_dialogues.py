"""The published dialogues with glucose meters, held with this driver."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.drivers.api import Channel, gatt
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER
from gateway.errors import LinkRefused, ProtocolError
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from tests.drivers.glucose_meter.bluetooth_sig.meter import values

pytestmark = pytest.mark.skipif(
    "GATEWAY_VECTORS" not in os.environ, reason="GATEWAY_VECTORS is not set"
)
ALL, SINCE, COUNT = bytes.fromhex("0101"), bytes.fromhex("0103"), 4


@dataclass
class BusyLink(ScriptedLink):
    """Refuses whatever is written."""

    refuse_write: int = 0

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        raise LinkRefused(f"{channel} was refused", self.refuse_write)


def dialogue(name: str) -> dict[str, Any]:
    rows = json.loads((Path(os.environ["GATEWAY_VECTORS"]) / "dialogues.json").read_text())
    found: dict[str, Any] = next(row for row in rows if row["id"] == name)
    return found


def channel(step: dict[str, Any]) -> Channel:
    return gatt("1808", step["char"])


def turns(script: dict[str, Any]) -> list[tuple[bytes, list[Written]]]:
    """What is written in the dialogue, and what the meter then sends."""
    found: list[tuple[bytes, list[Written]]] = []
    for step in script["steps"]:
        if step["dir"] == "write":
            found.append((bytes.fromhex(step["hex"]), []))
        elif step["dir"] in ("notify", "indicate"):
            found[-1][1].append((channel(step), bytes.fromhex(step["hex"])))
    return found


def session_with(replies: dict[bytes, list[Written]]) -> RecordingSession:
    """A meter that answers reports as in a dialogue, and counts what it has sent."""
    control = gatt("1808", "2a52")
    last = next(reversed(replies.values()))
    sent = sum(sent_on == gatt("1808", "2a18") for sent_on, _ in last)

    def answer(request: bytes) -> list[Written]:
        if request[0] == COUNT:
            return [(control, b"\x05\x00" + sent.to_bytes(2, "little"))]
        return replies[request[:2]]

    offered = {gatt("1808", "2a18"): b"", gatt("1808", "2a34"): b""}
    return RecordingSession(DRIVER, ScriptedLink(offered, {control: answer}))


async def test_all_records_are_read() -> None:
    script = dialogue("GLS-ALL")
    session = session_with({asked[:2]: sent for asked, sent in turns(script)})

    await DRIVER.converse(session)

    assert values(session) == script["expect"]["mg_dl"]


async def test_a_meter_without_filter_is_read_whole() -> None:
    script = dialogue("GLS-INCREMENTAL-FALLBACK")
    replies = {asked[:2]: sent for asked, sent in turns(script)}
    assert set(replies) == {SINCE, ALL}
    session = session_with(replies)
    await DRIVER.converse(session)

    await DRIVER.converse(session)

    assert len(session.readings) == script["expect"]["records_total"]


async def test_a_context_is_joined() -> None:
    script = dialogue("GLS-CONTEXT-JOIN")
    ((_, sent),) = turns(script)
    session = session_with({ALL: sent})

    await DRIVER.converse(session)

    assert values(session) == script["expect"]["mg_dl"]
    assert script["expect"]["meal"] in session.readings[0].flags


async def test_a_busy_meter_is_disconnected_and_tried_again() -> None:
    script = dialogue("GLS-BUSY")
    refused = next(step for step in script["steps"] if step["dir"] == "att_error")

    for code in (refused["code"], refused["alt"]):
        offered = {gatt("1808", "2a18"): b""}
        session = RecordingSession(DRIVER, BusyLink(offered, refuse_write=int(code, 16)))

        with pytest.raises(ProtocolError, match="busy"):
            await DRIVER.converse(session)
