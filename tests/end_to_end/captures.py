"""Writes captures: what a device sent, as a file that the daemon replays (docs/capture-format.md).

The file is written here by hand, not by the gateway's own classes: others write such files too.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One thing that passed: `dir` is `in`, `read` or `out`."""

    dir: str
    channel: str
    data: bytes


def capture(
    path: Path, device: dict[str, str], at: datetime, lines: Iterable[Line], *, apart_s: float = 0.1
) -> Path:
    """Write a capture of a device that began to speak at a moment."""
    rows: list[object] = [{"device": device, "driver": device["driver"]}]
    for number, line in enumerate(lines):
        moment = at + timedelta(seconds=number * apart_s)
        rows.append(
            {
                "at": moment.isoformat(),
                "dir": line.dir,
                "channel": line.channel,
                "hex": line.data.hex(),
            }
        )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
