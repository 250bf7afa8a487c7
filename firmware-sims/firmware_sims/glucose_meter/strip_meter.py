"""A meter on a USB cable: whose finger is pricked, and what befalls the strip."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta

from firmware_sims.body import Body
from firmware_sims.faults import Fault
from firmware_sims.placement import Placement


class StripMeter(ABC):
    """The strips of one placement's people, who take turns; each meter says what becomes of one."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._strips = 0

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> Sequence[bytes]:
        """Let somebody prick a finger, now or at a true time gone by; nothing is pushed.

        It is whose turn it is, or the body of `who`; the meter knows no users. A failed strip is
        not kept. After so many strips come the other habits.
        """
        placement = self._placement
        if placement.faults.strikes(Fault.DROP_CLOCK):
            placement.clock.reset()
        if placement.faults.strikes(Fault.ERROR_CODE):
            return []
        self._strips += 1
        self._take(at or placement.now(), who[1] if who else placement.next_person()[0])
        return []

    def remember(self, count: int, every: timedelta) -> None:
        """Keep so many strips of the past, the last one `every` ago."""
        now = self._placement.now()
        for before in range(count, 0, -1):
            self.measure(now - before * every)

    @abstractmethod
    def _take(self, at: datetime, body: Body) -> None:
        """Test a strip, and whatever else it is the turn of."""

    def _is_turn(self, every: int | None) -> bool:
        return every is not None and self._strips % every == 0
