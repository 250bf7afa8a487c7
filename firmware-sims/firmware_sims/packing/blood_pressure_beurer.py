"""0x2A35 as a Beurer BM48, BM59, BM85 or an ELITE 900 sends it.

flags u8 | systolic, diastolic, mean: 3 x SFLOAT | Date Time | pulse SFLOAT, most significant octet
first | user u8 | status u16, most significant octet first

The mean is always 0, the user always there although flag b3 says no, and the reserved flag b6 set.
Source: captures of a BM85 (blood-pressure-monitor-fl #735, #737).
"""

from dataclasses import replace
from decimal import Decimal

from firmware_sims.packing.blood_pressure import Pressures
from firmware_sims.packing.date_time import Stamp, date_time
from firmware_sims.packing.ieee11073 import Number, sfloat

_TIME, _PULSE, _STATUS, _RESERVED = 1 << 1, 1 << 2, 1 << 4, 1 << 6
_ONLY_USER = 1


def measurement(
    pressures: Pressures,
    *,
    kilopascal: bool,
    device_local: Stamp | None,
    pulse_per_min: Number,
    user: int | None,
    status: int,
) -> bytes:
    """Return the octets; a cuff of one user says that it is user 1."""
    flags = kilopascal | _TIME | _PULSE | _STATUS | _RESERVED
    octets = bytes([flags]) + replace(pressures, mean=Decimal(0)).pack() + date_time(device_local)
    octets += sfloat(pulse_per_min)[::-1] + bytes([_ONLY_USER if user is None else user])
    return octets + status.to_bytes(2, "big")
