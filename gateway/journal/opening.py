"""Opening a journal: its schema brought up to date, its keys found, its damage salvaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from gateway.clock import Clock
from gateway.domain.reading import Kind
from gateway.errors import JournalDamaged, JournalError
from gateway.journal import hub_key, outbox, people, salvage, sealing
from gateway.journal.database import Database, check, make_private, open_writer
from gateway.journal.hub_key import HubKey
from gateway.journal.keys import Keyring
from gateway.journal.writer import Transaction, run_now


@dataclass(frozen=True, slots=True)
class Opening:
    """What a journal is opened with; the caller has the writer's lock."""

    path: Path
    clock: Clock
    zone: tzinfo
    routes: Mapping[str, frozenset[Kind]]
    hub_keys: Sequence[HubKey]

    def database(self) -> tuple[Database, Keyring]:
        """Return the database, ready to be written, and its keys."""
        try:
            return self._sound()
        except JournalDamaged:
            folder = salvage.set_aside(self.path, self.clock)
            return self._salvaged(folder)

    def _sound(self) -> tuple[Database, Keyring]:
        database = self._open()
        try:
            check(database)
            keys = self._keys(database)
            keys.make_missing()
            run_now(database, keys, self.clock, _restart)
        except JournalError:
            database.close()
            raise
        return database, keys

    def _salvaged(self, folder: Path) -> tuple[Database, Keyring]:
        make_private(self.path)
        database = self._open()
        try:
            unsound = salvage.copy_rows(database, folder / self.path.name)
            keys = self._keys(database)
            keys.make_missing()
            run_now(
                database,
                keys,
                self.clock,
                lambda tx: salvage.complete(tx, folder, self.zone, self.routes, unsound),
            )
            run_now(database, keys, self.clock, _restart)
        except JournalError:
            database.close()
            raise
        return database, keys

    def _open(self) -> Database:
        folder = hub_key.folder_of(self.path)
        return open_writer(
            self.path,
            lambda db: sealing.define(db, lambda: self.hub_keys or hub_key.find(folder, make=True)),
        )

    def _keys(self, database: Database) -> Keyring:
        folder = hub_key.folder_of(self.path)
        keys = Keyring(database, self.hub_keys or hub_key.find(folder))
        hub_key.settle(folder, keys.hub)
        return keys


def _restart(tx: Transaction) -> None:
    outbox.restart(tx)
    people.came_back(tx)
