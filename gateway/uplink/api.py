"""What the worker asks of a destination."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId

Timer = Callable[[asyncio.Event, float], Awaitable[None]]
"""Waits until the event is set, at most so many seconds."""


class Uplink(Protocol):
    """One destination. It is given nothing but released deliveries."""

    @property
    def name(self) -> str:
        """The destination's name in the configuration, in grants and in the outbox."""
        ...

    async def send(self, released: Released, /) -> Receipt:
        """Bring one reading there; returns once the destination said it has it.

        Raises UplinkUnavailable (nothing arrived), OutcomeUnknown (it may have), UplinkRejected,
        UplinkRefused or UplinkUnauthorised.
        """
        ...

    async def find(self, released: Released, /) -> Receipt | None:
        """Ask whether the destination already has this reading, after an unknown outcome.

        None means that it is to be sent: it certainly is not there, or sending it twice is
        harmless there. Raises like `send`, but OutcomeUnknown for whatever goes wrong
        with the search alone: UplinkUnavailable holds up everyone's readings.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Gathering(Protocol):
    """An uplink that can bring several readings of one person there in one request."""

    @property
    def most_together(self) -> int:
        """How many at most."""
        ...

    async def send_together(self, released: Sequence[Released], /) -> list[Receipt | None]:
        """Bring them there; None stands for one that is to be sent by itself.

        Raises, of all of them, as `Uplink.send` does but for UplinkRejected.
        """
        ...


@runtime_checkable
class Correcting(Protocol):
    """An uplink whose destination takes corrections of what it was sent."""

    async def correct(self, correction: ReleasedCorrection, /) -> Receipt:
        """Put right there what was sent; repeating it is harmless.

        Returns once the destination has taken it, or has nothing of the reading: then without a
        reference. Raises as `Uplink.send` does; UplinkRejected leaves it to a person.
        """
        ...


@runtime_checkable
class Present(Protocol):
    """An uplink that the destination sees also while nothing is sent."""

    @property
    def absence(self) -> str | None:
        """Why it cannot be there now, in a sentence; None while it is, or has not tried yet."""
        ...

    async def stay_connected(self, timer: Timer) -> None:
        """Be seen there until cancelled."""
        ...

    async def withdrawn(self, subject: SubjectId, /) -> None:
        """Tell the destination now that this person withdrew. Raises UplinkError.

        If it cannot be told now, it is told when it is next reached.
        """
        ...
