"""Files that commands write for a person."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.client import Refused


def write_private(path: Path, content: bytes, *, over: bool) -> None:
    """Write a file that only its owner may read, for it is about a person's health.

    `over` writes over one that is there, or into a device or a pipe, so it is written in place.
    Raises Refused.
    """
    try:
        with open(path, "wb" if over else "xb", opener=_private) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
    except OSError as error:
        raise Refused(f"{path}: cannot be written ({error.strerror}).") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
