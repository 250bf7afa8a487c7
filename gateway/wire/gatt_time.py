"""The time formats of Bluetooth health devices.

    Date Time           2A08   year u16 | month u8 | day u8 | hour u8 | minute u8 | second u8
    Day Date Time       2A0A   Date Time | day of week u8
    Exact Time 256      2A0C   Day Date Time | fractions u8 (1/256 s)
    Current Time        2A2B   Exact Time 256 | adjust reason u8
    DST Offset          2A0D   u8
    Time Zone           2A0E   i8, quarters of an hour
    Local Time Info     2A0F   Time Zone | DST Offset

None of the first four has a zone: they show the device's own local clock, hence naive times. Local
time minus time zone minus DST offset is UTC. The day of week is redundant and often wrong.

Source: Bluetooth GATT Specification Supplement, sections of the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gateway.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class UnusableDateTime:
    """Seven octets that name no moment, kept as they came."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    @property
    def incomplete(self) -> bool:
        """Whether the device says "unknown" (a zero year, month or day), not something invalid."""
        try:
            date(self.year or 2000, self.month or 1, self.day or 1)
        except ValueError:
            return False
        return _is_time(self.hour, self.minute, self.second) and self.year not in _NO_YEARS

    @property
    def garbled(self) -> bool:
        """Whether no clock shows such a year: the octets, and those beside them, were changed.

        Seen where bytes went through a text encoding. All ones are a clock that was never set.
        """
        return 9999 < self.year < 0xFFFF


DateTime = datetime | UnusableDateTime


def is_garbled(stamp: DateTime | None) -> bool:
    """Say whether a message with this time in it cannot be trusted; see `UnusableDateTime`."""
    return isinstance(stamp, UnusableDateTime) and stamp.garbled


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """What a device's clock shows: characteristic 2A2B."""

    date_time: DateTime
    day_of_week: int
    """1 Monday to 7 Sunday, 0 unknown; never to be trusted."""
    fractions256: int
    adjust_reason: int

    @property
    def shown(self) -> datetime | None:
        """The clock's time with its fraction of a second, naive; None if it shows none."""
        if not isinstance(self.date_time, datetime):
            return None
        return self.date_time.replace(microsecond=self.fractions256 * 1_000_000 // 256)


def date_time(cursor: Cursor) -> DateTime:
    """Read a Date Time, naive: the device's own local clock."""
    year = cursor.u16()
    month, day, hour, minute, second = cursor.take(5)
    if year not in _NO_YEARS:
        try:
            return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - no zone is known
        except ValueError:
            pass
    return UnusableDateTime(year, month, day, hour, minute, second)


def date_time_octets(value: DateTime) -> bytes:
    """Write a Date Time: for an unchanged one exactly the seven octets that were read."""
    return value.year.to_bytes(2, "little") + bytes(
        (value.month, value.day, value.hour, value.minute, value.second)
    )


def day_date_time(cursor: Cursor) -> tuple[DateTime, int]:
    """Read a Day Date Time: the time and the day of week."""
    return date_time(cursor), cursor.u8()


def exact_time_256(cursor: Cursor) -> tuple[DateTime, int, int]:
    """Read an Exact Time 256: the time, the day of week, 256ths of a second."""
    return *day_date_time(cursor), cursor.u8()


def current_time(cursor: Cursor) -> CurrentTime:
    """Read a Current Time."""
    return CurrentTime(*exact_time_256(cursor), cursor.u8())


def current_time_octets(shown: datetime) -> bytes:
    """Write the Current Time that sets a clock to `shown`, naive; the reason is "manual"."""
    return date_time_octets(shown) + bytes((shown.isoweekday(), 0, 1))


def time_zone(cursor: Cursor) -> timedelta | None:
    """Read the offset of standard time from UTC; None if the device does not know it.

    Raises DecodeError `time_zone_out_of_range` outside UTC-12 to UTC+14.
    """
    quarters = cursor.i8()
    if quarters == -128:
        return None
    if not -48 <= quarters <= 56:
        raise Cursor(cursor.data, cursor.offset - 1).error("time_zone_out_of_range")
    return timedelta(minutes=15 * quarters)


def dst_offset(cursor: Cursor) -> timedelta | None:
    """Read what daylight saving adds to standard time; None if the device does not know.

    Raises DecodeError `dst_out_of_range` for the reserved values.
    """
    raw = cursor.u8()
    if raw == 0xFF:
        return None
    if raw not in _DST_MINUTES:
        raise Cursor(cursor.data, cursor.offset - 1).error("dst_out_of_range")
    return timedelta(minutes=_DST_MINUTES[raw])


_NO_YEARS = range(1, 1582)
"""Years a Date Time cannot name: neither "unknown" (0) nor in the calendar's range."""
_DST_MINUTES = {0: 0, 2: 30, 4: 60, 8: 120}


def _is_time(hour: int, minute: int, second: int) -> bool:
    return hour < 24 and minute < 60 and second < 60
