"""Changing the hub key: every other key is wrapped anew, what they sealed stays as it is.

The new key file is durable before the database changes, and takes the old one's place after: cut
short anywhere, the next start finds the one that opens the journal.
"""

from __future__ import annotations

import secrets
from datetime import tzinfo
from pathlib import Path

from gateway.clock import Clock
from gateway.journal import hub_key
from gateway.journal.hub_key import KEY_BYTES, HubKey
from gateway.journal.lock import WriterLock
from gateway.journal.opening import Opening
from gateway.journal.writer import run_now


def change_key_file(journal: Path, clock: Clock, zone: tzinfo) -> None:
    """Draw a new key for a journal whose key is in a file. Raises JournalError, JournalBusy."""
    lock = WriterLock(journal)
    try:
        database, keys = Opening(journal, clock, zone, {}, ()).database()
        try:
            folder = hub_key.folder_of(journal)
            hub_key.require_file(folder)
            new = HubKey(secrets.token_bytes(KEY_BYTES))
            hub_key.prepare(folder, new)
            run_now(database, keys, clock, lambda tx: tx.keys.change_hub_key(new))
            database.fold(whole=True)
            hub_key.settle(folder, new)
        finally:
            database.close()
    finally:
        lock.release()
