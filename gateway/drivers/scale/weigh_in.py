"""One measurement for each weigh-in, from scales that repeat their weight as long as it stands.

A weigh-in is a run of packets that differ by little. It ends when the scale is silent, empty, or
shows something else; one that does not end is taken after ten seconds and not again. Two packets
that agree make a weight steady, or one that the scale calls stable; the last steady weight counts.

A single packet before silence is kept as unsteady: some scales repeat an old weight once when a key
is pressed. A single one before another weight is the platform still moving, and is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from gateway.clock import Instant
from gateway.drivers.scale.standing import OUTAGE_S, Standing

SILENCE_S = 2.5
"""Scales in scope send at least once a second while a weight stands."""

LOCKED_DIFFERS_BY = Decimal("0.2")
"""kg or lb; for scales that show a weight only while it is locked."""
LIVE_DIFFERS_BY = Decimal(2)
"""kg or lb, more than a standing person sways; for scales that show whatever is on them."""

_ENDLESS_S = 10.0  # some scales go on after the person has stepped off


@dataclass(frozen=True, slots=True)
class Packet:
    """A weight as the scale showed it."""

    received: Instant
    weight: Decimal
    unit: str
    person: str | None = None
    stable: bool | None = None
    """Whether the weight stands; None if the scale does not say."""
    slot: str | None = None
    """The scale's own number of the user."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What one weigh-in came to. `since` is when the run began."""

    since: Instant
    weight: Decimal
    unit: str
    steady: bool
    slot: str | None = None


class WeighIn:
    """The present run of packets, if there is one. Weights of one run differ by `differs_by`.

    `asked`: the scale shows its weight when asked, so that its silence is nobody stepping off.
    `before`: what stood on it when the last conversation ended.
    """

    def __init__(
        self, differs_by: Decimal, *, asked: bool = False, before: Standing | None = None
    ) -> None:
        self._differs_by = differs_by
        self._resumed = before
        self._asked = asked
        self._before: tuple[Packet, Instant] | None = None
        """What was taken before a silence, and when the scale showed it last."""
        self._first: Packet | None = None
        self._since: Instant | None = None
        self._last: Packet | None = None
        self._steady: Packet | None = None
        self._taken = False

    @property
    def standing(self) -> Standing | None:
        """The weight that is shown, which silence would make a measurement, if there is one."""
        if self._last is None or self._since is None:
            return None
        return Standing(self._since, self._last.received)

    def add(self, packet: Packet) -> Weighed | None:
        """Add what the scale showed; return the measurement that this completes, if any."""
        done = None
        if self._last is not None and self._ends(self._last, packet):
            done = self._end(silent=_seconds(self._last, packet) >= SILENCE_S)
        if packet.weight <= 0:
            self._before = self._resumed = None
            return done
        if packet.stable or (packet.stable is None and self._agrees(packet)):
            self._steady = packet
        if self._first is None:
            goes_on = self._resumed is not None and self._resumed.goes_on_at(packet.received)
            self._since = self._resumed.since if self._resumed and goes_on else packet.received
            self._first = packet
        self._last = packet
        if done is None and _seconds(self._first, packet) >= _ENDLESS_S:
            done = self._take()
        return done

    def interrupted(self) -> Weighed | None:
        """Say that the scale shows no weight; return the measurement this completes, if any."""
        return self._end(silent=False)

    def silence(self) -> Weighed | None:
        """Say that the scale is silent, or gone; return the measurement this completes, if any."""
        return self._end(silent=True)

    def _agrees(self, packet: Packet) -> bool:
        return self._last is not None and packet.weight == self._last.weight

    def _ends(self, last: Packet, packet: Packet) -> bool:
        return (
            packet.weight <= 0
            or _whose(packet) != _whose(last)
            or _seconds(last, packet) >= SILENCE_S
            or self._is_another(packet)
        )

    def _is_another(self, packet: Packet) -> bool:
        """Whether a standing weight is not that of the run; one that moves is nobody's yet."""
        shown = self._steady or self._last
        if packet.stable is False or shown is None:
            return False
        return abs(packet.weight - shown.weight) > self._differs_by

    def _end(self, *, silent: bool) -> Weighed | None:
        done = self._take() if self._steady is not None or silent else None
        shown = self._steady or self._last
        if not (self._asked and silent):
            self._before = None
        elif self._taken and shown is not None and self._last is not None:
            self._before = shown, self._last.received
        self._first = self._last = self._steady = self._since = self._resumed = None
        self._taken = False
        return done

    def _take(self) -> Weighed | None:
        shown = self._steady or self._last
        if (
            self._first is None
            or self._since is None
            or shown is None
            or shown.stable is False
            or self._taken
        ):
            return None
        self._taken = True
        if self._goes_on(self._first, shown):
            return None
        steady = self._steady is not None
        return Weighed(self._since, shown.weight, shown.unit, steady, shown.slot)

    def _goes_on(self, first: Packet, shown: Packet) -> bool:
        """Whether this is what was taken before the silence that it came after."""
        if self._before is None:
            return False
        before, until = self._before
        return (
            _whose(shown) == _whose(before)
            and first.received.monotonic - until.monotonic <= OUTAGE_S
            and abs(shown.weight - before.weight) <= LOCKED_DIFFERS_BY
        )


def _whose(packet: Packet) -> tuple[str, str | None, str | None]:
    return packet.unit, packet.person, packet.slot


def _seconds(earlier: Packet, later: Packet) -> float:
    return later.received.monotonic - earlier.received.monotonic
