"""Opening a journal: its schema brought up to date, its keys found, its damage salvaged."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from gateway.clock import Clock
from gateway.domain.reading import Kind
from gateway.errors import JournalDamaged, JournalError, JournalFull
from gateway.journal import (
    attribution,
    carved_rows,
    hub_key,
    ledger,
    outbox,
    replacing,
    salvage,
    scratch,
    sealing,
)
from gateway.journal.database import Database, make_private
from gateway.journal.hub_key import HubKey
from gateway.journal.keys import Keyring
from gateway.journal.ledger import Addresses
from gateway.journal.schema import check, open_writer
from gateway.journal.writer import Transaction, run_now

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a journal is opened with; the caller has the writer's lock."""

    path: Path
    clock: Clock
    zone: tzinfo
    routes: Mapping[str, frozenset[Kind]]
    addresses: Addresses
    hub_keys: Sequence[HubKey]

    def database(self) -> tuple[Database, Keyring]:
        """Return the database, ready to be written, and its keys; a damaged one is salvaged."""
        replacing.finish(self.path)
        scratch.sweep(self.path)
        try:
            return self.sound()
        except JournalDamaged:
            self._salvage()
            return self.sound()

    def sound(self) -> tuple[Database, Keyring]:
        """Return the same of a journal that has no damage; raises JournalDamaged otherwise."""
        database = self._open(self.path)
        try:
            check(database)
            keys = self._keys(database)
            keys.make_missing()
            run_now(database, keys, self.clock, _restart)
            with suppress(JournalFull):  # what stays marked is looked at before it leaves
                while run_now(database, keys, self.clock, attribution.look_at_some):
                    pass
        except JournalError:
            database.close()
            raise
        return database, keys

    def _salvage(self) -> None:
        """Put what can be read of the journal in its place; all or nothing, whatever happens."""
        aside = replacing.aside(self.path, "damaged", self.clock)
        try:
            with scratch.scratch(self.path) as made:
                salvaged = self._salvaged(made / self.path.name, aside.name)
                replacing.put(made, self.path, aside)
        except OSError as error:
            raise JournalError(f"cannot salvage {self.path}: {error.strerror}") from error
        salvage.tell(salvaged)

    def _salvaged(self, new: Path, folder: str) -> salvage.Salvaged:
        make_private(new)
        database = self._open(new)
        try:
            unsound = carved_rows.copy_rows(database, self.path)
            keys = self._keys(database)
            keys.make_missing()
            return run_now(
                database,
                keys,
                self.clock,
                lambda tx: salvage.complete(tx, folder, self.zone, self.routes, unsound),
            )
        finally:
            database.close()

    def _open(self, path: Path) -> Database:
        folder = hub_key.folder_of(self.path)

        def hub() -> Sequence[HubKey]:
            return self.hub_keys or hub_key.find(folder, make=True)

        return open_writer(path, lambda db: sealing.define(db, hub, self.addresses))

    def _keys(self, database: Database) -> Keyring:
        folder = hub_key.folder_of(self.path)
        keys = Keyring(database, self.hub_keys or hub_key.find(folder))
        hub_key.settle(folder, keys.hub)
        return keys


def _restart(tx: Transaction) -> None:
    outbox.restart(tx)
    ledger.moved_back(tx)


def empty_log(database: Database) -> None:
    """Empty the log: after a power cut it may hold the key of somebody who was erased."""
    try:
        database.fold(whole=True)
    except JournalDamaged:
        raise
    except JournalError:
        _log.warning("the journal's log could not be emptied: the disk is full, or it fails")
