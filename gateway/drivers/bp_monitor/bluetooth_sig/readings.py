"""What a blood pressure message says about a person: readings in canonical units.

One message gives a blood pressure and, if the cuff counted it, a heart rate.

Quality: the device's own doubts about the measurement (the person moved, the cuff was too loose,
the arm in the wrong position) make both readings QUESTIONABLE. An irregular pulse and a pulse out
of range are findings about the person: flags on a GOOD reading. Numbers that no living person has
are QUESTIONABLE with the flag `implausible`: a cuff that sends its pulse in an odd format may still
be right about the pressure, but where the pressure is nonsense, so is what comes after it in the
frame. A frame whose time no clock shows was changed on its way: QUESTIONABLE with `garbled`.
"""

from __future__ import annotations

from decimal import Decimal

from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity, Unit, mmhg_from_kpa
from gateway.domain.reading import Kind, Measure, Quality, Reading
from gateway.drivers.api import Frame
from gateway.drivers.bp_monitor.bluetooth_sig.codec import UNKNOWN_USER, BloodPressure
from gateway.drivers.episodic import Timed
from gateway.drivers.plausible import IMPLAUSIBLE, is_plausible
from gateway.wire.gatt_time import is_garbled
from gateway.wire.ieee11073 import Special

_DOUBTS = {0x01: "body_movement", 0x02: "cuff_too_loose", 0x20: "improper_position"}
_FINDINGS = {0x04: "irregular_pulse"}
_PULSE_RANGE = {1: "pulse_above_range", 2: "pulse_below_range", 3: "pulse_range_unknown"}


def has_failed(message: BloodPressure) -> bool:
    """Whether the cuff tells that it could not measure: no number for one of the two pressures."""
    return isinstance(message.systolic, Special) or isinstance(message.diastolic, Special)


def readings(
    message: BloodPressure, frame: Frame, device: DeviceId, timed: Timed
) -> tuple[Reading, ...]:
    """Make the readings of one message; empty for a failed measurement."""
    if has_failed(message):
        return ()
    pressures = _pressures(message)
    status = message.status or 0
    doubts = {flag for bit, flag in _DOUBTS.items() if status & bit}
    findings = {flag for bit, flag in _FINDINGS.items() if status & bit}
    if status >> 3 & 3:
        findings.add(_PULSE_RANGE[status >> 3 & 3])

    def reading(kind: Kind, values: dict[Measure, Quantity], odd: set[str]) -> Reading:
        return Reading(
            device=device,
            kind=kind,
            values=values,
            received=frame.received,
            device_time=timed.device_time,
            record=timed.record,
            slot=None if message.user_id in {None, UNKNOWN_USER} else str(message.user_id),
            live=timed.live,
            quality=Quality.QUESTIONABLE if doubts or odd else Quality.GOOD,
            flags=frozenset(doubts | findings | odd),
        )

    odd = _oddities(Kind.BLOOD_PRESSURE, pressures)
    if is_garbled(message.timestamp):
        odd.add("garbled")
    made = [reading(Kind.BLOOD_PRESSURE, pressures, odd)]
    if isinstance(message.pulse, Decimal):
        rate = {Measure.PULSE_RATE: Quantity(value=message.pulse, unit=Unit.PER_MINUTE)}
        made.append(reading(Kind.HEART_RATE, rate, odd | _oddities(Kind.HEART_RATE, rate)))
    return tuple(made)


def _pressures(message: BloodPressure) -> dict[Measure, Quantity]:
    """Return what is a number, in mmHg; instead of a mean some cuffs send 0, others NaN."""
    told = {
        Measure.SYSTOLIC: message.systolic,
        Measure.DIASTOLIC: message.diastolic,
        Measure.MEAN_ARTERIAL: message.map or Special.NAN,
    }
    quantity = mmhg_from_kpa if message.unit == "kPa" else _mmhg
    return {name: quantity(value) for name, value in told.items() if isinstance(value, Decimal)}


def _oddities(kind: Kind, values: dict[Measure, Quantity]) -> set[str]:
    return set() if is_plausible(kind, values) else {IMPLAUSIBLE}


def _mmhg(value: Decimal) -> Quantity:
    return Quantity(value=value, unit=Unit.MMHG)
