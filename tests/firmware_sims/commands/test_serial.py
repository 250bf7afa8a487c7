import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.__main__ import build_parser
from firmware_sims.commands.serial_devices import OFFERS
from firmware_sims.ledger import Ledger

from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_host import Host

pytestmark = pytest.mark.other_processes


@asynccontextmanager
async def _playing(
    *options: str,
) -> AsyncIterator[tuple[dict[str, Any], asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "firmware_sims", "serial", *options, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield json.loads(await process.stdout.readline()), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _lines(link: Path, count: int) -> list[bytes]:
    """Read whole lines from a port until there are `count`."""

    def read() -> list[bytes]:
        with link.open("rb", buffering=0) as host:
            received = b""
            while received.count(b"\r\n") < count:
                received += os.read(host.fileno(), 4096)
        return received.split(b"\r\n")[:count]

    return await asyncio.to_thread(read)


@pytest.mark.parametrize(
    ("device", "kinds"),
    [
        ("omron-hbp", ["blood_pressure", "heart_rate"]),
        ("tanita", ["weight", "body_composition"]),
    ],
)
async def test_what_arrives_is_what_the_file_says_was_produced(
    tmp_path: Path, device: str, kinds: list[str]
) -> None:
    link, produced = tmp_path / "port", tmp_path / "produced.jsonl"
    options = ("--link", str(link), "--produced", str(produced), "--interval", "0.02")

    async with _playing(
        device, *options, "--count", "4", "--baud", "0", "--person", "Odile=42", "--only-when-read"
    ) as (ready, process):
        lines = await _lines(link, 4)
        process.send_signal(signal.SIGTERM)
        status = await process.wait()

    rows = [json.loads(line) for line in produced.read_text().splitlines()]
    assert ready == {"ready": True, "link": str(link)}
    assert status == 0
    assert [row["kind"] for row in rows] == kinds * 4
    assert [row["record"] for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4]
    for line, row in zip(lines, rows[::2], strict=True):
        figure = row["values"].get("weight") or row["values"]["systolic"]
        assert figure.encode() in line
    assert not link.is_symlink()


@pytest.mark.parametrize("device", sorted(OFFERS))
def test_every_device_measures_and_writes_down_what(tmp_path: Path, device: str) -> None:
    arguments = build_parser().parse_args(
        ["serial", device, "--link", "port", "--produced", "file", "--interval", "1"]
    )
    ledger = Ledger()

    played = OFFERS[device].make(arguments, placement(ledger=ledger))
    before = len(ledger.produced)
    played.measure()

    assert len(ledger.produced) > before


async def test_a_memory_can_be_read_and_a_forbidden_command_is_told(tmp_path: Path) -> None:
    link, produced = tmp_path / "port", tmp_path / "produced.jsonl"
    options = ("--link", str(link), "--produced", str(produced), "--interval", "60", "--baud", "0")

    async with _playing("onetouch-ultra2", *options, "--stored", "3") as (_, process):
        with Host(link) as host:
            host.write(b"DMZ\rDM@\r")
            answer = await host.read(19)
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())

    assert answer.startswith(b'@ "SNV012345" ')
    assert told == {"forbidden": "erase memory"}
    assert len(produced.read_text().splitlines()) == 3


async def test_faults_of_the_line_strike_when_told(tmp_path: Path) -> None:
    link, produced = tmp_path / "port", tmp_path / "produced.jsonl"
    options = ("--link", str(link), "--produced", str(produced), "--interval", "60", "--baud", "0")
    faults = ("--fault", "half_frame:1", "--faults-after", "1")

    async with _playing("beurer", *options, *faults, "--stored", "2"):
        with Host(link) as host:
            host.write(b"\xaa\xa4\xa2")
            answer = await host.read(1 + 16 + 1)

    assert answer == b"\x55Andon Blood Pres\x02"


async def test_signals_make_it_quiet_and_pull_the_cable(tmp_path: Path) -> None:
    link, produced = tmp_path / "port", tmp_path / "produced.jsonl"
    options = ("--link", str(link), "--produced", str(produced), "--interval", "0.01")

    async with _playing("omron-hbp", *options) as (_, process):
        await _lines(link, 1)
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGUSR2)
        while link.is_symlink():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)
        measured = produced.read_text()
        process.send_signal(signal.SIGUSR2)
        while not link.is_symlink():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        status = await process.wait()

    assert status == 0
    assert produced.read_text() == measured
