"""Ports that are named by a number, which another cable may have after the next restart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_NUMBERED = re.compile(r"/dev/tty(USB|ACM)[0-9]+")
_LASTING = (Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))


def may_be_swapped(paths: Iterable[str]) -> list[str]:
    """Return the paths that may change places; one alone has nobody to change with."""
    numbered = [path for path in paths if _NUMBERED.fullmatch(path)]
    return numbered if len(numbered) > 1 else []


def lasting(path: str, folders: Iterable[Path] = _LASTING) -> str:
    """Return the name that stays with the cable, or else the folder where such names are."""
    for folder in folders:
        if folder.is_dir():
            for link in sorted(folder.iterdir()):
                if link.resolve() == Path(path).resolve():
                    return str(link)
    return "/dev/serial/by-id/..."
