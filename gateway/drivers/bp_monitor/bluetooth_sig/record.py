"""Puts the segments of a stored record (2B36) together.

A record comes in one segment or several, numbered by a rolling counter. Whether those after the
first repeat the record's number and characteristic is not clear from the specification: both are
read. With E2E-CRC (feature bit 6) the record ends in the CRC of all octets of all its segments.
"""

from __future__ import annotations

from gateway.drivers.api import Frame
from gateway.errors import DecodeError
from gateway.frozen import frozen
from gateway.wire.checksum import without_e2e_crc
from gateway.wire.cursor import Cursor

_HEAD = 5  # octets of a segment before its data: header, number, characteristic
_FIRST, _LAST = 0x01, 0x02
_COUNTERS = 64


@frozen
class StoredRecord:
    """One whole record, as the characteristic `uuid` would have sent it."""

    sequence: int
    uuid: str
    data: bytes
    frame: Frame
    """Its last segment."""


class Assembly:
    """The record that is being put together. A gap in the counter gives it up."""

    def __init__(self, *, e2e_crc: bool) -> None:
        self._e2e_crc = e2e_crc
        self._whole = b""
        self._data = b""
        self._counter: int | None = None
        """Of the last segment; None before the first."""

    def add(self, frame: Frame) -> StoredRecord | None:
        """Return the record that this segment completes, None if more must come.

        Raises DecodeError for a segment that cannot belong: the record is then lost.
        """
        cursor = Cursor(frame.data)
        header = cursor.u8()
        counter = header >> 2
        if header & _FIRST:
            cursor.take(_HEAD - 1)
            self._whole = self._data = b""
        elif self._counter is None or counter != (self._counter + 1) % _COUNTERS:
            self._counter = None
            raise DecodeError("segment_missing", frame.data)
        elif frame.data[1:_HEAD] == self._whole[1:_HEAD]:
            cursor.take(_HEAD - 1)
        self._counter = counter
        self._whole += frame.data
        self._data += cursor.rest()
        if not header & _LAST:
            return None
        self._counter = None
        return self._record(frame)

    def _record(self, frame: Frame) -> StoredRecord:
        data = self._data
        if self._e2e_crc:
            without_e2e_crc(self._whole)
            data = data[:-2]
        head = Cursor(self._whole, 1)
        return StoredRecord(head.u16(), f"{head.u16():04X}", data, frame)
