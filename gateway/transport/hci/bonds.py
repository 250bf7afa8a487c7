"""The file of Bluetooth bonds: who we are to the devices we paired with, and their keys.

    {"address": "F5:...", "irk": "hex", "bonds": {"<address>": {...keys, as the stack gives them}},
     "controller": "<the url of the one that they are used with>"}

Only for a bare controller; over BlueZ the operating system keeps the bonds. Readable by its owner
only. An own address, because devices know a bonded partner by it: it must survive a restart.
"""

from __future__ import annotations

import json
import secrets
import threading
from pathlib import Path
from typing import Any

from gateway import durable
from gateway.errors import ConfigError


class Bonds:
    """The bonds, in memory and in the file; `path` None keeps them in memory only.

    `controller` is the url of the one that they are for from now on.
    Any thread may call it: several devices pair at the same time.
    """

    def __init__(self, path: Path | None, controller: str | None = None) -> None:
        """Read the file, or begin one. Raises ConfigError if it cannot be read or made."""
        self._path = path
        self._lock = threading.Lock()
        self._unwritten: ConfigError | None = None
        kept = _read(path) if path is not None else None
        self._content: dict[str, Any] = kept or {
            "address": _static_address(),
            "irk": secrets.token_hex(16),
            "bonds": {},
        }
        if kept is None or kept.get("controller") != controller:
            self._content["controller"] = controller
            self._write()

    @property
    def address(self) -> str:
        """Our own static random address."""
        return str(self._content["address"])

    @property
    def irk(self) -> bytes:
        """Our identity resolving key, 16 bytes."""
        return bytes.fromhex(self._content["irk"])

    def get(self, address: str) -> dict[str, Any] | None:
        """Return the keys of one device."""
        keys: dict[str, Any] | None = self._content["bonds"].get(address)
        return keys

    def of(self, address: str) -> dict[str, Any] | None:
        """Return the keys of the device with this address, be it a public one or a random one."""
        return self.get(address) or self.get(f"{address}/P")

    def all(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the keys of every device."""
        with self._lock:
            return list(self._content["bonds"].items())

    def put(self, address: str, keys: dict[str, Any]) -> None:
        """Keep the keys of a device; durable when it returns. Raises ConfigError."""
        with self._lock:
            self._content["bonds"][address] = keys
            self._write()

    def drop(self, address: str) -> bool:
        """Forget a device; returns whether it was known."""
        with self._lock:
            known = self._content["bonds"].pop(address, None) is not None
            if known:
                self._write()
            return known

    def check(self) -> None:
        """Raise ConfigError if what is in memory could not be written to the file."""
        if self._unwritten is not None:
            raise self._unwritten

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            durable.write(self._path, json.dumps(self._content, indent=1).encode())
        except OSError as error:
            self._unwritten = ConfigError(
                f"The Bluetooth bonds cannot be kept in {self._path}: {error.strerror}."
                " Give the gateway a state folder it can write to."
            )
            raise self._unwritten from error
        self._unwritten = None


def controller_of(path: Path) -> str | None:
    """Return the url of the controller that a file of bonds was last for, as far as it tells."""
    try:
        content = _read(path)
    except ConfigError:  # said again, and why, by whoever uses it
        return None
    return None if content is None else content.get("controller")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        bytes.fromhex(content["irk"] + content["address"].replace(":", ""))
        dict(content["bonds"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"The Bluetooth bonds in {path} cannot be read ({type(error).__name__})."
            " Restore the file, or move it away and pair the devices again."
        ) from error
    return content


def _static_address() -> str:
    """Make a static random address: its two highest bits are 1 (Core 5.4, Vol 6, Part B, 1.3)."""
    octets = bytearray(secrets.token_bytes(6))
    octets[0] |= 0xC0
    return ":".join(f"{octet:02X}" for octet in octets)
