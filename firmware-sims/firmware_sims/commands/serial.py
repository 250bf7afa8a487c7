"""`firmware-sims serial`: one device behind a pty, until told to stop.

Prints {"ready": true, "link": PATH} when the port is there. Each measurement is appended to the
file of what was produced before its first byte is sent. SIGUSR1: measure no more. SIGUSR2: pull the
cable, or plug it in again. SIGTERM or SIGINT ends it; reaching --count does not.
"""

import argparse
import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from firmware_sims.body import Body
    from firmware_sims.ledger import Ledger
    from firmware_sims.port import Port
    from firmware_sims.routine import Routine
    from firmware_sims.serial_device import PushingDevice


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("serial", help="play a serial device behind a pty")
    devices = parser.add_subparsers(dest="device", required=True, metavar="DEVICE")
    omron = devices.add_parser("omron-hbp", help="Omron HBP-9030 kiosk blood pressure monitor")
    omron.add_argument("--error-rate", type=float, default=0.0, help="share of failed measurements")
    omron.add_argument(
        "--other-format", action="store_true", help="function item 32 is not set to 5"
    )
    tanita = devices.add_parser("tanita", help="Tanita scale with its line of keys and values")
    tanita.add_argument("--model", choices=["SC-240", "MC-780"], default="SC-240")
    tanita.add_argument("--pounds", action="store_true")
    tanita.add_argument("--weight-only", action="store_true")
    tanita.add_argument("--afterglow", action="store_true", help="stray bytes after each line")
    for device in (omron, tanita):
        _add_common(device)
    parser.set_defaults(run=_run)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--link", type=Path, required=True, help="name the port appears under")
    parser.add_argument("--produced", type=Path, required=True, help="file of what was produced")
    parser.add_argument("--interval", type=float, required=True, metavar="SECONDS")
    parser.add_argument("--count", type=int, help="measure so often, then stay silent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", help="the device's name in the file of what was produced")
    parser.add_argument(
        "--person",
        action="append",
        default=[],
        metavar="NAME[=ID]",
        help="who measures, and the ID they give the device; may be repeated",
    )
    parser.add_argument(
        "--clock-error", type=float, default=0.0, metavar="SECONDS", help="device clock ahead"
    )
    parser.add_argument("--baud", type=int, default=9600, help="pace of the line; 0 sends at once")
    parser.add_argument(
        "--noise", type=float, default=0.0, metavar="SHARE", help="frames with garbage around them"
    )
    parser.add_argument(
        "--only-when-read",
        action="store_true",
        help="measure only while another process has the port open",
    )


def _run(arguments: argparse.Namespace) -> int:
    with arguments.produced.open("a", encoding="utf-8") as produced:
        asyncio.run(_play(arguments, produced))
    return 0


async def _play(arguments: argparse.Namespace, produced: TextIO) -> None:
    # Imported here so that the help of the other commands answers at once.
    from firmware_sims.cable import Cable
    from firmware_sims.ledger import Ledger
    from firmware_sims.line_noise import LineNoise
    from firmware_sims.port import Port
    from firmware_sims.routine import Routine
    from firmware_sims.serial_device import Deaf, converse

    device = Deaf(_device(arguments, Ledger(produced)))
    routine = Routine(arguments.interval, arguments.count)
    noise = LineNoise(arguments.noise, arguments.seed)
    bytes_per_s = arguments.baud / 10 or None  # start bit, eight bits, stop bit
    ended = asyncio.Event()
    with Port(arguments.link, bytes_per_s=bytes_per_s) as port:
        _listen_to_signals(ended, routine, port)
        ready = port.is_open_elsewhere if arguments.only_when_read else lambda: True
        sys.stdout.write(json.dumps({"ready": True, "link": str(arguments.link)}) + "\n")
        sys.stdout.flush()
        async with asyncio.TaskGroup() as life:
            cable = Cable(port, noise=noise)
            playing = life.create_task(converse(device, port, routine, cable=cable, ready=ready))
            await ended.wait()
            playing.cancel()


def _listen_to_signals(ended: asyncio.Event, routine: "Routine", port: "Port") -> None:
    def toggle() -> None:
        if port.is_plugged:
            port.unplug()
        else:
            port.plug()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGINT, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, routine.be_quiet)
    loop.add_signal_handler(signal.SIGUSR2, toggle)


def _device(arguments: argparse.Namespace, ledger: "Ledger") -> "PushingDevice":
    from firmware_sims.bp_monitor.omron_hbp import OmronHbp
    from firmware_sims.device_clock import DeviceClock
    from firmware_sims.scale.tanita import MC_780, SC_240, Tanita

    # Such a device shows the wall clock of the room it stands in.
    offset = _now().astimezone().utcoffset() or timedelta()
    error = timedelta(seconds=arguments.clock_error)
    clock = DeviceClock(_now, utc_offset=offset, error=error)
    people = _people(arguments)
    name = arguments.name or arguments.device
    if arguments.device == "omron-hbp":
        return OmronHbp(
            people,
            now=_now,
            clock=clock,
            ledger=ledger,
            name=name,
            seed=arguments.seed,
            error_rate=arguments.error_rate,
            format_5=not arguments.other_format,
        )
    return Tanita(
        people,
        now=_now,
        clock=clock,
        ledger=ledger,
        name=name,
        model=MC_780 if arguments.model == MC_780.name else SC_240,
        pounds=arguments.pounds,
        composition=not arguments.weight_only,
        afterglow=arguments.afterglow,
    )


def _people(arguments: argparse.Namespace) -> "list[tuple[Body, str]]":
    from firmware_sims.body import Body, Person

    people = []
    for written in arguments.person or ["Odile"]:
        name, _, identity = written.partition("=")
        people.append((Body(Person(name=name), arguments.seed), identity))
    return people


def _now() -> datetime:
    return datetime.now(UTC)
