"""What the worker asks of a destination."""

from __future__ import annotations

from typing import Protocol

from gateway.consent.gate import Released
from gateway.domain.reading import Kind
from gateway.domain.receipt import Receipt


class Uplink(Protocol):
    """One destination. It is given nothing but released deliveries."""

    @property
    def name(self) -> str:
        """The destination's name in the configuration, in grants and in the outbox."""
        ...

    @property
    def takes(self) -> frozenset[Kind]:
        """The kinds of reading this destination can hold."""
        ...

    async def send(self, released: Released, /) -> Receipt:
        """Bring one reading there; returns once the destination said it has it.

        Raises UplinkUnavailable (nothing arrived), OutcomeUnknown (it may have), UplinkRejected,
        UplinkRefused or UplinkUnauthorised.
        """
        ...

    async def find(self, released: Released, /) -> Receipt | None:
        """Ask whether the destination already has this reading, after an unknown outcome.

        None means certainly not. Raises like `send`, but OutcomeUnknown for whatever goes wrong
        with the search alone: UplinkUnavailable holds up everyone's readings.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
