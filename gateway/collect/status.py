"""What the supervisor shows: how the radios are, who is talked with, what troubles a device."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.clock import Instant
from gateway.collect.patience import Outcome
from gateway.collect.sightings import Seen
from gateway.domain.device import DeviceId
from gateway.errors import RadioTrouble


class Watch(StrEnum):
    """Whether a transport looks for devices."""

    WATCHING = "watching"
    UNAVAILABLE = "unavailable"
    ENDED = "ended"
    """It had all there was to see: a capture was played."""


@dataclass(frozen=True, slots=True)
class TransportStatus:
    """A transport; if it, or a device of it, is unavailable, why, in a sentence for people."""

    name: str
    state: Watch
    reason: RadioTrouble | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A conversation under way."""

    device: DeviceId
    driver: str
    since: Instant


@dataclass(frozen=True, slots=True)
class Trouble:
    """How the last conversation with a device failed; gone once one succeeds.

    One that lasts need not end for that: an open link ends LINK, whatever is kept ends the others.

    PAIRING is a task for a person at the device.
    """

    device: DeviceId
    outcome: Outcome
    problem: str
    at: Instant


@dataclass(frozen=True, slots=True)
class CollectStatus:
    """Everything at one moment; sightings begin with the device heard last."""

    transports: tuple[TransportStatus, ...]
    sessions: tuple[SessionStatus, ...]
    sightings: tuple[Seen, ...]
    troubles: tuple[Trouble, ...]
