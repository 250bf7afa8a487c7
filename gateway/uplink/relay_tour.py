"""What a relay has in its hands while it is connected."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field

from gateway.language.plain import plain
from gateway.uplink.mqtt_client import MqttConnection
from gateway.uplink.mqtt_session import Incoming


@dataclass(slots=True)
class Held:
    """A reading that the broker still keeps, and since when, on the monotonic clock."""

    message: Incoming
    since_s: float
    finished: bool = False


@dataclass(slots=True)
class Line:
    """A connection: what came over it, and of that, in order, what the broker still keeps."""

    connection: MqttConnection
    arrived: asyncio.Queue[Incoming]
    is_second: bool
    """Whether it is that of readings which were put off before."""
    held: deque[Held] = field(default_factory=deque)


@dataclass(slots=True)
class Tour:
    """What is known of gateways, by where their topics begin."""

    revoked: dict[str, frozenset[str]] = field(default_factory=dict)
    known: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )
    """Set while what a gateway revoked is known."""
    missing: set[str] = field(default_factory=set)
    """Those whose readings wait because it is not."""

    @property
    def how(self) -> str:
        """How the relay is, in a sentence."""
        if not self.missing:
            return "Relaying."
        names = ", ".join(sorted(map(name_of, self.missing)))
        return (
            f"The broker keeps no list of revocations of {names} that can be read: their readings "
            "wait. 'doctor' says what to do."
        )


def name_of(gateway: str) -> str:
    """Return the name of a gateway by where its topics begin; any stranger may have chosen it."""
    return plain(gateway.rpartition("/")[2])
