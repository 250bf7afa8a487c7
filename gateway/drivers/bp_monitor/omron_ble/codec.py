"""What passes between Omron's cuffs and whoever reads their memory.

    length u8 | type 2 | address u16 | size u8 | data | 00 | check u8     all octets XOR to 0
        0000, 8000   begin, and its answer       0100, 8100   read, and its answer
        0F00, 8F00   end, and its answer         01C0         write: known, never sent

A frame is cut into pieces of 16 octets, one for each of up to four characteristics. Records lie in
the memory one after the other, in one of two layouts, both with the same word for the date:

    little end first   systolic - 25 | diastolic | pulse | year, 6 bits | date u16 | time u16
    big end first      diastolic | systolic - 25 | year | pulse | date u16 | time u16
        date   0-4 hour  5-9 day  10-13 month  14 irregular pulse  15 movement
        time   0-5 second (up to 63: more than 59 is 59)  6-11 minute  12 cuff

A slot that was never written is all 1 or all 0, or has a systolic pressure above 250; where nothing
was written at all, an answer may have its `size` and no data (omblepy takes it for all 1). In every
published record one of the last two octets of 14 is the sum of the first twelve. Where that is
right, or, in a record without a sum, the time is one, such a pressure was measured.

Source: public clients (userx14/omblepy, eigger/hass-omron) and the logs published with them, in
which the sum was found; the maker has published nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.sums import sum8, xor8

BEGIN = bytes.fromhex("0800000000100018")
END = bytes.fromhex("080f000000000007")
BEGUN, READ, ENDED = "8000", "8100", "8f00"
UNWRITTEN = b"\xff"

_FRAMING_OCTETS = 8
_RECORD_OCTETS = 10  # up to the time in either layout; the rest is not understood
_OFFSET_MMHG = 25
_EMPTY_FROM = 0xE2
_DATE_AT, _TIME_AT = 4, 6
_SUMMED_OCTETS = 12


class Order(StrEnum):
    """Which end of a record's numbers comes first."""

    LITTLE = "little"
    BIG = "big"


@dataclass(frozen=True, slots=True)
class OmronFrame:
    """One frame."""

    length: int
    packet_type: str
    """Hex."""
    address: str
    """Hex, with 0x."""
    size: int
    data: bytes


@dataclass(frozen=True, slots=True)
class OmronRecord:
    """One stored measurement. `cuff` 1: it was wound well, as far as the layout tells."""

    systolic: int
    diastolic: int
    pulse: int
    irregular_pulse: int
    body_movement: int
    timestamp: Stamp
    cuff: int | None = None


def frame(data: bytes) -> OmronFrame:
    """Read a frame; octets after it are padding. Raises DecodeError."""
    cursor = Cursor(data)
    length = cursor.u8()
    if length < _FRAMING_OCTETS:
        raise DecodeError("bad_length", data)
    whole = Cursor(data).take(length)
    if xor8(whole):
        raise DecodeError("checksum", data, length - 1)
    size = whole[5]
    payload = whole[6 : length - 2][:size]
    return OmronFrame(length, whole[1:3].hex(), f"0x{whole[3:5].hex()}", size, payload)


def read_request(address: int, octets: int) -> bytes:
    """Ask for `octets` of the memory from `address` on."""
    body = b"\x08\x01\x00" + address.to_bytes(2, "big") + bytes((octets, 0))
    return body + bytes((xor8(body),))


def record(data: bytes, order: Order, sum_at: int | None = None) -> OmronRecord:
    """Read a slot of the memory; raises DecodeError, with `empty_slot` for one never written.

    `sum_at` says which octet is the sum of the first twelve, if one is.
    """
    if len(data) < _RECORD_OCTETS:
        raise DecodeError("truncated", data, len(data))
    head = data[:_DATE_AT]
    if order is Order.LITTLE:
        systolic, diastolic, pulse, year = head
        year &= 0x3F
    else:
        diastolic, systolic, year, pulse = head
    is_summed = sum_at is not None and data[sum_at] == sum8(data[:_SUMMED_OCTETS])
    if len(set(data)) == 1 or not any(data[:_TIME_AT]):
        raise DecodeError("empty_slot", data)
    date = int.from_bytes(data[_DATE_AT : _DATE_AT + 2], order.value)
    time = int.from_bytes(data[_TIME_AT : _TIME_AT + 2], order.value)
    raw = bytes((year,)) + data[_DATE_AT : _TIME_AT + 2]
    at = stamp(
        raw,
        2000 + year,
        date >> 10 & 0xF,
        date >> 5 & 0x1F,
        date & 0x1F,
        time >> 6 & 0x3F,
        min(time & 0x3F, 59),
    )
    is_sound = at is not None if sum_at is None else is_summed
    if systolic >= _EMPTY_FROM and not is_sound:
        raise DecodeError("empty_slot", data)
    if at is None:
        raise DecodeError("timestamp", data, _DATE_AT)
    if sum_at is not None and not is_summed:
        raise DecodeError("checksum", data, sum_at)
    return OmronRecord(
        systolic + _OFFSET_MMHG,
        diastolic,
        pulse,
        irregular_pulse=date >> 14 & 1,
        body_movement=date >> 15,
        timestamp=at,
        cuff=time >> 12 & 1 if order is Order.LITTLE else None,
    )
