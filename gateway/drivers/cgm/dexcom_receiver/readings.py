"""What a receiver's glucose records say about its wearer.

Records that another replaces, and those that say why there is no glucose, are no readings. A value
outside of what the sensor can tell has no number but a limit. The receiver's doubts (heavy noise,
an algorithm state other than "all is well" and its two ways of asking for a calibration, and what
it does not explain) make a reading QUESTIONABLE.

The stamp is on the receiver's system clock, which no one can set and which shows nobody's time; the
sample of that clock turns it into a moment. A record that is newer than the clock was stored before
the clock began anew: when, nobody can tell, and it says so.
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
    moment,
)

_NEW = timedelta(minutes=6)  # a sensor measures every five minutes
_JITTER = timedelta(seconds=2)  # the two clocks differ by a second now and then
_NOISE_DOUBTS = {4: "noise_heavy", 6: "noise_unknown", 7: "noise_unknown"}
_RELIABLE_STATES = {None, 6, 7, 14}
"""No state, well, and two that ask for a calibration while values are good (CGMBLEKit)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A glucose record with its index in the receiver's database."""

    index: int
    egv: Egv


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whose memory it is, and what its system clock showed when it was read."""

    device: DeviceId
    serial: str
    clock: ClockSample


def readings(stored: Sequence[Stored], receiver: Receiver, received: Instant) -> Iterator[Reading]:
    """Make the readings of records in the order of their indices."""
    for at, record in enumerate(stored):
        if record.egv.emit:
            yield _reading(record, _measured_at(stored, at), receiver, received)


def _reading(record: Stored, at: datetime | None, receiver: Receiver, received: Instant) -> Reading:
    egv = record.egv
    doubts = set()
    if egv.noise in _NOISE_DOUBTS:
        doubts.add(_NOISE_DOUBTS[egv.noise])
    if egv.algorithm_state not in _RELIABLE_STATES:
        doubts.add(f"algorithm_state_{egv.algorithm_state}")
    if at is None:
        doubts.add("time_unknown")
    elif at > receiver.clock.shown + _JITTER:
        doubts.add("clock_reset")
        at = None
    limit = _limit(egv)
    glucose = Quantity(value=Decimal(egv.glucose_mgdl), unit=Unit.MILLIGRAM_PER_DECILITRE)
    raw = egv.system_seconds.to_bytes(4, "little") + egv.display_seconds.to_bytes(4, "little")
    return Reading(
        device=receiver.device,
        kind=Kind.INTERSTITIAL_GLUCOSE,
        values={} if limit is not None else {Measure.GLUCOSE: glucose},
        limit=limit,
        received=received,
        device_time=DeviceTime(stamp=at, raw=raw.hex(), clock=receiver.clock),
        record=f"{receiver.serial}:egv:{record.index}",
        live=at is not None and receiver.clock.shown - at <= _NEW,
        quality=Quality.QUESTIONABLE if doubts else Quality.GOOD,
        flags=frozenset(doubts),
    )


def _limit(egv: Egv) -> Limit | None:
    if egv.glucose_mgdl < LOWEST_MG_DL:
        return Limit.BELOW
    return Limit.ABOVE if egv.glucose_mgdl > HIGHEST_MG_DL else None


def _measured_at(stored: Sequence[Stored], at: int) -> datetime | None:
    """Return when a record was measured, on the system clock.

    A backfilled record was stored late. The transmitter says when it measured, on its own idea of
    the clock; the nearest record that was not backfilled tells how that differs.
    """
    egv = stored[at].egv
    if not egv.backfilled or egv.system_time_seconds is None:
        return egv.system_time
    for other in (*reversed(stored[:at]), *stored[at + 1 :]):
        anchor = other.egv
        if not anchor.backfilled and anchor.system_time_seconds is not None:
            since = egv.system_time_seconds - anchor.system_time_seconds
            return moment(anchor.system_seconds) + timedelta(seconds=since)
    return None
