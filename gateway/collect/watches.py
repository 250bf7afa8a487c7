"""How the transports are, as their owner is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.clock import Clock
from gateway.collect.status import TransportStatus, Watch
from gateway.errors import RadioTrouble
from gateway.transport.advertisements import Advertisements

IN_DOUBT_S = 30.0
"""So long a transport that failed and is tried again is told as it was, unless it shows a device: a
controller that does not answer any more takes this long to be given up."""


class Watches:
    """The transports, by name; each is watched from the beginning."""

    def __init__(self, names: Iterable[str], clock: Clock) -> None:
        self._clock = clock
        self._states = {name: TransportStatus(name, Watch.WATCHING) for name in names}
        self._before: dict[str, TransportStatus] = {}
        """How one that is tried again failed the last time."""
        self._began: dict[str, float] = {}

    def begin(self, name: str) -> None:
        """Note that it is watched, perhaps again."""
        self._states[name] = TransportStatus(name, Watch.WATCHING)
        self._began[name] = self._clock.now().monotonic

    def show(self, name: str) -> None:
        """Note that it shows a device: it works."""
        self._before.pop(name, None)

    def end(self, name: str) -> None:
        """Note that it has shown all there is."""
        self._states[name] = TransportStatus(name, Watch.ENDED)

    def fail(self, name: str, reason: RadioTrouble, problem: str) -> None:
        """Note that it failed, and why, in a sentence for people."""
        failed = TransportStatus(name, Watch.UNAVAILABLE, reason, problem)
        self._states[name] = self._before[name] = failed

    def lasted_s(self, name: str) -> float:
        """Return how long it has been watched."""
        return self._clock.now().monotonic - self._began[name]

    def is_watching(self, name: str) -> bool:
        """Say whether it looks for devices, or tries to."""
        return self._states[name].state is Watch.WATCHING

    def told(self, transport: Advertisements) -> TransportStatus:
        """Say how a transport is now."""
        state, unseen = self._states[transport.name], transport.unseen
        if state.state is not Watch.WATCHING:
            return state
        before = self._before.get(transport.name)
        if before is not None and self.lasted_s(transport.name) < IN_DOUBT_S:
            return before
        if unseen is not None:
            return replace(state, reason=unseen.reason, problem=str(unseen))
        return state
