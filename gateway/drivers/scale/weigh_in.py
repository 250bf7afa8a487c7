"""One measurement for each weigh-in, from scales that repeat their weight as long as it stands.

A weigh-in is a run of packets that differ by little. It ends when the scale is silent, empty, or
shows something else; one that does not end is taken after ten seconds and not again. Two packets
that agree make a weight steady, or the first that the scale calls stable; the last steady weight
counts.

A single packet before silence is kept as unsteady: some scales repeat an old weight once when a key
is pressed. A single one before another weight is the platform still moving, and is nothing; or it
lost or won a digit on the line, if what was shown before it is shown after it: so a run ends once
two packets agree on something else.
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
        self._odd: Packet | None = None
        """One that departs from a steady run: damaged, or the first of another; the next tells."""

    @property
    def standing(self) -> Standing | None:
        """The weight that is shown, which silence would make a measurement, if there is one."""
        if self._last is None or self._since is None:
            return None
        return Standing(self._since, self._last.received)

    def add(self, packet: Packet) -> list[Weighed]:
        """Add what the scale showed; return the measurements that this completes."""
        done: list[Weighed] = []
        last = self._odd or self._last
        if last is not None and _seconds(last, packet) >= SILENCE_S:
            done = self._end(silent=True)
        elif last is not None and packet.weight <= 0:
            done = self._end(silent=False)
        elif self._departs(packet):
            if self._steady is None:
                self._forget()
            elif self._odd is None:
                self._odd = packet
                return []
            else:
                return [*self._go_over_to(self._odd), *self.add(packet)]
        self._odd = None
        if packet.weight <= 0:
            self._before = self._resumed = None
            return done
        self._show(packet)
        if not done and self._first is not None and _seconds(self._first, packet) >= _ENDLESS_S:
            done = self._take()
        return done

    def interrupted(self) -> list[Weighed]:
        """Say that the scale shows no weight; return the measurements this completes."""
        return self._end(silent=False)

    def silence(self) -> list[Weighed]:
        """Say that the scale is silent, or gone; return the measurements this completes."""
        return self._end(silent=True)

    def _show(self, packet: Packet) -> None:
        if self._agrees(packet) or (packet.stable and self._steady is None):
            self._steady = packet
        if self._first is None:
            goes_on = self._resumed is not None and self._resumed.goes_on_at(packet.received)
            self._since = self._resumed.since if self._resumed and goes_on else packet.received
            self._first = packet
        self._last = packet

    def _go_over_to(self, odd: Packet) -> list[Weighed]:
        """End the run for the one that `odd` begins. One of a single packet is nothing."""
        done = []
        if self._first is self._last:
            self._forget()
        else:
            done = self._end(silent=False)
        self._odd = None
        self._show(odd)
        return done

    def _forget(self) -> None:
        """Take the run for nothing: it was damaged, or the platform still moved."""
        self._first = self._last = self._steady = None
        self._taken = False

    def _agrees(self, packet: Packet) -> bool:
        is_moving = packet.stable is False
        return not is_moving and self._last is not None and packet.weight == self._last.weight

    def _departs(self, packet: Packet) -> bool:
        """Whether a packet is of another person or unit than the run, or another weight."""
        last = self._last
        return last is not None and (_whose(packet) != _whose(last) or self._is_another(packet))

    def _is_another(self, packet: Packet) -> bool:
        """Whether a standing weight is not that of the run; one that moves is nobody's yet."""
        shown = self._steady or self._last
        if packet.stable is False or shown is None:
            return False
        return abs(packet.weight - shown.weight) > self._differs_by

    def _end(self, *, silent: bool) -> list[Weighed]:
        done = self._take() if self._steady is not None or silent else []
        shown = self._steady or self._last
        if not (self._asked and silent):
            self._before = None
        elif self._taken and shown is not None and self._last is not None:
            self._before = shown, self._last.received
        odd = self._odd
        self._first = self._last = self._steady = self._since = self._resumed = self._odd = None
        self._taken = False
        if silent and odd is not None and odd.stable is not False:
            done.append(Weighed(odd.received, odd.weight, odd.unit, False, odd.slot))
        return done

    def _take(self) -> list[Weighed]:
        shown = self._steady or self._last
        if (
            self._first is None
            or self._since is None
            or shown is None
            or shown.stable is False
            or self._taken
        ):
            return []
        self._taken = True
        if self._goes_on(self._first, shown):
            return []
        steady = self._steady is not None
        return [Weighed(self._since, shown.weight, shown.unit, steady, shown.slot)]

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
