"""Glucose Service 0x1808.

0x2A18: flags u8 | sequence u16 | base time Date Time | [time offset s16 min]
        [concentration SFLOAT, type and location u8] [status u16]
0x2A34: flags u8 | sequence u16 | [extended u8] [carbohydrate id u8, SFLOAT kg] [meal u8]
        [tester and health u8] [duration u16 s, intensity u8 %] [medication id u8, SFLOAT]
        [HbA1c SFLOAT %]
0x2A51: features u16

flags of 0x2A18: b0 time offset, b1 concentration, b2 mol/L (else kg/L), b3 status, b4 context
follows. flags of 0x2A34: b0 carbohydrate, b1 meal, b2 tester and health, b3 exercise,
b4 medication, b5 medication in litres (else kg), b6 HbA1c, b7 extended.
Spec: Glucose Service 1.0.1 section 3; GATT Specification Supplement.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag

from firmware_sims.packing.date_time import date_time
from firmware_sims.packing.ieee11073 import Number, sfloat

CAPILLARY_PLASMA, CONTROL_SOLUTION = 2, 10  # what was tested
FINGER, CONTROL_LOCATION = 1, 4  # where it came from
PREPRANDIAL, POSTPRANDIAL, CARESENS_KETONE = 1, 2, 6  # meals, and what one maker uses for none


class Status(IntFlag):
    """Sensor Status Annunciation, the bits that virtual meters use."""

    BATTERY_LOW = 1 << 0
    SAMPLE_INSUFFICIENT = 1 << 2
    RESULT_TOO_HIGH = 1 << 5
    RESULT_TOO_LOW = 1 << 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """A concentration in kg/L or mol/L, with where it was taken."""

    value: Number
    kind: int
    location: int
    molar: bool = False


def measurement(
    sequence: int,
    base_device_local: datetime,
    *,
    time_offset_min: int | None = None,
    concentration: Concentration | None = None,
    status: int | None = None,
    context_follows: bool = False,
) -> bytes:
    """Return a Glucose Measurement; an argument of None leaves its field out."""
    flags = (time_offset_min is not None) | (concentration is not None) << 1
    flags |= (status is not None) << 3 | context_follows << 4
    octets = sequence.to_bytes(2, "little") + date_time(base_device_local)
    if time_offset_min is not None:
        octets += time_offset_min.to_bytes(2, "little", signed=True)
    if concentration is not None:
        flags |= concentration.molar << 2
        place = concentration.kind | concentration.location << 4
        octets += sfloat(concentration.value) + bytes([place])
    if status is not None:
        octets += status.to_bytes(2, "little")
    return bytes([flags]) + octets


def feature(features: int) -> bytes:
    """Return a Glucose Feature 0x2A51."""
    return features.to_bytes(2, "little")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What belongs to a glucose measurement of the same sequence number; None is left out.

    Pairs stand as tuples: carbohydrate (id, kg), tester and health, exercise (duration in s,
    intensity in %), medication (id, kg or litres).
    """

    sequence: int
    extended: int | None = None
    carbohydrate: tuple[int, Number] | None = None
    meal: int | None = None
    tester_health: tuple[int, int] | None = None
    exercise: tuple[int, int] | None = None
    medication: tuple[int, Number] | None = None
    medication_litres: bool = False
    hba1c_percent: Number | None = None


def context(values: Context) -> bytes:
    """Return a Glucose Measurement Context."""
    present = (
        values.carbohydrate,
        values.meal,
        values.tester_health,
        values.exercise,
        values.medication,
    )
    flags = sum((field is not None) << at for at, field in enumerate(present))
    flags |= values.medication_litres << 5 | (values.hba1c_percent is not None) << 6
    flags |= (values.extended is not None) << 7
    octets = values.sequence.to_bytes(2, "little") + _octet(values.extended)
    octets += _amount(values.carbohydrate) + _octet(values.meal)
    if values.tester_health is not None:
        tester, health = values.tester_health
        octets += bytes([tester | health << 4])
    if values.exercise is not None:
        duration_s, intensity_percent = values.exercise
        octets += duration_s.to_bytes(2, "little") + bytes([intensity_percent])
    octets += _amount(values.medication)
    if values.hba1c_percent is not None:
        octets += sfloat(values.hba1c_percent)
    return bytes([flags]) + octets


def _octet(value: int | None) -> bytes:
    return b"" if value is None else bytes([value])


def _amount(value: tuple[int, Number] | None) -> bytes:
    return b"" if value is None else bytes([value[0]]) + sfloat(value[1])
