"""What a daemon still does while nothing happens: processor time, wake-ups, and writes.

    python benchmarks/idle.py [SECONDS] [OTHER]

One serial cuff that is not plugged in, and `[usb]`. With OTHER, a folder with another version, the
two run side by side. Written is what reached the disk; a flash card wears by it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from start import CONFIG, launch

_SETTLED_S = 10.0
"""After a start, until it is idle."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a process has done so far, by what Linux tells of it."""

    cpu_ns: int
    wakes: int
    written_bytes: int


def look(pid: int) -> Look:
    """Look at all threads of a process."""
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    return Look(
        sum(int((task / "schedstat").read_text().split()[0]) for task in tasks),
        sum(_told(task / "status", "voluntary_ctxt_switches") for task in tasks),
        _told(Path(f"/proc/{pid}/io"), "write_bytes"),
    )


def _told(file: Path, name: str) -> int:
    told = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return int(told[name])


def main(seconds: float, *others: str) -> None:
    """Print what each version does in an hour."""
    versions = [Path(__file__).resolve().parents[1], *(Path(other).resolve() for other in others)]
    with ExitStack() as stack:
        daemons = list(_launched(versions, stack))
        time.sleep(_SETTLED_S)
        before = [look(pid) for pid in daemons]
        time.sleep(seconds)
        after = [look(pid) for pid in daemons]
    hours = seconds / 3600
    for version, was, now in zip(versions, before, after, strict=True):
        print(version)
        print(f"CPU      {(now.cpu_ns - was.cpu_ns) / 1e9 / hours:.1f} s in an hour")
        print(f"wakes    {(now.wakes - was.wakes) / seconds:.2f} times a second")
        print(
            f"writes   {(now.written_bytes - was.written_bytes) / 1024 / hours:.0f} KiB in an hour"
        )


def _launched(versions: Iterable[Path], stack: ExitStack) -> Iterator[int]:
    for version in versions:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = folder / "gateway.toml"
        config.write_text(CONFIG.format(state=folder / "state") + "\n[usb]\n")
        daemon = stack.enter_context(launch(config, version))
        stack.callback(daemon.terminate)
        yield daemon.pid


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 120.0, *sys.argv[2:])
