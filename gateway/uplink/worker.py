"""The worker: brings due deliveries to every destination, and stops at a person's word."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from gateway.clock import Clock
from gateway.domain.subject import SubjectId
from gateway.errors import UplinkUnauthorised
from gateway.metrics import Metrics
from gateway.uplink.api import Timer, Uplink
from gateway.uplink.lane import Left
from gateway.uplink.outbox import Outbox
from gateway.uplink.route import Route

_CUT_OFF = timedelta(seconds=5)
"""How long a person who withdraws waits for an attempt under way; most end within one second."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An uplink and how many deliveries may be under way there at a time, each another person's."""

    uplink: Uplink
    max_concurrent: int = 4


class Worker:
    """Delivers to all destinations, each on its own: none waits for another."""

    def __init__(
        self,
        outbox: Outbox,
        destinations: Sequence[Destination],
        clock: Clock,
        metrics: Metrics,
        *,
        timer: Timer | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._routes = {
            destination.uplink.name: Route(
                outbox,
                destination.uplink,
                clock,
                metrics,
                max_concurrent=destination.max_concurrent,
                timer=until_set if timer is None else timer,
                jitter=jitter,
            )
            for destination in destinations
        }

    async def run(self) -> None:
        """Deliver until cancelled; what is on its way then becomes unsettled."""
        async with asyncio.TaskGroup() as group:
            for route in self._routes.values():
                group.create_task(route.run())

    def problems(self) -> dict[str, str | None]:
        """Return, by destination, why nothing goes there for now; None if it does."""
        return {name: route.problem for name, route in self._routes.items()}

    def refusal(self, subject: SubjectId, destination: str) -> UplinkUnauthorised | None:
        """Return why our access there is not accepted for this person, whose deliveries wait."""
        route = self._routes.get(destination)
        return None if route is None else route.refusal(subject)

    def held(self, destination: str) -> str | None:
        """Return why somebody's deliveries wait there although it is open; None if nobody's do."""
        return self._routes[destination].held

    def resume(self, subject: SubjectId, destination: str) -> None:
        """Try this person's deliveries there again: they have been paired anew."""
        if destination in self._routes:
            self._routes[destination].resume(subject)

    async def quiesce(
        self, subject: SubjectId, destination: str, within: timedelta = _CUT_OFF
    ) -> Left:
        """Stop sending this person's readings there, after their withdrawal is durable.

        Once it returns, not a byte of theirs leaves; it tells what was on its way and left. An
        attempt under way may end within the given time, else it is cut off.
        """
        route = self._routes.get(destination)
        return Left() if route is None else await route.quiesce(subject, within)


async def until_set(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
