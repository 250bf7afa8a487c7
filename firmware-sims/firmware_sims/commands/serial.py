"""`firmware-sims serial`: one device behind a pty, until told to stop.

Prints {"ready": true, "link": PATH} when the port is there, and {"forbidden": NAME} whenever a
command arrives that nobody should send. Each measurement is appended to the file of what was
produced before anybody can have it. SIGUSR1: measure no more. SIGUSR2: pull the cable, or plug it
in again. SIGTERM or SIGINT ends it; reaching --count does not.
"""

import argparse
import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from firmware_sims.commands.serial_devices import OFFERS

if TYPE_CHECKING:
    from firmware_sims.body import Body
    from firmware_sims.faults import Fault, Faults
    from firmware_sims.placement import Placement
    from firmware_sims.port import Port
    from firmware_sims.routine import Routine

_OF_DEVICE = ("error_code", "double_key_press", "drop_clock", "nan_measurement")
_OF_LINE = ("half_frame", "swapped_digits", "flipped_bit", "silence", "unplug_mid_frame")


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("serial", help="play a serial device behind a pty")
    devices = parser.add_subparsers(dest="device", required=True, metavar="DEVICE")
    for name, offer in OFFERS.items():
        device = devices.add_parser(name, help=offer.help)
        offer.add_options(device)
        _add_common(device, offer.baud)
    parser.set_defaults(run=_run)


def _add_common(parser: argparse.ArgumentParser, baud: int) -> None:
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
    parser.add_argument("--baud", type=int, default=baud, help="pace of the line; 0 sends at once")
    parser.add_argument(
        "--check-baud", action="store_true", help="garbage for a host at another speed"
    )
    parser.add_argument(
        "--gap", type=float, default=1.0, metavar="SECONDS", help="between frames of a stream"
    )
    parser.add_argument(
        "--noise", type=float, default=0.0, metavar="SHARE", help="frames with garbage around them"
    )
    parser.add_argument(
        "--noise-inside", action="store_true", help="flip bits of frames too: they have a checksum"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="NAME[:TIMES]",
        help=f"{', '.join(_OF_DEVICE)}; on the line: {', '.join(_OF_LINE)}; may be repeated",
    )
    parser.add_argument(
        "--faults-after",
        type=int,
        default=0,
        metavar="FRAMES",
        help="faults of the line, from then",
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
    from firmware_sims.line_noise import LineNoise
    from firmware_sims.port import Port
    from firmware_sims.routine import Routine
    from firmware_sims.serial_device import converse

    faults = _faults(arguments)
    device = OFFERS[arguments.device].make(arguments, _placement(arguments, produced, faults))
    routine = Routine(arguments.interval, arguments.count)
    bytes_per_s = arguments.baud / 10 or None  # start bit, eight bits, stop bit
    ended = asyncio.Event()
    with Port(arguments.link, bytes_per_s=bytes_per_s) as port:
        cable = Cable(
            port,
            faults=faults,
            noise=LineNoise(arguments.noise, arguments.seed, inside_frames=arguments.noise_inside),
            baud=(OFFERS[arguments.device].baud or None) if arguments.check_baud else None,
            faults_after=arguments.faults_after,
            seed=arguments.seed,
        )
        _listen_to_signals(ended, routine, port)
        ready = port.is_open_elsewhere if arguments.only_when_read else lambda: True
        _say({"ready": True, "link": str(arguments.link)})
        async with asyncio.TaskGroup() as life:
            playing = life.create_task(
                converse(device, port, routine, cable=cable, ready=ready, gap_s=arguments.gap)
            )
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


def _placement(arguments: argparse.Namespace, produced: TextIO, faults: "Faults") -> "Placement":
    from firmware_sims.device_clock import DeviceClock
    from firmware_sims.forbidden_commands import ForbiddenCommands
    from firmware_sims.ledger import Ledger
    from firmware_sims.placement import Placement

    # Such a device shows the wall clock of the room it stands in.
    offset = _now().astimezone().utcoffset() or timedelta()
    error = timedelta(seconds=arguments.clock_error)
    return Placement(
        _people(arguments),
        now=_now,
        clock=DeviceClock(_now, utc_offset=offset, error=error),
        ledger=Ledger(produced),
        name=arguments.name or arguments.device,
        seed=arguments.seed,
        faults=faults,
        forbidden=ForbiddenCommands(lambda name: _say({"forbidden": name})),
    )


def _fault(written: str) -> "tuple[Fault, int]":
    from firmware_sims.faults import Fault

    name, _, times = written.partition(":")
    if name not in (*_OF_DEVICE, *_OF_LINE) or not (times or "1").isdecimal():
        raise argparse.ArgumentTypeError(f"no fault of a serial device is written {written!r}")
    return Fault(name), int(times or 1)


def _faults(arguments: argparse.Namespace) -> "Faults":
    from firmware_sims.faults import Faults

    return Faults(dict(arguments.fault))


def _people(arguments: argparse.Namespace) -> "list[tuple[Body, str]]":
    from firmware_sims.body import Body, Person

    people = []
    for written in arguments.person or ["Odile"]:
        name, _, identity = written.partition("=")
        people.append((Body(Person(name=name), arguments.seed), identity))
    return people


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _now() -> datetime:
    return datetime.now(UTC)
