"""Mi scales, as they advertise themselves.

version 1, service data of 0x181D: control u8 | weight u16 | Date Time
  control: b0 lb, b4 jin, b5 standing still, b6 a thing is weighed, b7 stepped off; b1 always set
version 2, service data of 0x181B: control u8 x 2 | Date Time | impedance u16 ohm | weight u16
  first control: b0 lb, b2 a thing is weighed; b1 always set
  second: b1 impedance there, b5 standing still, b6 jin, b7 stepped off; b2 always set

One bit of weight is 0.005 kg, or 0.01 lb or jin. The maker has published nothing: captures of
ble_monitor, theengs/decoder and openScale #627. That a bit is always set is what they have in
common.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from firmware_sims.packing.date_time import date_time
from firmware_sims.packing.weight_scale import in_bits

IMPEDANCE_FAILED = 0xFFFD


class Unit(StrEnum):
    """What the scale shows; a jin is half a kilogram."""

    KILOGRAM = "kg"
    POUND = "lb"
    JIN = "jin"


PER_BIT = {Unit.KILOGRAM: Decimal("0.005"), Unit.POUND: Decimal("0.01"), Unit.JIN: Decimal("0.01")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What the scale shows at one moment; weight in its unit, a multiple of `PER_BIT`."""

    weight: Decimal
    unit: Unit
    device_local: datetime
    still: bool = True
    stepped_off: bool = False
    thing: bool = False
    impedance_ohm: int | None = None  # of version 2


def version_1(shown: Display) -> bytes:
    """Return the 10 octets of service data 0x181D."""
    control = (shown.unit is Unit.POUND) | 1 << 1 | (shown.unit is Unit.JIN) << 4
    control |= shown.still << 5 | shown.thing << 6 | shown.stepped_off << 7
    return bytes([control]) + _weight(shown) + date_time(shown.device_local)


def version_2(shown: Display) -> bytes:
    """Return the 13 octets of service data 0x181B."""
    measured = shown.impedance_ohm is not None
    first = (shown.unit is Unit.POUND) | 1 << 1 | shown.thing << 2
    second = measured << 1 | 1 << 2 | shown.still << 5 | (shown.unit is Unit.JIN) << 6
    second |= shown.stepped_off << 7
    impedance = (shown.impedance_ohm or 0).to_bytes(2, "little")
    return bytes([first, second]) + date_time(shown.device_local) + impedance + _weight(shown)


def _weight(shown: Display) -> bytes:
    return in_bits(shown.weight, PER_BIT[shown.unit])
