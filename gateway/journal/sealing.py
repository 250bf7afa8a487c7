"""What the schema's step that seals a journal calls; see schema/0003.sql."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.domain.device import DeviceId
from gateway.journal import entry_rows
from gateway.journal.database import Database
from gateway.journal.hub_key import HubKey
from gateway.journal.keys import Keyring


def define(db: Database, hub: Callable[[], Sequence[HubKey]]) -> None:
    """Define the functions. `hub` finds or makes the hub key, once a journal is to be sealed."""
    rings: list[Keyring] = []

    def make_keys() -> None:
        ring = Keyring(db, hub())
        ring.make_missing()
        for (subject,) in db.rows("SELECT id FROM subjects"):
            ring.make(subject)
        rings.append(ring)

    def seal(owner: str, content: bytes, place: str) -> bytes:
        return rings[0].seal(owner, content, place)

    def entry_id(identity: bytes) -> bytes:
        return entry_rows.to_blob(rings[0].entry(entry_rows.from_blob(identity)))

    def device_id(device: str) -> str:
        return rings[0].device(DeviceId(device))

    for function in (make_keys, seal, entry_id, device_id):
        db.define(function.__name__, function)
