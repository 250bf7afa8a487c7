"""A Contour USB, Contour Next USB, Contour Next or Contour Next One on its USB cable (1a79).

`contour_talk` holds the conversation, `packing.contour_usb` what is said. It tells all that it
holds, the oldest first, numbered from 1: what is overwritten moves every number. Every third result
has a mark of a meal; a Contour Next USB also keeps food and insulin that its owner entered.
Sources: those of both.

Guesses: that a result has LO or HI before other marks, and the mark of a control solution alone;
how many results a Contour Next keeps (a Contour USB that is full says 2,000).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from firmware_sims.body import Body
from firmware_sims.faults import Fault
from firmware_sims.glucose_meter.contour_talk import ContourTalk, hhmm, yymmdd
from firmware_sims.glucose_meter.strip_meter import StripMeter
from firmware_sims.ledger import Kind
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import contour_usb as packing
from firmware_sims.packing.contour_usb import CONTOUR_NEXT_USB, Model
from firmware_sims.placement import Placement
from firmware_sims.requests import Split

_CONTROL_MG_DL = 126
_HEADER_OCTETS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """After how many strips comes a control solution, a LO or HI, something that is entered."""

    meals: bool = True
    control_every: int | None = None
    extremes_every: int | None = None
    entry_every: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A result, or what its owner entered; `what` is "Glucose", "Insulin" or "Carb".

    A glucose is in mg/dL, insulin in tenths of a unit.
    """

    shown: datetime
    amount: int
    what: str = "Glucose"
    marks: Sequence[str] = ()


class ContourUsb(StripMeter):
    """A virtual meter; people take turns. With `molar` it shows mmol/L, and tells them.

    `announces`, `enq_apart` and `quiet_end` are those of `ContourTalk`.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        model: Model = CONTOUR_NEXT_USB,
        serial: str = "7410-4293200",
        molar: bool = False,
        announces: bool = True,
        enq_apart: bool = False,
        quiet_end: bool = False,
        habits: Habits | None = None,
    ) -> None:
        super().__init__(placement)
        self.memory: RecordMemory[Kept] = RecordMemory(model.capacity)
        self._model = model
        self._serial = serial
        self._molar = molar
        self._habits = habits or Habits()
        self._random = random.Random(f"contour_usb/{placement.seed}")  # noqa: S311 - repeatable
        self._talk = ContourTalk(
            self._records,
            {
                "D": lambda: yymmdd(placement.clock.device_local()),
                "T": lambda: hhmm(placement.clock.device_local()),
                "M": lambda: str(len(self.memory)),
            },
            forbid=placement.forbidden.record,
            wrong_by=lambda: int(placement.faults.strikes(Fault.WRONG_CHECKSUM)),
            announces=announces,
            enq_apart=enq_apart,
            quiet_end=quiet_end,
            seed=placement.seed,
        )
        self.cable_moved = self._talk.plugged_in

    def split(self, heard: bytes) -> Split:
        """Take each packet as one report."""
        return [heard], b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one report; the octets before its length may be anything."""
        text = request[_HEADER_OCTETS:]
        if len(request) <= _HEADER_OCTETS or not 0 < request[_HEADER_OCTETS - 1] <= len(text):
            return []
        said = self._talk.hear(text[: request[_HEADER_OCTETS - 1]])
        sends = [report for each in said for report in packing.reports(each)]
        if sends and self._placement.faults.strikes(Fault.GARBAGE_FRAME):
            sends.insert(0, b"\xee\xee\xee" + self._random.randbytes(packing.REPORT_OCTETS - 3))
        return sends

    def test_with_control(self, at: datetime) -> None:
        """Let somebody try a control solution: no person's blood, and no record produced."""
        shown = self._placement.clock.device_local(at)
        self.memory.keep(Kept(shown, _CONTROL_MG_DL, marks=[packing.CONTROL]))

    @property
    def held(self) -> int:
        """How many results and entries it holds."""
        return len(self.memory)

    def _take(self, at: datetime, body: Body) -> None:
        self._test_blood(at, body)
        if self._is_turn(self._habits.entry_every):
            self._enter_food_and_insulin(at)
        if self._is_turn(self._habits.control_every):
            self.test_with_control(at)

    def _test_blood(self, at: datetime, body: Body) -> None:
        mg_dl = body.glucose(at)
        if self._is_turn(self._habits.extremes_every):
            turn = self._strips // (self._habits.extremes_every or 1)
            mg_dl = packing.HIGHEST_MG_DL + 50 if turn % 2 else 0
        value, marks = packing.glucose(self._model, mg_dl, molar=self._molar)
        values = {"glucose": value, "unit": "mmol/L" if self._molar else "mg/dL"}
        if marks:
            values = {"range": "high" if marks == [packing.HIGH] else "low"}
        self._placement.record(
            self._model.name, at, {Kind.BLOOD_GLUCOSE: values}, person=body.person.name
        )
        shown = self._placement.clock.device_local(at)
        self.memory.keep(Kept(shown, mg_dl, marks=[*marks, *self._meal()]))

    def _meal(self) -> Sequence[str]:
        if not self._habits.meals or self._strips % 3:
            return []
        meals = self._model.meals
        return [meals[self._strips // 3 % len(meals)]]

    def _enter_food_and_insulin(self, at: datetime) -> None:
        shown = self._placement.clock.device_local(at)
        self.memory.keep(Kept(shown, self._random.randint(1, 12), what="Carb"))
        self.memory.keep(Kept(shown, self._random.randint(5, 120), what="Insulin"))

    def _records(self, password: str) -> Sequence[bytes]:
        header = packing.header(
            self._model,
            self._placement.clock.device_local(),
            password=password,
            serial=self._serial,
            results=len(self.memory),
            molar=self._molar,
        )
        return [header, packing.PATIENT, *self._told(), packing.END]

    def _told(self) -> Iterator[bytes]:
        for number, kept in enumerate(self.memory, 1):
            match kept.what:
                case "Insulin":
                    yield packing.insulin(number, kept.shown, kept.amount)
                case "Carb":
                    yield packing.carbohydrates(number, kept.shown, kept.amount)
                case _:
                    value, _ = packing.glucose(self._model, kept.amount, molar=self._molar)
                    yield packing.result(
                        self._model,
                        number,
                        kept.shown,
                        value,
                        molar=self._molar,
                        marks=kept.marks,
                    )
