"""Backups of a hub: its journal, its key, its Bluetooth bonds and whose they are."""

from __future__ import annotations

from pathlib import Path

from gateway.app import bluez_bonds
from gateway.app.parts import kept_beside, routes
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.errors import JournalError
from gateway.journal import backup
from gateway.journal.ownership import as_owner
from gateway.journal.rekeying import change_key_file, change_to_passphrase
from gateway.journal.restoring import Restored, restore


def back_up(config: Config, target: Path, passphrase: bytes) -> int:
    """Write a backup, also while the daemon runs; return its size in bytes."""
    others = bluez_bonds.collect()
    with as_owner(config.journal):
        others |= _beside(config)
        return backup.write(target, passphrase, config.journal, others)


def change_key(config: Config, *, to_passphrase: bool = False) -> None:
    """Put a new hub key, or that of the passphrase, in place of the file's. No daemon may run."""
    change = change_to_passphrase if to_passphrase else change_key_file
    with as_owner(config.journal):
        change(config.journal, SystemClock(), config.hub.tzinfo, config.addresses)


def restore_backup(
    config: Config, source: Path, passphrase: bytes, *, consents_stand: bool
) -> Restored:
    """Put a backup in the place of this hub's journal. No daemon may run.

    Bonds that Linux keeps are put back by `put_bonds_back`.
    """
    with as_owner(config.journal):
        return restore(
            source,
            passphrase,
            config.journal,
            SystemClock(),
            config.hub.tzinfo,
            routes(config),
            addresses=config.addresses,
            others=kept_beside(config),
            consents_stand=consents_stand,
        )


def put_bonds_back(config: Config, restored: Restored) -> tuple[int, int]:
    """Put the Bluetooth bonds of a restored backup where Linux keeps them; see `bluez_bonds`."""
    return bluez_bonds.put_back(config.hub.state, restored.beside)


def _beside(config: Config) -> dict[str, bytes]:
    """Return the bonds of our own radios and what goes with them, by their names in a backup."""
    found = {}
    for name, path in kept_beside(config).items():
        try:
            found[name] = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise JournalError(f"cannot read the bonds {path}: {error.strerror}") from error
    return found
