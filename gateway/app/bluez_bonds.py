"""The bonds that Linux keeps, for a backup and out of one.

    /var/lib/bluetooth/<adapter>/<device>/info          bluetoothd's own files, of root alone
    <state>/bluez~<adapter>~<device>                    the same beside the journal, and in a backup

The gateway's user may not read the former; run as root, `backup` takes them along and `restore`
puts them back. A device knows its partner by the adapter's address: a bond is of use on another
machine only with the same adapter, or one that was given its address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gateway import durable

KEPT = Path("/var/lib/bluetooth")

_PREFIX = "bluez~"
_INFO = "info"
_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")


def collect(kept: Path = KEPT) -> dict[str, bytes]:
    """Return the bonds that this user may read, by the name each has in a backup."""
    found = {}
    with suppress(OSError):
        for path in sorted(kept.glob(f"*/*/{_INFO}")):
            with suppress(OSError):
                content = path.read_bytes()
                if b"Key]" in content:  # bluetoothd notes every device it saw
                    found[f"{_PREFIX}{path.parent.parent.name}~{path.parent.name}"] = content
    return found


def put_back(state: Path, restored: Mapping[str, bytes], kept: Path = KEPT) -> tuple[int, int]:
    """Put the bonds of a restored backup where Linux keeps them, if this user may.

    That is, those that the backup held, by their names in it, whatever lies beside the journal: the
    daemon's user may lay any there, and who has a bond may be a keyboard. Returns how many were put
    there, and how many still lie beside the journal. One that is there already is left as it is: it
    is newer. After a power cut each is whole, here or there.
    """
    done = left = 0
    for name, content in sorted(restored.items()):
        prefix, _, whose = name.partition("~")
        adapter, _, device = whose.partition("~")
        if f"{prefix}~" != _PREFIX or not all(map(_ADDRESS.fullmatch, (adapter, device))):
            continue
        target = kept / adapter / device / _INFO
        try:
            if not target.exists():
                durable.make_folder(target.parent)
                durable.write(target, content)
            (state / name).unlink(missing_ok=True)
            durable.sync(state)
            done += 1
        except OSError:
            left += 1
    return done, left
