"""The people this end knows, whether they consent here, and what was seen of each."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from firmware_sims.health_space import exact_json, jwt
from firmware_sims.health_space.messages import Received

_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)


@dataclass(slots=True)
class Counts:
    """What arrived about one person.

    `requests_seen` counts requests that carried the person's tokens or named their idPe anywhere,
    refused and faulted ones included; `bytes_seen` is their size; `mentions` counts each occurrence
    of the idPe. All three stand still while not a byte about that person arrives.
    `faulted` counts bundles and documents answered by an injected fault before anything was
    committed. `accepted` counts measures and `documents` documents; `duplicates` counts of both.
    """

    accepted: int = 0
    refused: int = 0
    faulted: int = 0
    duplicates: int = 0
    searches: int = 0
    documents: int = 0
    requests_seen: int = 0
    bytes_seen: int = 0
    mentions: int = 0


@dataclass(slots=True)
class Person:
    """One account holder; `id_pe` is the identifier the solution knows them by."""

    name: str
    id_pe: str
    consent: bool
    counts: Counts = field(default_factory=Counts)

    def summary(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        head = {"name": self.name, "id_pe": self.id_pe, "consent": self.consent}
        return head | asdict(self.counts)


class People:
    """Everybody, found by name or by idPe; both are unique."""

    def __init__(self) -> None:
        self._by_name: dict[str, Person] = {}
        self._by_id_pe: dict[str, Person] = {}

    def __iter__(self) -> Iterator[Person]:
        return iter(self._by_name.values())

    def add(self, name: str, id_pe: str, *, consent: bool) -> Person:
        """Add a person; one of that name already there is left as they are and returned."""
        if name not in self._by_name:
            person = Person(name, id_pe, consent)
            self._by_name[name] = person
            self._by_id_pe[id_pe] = person
        return self._by_name[name]

    def named(self, name: str) -> Person | None:
        """Return the person of that name."""
        return self._by_name.get(name)

    def identified(self, id_pe: str | None) -> Person | None:
        """Return the person with that idPe."""
        return self._by_id_pe.get(id_pe) if id_pe is not None else None

    def mentioned(self, received: Received) -> dict[str, int]:
        """Return how often each idPe occurs in the request, for those that occur.

        Looks at the target (percent-decoded), the header values and the body, and inside every
        signed token found there.
        """
        seen = _all_text(received)
        counts = {person.id_pe: seen.count(person.id_pe) for person in self}
        return {id_pe: count for id_pe, count in counts.items() if count}


def new_id_pe() -> str:
    """Return a fresh identifier, long enough never to occur by accident."""
    return f"idpe-{secrets.token_hex(12)}"


def _all_text(received: Received) -> str:
    parts = [received.path, *(value for values in received.query.values() for value in values)]
    parts += received.headers.values()
    parts.append(received.body.decode("utf-8", "replace"))
    sent = "\n".join(parts)
    claims = []
    for token in _JWT.findall(sent):
        try:
            claims.append(exact_json.dump(jwt.read_unverified(token)))
        except jwt.InvalidToken:
            continue
    return "\n".join([sent, *claims])
