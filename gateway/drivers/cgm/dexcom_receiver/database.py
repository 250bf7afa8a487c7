"""The database of a Dexcom receiver: pages of records, of which EGVs are the glucose values.

    page    header 28 | 500 bytes: record_count records, the rest filled up
    header  first index u32 | record count u32 | partition u8 | revision u8 | page u32
            | three u32 of unknown meaning | CRC u16
    EGV     system u32 | display u32 | glucose u16 | trend and noise u8 | CRC u16     revisions 1-3
    EGV     system u32 | display u32 | glucose u16 | system time u32 | transmitter time u32
            | rate i8 | trend and noise u8 | algorithm state u8 | CRC u16             revision 4
    EGV     as revision 4, with predicted u16 before the CRC                          revision 5
    XML     system u32 | display u32 | text 490 | CRC u16                             manufacturing

    glucose    bits 0-9 mg/dL, always; 8000 shown only, a newer record replaces it; 2000 backfilled
               below 20 no glucose but the reason for none; 20-39 too low, above 400 too high to say
    trend      low nibble; noise in bits 4-6
    predicted  low 10 bits mg/dL, 13 unavailable; 8000 low within 20 minutes

All little-endian; the CRCs are CRC-16/XMODEM over what precedes them. Times are seconds since 2009
of two clocks: `system` runs freely and is nobody's time, `display` is what the wearer set.

Source: openaps/dexcom_reader, ecc1/dexcom, tidepool-org/uploader; captures of a G4 with Share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from gateway.drivers.message import null
from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.sums import crc16_xmodem

PAGE_BYTES = 528
HEADER_BYTES = 28

EPOCH = datetime(2009, 1, 1)  # noqa: DTZ001 - of the receiver's own clocks

LOWEST_MG_DL, HIGHEST_MG_DL = 40, 400

_EGV_BYTES = {1: 13, 2: 13, 3: 13, 4: 23, 5: 25}
EGV_SIZES = frozenset(_EGV_BYTES.values())
_XML_BYTES = 500
_CRC_BYTES = 2
_VALUE, _DISPLAY_ONLY, _BACKFILLED = 0x03FF, 0x8000, 0x2000
_SPECIAL_BELOW = 20
_UNAVAILABLE = 13
_ATTRIBUTE = re.compile(rb"""([A-Za-z][\w:.-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")

_SPECIALS = {
    1: "SENSOR_NOT_ACTIVE",
    2: "MINIMAL_DEVIATION",
    3: "NO_ANTENNA",
    5: "SENSOR_NOT_CALIBRATED",
    6: "COUNTS_DEVIATION",
    9: "ABSOLUTE_DEVIATION",
    10: "POWER_DEVIATION",
    12: "BAD_RF",
}


class Partition(IntEnum):
    """The parts of the database that are read."""

    MANUFACTURING = 0
    EGV = 4
    BACKFILLED_EGV = 18
    """What the transmitter sent later; of touchscreen receivers only."""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a page."""

    first_index: int
    record_count: int
    record_type: int
    revision: int
    page: int


@dataclass(frozen=True, slots=True)
class PageRange:
    """The pages a partition has; both None if it is empty."""

    first_page: int | None = null()
    last_page: int | None = null()
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Egv:
    """An estimated glucose value, as the receiver stored it."""

    system_seconds: int
    display_seconds: int
    system_time: datetime
    """When it was stored, by the system clock, naive."""
    display_time: datetime
    glucose_mgdl: int
    display_only: bool
    backfilled: bool
    trend: int
    noise: int
    emit: bool
    """False if it is no reading: a newer record replaces it."""
    system_time_seconds: int | None = None
    """When it was measured, on the transmitter's idea of the system clock; of revision 4 on."""
    transmitter_seconds: int | None = None
    rate_raw: int | None = None
    algorithm_state: int | None = None
    predicted_mgdl: int | None = None
    urgent_low_soon: bool | None = None


@dataclass(frozen=True, slots=True)
class NoGlucose:
    """A record that says why there is no glucose value."""

    system_seconds: int
    display_seconds: int
    special: str
    value: None = null()


Record = Egv | NoGlucose


@dataclass(frozen=True, slots=True)
class Manufacturing:
    """The page about the receiver itself."""

    header: Header
    system_time: datetime
    xml_attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record of a page that cannot be read."""

    error: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class EgvPage:
    """A page of glucose values, in the order of their indices."""

    header: Header
    records: tuple[Record | Unreadable, ...]


def moment(seconds: int) -> datetime:
    """Return seconds since 2009 as a naive time on the receiver's clock."""
    return EPOCH + timedelta(seconds=seconds)


def header(data: bytes) -> Header:
    """Decode the head of a page. Raises DecodeError `length`, `header_crc`."""
    if len(data) < HEADER_BYTES:
        raise DecodeError("length", data, len(data))
    if not _has_right_crc(data[:HEADER_BYTES]):
        raise DecodeError("header_crc", data, HEADER_BYTES - _CRC_BYTES)
    cursor = Cursor(data)
    first, count, partition, revision = cursor.u32(), cursor.u32(), cursor.u8(), cursor.u8()
    return Header(first, count, partition, revision, cursor.u32())


def page(data: bytes) -> EgvPage | Manufacturing:
    """Decode a page of a partition that is read.

    Raises DecodeError: `length`, `header_crc`, `partition`, `revision`, `count`, `crc`.
    """
    if len(data) != PAGE_BYTES:
        raise DecodeError("length", data, min(len(data), PAGE_BYTES))
    head = header(data)
    if head.record_type == Partition.MANUFACTURING:
        return _manufacturing(data, head)
    if head.record_type not in (Partition.EGV, Partition.BACKFILLED_EGV):
        raise DecodeError("partition", data, 8)
    if head.revision not in _EGV_BYTES:
        raise DecodeError("revision", data, 9)
    size = _EGV_BYTES[head.revision]
    if head.record_count * size > PAGE_BYTES - HEADER_BYTES:
        raise DecodeError("count", data, 4)
    starts = range(HEADER_BYTES, HEADER_BYTES + head.record_count * size, size)
    return EgvPage(head, tuple(_egv_if_readable(data[at : at + size]) for at in starts))


def page_range(payload: bytes) -> PageRange:
    """Decode the answer to READ_PAGE_RANGE. Raises DecodeError `length`."""
    if len(payload) != 8:
        raise DecodeError("length", payload, len(payload))
    cursor = Cursor(payload)
    first, last = cursor.u32(), cursor.u32()
    if 0xFFFFFFFF in (first, last):
        return PageRange(None, None, empty=True)
    return PageRange(first, last)


def xml_attributes(text: bytes) -> dict[str, str]:
    """Return the attributes of the one element of an XML text that the receiver fills up."""
    found = _ATTRIBUTE.findall(text)
    return {name.decode(): (double or single).decode("latin-1") for name, double, single in found}


def egv(data: bytes) -> Record:
    """Decode an EGV record; its length tells which fields it has.

    Raises DecodeError: `length`, `crc`.
    """
    if len(data) not in EGV_SIZES:
        raise DecodeError("length", data, len(data))
    if not _has_right_crc(data):
        raise DecodeError("crc", data, len(data) - _CRC_BYTES)
    cursor = Cursor(data)
    system, display, glucose = cursor.u32(), cursor.u32(), cursor.u16()
    value = glucose & _VALUE
    if value < _SPECIAL_BELOW:
        return NoGlucose(system, display, _SPECIALS.get(value, f"UNKNOWN_{value}"), None)
    later = _of_revision_4(cursor) if len(data) > 13 else {}
    trend_and_noise = cursor.u8()
    if later:
        later["algorithm_state"] = cursor.u8()
    predicted = cursor.u16() if len(data) == 25 else None
    return Egv(
        system_seconds=system,
        display_seconds=display,
        system_time=moment(system),
        display_time=moment(display),
        glucose_mgdl=value,
        display_only=bool(glucose & _DISPLAY_ONLY),
        backfilled=bool(glucose & _BACKFILLED),
        trend=trend_and_noise & 0x0F,
        noise=trend_and_noise >> 4 & 0x07,
        emit=not glucose & _DISPLAY_ONLY,
        predicted_mgdl=_predicted(predicted),
        urgent_low_soon=None if predicted is None else bool(predicted & 0x8000),
        **later,
    )


def _of_revision_4(cursor: Cursor) -> dict[str, int]:
    return {
        "system_time_seconds": cursor.u32(),
        "transmitter_seconds": cursor.u32(),
        "rate_raw": cursor.i8(),
    }


def _predicted(raw: int | None) -> int | None:
    value = _UNAVAILABLE if raw is None else raw & _VALUE
    return None if value == _UNAVAILABLE else value


def _egv_if_readable(data: bytes) -> Record | Unreadable:
    try:
        return egv(data)
    except DecodeError as error:
        return Unreadable(error.reason, data)


def _manufacturing(data: bytes, head: Header) -> Manufacturing:
    record = data[HEADER_BYTES : HEADER_BYTES + _XML_BYTES]
    if not _has_right_crc(record):
        raise DecodeError("crc", data, len(data) - _CRC_BYTES)
    cursor = Cursor(record)
    return Manufacturing(head, moment(cursor.u32()), xml_attributes(record[8:-_CRC_BYTES]))


def _has_right_crc(data: bytes) -> bool:
    told = int.from_bytes(data[-_CRC_BYTES:], "little")
    return crc16_xmodem(data[:-_CRC_BYTES]) == told
