"""Frames of TaiDoc and FORA devices, on a cable or over Bluetooth: eight octets, always.

```
51 | command | 4 data octets | A3 from the host, A5 from the device | low octet of the sum before
stamp:    u16: day 5, month 4, year - 2000 7 bits | minute | hour; numbers are little-endian
          minute bit 7: a pressure (where strips are kept, too), bit 6: an irregular heart beat
          hour bit 7: a mean of several, bits 5-6: 1 fast or slow, 2 varied, 3 atrial fibrillation
pressure: systolic, mean, diastolic, pulse; or systolic u16, diastolic, pulse
strip:    value u16 | temperature | bits 6-7: 0 none, 1 before, 2 after a meal, 3 control solution
          bits 2-5 of a meter: what was measured; bits 0-5 of a D40: the code of the strips
count:    records u16 | records without control solutions u16; none: 0 and FFFF
```
Sources: glucometer-protocols td42xx (frame, stamp, count), markchuang56/iOS-Demo ForaD40.m and
Fora.m (commands, bits of the stamp, users, systolic u16, count, serial number), pico-vitals-gateway
fora_protocol.h (pressure and strip of a D40), advmeds-bluetooth-lib and Tidepool's glucoRxDriver.js
(what a meter measured).
"""

from datetime import datetime
from enum import IntEnum

from firmware_sims.body import Pressure

HOST, DEVICE = 0xA3, 0xA5
SIZE = 8
NO_VALUE = 0xFFFF
_ROOM_CELSIUS = 23


class Command(IntEnum):
    """The second octet."""

    CONNECT = 0x22
    TELL_TIME = 0x23
    TELL_MODEL = 0x24
    RECORD_TIME = 0x25
    RECORD_VALUE = 0x26
    SERIAL_END = 0x27
    SERIAL_BEGINNING = 0x28
    COUNT = 0x2B
    SET_TIME = 0x33
    SWITCH_OFF = 0x50
    ERASE = 0x52
    TALK = 0x54


class Purpose(IntEnum):
    """What a strip was used for."""

    NONE = 0
    BEFORE_MEAL = 1
    AFTER_MEAL = 2
    CONTROL = 3


class Substance(IntEnum):
    """What a meter's strip measured."""

    GLUCOSE = 0
    HEMATOCRIT = 6
    KETONE = 7
    URIC_ACID = 8
    CHOLESTEROL = 9
    HEMOGLOBIN = 11
    LACTATE = 12
    TRIGLYCERIDES = 13


def frame(command: int, data: bytes = bytes(4), direction: int = DEVICE) -> bytes:
    """Return a frame around four octets."""
    octets = bytes([0x51, command, *data, direction])
    return octets + bytes([sum(octets) % 256])


def stamp(
    shown: datetime,
    *,
    pressure: bool = False,
    irregular: bool = False,
    rhythm: int = 0,
    average: bool = False,
) -> bytes:
    """Return the time that a device shows, or of a record, with what stands in its spare bits."""
    date = shown.day + (shown.month << 5) + ((shown.year - 2000) << 9)
    minute = shown.minute | irregular << 6 | pressure << 7
    return date.to_bytes(2, "little") + bytes([minute, shown.hour | rhythm << 5 | average << 7])


def shown_by(data: bytes) -> datetime | None:
    """Return the time that a host sets; None for one that is none."""
    date = int.from_bytes(data[:2], "little")
    try:
        return datetime(  # noqa: DTZ001 - a device's own clock has no zone
            2000 + (date >> 9), date >> 5 & 0xF, date & 0x1F, data[3] & 0x1F, data[2] & 0x3F
        )
    except ValueError:
        return None


def figures(pressure: Pressure, *, wide: bool = False) -> bytes:
    """Return a pressure and the pulse; `wide`: without the mean, for systolic has two octets."""
    systolic, diastolic, pulse = map(int, (pressure.systolic, pressure.diastolic, pressure.pulse))
    if wide:
        return systolic.to_bytes(2, "little") + bytes([diastolic, pulse])
    return bytes([systolic, int(pressure.mean), diastolic, pulse])


def strip(
    value: int,
    *,
    purpose: int = Purpose.NONE,
    substance: int = Substance.GLUCOSE,
    code: int = 0,
    celsius: int = _ROOM_CELSIUS,
) -> bytes:
    """Return what a strip measured: glucose in mg/dL. A meter has a substance, a D40 a code."""
    return value.to_bytes(2, "little") + bytes([celsius, purpose << 6 | substance << 2 | code])


def count(records: int, without_controls: int) -> bytes:
    """Return how many records there are."""
    rest = without_controls if records else 0xFFFF
    return records.to_bytes(2, "little") + rest.to_bytes(2, "little")


def serial_halves(serial: str) -> tuple[bytes, bytes]:
    """Return the beginning and the end of a serial number, eight digits each, last pair first."""
    digits = "".join(each for each in serial if each.isdigit()).rjust(16, "0")[-16:]
    octets = bytes.fromhex(digits)
    return octets[3::-1], octets[:3:-1]
