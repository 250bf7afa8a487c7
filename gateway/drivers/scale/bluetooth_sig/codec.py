"""Weight and body composition, as Bluetooth SIG scales send them.

    2A9D Weight Measurement
        flags u8 | weight u16 | [Date Time 7] [user u8] [BMI u16 0.1, height u16]
        flags  0 imperial  1 time  2 user  3 BMI and height  (4: below zero, on Detecto scales)
    2A9C Body Composition Measurement
        flags u16 | body fat u16 0.1 % | [Date Time 7] [user u8] [basal metabolism u16 kJ]
        | [muscle u16 0.1 %] [muscle mass u16] [fat-free mass u16] [soft lean mass u16]
        | [water mass u16] [impedance u16 0.1 Ohm] [weight u16] [height u16]
        flags  0 imperial  1 time  2 user  3-11 the others in the order above
               12 the measurement goes on in the next indication
    2A9E Weight Scale Feature
        features u32: 0 time  1 several users  2 BMI  3-6 weight and 7-9 height resolution
    2A9B Body Composition Feature
        features u32: 0-10 what it measures  11-14 mass and 15-17 height resolution

A mass is 0.005 kg or 0.01 lb per bit, a height 0.001 m or 0.1 in, whatever the features say of the
resolution. Weight or body fat 0xFFFF: the measurement was unsuccessful, and nothing else counts.

A&D's scales from before the Weight Scale Service have a service of their own, with the same fields
under 23434101-...; there a weight is 0.1 kg or 0.1 lb per bit.

Source: Bluetooth GATT Specification Supplement, sections of the same names; A&D's by the maker's
two sample programs for Android, and one other public client.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal

from gateway.drivers.message import NULL
from gateway.frozen import frozen
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import DateTime, date_time

UNKNOWN_USER = 0xFF

_UNSUCCESSFUL = 0xFFFF
_IMPERIAL = 0x01
_KG, _LB, _TENTH = Decimal("0.005"), Decimal("0.01"), Decimal("0.1")
_COMPOSITION_FEATURES = (
    "timestamp",
    "multiple_users",
    "basal_metabolism",
    "muscle_percent",
    "muscle_mass",
    "fat_free_mass",
    "soft_lean_mass",
    "body_water_mass",
    "impedance",
    "weight",
    "height",
)
_MASS_STEPS = ("0.5 1", "0.2 0.5", "0.1 0.2", "0.05 0.1", "0.02 0.05", "0.01 0.02", "0.005 0.01")
"""Of resolution 1 to 7, in kg and in lb."""
_HEIGHT_STEPS = ("0.01 1", "0.005 0.5", "0.001 0.1")
"""Of resolution 1 to 3, in m and in inches."""


@frozen
class Weight:
    """One weighing, in the scale's unit and clock: 2A9D."""

    flags: int
    unit: str
    """`kg` or `lb`."""
    weight: Decimal | None = field(metadata=NULL)
    """None if the measurement was unsuccessful."""
    measurement_unsuccessful: bool
    timestamp: DateTime | None
    user_id: int | None
    bmi: Decimal | None
    height: Decimal | None
    height_unit: str | None
    """`m` or `in`."""
    reserved_flag_bits: int | None
    trailing_octets: bytes | None


@frozen
class BodyComposition:
    """One body composition, or part of one, in the scale's unit and clock: 2A9C."""

    flags: int
    unit: str
    """`kg` or `lb`, of all masses."""
    body_fat_percent: Decimal | None = field(metadata=NULL)
    """None if the measurement was unsuccessful; 0 in practice means not measured."""
    measurement_unsuccessful: bool
    multiple_packet: bool
    timestamp: DateTime | None
    user_id: int | None
    basal_metabolism_kj: int | None
    muscle_percent: Decimal | None
    muscle_mass: Decimal | None
    fat_free_mass: Decimal | None
    soft_lean_mass: Decimal | None
    body_water_mass: Decimal | None
    impedance_ohm: Decimal | None
    weight: Decimal | None
    height: Decimal | None
    height_unit: str | None
    """`m` or `in`."""
    reserved_flag_bits: int | None
    trailing_octets: bytes | None


@frozen
class WeightFeature:
    """What the scale can do: 2A9E. The resolutions are for information, None if not stated."""

    raw: int
    timestamp: bool
    multiple_users: bool
    bmi: bool
    weight_resolution_index: int
    weight_resolution_kg: Decimal | None = field(metadata=NULL)
    weight_resolution_lb: Decimal | None = field(metadata=NULL)
    height_resolution_index: int
    height_resolution_m: Decimal | None = field(metadata=NULL)
    height_resolution_in: Decimal | None = field(metadata=NULL)
    trailing_octets: bytes | None


@frozen
class CompositionFeature:
    """What the scale can measure: 2A9B."""

    raw: int
    features: tuple[str, ...]
    mass_resolution_index: int
    height_resolution_index: int
    trailing_octets: bytes | None


def weight(data: bytes) -> Weight:
    """Decode a 2A9D."""
    return _weight(data, kg=_KG, lb=_LB)


def and_weight(data: bytes) -> Weight:
    """Decode what A&D's own weight service sends."""
    return _weight(data, kg=_TENTH, lb=_TENTH)


def _weight(data: bytes, *, kg: Decimal, lb: Decimal) -> Weight:
    cursor = Cursor(data)
    flags = cursor.u8()
    raw = cursor.u16()
    imperial = bool(flags & _IMPERIAL)
    with_height = flags & 0x08
    return Weight(
        flags,
        _mass_unit(imperial=imperial),
        None if raw == _UNSUCCESSFUL else raw * (lb if imperial else kg),
        raw == _UNSUCCESSFUL,
        date_time(cursor) if flags & 0x02 else None,
        cursor.u8() if flags & 0x04 else None,
        _tenths(cursor.u16()) if with_height else None,
        _height(cursor.u16(), imperial=imperial) if with_height else None,
        _height_unit(imperial=imperial) if with_height else None,
        flags & 0xF0 or None,
        cursor.rest() or None,
    )


def body_composition(data: bytes) -> BodyComposition:
    """Decode a 2A9C."""
    cursor = Cursor(data)
    flags = cursor.u16()
    fat = cursor.u16()
    imperial = bool(flags & _IMPERIAL)

    def mass(bit: int) -> Decimal | None:
        return _mass(cursor.u16(), imperial=imperial) if flags >> bit & 1 else None

    return BodyComposition(
        flags,
        _mass_unit(imperial=imperial),
        None if fat == _UNSUCCESSFUL else _tenths(fat),
        fat == _UNSUCCESSFUL,
        bool(flags & 0x1000),
        date_time(cursor) if flags & 0x0002 else None,
        cursor.u8() if flags & 0x0004 else None,
        cursor.u16() if flags & 0x0008 else None,
        _tenths(cursor.u16()) if flags & 0x0010 else None,
        mass(5),
        mass(6),
        mass(7),
        mass(8),
        _tenths(cursor.u16()) if flags & 0x0200 else None,
        mass(10),
        _height(cursor.u16(), imperial=imperial) if flags & 0x0800 else None,
        _height_unit(imperial=imperial) if flags & 0x0800 else None,
        flags & 0xE000 or None,
        cursor.rest() or None,
    )


def weight_feature(data: bytes) -> WeightFeature:
    """Decode a 2A9E."""
    cursor = Cursor(data)
    raw = cursor.u32()
    mass_index, height_index = raw >> 3 & 0xF, raw >> 7 & 0x7
    kg, lb = _step(_MASS_STEPS, mass_index)
    metres, inches = _step(_HEIGHT_STEPS, height_index)
    return WeightFeature(
        raw,
        bool(raw & 1),
        bool(raw & 2),
        bool(raw & 4),
        mass_index,
        kg,
        lb,
        height_index,
        metres,
        inches,
        cursor.rest() or None,
    )


def composition_feature(data: bytes) -> CompositionFeature:
    """Decode a 2A9B."""
    cursor = Cursor(data)
    raw = cursor.u32()
    names = tuple(name for bit, name in enumerate(_COMPOSITION_FEATURES) if raw >> bit & 1)
    return CompositionFeature(raw, names, raw >> 11 & 0xF, raw >> 15 & 0x7, cursor.rest() or None)


def _mass_unit(*, imperial: bool) -> str:
    return "lb" if imperial else "kg"


def _height_unit(*, imperial: bool) -> str:
    return "in" if imperial else "m"


def _mass(raw: int, *, imperial: bool) -> Decimal:
    return raw * (_LB if imperial else _KG)


def _height(raw: int, *, imperial: bool) -> Decimal:
    return _tenths(raw) if imperial else Decimal(raw).scaleb(-3)


def _tenths(raw: int) -> Decimal:
    return Decimal(raw).scaleb(-1)


def _step(steps: tuple[str, ...], index: int) -> tuple[Decimal | None, Decimal | None]:
    if not 1 <= index <= len(steps):
        return None, None
    metric, imperial = steps[index - 1].split()
    return Decimal(metric), Decimal(imperial)
