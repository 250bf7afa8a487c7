"""What a Yonker YK-IBPA1, or YK-BPA2, notifies; pressures in mmHg, the pulse per minute.

result:    81 | systolic u8 | diastolic u8 | pulse u8 | two unknown | day u8 | month u8 |
           year - 2000 u8 | hours u8 | minutes u8 | four unknown
inflating: 80 | 00 | pressure in the cuff u8 | twelve zeros
The maker has published nothing. Sources: blood-pressure-monitor-fl #615 and the test of its result;
for the pressure in the cuff, EverCare's decoder.
"""

from datetime import datetime

_INFLATING, _RESULT = 0x80, 0x81


def measurement(systolic: int, diastolic: int, pulse: int, shown: datetime) -> bytes:
    """Return the 15 octets of a result; what is unknown is 0."""
    at = bytes([shown.day, shown.month, shown.year - 2000, shown.hour, shown.minute])
    return bytes([_RESULT, systolic, diastolic, pulse, 0, 0]) + at + bytes(4)


def inflating(cuff: int) -> bytes:
    """Return the 15 octets that tell the pressure in the cuff while somebody measures."""
    return bytes([_INFLATING, 0, cuff]) + bytes(12)
