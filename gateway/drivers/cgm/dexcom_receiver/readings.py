"""What a receiver's glucose records say about its wearer.

Records that another replaces, and those that say why there is no glucose, are no readings. A value
outside of what the sensor can tell has no number but a limit. The receiver's doubts (heavy noise,
an algorithm state other than "all is well" and its two ways of asking for a calibration, and what
it does not explain) make a reading QUESTIONABLE.

The stamp is on the receiver's system clock, which no one can set and which shows nobody's time; the
sample of that clock turns it into a moment. A record that is newer than the clock, or than records
after it, was stored before the clock began anew: when, nobody can tell, and it says so. So it is
where the display was further from what it would show now than any two zones are: the system clock
stood still meanwhile (it is months behind in captures), or the wearer had another date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import (
    ClockSample,
    DeviceTime,
    Kind,
    Limit,
    Measure,
    Quality,
    Reading,
)
from gateway.drivers.cgm.dexcom_receiver.database import (
    HIGHEST_MG_DL,
    LOWEST_MG_DL,
    Egv,
    Partition,
)

_NEW = timedelta(minutes=5, seconds=30)  # a sensor measures every five minutes
_JITTER = timedelta(seconds=2)  # the two clocks differ by a second now and then
_FELL_BACK_S = 600  # two samples: more than records are stored out of their order
_ZONES_S = 26 * 3600  # from UTC-12 to UTC+14
_NOISE_DOUBTS = {4: "noise_heavy", 6: "noise_unknown", 7: "noise_unknown"}
_RELIABLE_STATES = {None, 6, 7, 14}
"""No state, well, and two that ask for a calibration while values are good (CGMBLEKit)."""
_KEYS = {Partition.EGV: "egv", Partition.BACKFILLED_EGV: "backfilled_egv"}


@dataclass(frozen=True, slots=True)
class Stored:
    """A glucose record with its place in the receiver's database."""

    index: int
    egv: Egv
    partition: Partition = Partition.EGV


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whose memory it is, and what its clocks showed when it was read."""

    device: DeviceId
    serial: str
    clock: ClockSample
    """Of the system clock."""
    display_offset_s: int
    """What the display adds to it."""


def readings(
    stored: Sequence[Stored], receiver: Receiver, received: Instant
) -> Iterator[tuple[Stored, Reading]]:
    """Make the readings of records, partition by partition in the order of their indices."""
    since = {partition: _last_fall(stored, partition) for partition in _KEYS}
    for record, anchor in zip(stored, _anchors(stored), strict=True):
        if record.egv.emit:
            at = _measured_at(record.egv, anchor)
            doubt = _time_doubt(record, at, receiver, since[record.partition])
            at = at if doubt is None else None
            yield record, _reading(record, at, doubt, receiver, received)


def _last_fall(stored: Sequence[Stored], partition: Partition) -> int:
    """Return the index of the first record after the system clock last fell back; 0 if never.

    Backfilled records do not count: they are stored when they come.
    """
    least = None
    for record in reversed(stored):
        if record.partition is not partition or record.egv.backfilled:
            continue
        at = record.egv.system_seconds
        if least is not None and at > least[1] + _FELL_BACK_S:
            return least[0]
        least = (record.index, at if least is None else min(at, least[1]))
    return 0


def _time_doubt(
    record: Stored, at: datetime | None, receiver: Receiver, since_index: int
) -> str | None:
    """Say why nobody can tell when a record was measured; None if the system clock tells."""
    if at is None:
        return "time_unknown"
    if at > receiver.clock.shown + _JITTER or record.index < since_index:
        return "clock_reset"
    offset_s = record.egv.display_seconds - record.egv.system_seconds
    return "clock_set" if abs(offset_s - receiver.display_offset_s) > _ZONES_S else None


def _reading(
    record: Stored, at: datetime | None, doubt: str | None, receiver: Receiver, received: Instant
) -> Reading:
    egv, clock = record.egv, receiver.clock
    flags = _doubts(egv) | ({doubt} if doubt is not None else set())
    limit = _limit(egv)
    glucose = Quantity(value=Decimal(egv.glucose_mgdl), unit=Unit.MILLIGRAM_PER_DECILITRE)
    raw = egv.system_seconds.to_bytes(4, "little") + egv.display_seconds.to_bytes(4, "little")
    return Reading(
        device=receiver.device,
        kind=Kind.INTERSTITIAL_GLUCOSE,
        values={} if limit is not None else {Measure.GLUCOSE: glucose},
        limit=limit,
        received=received,
        device_time=DeviceTime(stamp=at, raw=raw.hex(), clock=clock, counter=True),
        record=f"{receiver.serial}:{_KEYS[record.partition]}:{record.index}@{egv.system_seconds}",
        live=at is not None and clock.shown - at <= _NEW,
        quality=Quality.QUESTIONABLE if flags else Quality.GOOD,
        flags=frozenset(flags),
    )


def _doubts(egv: Egv) -> set[str]:
    doubts = set()
    if egv.noise in _NOISE_DOUBTS:
        doubts.add(_NOISE_DOUBTS[egv.noise])
    if egv.algorithm_state not in _RELIABLE_STATES:
        doubts.add(f"algorithm_state_{egv.algorithm_state}")
    return doubts


def _limit(egv: Egv) -> Limit | None:
    if egv.glucose_mgdl < LOWEST_MG_DL:
        return Limit.BELOW
    return Limit.ABOVE if egv.glucose_mgdl > HIGHEST_MG_DL else None


def _anchors(stored: Sequence[Stored]) -> list[Egv | None]:
    """Return for each record the nearest one, before it or else after, that was stored in time.

    Records of another partition are put in their place by the system clock.
    """
    timely = [record.egv for record in stored if _is_timely(record.egv)]
    last = next(iter(timely), None)
    anchors = []
    for record in stored:
        if record.partition is Partition.EGV:
            last = record.egv if _is_timely(record.egv) else last
            anchors.append(last)
        else:
            anchors.append(_last_before(record.egv, timely))
    return anchors


def _last_before(egv: Egv, timely: Sequence[Egv]) -> Egv | None:
    before = (one for one in reversed(timely) if one.system_seconds <= egv.system_seconds)
    return next(before, next(iter(timely), None))


def _is_timely(egv: Egv) -> bool:
    return not egv.backfilled and egv.system_time_seconds is not None


def _measured_at(egv: Egv, anchor: Egv | None) -> datetime | None:
    """Return when a record was measured, on the system clock; None if that cannot be told.

    A backfilled record was stored late. The transmitter says when it measured, on its own idea of
    the clock; a record that was stored in time tells how that differs.
    """
    if not egv.backfilled:
        return egv.system_time
    if anchor is None or anchor.system_time_seconds is None or egv.system_time_seconds is None:
        return None
    since = egv.system_time_seconds - anchor.system_time_seconds
    return anchor.system_time + timedelta(seconds=since)
