"""An Omron HBP kiosk monitor: the 9030's output format 5, and the line of the 9020 (no commands).

```
YYYY,MM,DD,HH,mm,<ID 20>,e,SYS,DIA,PR,m CR LF      53 ASCII bytes and the line end
```
ID is space padded, all spaces when none was given; e is the error number, 0 when it went well; the
three figures are zero padded, three spaces each after an error; m counts body movements.
Source: OMRON manual 2873643-0F p. 20, as quoted by github leon80148/BP_checker.

```
bp,<ID 20>,YYYY/MM/DD,HH:mm,SYS,MAP,DIA,PR,s CR LF      the HBP-9020
```
Source: one public client. What s says is not documented; 0 here. It has no line for a failure.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from firmware_sims.body import Pressure
from firmware_sims.faults import Fault
from firmware_sims.placement import Placement, pressure_kinds

SYSTOLIC_MMHG = range(60, 261)
DIASTOLIC_MMHG = range(30, 216)
PULSE_PER_MIN = range(40, 181)

_ID_WIDTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One format 5 frame, field by field; nothing is checked, so that bad ones can be made."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    person_id: str = ""
    error: int = 0
    systolic: int | None = None
    diastolic: int | None = None
    pulse: int | None = None
    movements: int = 0
    mean: int | None = None

    def encode(self) -> bytes:
        """Return the bytes, line end included."""
        fields = (
            f"{self.year:04}",
            f"{self.month:02}",
            f"{self.day:02}",
            f"{self.hour:02}",
            f"{self.minute:02}",
            self.person_id.ljust(_ID_WIDTH),
            f"{self.error}",
            *(_figure(figure) for figure in (self.systolic, self.diastolic, self.pulse)),
            f"{self.movements}",
        )
        return ",".join(fields).encode("ascii") + b"\r\n"

    def encode_csv(self) -> bytes:
        """Return the same as the HBP-9020 says it, line end included."""
        figures = (self.systolic, self.mean, self.diastolic, self.pulse)
        fields = (
            "bp",
            self.person_id.ljust(_ID_WIDTH),
            f"{self.year:04}/{self.month:02}/{self.day:02}",
            f"{self.hour:02}:{self.minute:02}",
            *(_figure(figure) for figure in figures),
            "0",
        )
        return ",".join(fields).encode("ascii") + b"\r\n"

    def encode_id_format(self) -> bytes:
        """Return the same in the format `ID...B...`, of a monitor whose item 32 is not 5."""
        figures = " ".join(_figure(each) for each in (self.systolic, self.diastolic, self.pulse))
        day = f"{self.year % 100:02}/{self.month:02}/{self.day:02}"
        time = f"{self.hour:02}:{self.minute:02}"
        return f"ID{self.person_id:8}B{day}/{time} {figures} ".encode("ascii")


def _figure(figure: int | None) -> str:
    return "   " if figure is None else f"{figure:03}"


class OmronHbp:
    """A virtual kiosk monitor; people take turns, each with the ID they type or scan.

    A share `error_rate` of the measurements fails with an error number: that is no record produced.
    `encode` is how it says a measurement: `Frame.encode_id_format` is a monitor whose function item
    32 was left on another format, `Frame.encode_csv` a HBP-9020.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        error_rate: float = 0.0,
        model: str = "HBP-9030",
        encode: Callable[[Frame], bytes] = Frame.encode,
    ) -> None:
        self._placement = placement
        self._random = random.Random(f"omron-hbp/{placement.seed}")  # noqa: S311 - repeatable
        self._error_rate = error_rate
        self._model = model
        self._encode = encode
        self._says_mean = encode is Frame.encode_csv

    def measure(self) -> bytes:
        """Let the next person measure; return the frame."""
        placement = self._placement
        if placement.faults.strikes(Fault.DROP_CLOCK):
            placement.clock.reset()
        taken_at = placement.now()
        body, person_id = placement.next_person()
        pressure = body.pressure(taken_at)
        shown = placement.clock.device_local(taken_at)
        frame = Frame(
            year=shown.year,
            month=shown.month,
            day=shown.day,
            hour=shown.hour,
            minute=shown.minute,
            person_id=person_id,
            movements=self._random.choice((0, 0, 0, 0, 1, 2)),
        )
        failed = self._random.random() < self._error_rate or not _is_measurable(pressure)
        if placement.faults.strikes(Fault.ERROR_CODE) or failed:
            return self._encode(replace(frame, error=self._random.randint(1, 9)))
        placement.record(self._model, taken_at, pressure_kinds(pressure, mean=self._says_mean))
        return self._encode(
            replace(
                frame,
                systolic=int(pressure.systolic),
                diastolic=int(pressure.diastolic),
                pulse=int(pressure.pulse),
                mean=int(pressure.mean),
            )
        )


def _is_measurable(pressure: Pressure) -> bool:
    return (
        pressure.systolic in SYSTOLIC_MMHG
        and pressure.diastolic in DIASTOLIC_MMHG
        and pressure.pulse in PULSE_PER_MIN
    )
