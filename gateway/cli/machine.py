"""What `doctor` looks at on the machine itself: files, folders, cables and radios."""

from __future__ import annotations

import grp
import importlib.util
import os
import pwd
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, SecretStr

from gateway.cli.port_names import lasting, may_be_swapped
from gateway.config import Config
from gateway.drivers.api import Driver

_GROUP_MAY = 0o060  # read and write
_NO_SECRETS = ("ca_file", "certificate_file")
_ROOM = 200 * 2**20  # bytes; some months of readings, and room for SQLite to work


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, as scripts read it."""

    subject: str
    well: bool
    sentence: str
    advice: str | None = None
    """What the screens say to do about it, by its key; for a sentence of a layer far below."""
    besides: bool = False
    """Whether the advice is told also where the sentence is known: it says what is, not what to do.
    """


def state_folder(folder: Path) -> Finding:
    """Tell whether it is there, private, and has room."""
    if not folder.is_dir():
        return Finding("state", False, f"{folder} is missing: start the daemon once, or make it.")
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return Finding("state", False, f"others may enter {folder}: run 'chmod 700 {folder}'.")
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        return Finding("state", False, f"only {free // 2**20} MB are free for {folder}: make room.")
    return Finding("state", True, f"{folder} is private and has {free // 2**20} MB free.")


def holds_secrets(config: Config) -> bool:
    """Tell whether a secret stands in the configuration itself."""
    return any(isinstance(value, SecretStr) for table in _tables(config) for _, value in table)


def _tables(config: Config) -> Iterator[BaseModel]:
    """Yield the tables that may name secrets and files."""
    beyond = None if config.relay is None else config.relay.destination
    tables = (config.screens, config.fleet, config.relay, beyond, *config.destinations)
    yield from (table for table in tables if table is not None)


def files(config: Config) -> Iterator[Finding]:
    """Yield which secrets, certificates and folders of the configuration are not there, or open."""
    for table in _tables(config):
        for key, value in table:
            if key.endswith("_file") and value is not None and (why := _unreadable(value)):
                yield Finding(key, False, f"{value}: cannot be read ({why}).")
            elif key.endswith("_file") and value is not None and key not in _NO_SECRETS:
                yield from open_to_others(key, value)
            if key == "folder" and value is not None and not value.is_dir():
                yield Finding(key, False, f"{value} is no folder: make it for the gateway's user.")


def open_to_others(key: str, secret: Path) -> Iterator[Finding]:
    """Yield that others may read a secret, if they may."""
    if stat.S_IMODE(secret.stat().st_mode) & stat.S_IROTH:
        yield Finding(
            key,
            False,
            f"others may read {secret}: run 'chmod o= {secret}', and change the secret if somebody"
            " may have read it.",
        )


def _unreadable(path: Path) -> str | None:
    try:
        path.open("rb").close()
    except OSError as error:
        return error.strerror
    return None


def cables(config: Config, drivers: Iterable[Driver]) -> Iterator[Finding]:
    """Yield whether each cable is there and may be opened."""
    for port in config.ports:
        if "://" not in port.path:
            yield _cable(f"port {port.name}", port.path)
    for path in may_be_swapped(port.path for port in config.ports):
        sentence = f"{path} may be another cable after a restart: name it {lasting(path)}."
        yield Finding("ports", False, sentence)
    for device in config.hid:
        if device.path.startswith("/"):
            yield _cable(f"device {device.name}", device.path)
    if config.usb is not None:
        from gateway.transport.usb import told  # pyserial only where it is wanted

        for plugged in told(drivers):
            vendor, product = plugged.usb
            yield _cable(f"USB {vendor:04x}:{product:04x}", plugged.path)


def _cable(subject: str, path: str) -> Finding:
    problem = port_problem(Path(path))
    return Finding(subject, problem is None, problem or f"{path} can be opened.")


def port_problem(path: Path) -> str | None:
    """Say in a sentence why the user of this process may not open a port, with the remedy."""
    try:
        found = path.stat()
    except PermissionError:
        return f"{path} is in a folder that may not be entered: name it by its path in /dev."
    except OSError:
        return f"{path} is not there: plug the device in, or correct the port's path."
    if os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return None
    user, group = _user_name(os.geteuid()), _group_name(found.st_gid)
    if stat.S_IMODE(found.st_mode) & _GROUP_MAY != _GROUP_MAY:
        return (
            f"{path} is closed to its group {group} too: install the udev rules of deploy/ and plug"
            " the device in again."
        )
    return (
        f"{path} may not be opened by {user}: run 'sudo usermod -aG {group} {user}' and start the"
        " gateway again."
    )


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def radios(config: Config) -> Iterator[Finding]:
    """Yield what a radio of the configuration lacks."""
    if config.hci and importlib.util.find_spec("bumble") is None:
        fix = "install healthspace-gateway[hci]."
        yield Finding("radio", False, f"[[hci]] needs the package bumble: {fix}")
    if config.ble is not None and not Path("/sys/class/bluetooth").is_dir():
        yield Finding("radio", False, "this machine has no Bluetooth adapter: plug one in.")
