"""One measurement for each weigh-in, from scales that repeat their weight as long as it stands.

A weigh-in is a run of packets that differ by little. It ends when the scale is silent, empty, or
shows something else; one that does not end is taken after ten seconds and not again. The weight is
the last one shown. Two packets that agree make it steady, or one that the scale calls stable. A
other packet before silence is kept as unsteady: some scales repeat an old weight once when a key is
pressed. A single one before another weight is the platform still moving, and is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from gateway.clock import Instant

SILENCE_S = 2.5
"""Scales in scope send at least once a second while a weight stands."""

_DIFFERS_BY = Decimal("0.2")  # kg or lb: more than a standing person sways
_ENDLESS_S = 10.0  # some scales go on after the person has stepped off


@dataclass(frozen=True, slots=True)
class Packet:
    """A weight as the scale showed it."""

    received: Instant
    weight: Decimal
    unit: str
    person: str | None = None
    stable: bool = False
    """Whether the scale says itself that the weight stands."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What one weigh-in came to. `since` is when the run began."""

    since: Instant
    weight: Decimal
    unit: str
    steady: bool


class WeighIn:
    """The present run of packets, if there is one."""

    def __init__(self) -> None:
        self._first: Packet | None = None
        self._last: Packet | None = None
        self._steady = False
        self._taken = False

    @property
    def standing(self) -> bool:
        """Whether a weight is shown that silence would make a measurement."""
        return self._last is not None

    def add(self, packet: Packet) -> Weighed | None:
        """Add what the scale showed; return the measurement that this completes, if any."""
        done = None
        if self._last is not None and self._ends(self._last, packet):
            done = self._end(silent=_seconds(self._last, packet) >= SILENCE_S)
        if packet.weight <= 0:
            return done
        if self._first is None or self._last is None:
            self._first = packet
        else:
            self._steady = self._steady or packet.weight == self._last.weight
        self._steady = self._steady or packet.stable
        self._last = packet
        if done is None and _seconds(self._first, packet) >= _ENDLESS_S:
            done = self._take()
        return done

    def moving(self) -> Weighed | None:
        """Say that the platform moves; return the measurement that this completes, if any."""
        return self._end(silent=False)

    def silence(self) -> Weighed | None:
        """Say that the scale is silent, or gone; return the measurement this completes, if any."""
        return self._end(silent=True)

    def _ends(self, last: Packet, packet: Packet) -> bool:
        return (
            packet.weight <= 0
            or abs(packet.weight - last.weight) > _DIFFERS_BY
            or (packet.unit, packet.person) != (last.unit, last.person)
            or _seconds(last, packet) >= SILENCE_S
        )

    def _end(self, *, silent: bool) -> Weighed | None:
        done = self._take() if self._steady or silent else None
        self._first = self._last = None
        self._steady = self._taken = False
        return done

    def _take(self) -> Weighed | None:
        if self._first is None or self._last is None or self._taken:
            return None
        self._taken = True
        return Weighed(self._first.received, self._last.weight, self._last.unit, self._steady)


def _seconds(earlier: Packet, later: Packet) -> float:
    return later.received.monotonic - earlier.received.monotonic
