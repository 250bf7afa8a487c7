"""Weight Scale Service 0x181D.

0x2A9D: flags u8 | weight u16 | [Date Time] [user u8] [BMI u16, height u16]
0x2A9E: features u32: b0 time, b1 several users, b2 BMI, b3-6 weight and b7-9 height resolution

flags: b0 imperial, b1 time, b2 user, b3 BMI and height. One bit of weight is 0.005 kg or 0.01 lb,
of BMI 0.1, of height 0.001 m or 0.1 in, whatever the resolution in 0x2A9E. Weight FFFF:
measurement unsuccessful.
Spec: Weight Scale Service 1.0.1; GATT Specification Supplement, same names.
"""

from dataclasses import dataclass
from decimal import Decimal

from firmware_sims.packing.date_time import Stamp, date_time

KG_PER_BIT = Decimal("0.005")
LB_PER_BIT = Decimal("0.01")
M_PER_BIT = Decimal("0.001")
IN_PER_BIT = Decimal("0.1")
UNSUCCESSFUL = 0xFFFF
_BMI_PER_BIT = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Stature:
    """Body mass index and height (m, or in when imperial); the service sends both or neither."""

    bmi: Decimal
    height: Decimal


def measurement(
    weight: Decimal | None,
    *,
    imperial: bool = False,
    device_local: Stamp | None = None,
    user: int | None = None,
    stature: Stature | None = None,
) -> bytes:
    """Return a Weight Measurement in kg, or lb when imperial; no weight is "unsuccessful"."""
    present = (device_local, user, stature)
    flags = imperial | sum((field is not None) << at for at, field in enumerate(present, start=1))
    octets = bytes([flags]) + mass(weight, imperial=imperial)
    if device_local is not None:
        octets += date_time(device_local)
    if user is not None:
        octets += bytes([user])
    if stature is not None:
        octets += in_bits(stature.bmi, _BMI_PER_BIT) + height(stature.height, imperial=imperial)
    return octets


def feature(
    *, time: bool, several_users: bool, bmi: bool, weight: int = 0, height: int = 0
) -> bytes:
    """Return a Weight Scale Feature; weight and height are resolution codes (7 is 0.005 kg)."""
    bits = time | several_users << 1 | bmi << 2 | weight << 3 | height << 7
    return bits.to_bytes(4, "little")


def mass(weight: Decimal | None, *, imperial: bool) -> bytes:
    """Return a mass field of this service and of Body Composition; None is "unsuccessful"."""
    if weight is None:
        return UNSUCCESSFUL.to_bytes(2, "little")
    return in_bits(weight, LB_PER_BIT if imperial else KG_PER_BIT)


def height(length: Decimal, *, imperial: bool) -> bytes:
    """Return a height field: m, or in when imperial."""
    return in_bits(length, IN_PER_BIT if imperial else M_PER_BIT)


def in_bits(quantity: Decimal, per_bit: Decimal) -> bytes:
    """Return a u16 count of steps; ValueError for a quantity that is not a whole number of them."""
    steps, rest = divmod(quantity, per_bit)
    if rest:
        raise ValueError(f"{quantity} is not a multiple of {per_bit}")
    return int(steps).to_bytes(2, "little")
