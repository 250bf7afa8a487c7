"""What the worker asks of the outbox. The journal is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.receipt import Receipt


class Outbox(Protocol):
    """Deliveries that are owed. Every answer about one is durable when its call returns.

    A claimed delivery is on its way until one of `settle`, `retry_at`, `unsettle`, `park` or
    `refuse` says what became of it; if none ever does, it counts as unsettled after a restart. All
    of them raise JournalError, and JournalFull for as long as the disk is full.
    """

    async def claim(self, destination: str, limit: int, now: datetime) -> list[Released]:
        """Release up to `limit` deliveries that are due, as the consent ledger is now."""
        ...

    async def settle(self, released: Released, receipt: Receipt) -> None:
        """Keep that the destination has it."""
        ...

    async def retry_at(self, released: Released, due_at: datetime, why: str) -> None:
        """Keep that this attempt brought nothing there. An unsettled delivery stays unsettled."""
        ...

    async def unsettle(self, released: Released, due_at: datetime, why: str) -> None:
        """Keep that it may have arrived: it is searched for before it is sent again."""
        ...

    async def park(self, released: Released, reason: str) -> None:
        """Keep that the destination will never take it as it is."""
        ...

    async def refuse(self, released: Released) -> None:
        """Keep that the destination refuses this person; all of theirs there is withheld."""
        ...

    async def next_due(self, destination: str) -> datetime | None:
        """Return when the next delivery is due, perhaps long ago; None if none is."""
        ...

    async def claim_corrections(
        self, destination: str, limit: int, now: datetime
    ) -> list[ReleasedCorrection]:
        """Release up to `limit` corrections that are due, as the consent ledger is now.

        They stay due until `corrected`, `correct_at` or `leave_correction` says what came of them.
        """
        ...

    async def corrected(self, correction: ReleasedCorrection) -> None:
        """Keep that the destination has taken it."""
        ...

    async def correct_at(self, correction: ReleasedCorrection, due_at: datetime) -> None:
        """Keep that it is to be tried again then."""
        ...

    async def leave_correction(self, correction: ReleasedCorrection, why: str) -> None:
        """Keep that a person has to see to it."""
        ...

    async def next_correction_due(self, destination: str) -> datetime | None:
        """Return when the next correction is due, perhaps long ago; None if none is."""
        ...

    def when_due(self, destination: str, wake: Callable[[], None]) -> None:
        """Have `wake` called on the event loop whenever something there becomes due."""
        ...
