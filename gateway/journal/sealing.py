"""What the schema's steps that seal a journal call, and one more; see schema/0003, 0004, 0009."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from gateway.domain.device import DeviceId
from gateway.domain.identity import identity, neighbourhood
from gateway.errors import Unreadable
from gateway.journal import entry_rows
from gateway.journal.database import Database
from gateway.journal.hub_key import HubKey
from gateway.journal.keys import KERNEL_BYTES, NEAR_BYTES, NOBODY, Keyring
from gateway.journal.ledger import NOWHERE, Addresses


def define(
    db: Database, hub: Callable[[], Sequence[HubKey]], addresses: Addresses = NOWHERE
) -> None:
    """Define the functions.

    `hub` finds or makes the hub key, once a journal is to be sealed; `addresses` are those of the
    configuration.
    """

    def address_of(destination: str) -> bytes | None:
        here = addresses.get(destination)
        return None if here is None else here[0].encode()

    steps = _Steps(db, hub)
    for function in (
        address_of,
        steps.make_keys,
        steps.seal,
        steps.entry_id,
        steps.device_id,
        steps.entry_near,
        steps.entry_moved,
    ):
        db.define(function.__name__, function)


class _Steps:
    def __init__(self, db: Database, hub: Callable[[], Sequence[HubKey]]) -> None:
        self._db = db
        self._hub = hub

    @cached_property
    def _ring(self) -> Keyring:
        return Keyring(self._db, self._hub())

    # --- step 3 ---------------------------------------------------------------------------------

    def make_keys(self) -> None:
        self._ring.make_missing()
        for (subject,) in self._db.rows("SELECT id FROM subjects"):
            self._ring.make(subject)

    def seal(self, owner: str, content: bytes, place: str) -> bytes:
        return self._ring.seal(owner, content, place)

    def entry_id(self, said: bytes) -> bytes:
        return bytes.fromhex(self._ring.hashed(said, b"entry"))

    def device_id(self, device: str) -> str:
        return self._ring.device(DeviceId(device))

    # --- step 4: of an entry's id, device, kind, slot, time of recording, subject and payload -----

    def entry_near(self, *row: Any) -> bytes:
        entry = row[0]
        content = self._opened(*row)
        if content is None:
            return bytes(NEAR_BYTES) + bytes(entry[:KERNEL_BYTES])
        reading = entry_rows.parse(content)
        return entry_rows.to_blob(self._ring.entry(identity(reading), neighbourhood(reading)))

    def entry_moved(self, *row: Any) -> bytes:
        content = self._opened(*row)
        _, *where, subject, payload = row
        if content is None:
            return bytes(payload)
        place = entry_rows.place(self.entry_near(*row), *where)
        return self._ring.seal(subject or NOBODY, content, place)

    def _opened(self, *row: Any) -> bytes | None:
        *where, subject, payload = row
        try:
            return self._ring.open(subject or NOBODY, payload, entry_rows.place(*where))
        except Unreadable:
            return None
