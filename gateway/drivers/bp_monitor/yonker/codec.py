"""What a Yonker cuff notifies once it has measured.

    81 | systolic u8 | diastolic u8 | pulse u8 | 2 unknown | day u8 | month u8 | year u8 from 2000 |
    hour u8 | minute u8 | 4 unknown

Pressures in mmHg, beats per minute. Frames that begin with something else are no results.

Source: a user's analysis of the YK-IBPA1 and the test of a public client (derdilla,
blood-pressure-monitor-fl issue 615); the maker has published nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import DecodeError
from gateway.wire.gatt_time import DateTime, UnusableDateTime
from gateway.wire.stamp import stamp

RESULT = 0x81
TIME = slice(6, 11)
"""Where the octets of the time are."""

_OCTETS = 15


@dataclass(frozen=True, slots=True)
class YonkerMeasurement:
    """One measurement, in the cuff's own clock. Numbers that are all 0 were not measured."""

    systolic: int
    diastolic: int
    pulse: int
    timestamp: DateTime


def measurement(data: bytes) -> YonkerMeasurement:
    """Decode a result; raises DecodeError."""
    if data[:1] != bytes((RESULT,)):
        raise DecodeError("bad_header", data)
    if len(data) != _OCTETS:
        raise DecodeError("bad_length", data, min(len(data), _OCTETS))
    day, month, year, hour, minute = data[TIME]
    taken = stamp(data[TIME], 2000 + year, month, day, hour, minute)
    unusable = UnusableDateTime(2000 + year, month, day, hour, minute, 0)
    systolic, diastolic, pulse = data[1:4]
    return YonkerMeasurement(systolic, diastolic, pulse, taken.at if taken else unusable)
