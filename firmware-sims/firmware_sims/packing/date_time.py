"""Times as devices write them.

Date Time 0x2A08:     year u16 | month u8 | day u8 | hours u8 | minutes u8 | seconds u8
Day Date Time 0x2A0A: Date Time | day of week u8 (1 Monday ... 7 Sunday, 0 unknown)
Current Time 0x2A2B:  Day Date Time | fractions of 1/256 s u8 | adjust reason u8
Local Time Information 0x2A0F: time zone s8 (x 15 min, -128 unknown) | DST offset u8

All are the device's own local time, without zone. Spec: GATT Specification Supplement, "Date Time",
"Day Date Time", "Exact Time 256", "Current Time", "Time Zone", "DST Offset".
"""

from datetime import UTC, datetime, timedelta
from enum import Enum

DST_STANDARD = 0
DST_UNKNOWN = 255
TIME_ZONE_UNKNOWN = -128

_EPOCH_1900 = datetime(1900, 1, 1, tzinfo=UTC)
_EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)


class Unset(Enum):
    """The time of a clock that was never set."""

    NEVER_SET = "never set"


Stamp = datetime | Unset
"""What a device that keeps a time says of a measurement."""


def date_time(local: Stamp | None) -> bytes:
    """Return the 7 octets of a device's local time; zeros if it does not know it."""
    if not isinstance(local, datetime):
        return bytes(7)
    year = local.year.to_bytes(2, "little")
    return year + bytes([local.month, local.day, local.hour, local.minute, local.second])


def day_date_time(local: datetime) -> bytes:
    """Return the 8 octets of Day Date Time."""
    return date_time(local) + bytes([local.isoweekday()])


def exact_time_256(local: datetime) -> bytes:
    """Return the 9 octets of Exact Time 256 0x2A0C: Day Date Time and fractions."""
    return day_date_time(local) + bytes([local.microsecond * 256 // 1_000_000])


def current_time(local: datetime, *, adjust_reason: int = 0) -> bytes:
    """Return the 10 octets of Current Time."""
    return exact_time_256(local) + bytes([adjust_reason])


def local_time_information(offset: timedelta | None, dst: int) -> bytes:
    """Return the 2 octets of Local Time Information; `dst` is in steps of 15 min, or unknown."""
    return time_zone(offset) + bytes([dst])


def time_zone(offset: timedelta | None) -> bytes:
    """Return the octet for a standard-time offset, a multiple of 15 minutes; None is unknown."""
    if offset is None:
        return TIME_ZONE_UNKNOWN.to_bytes(1, "little", signed=True)
    quarters, rest = divmod(offset, timedelta(minutes=15))
    if rest:
        raise ValueError("a time zone offset is a multiple of 15 minutes")
    return quarters.to_bytes(1, "little", signed=True)


def seconds_since_epoch(moment: datetime, *, epoch_2000: bool) -> bytes:
    """Return a u32 of seconds since 2000-01-01 or 1900-01-01, as Blood Pressure 1.1 counts them."""
    epoch = _EPOCH_2000 if epoch_2000 else _EPOCH_1900
    return int((moment - epoch).total_seconds()).to_bytes(4, "little")
