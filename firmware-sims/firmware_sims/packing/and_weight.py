"""The weight of an A&D scale from before there was a Weight Scale Service.

23434101 in service 23434100: flags u8 | weight u16 | [Date Time] [user u8]

flags: b0 lb, b1 time, b2 user. One bit of weight is 0.1 kg or 0.1 lb.
Sources: A&D's sample programs for Android, bleSimpleApp (AndCustomWeightScaleMeasurement) and
andengineering/AndroidSampleCode (BleReceivedService). Guess: FFFF is "unsuccessful", as in 0x2A9D.
"""

from decimal import Decimal

from firmware_sims.packing.date_time import Stamp, date_time
from firmware_sims.packing.weight_scale import UNSUCCESSFUL, in_bits

PER_BIT = Decimal("0.1")  # kg, or lb


def measurement(
    weight: Decimal | None,
    *,
    imperial: bool = False,
    device_local: Stamp | None = None,
    user: int | None = None,
) -> bytes:
    """Return a weight in kg, or lb when imperial; no weight is "unsuccessful"."""
    flags = imperial | (device_local is not None) << 1 | (user is not None) << 2
    unsuccessful = UNSUCCESSFUL.to_bytes(2, "little")
    octets = bytes([flags]) + (unsuccessful if weight is None else in_bits(weight, PER_BIT))
    if device_local is not None:
        octets += date_time(device_local)
    return octets if user is None else octets + bytes([user])
