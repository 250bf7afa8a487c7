"""`firmware-sims play SCENARIO`: every device of a scenario, on one virtual radio or on its cable.

Prints one JSON line when ready, and {"forbidden": NAME} whenever a command that
nobody should send arrives. SIGUSR1 means quiet: no new measurements, deliver what is held.
SIGTERM and SIGINT end it.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware_sims.scenario import Scenario
    from firmware_sims.staging import Stage

_LAST_PORT = 0xFFFF


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "play",
        help="run the devices of a scenario",
        description="Runs the Bluetooth devices of a scenario on a virtual radio, and its USB "
        "devices each behind a socket. "
        "SIGUSR1: no new measurements, so that what is held can drain. SIGTERM: end.",
    )
    parser.add_argument("scenario", type=Path, help="a TOML file, or a shipped one: demo.toml")
    parser.add_argument(
        "--hci",
        default="127.0.0.1:0",
        type=_host_and_port,
        metavar="HOST:PORT",
        help="where a gateway joins the radio; port 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--sockets",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where the sockets of USB devices are (default: here)",
    )
    parser.add_argument(
        "--produced", type=Path, metavar="FILE", help="append every record produced, as JSON lines"
    )
    parser.add_argument(
        "--control", action="store_true", help="take commands from standard input, as JSON lines"
    )
    parser.add_argument("--stdin-eof", action="store_true", help="end when standard input ends")
    parser.set_defaults(run=run)


def _host_and_port(written: str) -> tuple[str, int]:
    host, _, port = written.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise argparse.ArgumentTypeError(
            f"a host and a port are written HOST:PORT, not {written!r}"
        )
    return host, int(port)


def run(arguments: argparse.Namespace) -> int:
    """Play until told to end; 2 when the scenario cannot be played."""
    # Imported here so that `--help` need not load a Bluetooth stack.
    from firmware_sims.scenario import ScenarioError, load

    logging.basicConfig(level=logging.WARNING)
    try:
        scenario = load(arguments.scenario)
    except ScenarioError as error:
        sys.stderr.write(f"firmware-sims: {error}\n")
        return 2
    asyncio.run(_play(scenario, arguments))
    return 0


async def _play(scenario: "Scenario", arguments: argparse.Namespace) -> None:
    from firmware_sims.ledger import Ledger
    from firmware_sims.staging import Stage

    ended = asyncio.Event()
    with ExitStack() as files:
        produced = arguments.produced
        stream = files.enter_context(produced.open("a", encoding="utf-8")) if produced else None
        stage = Stage(
            scenario,
            ledger=Ledger(stream),
            now=lambda: datetime.now(UTC),
            tell=lambda name: _say(json.dumps({"forbidden": name})),
            sockets=arguments.sockets,
        )
        async with stage:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, ended.set)
            loop.add_signal_handler(signal.SIGUSR1, stage.be_quiet)
            hci = await stage.radio.serve(*arguments.hci)
            _say(_ready(stage, hci))
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(_listen(stage, ended, arguments)),
                    group.create_task(_tell(stage)),
                ]
                await ended.wait()
                for task in tasks:
                    task.cancel()


def _ready(stage: "Stage", hci: str) -> str:
    from firmware_sims.cabled import CabledDevice

    devices = []
    for device in stage.devices.values():
        row: dict[str, object] = {
            "name": device.identity.name,
            "address": device.identity.address,
            "model": device.identity.model,
            "services": [f"{uuid:04X}" for uuid in device.advertised],
        }
        if isinstance(device, CabledDevice):
            row["link"] = str(stage.bench.link(device).absolute())
        devices.append(row)
    return json.dumps({"ready": True, "hci": f"tcp-client:{hci}", "devices": devices})


async def _listen(stage: "Stage", ended: asyncio.Event, arguments: argparse.Namespace) -> None:
    from firmware_sims.control import obey

    if not (arguments.control or arguments.stdin_eof):
        return
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        while line := await reader.readline():
            if arguments.control:
                _say(obey(stage, line.decode()))
        if arguments.stdin_eof:
            ended.set()
    finally:
        transport.close()


async def _tell(stage: "Stage") -> None:
    """Let the story take its course."""
    while (at := stage.next_at) is not None:
        await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        await stage.catch_up()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
