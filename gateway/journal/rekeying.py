"""Changing the hub key: every other key is wrapped anew, what they sealed stays as it is.

The new key is durable before the database changes, and takes the old one's place after: cut short
anywhere, the next start finds the one that opens the journal.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from gateway.clock import Clock
from gateway.journal import hub_key, replacing
from gateway.journal.hub_key import KEY_BYTES, HubKey
from gateway.journal.ledger import NOWHERE, Addresses
from gateway.journal.lock import WriterLock
from gateway.journal.opening import Opening
from gateway.journal.writer import Transaction, run_now


def change_key_file(
    journal: Path, clock: Clock, zone: tzinfo, addresses: Addresses = NOWHERE
) -> None:
    """Draw a new key for a journal whose key is in a file.

    Raises JournalError, JournalBusy, and JournalDamaged: only the gateway itself, which knows where
    readings go, salvages.
    """
    _change(journal, clock, zone, addresses, _drawn)


def change_to_passphrase(
    journal: Path, clock: Clock, zone: tzinfo, addresses: Addresses = NOWHERE
) -> None:
    """Let the key of a journal, so far in a file, come from the passphrase; the file goes.

    Raises the same, and JournalError if the passphrase is not where the gateway looks for it.
    """
    _change(journal, clock, zone, addresses, hub_key.prepare_passphrase)


def _drawn(folder: Path) -> HubKey:
    new = HubKey(secrets.token_bytes(KEY_BYTES))
    hub_key.prepare(folder, new)
    return new


def _change(
    journal: Path,
    clock: Clock,
    zone: tzinfo,
    addresses: Addresses,
    prepare: Callable[[Path], HubKey],
) -> None:
    lock = WriterLock(journal)
    try:
        replacing.finish(journal)
        folder = hub_key.folder_of(journal)
        hub_key.require_file(folder)
        database, keys = Opening(journal, clock, zone, {}, addresses, ()).sound()
        try:
            new = prepare(folder)
            run_now(database, keys, clock, lambda tx: _wrap_by(tx, new))
            hub_key.settle(folder, new)
        finally:
            database.close()
    finally:
        lock.release()


def _wrap_by(tx: Transaction, new: HubKey) -> None:
    tx.keys.mend()  # a key that damage left once would else be left behind
    tx.keys.change_hub_key(new)
