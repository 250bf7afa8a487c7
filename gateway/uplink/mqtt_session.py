"""What goes over a connection to a broker, and how a client is known there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish with QoS 1. `expires_s` is how long a broker may keep it."""

    topic: str
    payload: bytes
    retain: bool = False
    expires_s: int | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from the broker. One of QoS 1 is the broker's until it is acknowledged.

    `expires_s` is for how long it would have kept it when it came; None is for ever.
    """

    topic: str
    payload: bytes
    retain: bool
    qos: int
    mid: int
    expires_s: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """How this client is known to the broker.

    `kept_s` is for how long the broker keeps what is meant for us while we are away; 0 forgets.
    """

    client_id: str
    will: Outgoing | None = None
    kept_s: int = 0
    receive: Callable[[Incoming], None] | None = None
    """Called with every message; at most `max_in_flight` are unacknowledged at a time."""
