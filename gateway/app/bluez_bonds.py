"""The bonds that Linux keeps, for a backup and out of one.

    /var/lib/bluetooth/<adapter>/<device>/info          bluetoothd's own files, of root alone
    <state>/bluez~<adapter>~<device>                    the same beside the journal, and in a backup

The gateway's user may not read the former; run as root, `backup` takes them along and `restore`
puts them back. A device knows its partner by the adapter's address: a bond is of use on another
machine only with the same adapter, or one that was given its address.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from gateway import durable

KEPT = Path("/var/lib/bluetooth")

_PREFIX = "bluez~"
_INFO = "info"
_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")


def collect(kept: Path = KEPT) -> dict[str, Path]:
    """Return the bonds that this user may read, by the name each has in a backup."""
    try:
        found = sorted(kept.glob(f"*/*/{_INFO}"))
    except OSError:
        return {}
    return {
        f"{_PREFIX}{path.parent.parent.name}~{path.parent.name}": path
        for path in found
        if _is_bond(path)
    }


def put_back(state: Path, restored: Collection[str], kept: Path = KEPT) -> tuple[int, int]:
    """Put the bonds of a restored backup where Linux keeps them, if this user may.

    Of what lies beside the journal only what was `restored`, by its name: the daemon's user may lay
    any there, and who has a bond may be a keyboard. Returns how many were put there, and how many
    still lie beside the journal. One that is there already is left as it is: it is newer. After a
    power cut each is whole, here or there.
    """
    done = left = 0
    for path in sorted(state.glob(f"{_PREFIX}*~*")):
        if path.name not in restored:
            continue
        _, adapter, device = path.name.split("~")
        if not _ADDRESS.fullmatch(adapter) or not _ADDRESS.fullmatch(device):
            continue
        target = kept / adapter / device / _INFO
        try:
            if not target.exists():
                durable.make_folder(target.parent)
                durable.write(target, path.read_bytes())
            path.unlink()
            durable.sync(state)
            done += 1
        except OSError:
            left += 1
    return done, left


def _is_bond(path: Path) -> bool:
    """Tell whether a file that may be read holds keys: bluetoothd notes every device it saw."""
    try:
        return b"Key]" in path.read_bytes()
    except OSError:
        return False
