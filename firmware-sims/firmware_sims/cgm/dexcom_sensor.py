"""The sensor that a Dexcom receiver listens to: a value each five minutes."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from firmware_sims.body import GLUCOSE_HIGHEST_MG_DL, GLUCOSE_LOWEST_MG_DL
from firmware_sims.cgm.dexcom_database import Partition
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind
from firmware_sims.packing.dexcom import Egv, seconds
from firmware_sims.placement import Placement

SAMPLING = timedelta(minutes=5)
SPECIAL_GLUCOSE = (1, 2, 3, 5, 6, 9, 10, 12)
LOW, HIGH = 39, 401
# mg/dL per minute above which an arrow is shown, steepest first; the arrows' numbers.
_RISES = ((3.0, 1), (2.0, 2), (1.0, 3))
_FLAT, _NOT_COMPUTABLE, _NO_NOISE_COMPUTED = 4, 8, 5
_TRANSMITTER_AGE = timedelta(days=50)


class DexcomSensor:
    """Draws values from the first person of a placement, and writes them into partitions.

    `display_offset` tells what the display adds to the system clock at the moment. A share
    `display_only_share` of the values is preceded by one that was only shown: no record produced.
    Without `backfills_into`, values out of the receiver's range are lost.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        model: str,
        values_into: Partition,
        backfills_into: Partition | None,
        display_offset: Callable[[], timedelta],
        display_only_share: float,
    ) -> None:
        self._placement = placement
        self._body, _ = placement.next_person()
        self._model = model
        self._values_into = values_into
        self._backfills_into = backfills_into
        self._display_offset = display_offset
        self._display_only_share = display_only_share
        self._random = random.Random(f"dexcom/{placement.seed}")  # noqa: S311 - repeatable
        self._started_at = placement.now()
        self._before: tuple[datetime, int] | None = None
        self._missed: list[datetime] = []
        self._to_miss = 0

    def lose_signal(self, samples: int) -> None:
        """Be out of the receiver's range for so many values."""
        self._to_miss = samples

    def sample(self, at: datetime) -> None:
        """Take the value of a true time."""
        placement = self._placement
        if self._to_miss:
            self._to_miss -= 1
            self._missed.append(at)
            return
        if placement.faults.strikes(Fault.NAN_MEASUREMENT):
            special = self._random.choice(SPECIAL_GLUCOSE)
            self._store(at, special, _NOT_COMPUTABLE, noise=_NO_NOISE_COMPUTED)
            return
        level = self._body.glucose(at)
        glucose, trend = _shown(level), self._trend(at, level)
        if self._random.random() < self._display_only_share:
            self._store(at, glucose, trend, display_only=True)
        self._enter(at, glucose)
        self._store(at, glucose, trend)
        self._backfill(at)

    def _backfill(self, at: datetime) -> None:
        missed, self._missed = self._missed, []
        if self._backfills_into is None:
            return
        for missed_at in missed:
            glucose = _shown(self._body.glucose(missed_at))
            self._enter(missed_at, glucose)
            record = self._egv(at, glucose, _NOT_COMPUTABLE, measured_at=missed_at)
            self._backfills_into.append(record.encode(self._backfills_into.revision))

    def _store(
        self, at: datetime, glucose: int, trend: int, *, noise: int = 1, display_only: bool = False
    ) -> None:
        record = self._egv(at, glucose, trend, noise=noise, display_only=display_only)
        self._values_into.append(record.encode(self._values_into.revision))

    def _egv(
        self,
        at: datetime,
        glucose: int,
        trend: int,
        *,
        noise: int = 1,
        display_only: bool = False,
        measured_at: datetime | None = None,
    ) -> Egv:
        system_s = self._system_s(at)
        jitter_s = self._random.choice((0, 0, 0, 1, -1))
        return Egv(
            system_s=system_s,
            display_s=max(0, system_s + int(self._display_offset().total_seconds()) + jitter_s),
            glucose=glucose,
            trend=trend,
            noise=noise,
            display_only=display_only,
            backfilled=measured_at is not None,
            measured_s=self._system_s(measured_at or at),
            transmitter_s=int((at - self._started_at + _TRANSMITTER_AGE).total_seconds()),
        )

    def _trend(self, at: datetime, level: int) -> int:
        before, self._before = self._before, (at, level)
        if before is None or at - before[0] > 2 * SAMPLING or at <= before[0]:
            return _NOT_COMPUTABLE
        rate = (level - before[1]) / ((at - before[0]).total_seconds() / 60)
        arrow = next((number for limit, number in _RISES if abs(rate) > limit), _FLAT)
        return arrow if rate > 0 else 2 * _FLAT - arrow

    def _system_s(self, at: datetime) -> int:
        return max(0, seconds(self._placement.clock.device_local(at)))

    def _enter(self, at: datetime, glucose: int) -> None:
        values = {"glucose": str(glucose), "unit": "mg/dL"}
        if glucose in (LOW, HIGH):
            values = {"range": "low" if glucose == LOW else "high"}
        self._placement.record(self._model, at, {Kind.INTERSTITIAL_GLUCOSE: values})


def _shown(level: int) -> int:
    if level < GLUCOSE_LOWEST_MG_DL:
        return LOW
    return HIGH if level > GLUCOSE_HIGHEST_MG_DL else level
