"""Checkpoints of the audit chain: its head, signed, to be kept by somebody else.

A chain alone shows edits, gaps and reordering, but not that its tail was cut off, nor that all of
it was written anew. A checkpoint does: the chain must still have, at the checkpoint's number, the
checkpoint's hash. The signature (Ed25519, by a key that lies sealed in the journal) shows that the
checkpoint itself is this hub's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict

from gateway.journal.audit import Audited, Link, verify_chain
from gateway.journal.instants import from_us
from gateway.journal.keys import SIGNING, Keyring

_BEGUN_ANEW = frozenset({Audited.RESTORED, Audited.SALVAGED})


class Checkpoint(BaseModel):
    """The head of an audit chain at one moment. All bytes in hex."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    hash: str
    at: AwareDatetime
    hub: str
    """The public key that verifies the signature: the hub's own, the same in each checkpoint."""
    signature: str = ""

    def signed_bytes(self) -> bytes:
        """Return what the signature is over."""
        return f"{self.number}\n{self.hash}\n{self.at.isoformat()}\n{self.hub}".encode()


class Finding(BaseModel):
    """What a verification found."""

    model_config = ConfigDict(frozen=True)

    links: int
    fails_at: int | None
    """The number at which the chain itself first fails."""
    checkpoint: str | None
    """What is wrong against the checkpoint: `signature`, `other_hub`, `cut`, `rewritten`."""
    begun_anew: AwareDatetime | None = None
    """When the chain says that something older took its place after a checkpoint that is `cut` or
    `rewritten`: a backup, or what damage left. Whether that is so, the log set aside then tells."""

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.fails_at is None and self.checkpoint is None


def sign(keys: Keyring, link: Link, at: AwareDatetime) -> Checkpoint:
    """Make a checkpoint of the chain's last link."""
    private = Ed25519PrivateKey.from_private_bytes(keys.secret(SIGNING))
    unsigned = Checkpoint(number=link.number, hash=link.hash.hex(), at=at, hub=_public(private))
    signature = private.sign(unsigned.signed_bytes())
    return unsigned.model_copy(update={"signature": signature.hex()})


def verify(links: Iterable[Link], checkpoint: Checkpoint | None, keys: Keyring) -> Finding:
    """Verify a whole chain, and that it goes on from the checkpoint if one is given."""
    chain = _Passing(links, None if checkpoint is None else checkpoint.number)
    fails_at = verify_chain(chain)
    for _ in chain:  # those after the first that fails are counted, too
        pass
    finding = Finding(links=chain.count, fails_at=fails_at, checkpoint=None)
    if checkpoint is None:
        return finding
    wrong = _against(chain.there, checkpoint, keys)
    anew = chain.begun_anew if wrong in ("cut", "rewritten") else None
    since = anew if anew is not None and anew >= checkpoint.at else None
    return finding.model_copy(update={"checkpoint": wrong, "begun_anew": since})


class _Passing:
    """Links as they pass, so that a chain of years is never held: their count, and one hash."""

    def __init__(self, links: Iterable[Link], number: int | None) -> None:
        self._links = iter(links)
        self._number = number
        self.count = 0
        self.there: str | None = None
        """The hash of the link of that number, if it has passed."""
        self.begun_anew: datetime | None = None
        """When something older last took the place of the chain, as far as it says so."""

    def __iter__(self) -> Iterator[Link]:
        for link in self._links:
            self.count += 1
            if link.number == self._number:
                self.there = link.hash.hex()
            if link.event in _BEGUN_ANEW:
                self.begun_anew = from_us(link.recorded_us)
            yield link


def _against(there: str | None, checkpoint: Checkpoint, keys: Keyring) -> str | None:
    own = _public(Ed25519PrivateKey.from_private_bytes(keys.secret(SIGNING)))
    if checkpoint.hub != own:
        return "other_hub"
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(own))
        public.verify(bytes.fromhex(checkpoint.signature), checkpoint.signed_bytes())
    except (InvalidSignature, ValueError):
        return "signature"
    if there is None:
        return "cut"
    return None if there == checkpoint.hash else "rewritten"


def _public(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()
