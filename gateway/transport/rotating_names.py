"""Devices whose address rotates: what each is called, once a bond told who it is.

    {"<identity address>": "<the rotating address that it was adopted under>"}

Such a device is adopted under the address that it has at that moment, and its readings are kept
under it. From its first pairing on a radio knows it by its identity address, in which nobody would
find it again. Once its bond is forgotten it is a stranger, adopted under another address: that is
its name from then on, for it may be another person's by now. One file for all radios of a hub;
without it a device has to be adopted anew.

A device tells by itself, while it pairs, which address is its own: nothing proves that it is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

from gateway import durable
from gateway.domain.device import DeviceId
from gateway.errors import ConfigError


class RotatingNames:
    """The names, in memory and in the file; `path` None keeps them in memory only.

    `adopted` names the driver of a device that is ours, None for any other. Any thread may call it.
    """

    def __init__(
        self,
        path: Path | None = None,
        adopted: Callable[[DeviceId], str | None] = lambda _: None,
    ) -> None:
        """Read the file, if there is one. Raises ConfigError if it cannot be read."""
        self._path = path
        self._adopted = adopted
        self._lock = threading.Lock()
        self._kept = _read(path) if path is not None else {}
        self._names = dict(self._kept)
        self._forgotten: set[str] = set()

    def call(self, identity: str, address: str, *, unless_named: bool = False) -> None:
        """Call a device by the address that it was paired under; durable when it returns.

        `unless_named` is for one that was paired, but perhaps not by us, nor adopted so. Raises
        ConfigError if it cannot be kept; what is in memory holds all the same.
        """
        with self._lock:
            is_named = identity in self._names and identity not in self._forgotten
            if not (unless_named and is_named):
                self._names[identity] = address
                self._forgotten.discard(identity)
            if self._path is None or self._kept == self._names:
                return
            try:
                durable.write(self._path, json.dumps(self._names, indent=1).encode())
            except OSError as error:
                raise ConfigError(
                    f"The names of paired devices cannot be kept in {self._path}: {error.strerror}."
                    " Give the gateway a state folder it can write to."
                ) from error
            self._kept = dict(self._names)

    def forget(self, identity: str) -> None:
        """Let a device whose bond was dropped be called anew by whoever hears it paired first."""
        with self._lock:
            self._forgotten.add(identity)

    def is_taken(self, identity: str) -> bool:
        """Say whether a device is adopted under this address, which it has for good.

        Who else claims it, while pairing, would be given that one's readings, or give it theirs.
        """
        return self._adopted(DeviceId(f"ble:{identity}")) is not None

    def called(self, identity: str) -> str | None:
        """Return what such a device is called; None if its address does not rotate."""
        return self._names.get(identity)

    def identity(self, address: str) -> str:
        """Return the identity of the device that is called so: this address, for most."""
        return next((identity for identity, it in self._names.items() if it == address), address)


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text())
        return {str(identity): str(address) for identity, address in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"The names of paired devices in {path} cannot be read ({type(error).__name__})."
            " Restore the file, or move it away and adopt those devices again."
        ) from error
