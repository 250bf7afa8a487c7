"""What a meter for test strips remembers, whatever its protocol."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind
from firmware_sims.memory import RecordMemory
from firmware_sims.placement import Placement

CAPACITY = 500
LOWEST_MG_DL, HIGHEST_MG_DL = 20, 600


@dataclass(frozen=True, slots=True)
class Strip:
    """One strip: the time that the meter showed, and the value that it shows.

    A control solution is no person's blood, and no record produced.
    """

    taken_at_device_local: datetime
    glucose_mg_dl: int
    control: bool = False


class StripMemory:
    """The strips of one placement's people, who take turns; values stay in the meter's range."""

    def __init__(self, placement: Placement, *, model: str) -> None:
        self._placement = placement
        self._model = model
        self._strips: RecordMemory[Strip] = RecordMemory(CAPACITY)

    def __len__(self) -> int:
        return len(self._strips)

    def newest_first(self) -> list[Strip]:
        """Return all strips."""
        return list(self._strips)[::-1]

    def take(self, taken_at: datetime) -> None:
        """Let the next person prick a finger at a true time; a failed strip is not kept."""
        placement = self._placement
        if placement.faults.strikes(Fault.DROP_CLOCK):
            placement.clock.reset()
        if placement.faults.strikes(Fault.ERROR_CODE):
            return
        body, _ = placement.next_person()
        glucose = min(max(body.glucose(taken_at), LOWEST_MG_DL), HIGHEST_MG_DL)
        values = {"glucose": str(glucose), "unit": "mg/dL"}
        placement.record(self._model, taken_at, {Kind.BLOOD_GLUCOSE: values})
        self._strips.keep(Strip(placement.clock.device_local(taken_at), glucose))

    def take_history(self, count: int, every: timedelta) -> None:
        """Take so many strips of the past, the last one `every` ago."""
        now = self._placement.now()
        for before in range(count, 0, -1):
            self.take(now - before * every)

    def test_with_control(self, glucose_mg_dl: int) -> None:
        """Try a control solution."""
        shown = self._placement.clock.device_local()
        self._strips.keep(Strip(shown, glucose_mg_dl, control=True))
