"""What an operator says of an MQTT destination."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from gateway.domain.reading import DOCUMENTS, Kind
from gateway.errors import ConfigError
from gateway.uplink.broker import BrokerSettings, TopicLevel

_NINETY_DAYS_S = 90 * 86400
_SHORTEST_KEY_BYTES = 32

Prefix = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,4}$")
]


class MqttSettings(BrokerSettings):
    """A `[[destinations]]` table of type `mqtt`."""

    type: Literal["mqtt"] = "mqtt"
    """Which of the four types of destination this is."""
    name: str = Field(examples=["home"])
    """The destination's name in grants and in the outbox: changing it orphans both."""
    title: str | None = None
    """What the screens call it."""
    formerly: tuple[str, ...] = ()
    """Addresses that this same service had before, as receipts show them: who consented while it
    was at one of these need not consent anew."""
    gateway: TopicLevel
    """What stands for this gateway in topics, which every client of the broker may see: no name of
    a person, no address."""
    prefix: Prefix = "healthspace/v1"
    """Where its topics begin."""
    message_expiry_s: int = Field(default=_NINETY_DAYS_S, ge=60, le=2**32 - 1)
    """How long the broker keeps a reading for a subscriber that is away."""
    discovery_prefix: Prefix | None = Field(default=None, examples=["homeassistant"])
    """Where Home Assistant looks for sensors, usually `homeassistant`; unset: not announced."""
    proof_key_file: Path | None = None
    """A key of at least 32 bytes, shared with the relay, that proves the consent sent along."""
    kinds: frozenset[Kind] = frozenset(Kind) - DOCUMENTS
    """Which kinds of readings are for this destination."""

    @field_validator("kinds")
    @classmethod
    def _readings(cls, kinds: frozenset[Kind]) -> frozenset[Kind]:
        if kinds & DOCUMENTS:
            raise ValueError(
                "documents do not go to a broker: name a destination of type documents."
            )
        return kinds

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it is, and where it was before."""
        return (f"{self.host.casefold()}:{self.port}", *self.formerly)

    @property
    def topics(self) -> tuple[str, int, str]:
        """Where its topics are: the broker, and what they begin with."""
        return self.host.casefold(), self.port, f"{self.prefix}/{self.gateway}"

    def read_proof_key(self) -> bytes | None:
        """Return the key for proofs of consent; None if there is none. Raises ConfigError."""
        return None if self.proof_key_file is None else read_key(self.proof_key_file)


def read_key(path: Path) -> bytes:
    """Read a key for proofs of consent. Raises ConfigError."""
    try:
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"proof_key_file cannot be read ({error.strerror}): check its path and that the "
            "gateway's user may read it."
        ) from error
    if len(key) < _SHORTEST_KEY_BYTES:
        raise ConfigError(
            f"proof_key_file holds fewer than {_SHORTEST_KEY_BYTES} bytes: make one with "
            "'head -c 32 /dev/urandom'."
        )
    return key
