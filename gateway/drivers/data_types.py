"""Decodes what belongs to no driver: bare data types, checksums, characteristics all devices share.

The `decode` command reaches these by name; drivers read the same formats through `wire`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from gateway.drivers.gatt_device import battery_percent, system_id, text
from gateway.wire.checksum import crc16_mcrf4xx, without_e2e_crc
from gateway.wire.cursor import Cursor
from gateway.wire.gatt_time import (
    current_time,
    date_time,
    day_date_time,
    dst_offset,
    exact_time_256,
    time_zone,
)
from gateway.wire.ieee11073 import Number, Special, medfloat, sfloat

Decoder = Callable[[bytes], object]

_ABSENT_REASONS = {
    Special.NAN: "not-a-number",
    Special.NRES: "error",
    Special.ABOVE: "positive-infinity",
    Special.BELOW: "negative-infinity",
    Special.RESERVED: "error",
}
"""HL7 Personal Health Device guide, special values."""


def _number(read: Callable[[Cursor], Number]) -> Decoder:
    def decode(data: bytes) -> object:
        cursor = Cursor(data)
        value = read(cursor)
        cursor.finish()
        if isinstance(value, Special):
            return {"value": value, "fhir_data_absent_reason": _ABSENT_REASONS[value]}
        return {"value": value, "text": format(value, "f")}

    return decode


def _date_time(data: bytes) -> object:
    cursor = Cursor(data)
    value = date_time(cursor)
    cursor.finish()
    return {"date_time": value}


def _day_date_time(data: bytes) -> object:
    value, day_of_week = day_date_time(Cursor(data))
    return {"date_time": value, "day_of_week": day_of_week}


def _exact_time_256(data: bytes) -> object:
    value, day_of_week, fractions256 = exact_time_256(Cursor(data))
    return {"date_time": value, "day_of_week": day_of_week, "fractions256": fractions256}


def _time_zone(data: bytes) -> object:
    return {"time_zone_min": _minutes(time_zone(Cursor(data)))}


def _dst_offset(data: bytes) -> object:
    return {"dst_min": _minutes(dst_offset(Cursor(data)))}


def _local_time_information(data: bytes) -> object:
    cursor = Cursor(data)
    return {"time_zone_min": _minutes(time_zone(cursor)), "dst_min": _minutes(dst_offset(cursor))}


def _checksum(data: bytes) -> object:
    crc = crc16_mcrf4xx(data)
    return {"crc": f"{crc:04X}", "wire_le": crc.to_bytes(2, "little")}


def _checked(data: bytes) -> object:
    without_e2e_crc(data)
    return {"crc_ok": True}


def _minutes(offset: timedelta | None) -> int | None:
    return None if offset is None else offset // timedelta(minutes=1)


DATA_TYPES: Mapping[str, Decoder] = {
    "sfloat": _number(sfloat),
    "float": _number(medfloat),
    "e2e-crc": _checksum,
    "crc-frame": _checked,
    "2a08": _date_time,
    "2a0a": _day_date_time,
    "2a0c": _exact_time_256,
    "2a0d": _dst_offset,
    "2a0e": _time_zone,
    "2a0f": _local_time_information,
    "2a2b": lambda data: current_time(Cursor(data)),
    "2a19": lambda data: {"percent": battery_percent(data)},
    "2a23": system_id,
    **dict.fromkeys(
        ("2a24", "2a25", "2a26", "2a27", "2a28", "2a29"), lambda data: {"text": text(data)}
    ),
}
"""By name, in lower case. Each decoder returns a message or raises DecodeError."""
