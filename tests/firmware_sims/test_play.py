import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bumble import hci
from bumble.device import Device
from bumble.transport import open_transport
from firmware_sims.__main__ import main
from firmware_sims.device_spec import TYPES

from tests.firmware_sims.collector import Collector
from tests.firmware_sims.hid_host import Host

pytestmark = pytest.mark.other_processes

BUSY = """
    [people.odile]
    [[device]]
    type = "bp_monitor"
    name = "Cuff"
    address = "C4:00:00:00:00:01"
    person = "odile"
    stored = 2
    interval_s = 0.2
    advertise_for_s = inf
"""


STORY = """
    [people.odile]
    [[device]]
    type = "bp_monitor"
    name = "Cuff"
    address = "C4:00:00:00:00:01"
    person = "odile"
    happens = [
        { at_h = -1, what = "measured" },
        { at_h = 0.0001, what = "left" },
        { at_h = 0.0002, what = "returned" },
        { at_h = 0.0003, what = "measured" },
    ]
"""
"""In about a second."""


@asynccontextmanager
async def playing(
    folder: Path, *options: str, shipped: str | None = None, text: str = BUSY
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """Start the command on a scenario, or on a shipped one; give what it said when ready."""
    scenario = folder / "busy.toml"
    scenario.write_text(text)
    played = shipped or str(scenario)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firmware_sims", "play", played, *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process, await answered(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answered(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    return json.loads(await process.stdout.readline())


async def told(process: asyncio.subprocess.Process, command: str) -> Any:
    assert process.stdin is not None
    process.stdin.write(f'{{"do": "{command}"}}\n'.encode())
    return await answered(process)


async def test_a_story_takes_its_course_by_the_machines_clock(tmp_path: Path) -> None:
    async with playing(tmp_path, "--control", text=STORY) as (process, ready):
        while (await told(process, "state"))["held"]["Cuff"] < 2:
            pass
        async with await open_transport(ready["hci"]) as transport:
            central = Device.with_hci("c", hci.Address("F0:00:00:00:00:08"), *transport)
            await central.power_on()
            async with Collector(central, ready["devices"][0]["address"]) as collector:
                await collector.discover()
                await collector.subscribe(0x1810, 0x2A35)
                held = list(await collector.received(0x2A35, 2))

    assert len(held) == 2


async def test_everything_produced_until_quiet_can_be_collected_by_another_process(
    tmp_path: Path,
) -> None:
    produced = tmp_path / "produced.jsonl"
    async with playing(tmp_path, "--produced", str(produced), "--control") as (process, ready):
        async with await open_transport(ready["hci"]) as transport:
            central = Device.with_hci("c", hci.Address("F0:00:00:00:00:08"), *transport)
            await central.power_on()
            async with Collector(central, ready["devices"][0]["address"]) as collector:
                await collector.discover()
                await collector.told(0x1810, 0x2A35, 3)
                process.send_signal(signal.SIGUSR1)
                while (await told(process, "state"))["held"]["Cuff"]:
                    pass
                collected = len(collector.values[0x2A35])
        process.send_signal(signal.SIGTERM)
        status = await process.wait()

    lines = [json.loads(line) for line in produced.read_text().splitlines()]
    assert [line["kind"] for line in lines].count("blood_pressure") == collected
    assert status == 0


async def test_one_of_each_device_is_played(tmp_path: Path) -> None:
    async with playing(tmp_path, shipped="every_device.toml") as (_, ready):
        models = {device["model"] for device in ready["devices"]}

    assert models == {kind.model for kind in TYPES.values() if not kind.on_cable}


async def test_a_device_on_a_cable_is_played_behind_its_socket(tmp_path: Path) -> None:
    produced = tmp_path / "produced.jsonl"
    options = ("--sockets", str(tmp_path), "--produced", str(produced), "--control")
    async with playing(tmp_path, *options, shipped="usb.toml") as (process, ready):
        link = next(Path(each["link"]) for each in ready["devices"] if each["name"] == "Neo")
        with Host(link) as host:
            await host.write(bytes.fromhex("01 00"))
            begun = await host.read()
            await host.write(b"\x60\x09$date,1,1")
            await host.read()
            reported = await answered(process)

    assert begun[:3] == bytes.fromhex("71 01 01")
    assert reported == {"forbidden": "set date"}
    assert "blood_glucose" in produced.read_text()


async def test_the_end_of_standard_input_ends_the_play(tmp_path: Path) -> None:
    async with playing(tmp_path, "--stdin-eof") as (process, ready):
        assert process.stdin is not None
        process.stdin.close()
        status = await process.wait()

    assert ready["ready"] is True
    assert ready["devices"][0]["services"] == ["1810"]
    assert status == 0


def test_a_scenario_with_a_mistake_is_said_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "wrong.toml"
    scenario.write_text("sed = 1")

    status = main(["play", str(scenario)])

    assert status == 2
    assert "unknown sed" in capsys.readouterr().err
