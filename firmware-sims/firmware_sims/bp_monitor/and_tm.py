"""A&D TM-2655P and TM-2657P kiosk monitors, and the InBody BPBIO320, on RS-232.

They push a result after each measurement, repeat the last one when asked (`RB`), and could be
started and stopped from afar (`ST`, `SP`; InBody starts by `RC`): here that is recorded as
forbidden and does nothing. The result is a frame of `firmware_sims.bp_monitor.syn_frames`:

```
TM2655 | 2411121014 | RB | M | E00 | S127 | M 97 | D 76 | P 78 | I16 | L 92
model    YYMMDDHHMM        error, systolic, mean, diastolic, pulse, inflation /10, amplitude
```
A TM-2657P says RA and adds the fields from `p` on; an InBody has an ID of 17 characters first.
Source: public clients and captures. Guesses: that figures are blank after an error, which error
codes there are, which inflation, amplitude and duration a real one would give, and all that follows
the pulse of an InBody (`O`, and a field of flags).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from firmware_sims.bp_monitor.syn_frames import ACK, NAK, encode_fields, split, text_of
from firmware_sims.faults import Fault
from firmware_sims.placement import Placement, pressure_kinds
from firmware_sims.requests import Split

_ID_WIDTH = 17


class Model(Enum):
    """Whose layout the result has."""

    TM2655 = "TM2655"
    TM2657 = "TM2657"
    BPBIO320 = "BPBIO320"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result, field by field; nothing is checked, so that bad ones can be made."""

    model: Model
    taken_at_device_local: datetime
    systolic: int | None = None
    mean: int | None = None
    diastolic: int | None = None
    pulse: int | None = None
    error: int = 0
    inflation: int = 16
    amplitude: int = 92
    peak: int = 173
    irregular: int = 0
    movement: int = 0
    seconds: int = 35
    person_id: str = ""

    def encode(self) -> bytes:
        """Return the frame."""
        pressures = [
            _figure("S", self.systolic),
            _figure("M", self.mean),
            _figure("D", self.diastolic),
            _figure("P", self.pulse),
        ]
        if self.model is Model.BPBIO320:
            identity = self.person_id.rjust(_ID_WIDTH, "0")
            pressures[1] = "M000"  # it measures no mean
            return encode_fields([identity, "RB", f"{self.error:05}", *pressures, "O000", "0"])
        taken_at = self.taken_at_device_local.strftime("%y%m%d%H%M")
        kind = "RA" if self.model is Model.TM2657 else "RB"
        head = [self.model.value, taken_at, kind, "M", f"E{self.error:02}"]
        tail = [f"I{self.inflation:02}", f"L{self.amplitude:3}"]
        return encode_fields(head + pressures + tail + self._more())

    def _more(self) -> list[str]:
        if self.model is not Model.TM2657:
            return []
        coupled = [f"{letter}{' ' * width}" for letter, width in _COUPLED]
        return [
            f"p{self.peak:3}",
            f"i{self.irregular:2}",
            f"m{self.movement}",
            "r0",
            f"t{self.seconds:3}",
            "cN",
            *coupled,
        ]


# Blank places for what a coupled scale would say: height, weight, fat, body mass index and others.
_COUPLED = (("l", 2), ("d", 0), ("h", 5), ("s", 5), ("w", 6), ("f", 6), ("e", 6), ("b", 5))


def _figure(letter: str, figure: int | None) -> str:
    return f"{letter}   " if figure is None else f"{letter}{figure:3}"


class TmKiosk:
    """A virtual kiosk monitor; people take turns. Only an InBody sends the ID they gave it."""

    def __init__(self, placement: Placement, *, model: Model = Model.TM2657) -> None:
        self._placement = placement
        self._model = model
        self._random = random.Random(f"and-tm/{placement.seed}")  # noqa: S311 - repeatable
        self._last: bytes | None = None
        self._forbidden = {b"ST": "start measurement", b"SP": "stop measurement"}
        if model is Model.BPBIO320:
            self._forbidden[b"RC"] = "start measurement"

    def measure(self) -> Sequence[bytes]:
        """Let the next person measure; return the result."""
        placement = self._placement
        taken_at = placement.now()
        body, person_id = placement.next_person()
        pressure = body.pressure(taken_at)
        shown_at = placement.clock.device_local(taken_at)
        if placement.faults.strikes(Fault.ERROR_CODE):
            error = self._random.randint(1, 99)
            result = Result(
                model=self._model,
                taken_at_device_local=shown_at,
                error=error,
                person_id=person_id,
            )
        else:
            placement.record(
                self._model.value,
                taken_at,
                pressure_kinds(pressure, mean=self._model is not Model.BPBIO320),
            )
            result = Result(
                model=self._model,
                taken_at_device_local=shown_at,
                systolic=int(pressure.systolic),
                mean=int(pressure.mean),
                diastolic=int(pressure.diastolic),
                pulse=int(pressure.pulse),
                irregular=int(pressure.irregular),
                person_id=person_id,
            )
        self._last = result.encode()
        return [self._last] * (2 if placement.faults.strikes(Fault.DOUBLE_KEY_PRESS) else 1)

    def split(self, heard: bytes) -> Split:
        """Find frames by their head."""
        return split(heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Repeat the last result, or take note of a command that was not ours to send."""
        command = text_of(request)
        if command in self._forbidden:
            self._placement.forbidden.record(self._forbidden[command])
            return [ACK]
        if command == b"RB" and self._last is not None:
            return [self._last]
        return [NAK]
