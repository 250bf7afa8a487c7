"""What a cuff on a cable remembers, whatever its protocol."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from firmware_sims.body import Pressure
from firmware_sims.faults import Fault
from firmware_sims.memory import RecordMemory
from firmware_sims.placement import Placement, pressure_kinds

Record = TypeVar("Record")


class PressureMemory(Generic[Record]):
    """The records of one placement's people, who take turns, oldest first.

    `encode` makes a record of what was measured and the time that the cuff showed; `mean` if the
    cuff sends the mean pressure too.
    """

    def __init__(
        self,
        placement: Placement,
        encode: Callable[[Pressure, datetime], Record],
        *,
        model: str,
        capacity: int,
        mean: bool,
    ) -> None:
        self._placement = placement
        self._encode = encode
        self._model = model
        self._mean = mean
        self._records: RecordMemory[Record] = RecordMemory(capacity)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def measure(self) -> None:
        """Let the next person measure now; a failed measurement is not kept."""
        if self._placement.faults.strikes(Fault.DROP_CLOCK):
            self._placement.clock.reset()
        if not self._placement.faults.strikes(Fault.ERROR_CODE):
            self._keep(self._placement.now())

    def remember(self, count: int, every: timedelta) -> None:
        """Keep so many measurements of the past, the last one `every` ago."""
        now = self._placement.now()
        for before in range(count, 0, -1):
            self._keep(now - before * every)

    def _keep(self, taken_at: datetime) -> None:
        body, _ = self._placement.next_person()
        pressure = body.pressure(taken_at)
        self._placement.record(self._model, taken_at, pressure_kinds(pressure, mean=self._mean))
        shown = self._placement.clock.device_local(taken_at)
        self._records.keep(self._encode(pressure, shown))
