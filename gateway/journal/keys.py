"""Keys: what is sealed is opened by the key of the person it is about, and by no other.

    hub key             outside the database (hub_key.py); wraps the keys below, seals nothing else
      key of a person   seals what is about them; destroying it is what erases them
      key of nobody     "": readings nobody claimed, devices, frames set aside
      keys of the hub   "#identity" makes ids that cannot be guessed from values,
                        "#signing" signs checkpoints of the audit chain

Everything is sealed with ChaCha20-Poly1305 (RFC 8439): small processors have no AES instructions.
A sealed value is a nonce, the content and a tag; the tag also covers `place`, the row and
the column it belongs to, so a value moved elsewhere, and any flipped bit, makes it unreadable.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gateway.domain.device import DeviceId
from gateway.domain.identity import ReadingId
from gateway.errors import JournalError, Unreadable
from gateway.journal.database import Database
from gateway.journal.hub_key import KEY_BYTES, HubKey

NOBODY = ""
"""The owner of what is nobody's yet."""
IDENTITY = "#identity"
SIGNING = "#signing"

NEAR_BYTES = 4
KERNEL_BYTES = 12
"""What an entry's id is made of: where it lies among the others, and which it is."""

_NONCE_BYTES = 12
_TABLES = ("keys", "spare_keys")  # the second since step 6 of the schema


class Keyring:
    """The keys of one journal, on one connection."""

    def __init__(self, db: Database, hub: Sequence[HubKey]) -> None:
        """Use the first of the keys in `hub` that opens this journal; raises JournalError if none.

        A journal without keys is given them by `make_missing`.
        """
        self._db = db
        self._tables = [
            name
            for (name,) in db.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if name in _TABLES
        ]
        self._ciphers: dict[str, ChaCha20Poly1305] = {}
        self._identity = b""
        self._begun: dict[bytes, hashlib.blake2s] = {}
        self._near = ("", "")  # the neighbourhood of the last entry, and its hash
        self._nonces = hashlib.blake2b(digest_size=_NONCE_BYTES, key=os.urandom(KEY_BYTES))
        self._sealings = 0
        self.hub = self._fitting(hub)

    def _fitting(self, candidates: Sequence[HubKey]) -> HubKey:
        for hub in candidates:
            wrapped = self._wrapped(NOBODY)
            if not wrapped or any(_unwrapped(hub, NOBODY, each) is not None for each in wrapped):
                return hub
        raise JournalError(
            "the key does not open this journal: put back the key that was made with it"
        )

    def make_missing(self) -> None:
        """Draw the keys that every journal has."""
        for owner in (NOBODY, IDENTITY, SIGNING):
            if not self._wrapped(owner):
                self.make(owner)

    def mend(self) -> None:
        """Keep twice again what damage left once."""
        for (owner,) in self._db.rows("SELECT owner FROM keys UNION SELECT owner FROM spare_keys"):
            there = [_unwrapped(self.hub, owner, each) for each in self._wrapped(owner)]
            secret = next((each for each in there if each is not None), None)
            if secret is not None and there != [secret, secret]:
                self.keep(owner, secret)

    def make(self, owner: str) -> None:
        """Draw a key for an owner who has none."""
        self.keep(owner, secrets.token_bytes(KEY_BYTES))

    def keep(self, owner: str, secret: bytes) -> None:
        """Keep the owner's key, wrapped by the hub's, twice: damage rarely finds both."""
        for table in self._tables:
            self._db.run(
                f"INSERT INTO {table} (owner, wrapped) VALUES (?, ?)"  # noqa: S608
                " ON CONFLICT (owner) DO UPDATE SET wrapped = excluded.wrapped",
                (owner, _wrapped(self.hub, owner, secret)),
            )
        self._ciphers.pop(owner, None)

    def destroy(self, owner: str) -> None:
        """Destroy the owner's key: what it sealed is unreadable from the commit on."""
        for table in self._tables:
            self._db.run(f"DELETE FROM {table} WHERE owner = ?", (owner,))  # noqa: S608
        self._ciphers.pop(owner, None)

    def forget(self) -> None:
        """Forget the keys in memory; they are read again as needed."""
        self._ciphers.clear()

    def change_hub_key(self, hub: HubKey) -> None:
        """Wrap every key by another hub key."""
        rows = self._db.rows("SELECT owner FROM keys")
        kept = {owner: self.secret(owner) for (owner,) in rows}
        self.hub = hub
        for owner, secret in kept.items():
            self.keep(owner, secret)

    def seal(self, owner: str, content: bytes, place: str) -> bytes:
        """Return the content sealed by the owner's key, for this place only."""
        where = place.encode()
        nonce = self._nonce(content, where)
        return nonce + self._cipher(owner).encrypt(nonce, content, where)

    def _nonce(self, content: bytes, place: bytes) -> bytes:
        """Return 96 bits, random to whoever has not seen this process: billions never meet.

        A virtual machine that is resumed twice from one moment has the same secret twice, and may
        draw the same: so what they are made of is the content and the place, too.
        """
        self._sealings += 1
        nonce = self._nonces.copy()
        nonce.update(b"%d %d %b%b" % (self._sealings, len(place), place, content))
        return nonce.digest()

    def open(self, owner: str, sealed: bytes, place: str) -> bytes:
        """Return what was sealed. Raises Unreadable if it was not, here, by the owner's key."""
        try:
            return self._cipher(owner).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise Unreadable(f"unreadable: {place} is damaged, or its key is gone") from error

    @property
    def identity(self) -> bytes:
        """The key that makes ids."""
        if not self._identity:
            self._identity = self.secret(IDENTITY)
        return self._identity

    def entry(self, identity: ReadingId, neighbourhood: str) -> ReadingId:
        """Return what the journal calls a reading: nobody else can confirm by it what it said.

        It begins with its neighbourhood, so what comes together lies together in the index of ids:
        a commit then changes one or two of its pages, not one for each reading.
        """
        if neighbourhood != self._near[0]:
            self._near = (neighbourhood, self.hashed(neighbourhood.encode(), b"near"))
        kernel = self.hashed(bytes.fromhex(identity), b"entry")
        return ReadingId(self._near[1][: 2 * NEAR_BYTES] + kernel[: 2 * KERNEL_BYTES])

    def hashed(self, content: bytes, person: bytes) -> str:
        """Return 32 hex digits that only this journal's key can make of it; `person`, what for."""
        begun = self._begun.get(person)
        if begun is None:
            begun = hashlib.blake2s(digest_size=16, key=self.identity, person=person)
            self._begun[person] = begun
        hashed = begun.copy()
        hashed.update(content)
        return hashed.hexdigest()

    def device(self, device: DeviceId) -> str:
        """Return what a device is found by in the database, which does not tell its id."""
        return self.hashed(device.encode(), b"device")

    def fingerprint(self, owner: str, content: bytes) -> str:
        """Return a hash that only the owner's key can make again: worth nothing once it is gone."""
        key = hashlib.blake2b(self.secret(owner), person=b"fingerprint", digest_size=32).digest()
        return hashlib.blake2b(content, key=key, digest_size=32).hexdigest()

    def secret(self, owner: str) -> bytes:
        """Return the owner's key. Raises Unreadable if it is gone or damaged."""
        for wrapped in self._wrapped(owner):
            secret = _unwrapped(self.hub, owner, wrapped)
            if secret is not None:
                return secret
        raise Unreadable("unreadable: the key is gone, or damaged")

    def _wrapped(self, owner: str) -> list[bytes]:
        """Return the owner's key as it is kept, from each place where it is."""
        rows = [
            self._db.row(f"SELECT wrapped FROM {table} WHERE owner = ?", (owner,))  # noqa: S608
            for table in self._tables
        ]
        return [row[0] for row in rows if row is not None]

    def _cipher(self, owner: str) -> ChaCha20Poly1305:
        cipher = self._ciphers.get(owner)
        if cipher is None:
            cipher = self._ciphers[owner] = ChaCha20Poly1305(self.secret(owner))
        return cipher


def _wrapped(hub: HubKey, owner: str, secret: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + ChaCha20Poly1305(hub.secret).encrypt(nonce, secret, f"key {owner}".encode())


def _unwrapped(hub: HubKey, owner: str, wrapped: bytes) -> bytes | None:
    try:
        return ChaCha20Poly1305(hub.secret).decrypt(
            wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], f"key {owner}".encode()
        )
    except (InvalidTag, ValueError):
        return None
