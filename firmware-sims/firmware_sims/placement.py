"""Where a serial device stands: who uses it, what time it is, who writes down what it makes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import cycle

from firmware_sims.body import Body, Pressure
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Kind, Ledger


class Placement:
    """The surroundings of one device. `now` is true time; `clock` is the device's own.

    `people` take turns, each with the ID they give the device ("": none). `name` is the device's in
    the ledger.
    """

    def __init__(
        self,
        people: Sequence[tuple[Body, str]],
        *,
        now: Callable[[], datetime],
        clock: DeviceClock,
        ledger: Ledger,
        name: str,
        seed: int = 0,
        faults: Faults | None = None,
        forbidden: ForbiddenCommands | None = None,
    ) -> None:
        self.people = people
        self.now = now
        self.clock = clock
        self.ledger = ledger
        self.name = name
        self.seed = seed
        self.faults = faults or Faults()
        self.forbidden = forbidden or ForbiddenCommands()
        self._turns = cycle(people)
        self._records = 0

    def next_person(self) -> tuple[Body, str]:
        """Return whose turn it is, and their ID."""
        return next(self._turns)

    def record(
        self,
        model: str,
        at: datetime,
        kinds: Mapping[Kind, Mapping[str, str]],
        *,
        person: str | None = None,
    ) -> None:
        """Enter a measurement taken at a true time, before the device offers it to anybody."""
        self._records += 1
        self.ledger.enter(
            device=self.name,
            model=model,
            record=self._records,
            measured_at=at,
            slot=None,
            person=person,
            kinds=kinds,
        )


def pressure_kinds(pressure: Pressure, *, mean: bool) -> dict[Kind, dict[str, str]]:
    """Return what the ledger says of a blood pressure; `mean` if the device sends it."""
    values = {"systolic": str(pressure.systolic), "diastolic": str(pressure.diastolic)}
    if mean:
        values["mean"] = str(pressure.mean)
    return {
        Kind.BLOOD_PRESSURE: {**values, "unit": "mmHg"},
        Kind.HEART_RATE: {"pulse": str(pressure.pulse), "unit": "/min"},
    }
