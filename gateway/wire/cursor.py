"""A position in received bytes that moves as fields are read."""

from __future__ import annotations

from gateway.errors import DecodeError


class Cursor:
    """Reads little-endian fields one after the other.

    Every read that asks for more than there is raises DecodeError with reason `truncated`, the
    whole payload, and the offset of the field that could not be read; the position then stays.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self._data = data
        self._at = offset

    @property
    def data(self) -> bytes:
        """Everything that was received, also what is already read."""
        return self._data

    @property
    def offset(self) -> int:
        """The index of the next byte."""
        return self._at

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def u8(self) -> int:
        """Read an unsigned octet."""
        at = self._at
        try:
            value = self._data[at]
        except IndexError:
            raise self.error("truncated") from None
        self._at = at + 1
        return value

    def u16(self) -> int:
        """Read two octets as an unsigned number."""
        at, data = self._at, self._data
        try:
            value = data[at] | data[at + 1] << 8  # twice as fast as a slice: most fields are this
        except IndexError:
            raise self.error("truncated") from None
        self._at = at + 2
        return value

    def u24(self) -> int:
        """Read three octets as an unsigned number."""
        return int.from_bytes(self.take(3), "little")

    def u32(self) -> int:
        """Read four octets as an unsigned number."""
        return int.from_bytes(self.take(4), "little")

    def i8(self) -> int:
        """Read one octet in two's complement."""
        return int.from_bytes(self.take(1), "little", signed=True)

    def i16(self) -> int:
        """Read two octets in two's complement."""
        return int.from_bytes(self.take(2), "little", signed=True)

    def u16_big_endian(self) -> int:
        """Read two octets, the most significant first: what some devices do against the rules."""
        return int.from_bytes(self.take(2), "big")

    def take(self, count: int) -> bytes:
        """Read exactly `count` octets."""
        end = self._at + count
        if end > len(self._data):
            raise self.error("truncated")
        octets = self._data[self._at : end]
        self._at = end
        return octets

    def rest(self) -> bytes:
        """Read what is left; empty at the end."""
        octets = self._data[self._at :]
        self._at = len(self._data)
        return octets

    def finish(self, reason: str = "bad_length") -> None:
        """Raise DecodeError with `reason` unless everything was read."""
        if self._at < len(self._data):
            raise self.error(reason)

    def error(self, reason: str) -> DecodeError:
        """Make the error that says: here is a byte that cannot be used, for this reason."""
        return DecodeError(reason, self._data, self._at)
