"""Backups of a hub: its journal, its key and its Bluetooth bonds."""

from __future__ import annotations

from pathlib import Path

from gateway.app.parts import routes
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.journal import backup
from gateway.journal.rekeying import change_key_file
from gateway.journal.restoring import Restored, restore


def back_up(config: Config, target: Path, passphrase: bytes) -> int:
    """Write a backup, also while the daemon runs; return its size in bytes."""
    bonds = {path.name: path for path in sorted(config.hub.state.glob("bonds-*.json"))}
    return backup.write(target, passphrase, config.journal, bonds)


def change_key(config: Config) -> None:
    """Draw a new hub key in place of the one in the key file. No daemon may run."""
    change_key_file(config.journal, SystemClock(), config.hub.tzinfo)


def restore_backup(
    config: Config, source: Path, passphrase: bytes, *, consents_stand: bool
) -> Restored:
    """Put a backup in the place of this hub's journal. No daemon may run."""
    return restore(
        source,
        passphrase,
        config.journal,
        SystemClock(),
        config.hub.tzinfo,
        routes(config),
        consents_stand=consents_stand,
    )
