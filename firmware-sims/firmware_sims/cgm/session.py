"""One sensor session: samples every five minutes since it began, all of them kept."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from firmware_sims.body import GLUCOSE_HIGHEST_MG_DL, GLUCOSE_LOWEST_MG_DL
from firmware_sims.packing.cgm import Annunciation, Record
from firmware_sims.packing.ieee11073 import Number, Special

SAMPLING = timedelta(minutes=5)
_QUALITY_PERCENT = Decimal(95)
_HIGHEST_OFFSET_MIN = 0xFFFF


class Session:
    """The samples of a session that began at a true time.

    `glucose` is the body's, in mg/dL at a time; outside the sensor's range a sample says LO or HI.
    """

    def __init__(self, glucose: Callable[[datetime], int], started_at: datetime) -> None:
        self.started_at = started_at
        self.stopped = False
        self.records: list[Record] = []
        self._glucose = glucose
        self._next_offset = SAMPLING

    @property
    def due_at(self) -> datetime:
        """When the next sample is taken, in true time."""
        return self.started_at + self._next_offset

    def offset_min(self, at: datetime) -> int:
        """Return whole minutes since the session began; the counter stays at its highest value."""
        minutes = (at - self.started_at) // timedelta(minutes=1)
        return max(0, min(minutes, _HIGHEST_OFFSET_MIN))

    def skip(self, duration: timedelta) -> None:
        """Take no samples for a while: a sensor that lost contact leaves a gap."""
        self._next_offset += duration // SAMPLING * SAMPLING

    def sample(self, *, failed: bool = False) -> Record:
        """Take the sample that is due."""
        level = Special.NAN if failed else self._level(self.due_at)
        record = Record(
            glucose_mg_dl=level,
            time_offset_min=self.offset_min(self.due_at),
            annunciation=Annunciation.CALIBRATION_NOT_ALLOWED | _warning(level),
            trend_mg_dl_min=self._trend(level),
            quality_percent=_QUALITY_PERCENT,
        )
        self.records.append(record)
        self._next_offset += SAMPLING
        return record

    def _level(self, at: datetime) -> Number:
        level = self._glucose(at)
        if level < GLUCOSE_LOWEST_MG_DL:
            return Special.NEGATIVE_INFINITY
        if level > GLUCOSE_HIGHEST_MG_DL:
            return Special.POSITIVE_INFINITY
        return Decimal(level)

    def _trend(self, level: Number) -> Number | None:
        """Return mg/dL/min since the sample before, when there are two numbers to compare."""
        if not self.records:
            return None
        before = self.records[-1].glucose_mg_dl
        if isinstance(level, Special) or isinstance(before, Special):
            return None
        minutes = self.offset_min(self.due_at) - self.records[-1].time_offset_min
        return ((level - before) / minutes).quantize(Decimal("0.1"))


def _warning(level: Number) -> int:
    match level:
        case Special.NAN:
            return Annunciation.MALFUNCTION
        case Special.NEGATIVE_INFINITY:
            return Annunciation.BELOW_DEVICE_RANGE
        case Special.POSITIVE_INFINITY:
            return Annunciation.ABOVE_DEVICE_RANGE
    return 0
