"""What a Yonker YK-BPA2 notifies after a measurement.

81 | systolic u8 | diastolic u8 | pulse u8 | two unknown | day u8 | month u8 | year - 2000 u8 |
hours u8 | minutes u8 | four unknown

Source: blood-pressure-monitor-fl #615 and its test; the maker has published nothing.
"""

from datetime import datetime


def measurement(systolic: int, diastolic: int, pulse: int, shown: datetime) -> bytes:
    """Return the 15 octets, mmHg and per minute; what is unknown is 0."""
    at = bytes([shown.day, shown.month, shown.year - 2000, shown.hour, shown.minute])
    return bytes([0x81, systolic, diastolic, pulse, 0, 0]) + at + bytes(4)
