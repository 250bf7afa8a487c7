"""A TaiDoc or FORA device (TD-3128, P30, D40) on its cable (CP2102, 19200 8N1)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from firmware_sims.bp_monitor.taidoc_memory import TD_3128, Habits, Model, TaiDocMemory
from firmware_sims.faults import Fault
from firmware_sims.packing import taidoc
from firmware_sims.placement import Placement
from firmware_sims.requests import Split, starting_with


class TaiDoc:
    """A virtual device on a cable; people take turns in one memory."""

    def __init__(
        self, placement: Placement, *, model: Model = TD_3128, habits: Habits | None = None
    ) -> None:
        self._placement = placement
        self._model = model
        self._memory = TaiDocMemory(model, placement.clock, placement.forbidden, habits)

    def measure(self) -> Sequence[bytes]:
        """Let the next person measure; the result goes into the memory and nowhere else."""
        if self._placement.faults.strikes(Fault.DROP_CLOCK):
            self._placement.clock.reset()
        if not self._placement.faults.strikes(Fault.ERROR_CODE):
            self._take(self._placement.now())
        return []

    def remember(self, count: int, every: timedelta) -> None:
        """Keep so many measurements of the past, the last one `every` ago."""
        now = self._placement.now()
        for before in range(count, 0, -1):
            self._take(now - before * every)

    def split(self, heard: bytes) -> Split:
        """Find frames by their first byte."""
        return starting_with(b"\x51", taidoc.SIZE, heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one request."""
        answer = self._memory.answer(request)
        return [] if answer is None else [answer]

    def _take(self, taken_at: datetime) -> None:
        body, _ = self._placement.next_person()
        shown = self._memory.take(body, taken_at)
        if shown:
            self._placement.record(self._model.name, taken_at, shown)
