"""Blood Pressure Service 0x1810.

0x2A35, 0x2A36: flags u8 | systolic, diastolic, mean: 3 x SFLOAT | [Date Time] [pulse SFLOAT]
                [user u8] [status u16]
0x2A49:         features u16
0x2B34:         flags u8 | 3 x SFLOAT | [time u32] [pulse SFLOAT] [user u8] [status u16]
                [user facing time u32]
0x2B35:         the same with one SFLOAT, the cuff pressure
0x2B36:         segmentation u8 | sequence number u16 | UUID u16 | data | [E2E-CRC u16]

flags: b0 kPa, b1 time, b2 pulse, b3 user, b4 status; in 0x2B34 and 0x2B35 also b5 user facing time,
b6 seconds count from 2000-01-01 (else 1900-01-01).
Spec: Blood Pressure Service 1.1.1; GATT Specification Supplement, same names.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag

from firmware_sims.packing.checksum import crc16
from firmware_sims.packing.date_time import Stamp, date_time, seconds_since_epoch
from firmware_sims.packing.ieee11073 import Number, Special, sfloat


class Status(IntFlag):
    """Measurement Status. Bits 3 and 4 are one field: 1 above the upper limit, 2 below."""

    BODY_MOVEMENT = 1 << 0
    CUFF_TOO_LOOSE = 1 << 1
    IRREGULAR_PULSE = 1 << 2
    PULSE_ABOVE_UPPER_LIMIT = 1 << 3
    PULSE_BELOW_LOWER_LIMIT = 1 << 4
    IMPROPER_POSITION = 1 << 5


class Feature(IntFlag):
    """Blood Pressure Feature."""

    BODY_MOVEMENT = 1 << 0
    CUFF_FIT = 1 << 1
    IRREGULAR_PULSE = 1 << 2
    PULSE_RATE_RANGE = 1 << 3
    MEASUREMENT_POSITION = 1 << 4
    MULTIPLE_BONDS = 1 << 5
    E2E_CRC = 1 << 6
    USER_DATA = 1 << 7
    USER_FACING_TIME = 1 << 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressures:
    """The three pressures of one measurement, in mmHg unless the frame says kPa."""

    systolic: Number
    diastolic: Number
    mean: Number = Special.NAN

    def pack(self) -> bytes:
        """Return three SFLOATs."""
        return sfloat(self.systolic) + sfloat(self.diastolic) + sfloat(self.mean)


def measurement(
    pressures: Pressures,
    *,
    kilopascal: bool = False,
    device_local: Stamp | None = None,
    pulse_per_min: Number | None = None,
    user: int | None = None,
    status: int | None = None,
) -> bytes:
    """Return a Blood Pressure Measurement; an argument of None leaves its field out."""
    present = (device_local, pulse_per_min, user, status)
    octets = _flags(kilopascal, present) + pressures.pack()
    if device_local is not None:
        octets += date_time(device_local)
    return octets + _pulse_user_status(pulse_per_min, user, status)


def cuff_pressure(pressure: Number, *, kilopascal: bool = False) -> bytes:
    """Return an Intermediate Cuff Pressure; the two unused pressures are NaN."""
    return measurement(Pressures(systolic=pressure, diastolic=Special.NAN), kilopascal=kilopascal)


def feature(features: int) -> bytes:
    """Return a Blood Pressure Feature."""
    return features.to_bytes(2, "little")


def enhanced_measurement(
    pressures: Pressures | Number,
    *,
    kilopascal: bool = False,
    taken_at: datetime | None = None,
    pulse_per_min: Number | None = None,
    user: int | None = None,
    status: int | None = None,
    user_facing_time: datetime | None = None,
    epoch_2000: bool = True,
) -> bytes:
    """Return an Enhanced Blood Pressure Measurement, or with one number its cuff pressure twin."""
    present = (taken_at, pulse_per_min, user, status, user_facing_time)
    flags = _flags(kilopascal, present)[0] | (epoch_2000 << 6)
    octets = bytes([flags])
    octets += pressures.pack() if isinstance(pressures, Pressures) else sfloat(pressures)
    if taken_at is not None:
        octets += seconds_since_epoch(taken_at, epoch_2000=epoch_2000)
    octets += _pulse_user_status(pulse_per_min, user, status)
    if user_facing_time is not None:
        octets += seconds_since_epoch(user_facing_time, epoch_2000=epoch_2000)
    return octets


def record_segments(
    data: bytes,
    *,
    sequence_number: int,
    uuid: int,
    data_per_segment: int,
    counter: int = 0,
    e2e_crc: bool = False,
) -> list[bytes]:
    """Return a Blood Pressure Record cut into notifications.

    Sequence number and UUID stand in every segment, as the Supplement's structure lists them. The
    check covers all fields of all segments and closes the last one.
    """
    parts = [data[at : at + data_per_segment] for at in range(0, len(data), data_per_segment)]
    parts = parts or [b""]
    segments = []
    for index, part in enumerate(parts):
        first, last = index == 0, index == len(parts) - 1
        header = first | last << 1 | ((counter + index) % 64) << 2
        identity = sequence_number.to_bytes(2, "little") + uuid.to_bytes(2, "little")
        segments.append(bytes([header]) + identity + part)
    if e2e_crc:
        segments[-1] += crc16(b"".join(segments)).to_bytes(2, "little")
    return segments


def _flags(kilopascal: bool, present: tuple[object, ...]) -> bytes:
    bits = kilopascal | sum((field is not None) << at for at, field in enumerate(present, start=1))
    return bytes([bits])


def _pulse_user_status(pulse: Number | None, user: int | None, status: int | None) -> bytes:
    octets = b"" if pulse is None else sfloat(pulse)
    octets += b"" if user is None else bytes([user])
    return octets + (b"" if status is None else status.to_bytes(2, "little"))
