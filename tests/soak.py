"""Run the real daemon for long, with virtual devices and the sandbox, and see whether it grows.

    python -m tests.soak --seconds 3600

Ten times in the run its memory, its open files and its threads are looked at, more often if it is
long. What it has come to in the last quarter is compared with the second: the first is for warming
up. In the end the sums of the demonstration must add up.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.demo.cast import DEMONSTRATION, Cast
from gateway.demo.play import drain
from gateway.demo.stage import Stage

LOOK_EVERY_S = 60.0
ROOM_KIB = 4096  # what an allocator keeps, and a table that grows with the journal's pages
ROOM = 0.1
LINK_CUT_EVERY_S = 600.0
LINK_CUT_S = 20.0
PORTS_SPEAK_EVERY_S = 40


@dataclass(frozen=True, slots=True)
class Look:
    """What the daemon uses at a moment."""

    at_s: float
    resident_kib: int
    files: int
    threads: int


def look(pid: int, at_s: float) -> Look:
    """Look at a process, by what Linux tells of it."""
    process = Path("/proc") / str(pid)
    told = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    files = len(list((process / "fd").iterdir()))
    return Look(at_s, int(told["VmRSS"].split()[0]), files, int(told["Threads"]))


def grown(looks: Sequence[Look]) -> list[str]:
    """Say in what the process has grown since it was warm. Needs eight looks at least."""
    quarter = len(looks) // 4
    warm, last = looks[quarter : 2 * quarter], looks[-quarter:]
    found = []
    before, after = (statistics.median(e.resident_kib for e in part) for part in (warm, last))
    if after > before * (1 + ROOM) + ROOM_KIB:
        found.append(f"memory: {before:.0f} KiB when warm, {after:.0f} KiB in the end")
    for name in ("files", "threads"):
        before, after = (max(getattr(e, name) for e in part) for part in (warm, last))
        if after > before + 2:
            found.append(f"{name}: {before} when warm, {after} in the end")
    return found


def cast() -> Cast:
    """Return the demonstration's, its serial devices in no greater hurry than a person is.

    The same line again within some seconds is the same measurement to their drivers.
    """
    ports = tuple(
        replace(port, options=(*port.options, "--interval", str(PORTS_SPEAK_EVERY_S)))
        for port in DEMONSTRATION.ports
    )
    return replace(DEMONSTRATION, ports=ports)


def run(seconds: float) -> int:
    """Run it; returns 0 if nothing grew and every sum adds up."""
    every_s = min(LOOK_EVERY_S, seconds / 10)
    looks: list[Look] = []
    with (
        tempfile.TemporaryDirectory(prefix="healthspace-soak-") as folder,
        Stage(Path(folder), cast()) as stage,
    ):
        started = time.monotonic()
        cut_s = LINK_CUT_EVERY_S
        while (elapsed := time.monotonic() - started) < seconds:
            if elapsed > cut_s:
                stage.cut_link(LINK_CUT_S)
                cut_s += LINK_CUT_EVERY_S
            time.sleep(every_s)
            pid = stage.daemon.pid
            if pid is not None:
                looks.append(look(pid, time.monotonic() - started))
                _say(
                    f"{looks[-1].at_s:8.0f} s  {looks[-1].resident_kib:7} KiB resident"
                    f"  {looks[-1].files:4} files  {looks[-1].threads:3} threads"
                )
        stage.quieten()
        sums = drain(stage)
        readings = len(stage.readings())
    faults = [*grown(looks), *(f"a sum: {each.statement}" for each in sums if not each.holds)]
    for fault in faults:
        _say(f"FAULT {fault}")
    _say(f"{readings} readings, {len(looks)} looks, {len(sums)} sums, {len(faults)} faults")
    return 1 if faults else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    return run(parser.parse_args().seconds)


if __name__ == "__main__":
    sys.exit(main())
