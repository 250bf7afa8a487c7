"""A FreeStyle Precision Neo or Optium Neo on its USB cable (1a61:3850).

`abbott_hid` holds the conversation, `packing.freestyle_neo` the records: strips of glucose and of
ketone, control solutions, doses of insulin that its owner entered, changes of the clock, in one
memory under one count. Its clock is written to the minute.
Sources: glucometers-tech/glucometer-protocols, abbott/freestyle-precision-neo.md; tidepool-org/
uploader, abbottFreeStyleNeo.js (the newest record first, $serlnum?, 255 for a clock that was lost).
Guesses: that it keeps 1,000 records; that the count begins at 1 and a lost clock's records say so
by their eighth field.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from firmware_sims.abbott_hid import AbbottHid, has_lost_its_time, text
from firmware_sims.abbott_records import Count, eighteenths, listed
from firmware_sims.body import Body
from firmware_sims.glucose_meter.strip_meter import StripMeter
from firmware_sims.ledger import Kind, ketone_values
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import freestyle_neo as records
from firmware_sims.placement import Placement

MODEL = "FreeStyle Optium Neo"
CAPACITY = 1000
_CONTROL_MG_DL = 98
_DOSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """After how many strips comes a control solution, a ketone strip, a dose entered."""

    control_every: int | None = None
    ketone_every: int | None = None
    insulin_every: int | None = None


class FreeStyleNeo(StripMeter):
    """A virtual meter; people take turns. `mmol` changes what the display shows, and no value."""

    def __init__(
        self,
        placement: Placement,
        *,
        serial: str = "LANB016-N0424",
        software: str = "1.43",
        mmol: bool = False,
        newest_first: bool = True,
        habits: Habits | None = None,
    ) -> None:
        super().__init__(placement)
        self._memory: RecordMemory[bytes] = RecordMemory(CAPACITY)
        self._count = Count(placement.clock, first=1)
        self._newest_first = newest_first
        self._habits = habits or Habits()
        self._random = random.Random(f"neo/{placement.seed}")  # noqa: S311 - repeatable
        self._usb = AbbottHid(
            placement,
            serial=serial,
            software=software,
            answers={
                "$serlnum?": lambda: text(serial),
                "$gunits?": lambda: text("0" if mmol else "1"),
                "$marketlev?": lambda: text("1,0"),
                "$result?": self._listed,
            },
        )
        self.split = self._usb.split
        self.answer = self._usb.answer
        self.cable_moved = self._usb.cable_moved

    def test_with_control(self, at: datetime) -> None:
        """Let somebody try a control solution: no person's blood, and no record produced."""
        shown, valid = self._shown(at)
        number = self._count.number()
        self._memory.keep(
            records.glucose_line(number, shown, _CONTROL_MG_DL, valid=valid, control=True)
        )

    @property
    def held(self) -> int:
        """How many records it holds."""
        return len(self._memory)

    def _take(self, at: datetime, body: Body) -> None:
        habits = self._habits
        self._test_glucose(at, body)
        if self._is_turn(habits.ketone_every):
            self._test_ketone(at, body)
        if self._is_turn(habits.insulin_every):
            self._enter_dose(at)
        if self._is_turn(habits.control_every):
            self.test_with_control(at)

    def _test_glucose(self, at: datetime, body: Body) -> None:
        glucose = body.glucose(at)
        values = {"glucose": str(glucose), "unit": "mg/dL"}
        if glucose > records.GLUCOSE_HIGHEST_MG_DL:
            values = {"range": "high"}
        elif glucose < records.GLUCOSE_LOWEST_MG_DL:
            values = {"range": "low"}
        self._enter(at, body, Kind.BLOOD_GLUCOSE, values)
        shown, valid = self._shown(at)
        self._memory.keep(records.glucose_line(self._count.number(), shown, glucose, valid=valid))

    def _test_ketone(self, at: datetime, body: Body) -> None:
        tenths = self._random.randint(1, 25)
        self._enter(at, body, Kind.BLOOD_KETONE, ketone_values(tenths))
        shown, valid = self._shown(at)
        self._memory.keep(
            records.ketone_line(self._count.number(), shown, eighteenths(tenths), valid=valid)
        )

    def _enter_dose(self, at: datetime) -> None:
        shown, valid = self._shown(at)
        which, units = self._random.randrange(_DOSES), self._random.randint(2, 20)
        self._memory.keep(
            records.insulin_line(self._count.number(), shown, which, units, valid=valid)
        )

    def _shown(self, at: datetime) -> tuple[datetime, bool]:
        """Return the time of a new record, after those of the clock that come before it."""
        self._note_settings(at)
        shown = self._placement.clock.device_local(at)
        return shown, not has_lost_its_time(shown)

    def _note_settings(self, until: datetime) -> None:
        for setting in self._count.settings(until):
            line = records.time_change_line(self._count.number(), setting.before, setting.after)
            self._memory.keep(line)

    def _enter(self, at: datetime, body: Body, kind: Kind, values: dict[str, str]) -> None:
        self._placement.record(MODEL, at, {kind: values}, person=body.person.name)

    def _listed(self) -> bytes:
        self._note_settings(self._placement.now())
        return listed(self._memory, newest_first=self._newest_first)
