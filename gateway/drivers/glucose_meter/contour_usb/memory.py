"""The memory of a Contour meter while its frames come, and once it is whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.clock import Instant
from gateway.drivers.glucose_meter.contour_usb.codec import Header, Note, Order, Record, Result
from gateway.errors import LinkTimeout

NOT_WHOLE = "the memory did not come whole: it is read again"

_NUMBERS = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """The whole memory: the header, when it came, the tests in the meter's order, and notes."""

    header: Header
    header_at: Instant
    results: tuple[Result, ...]
    notes: int
    at: Instant


class Collecting:
    """What came of a memory so far."""

    def __init__(self) -> None:
        self.number: int | None = None
        """Of the last frame."""
        self.header: Header | None = None
        self._header_at: Instant | None = None
        self._results: list[Result] = []
        self._notes = 0
        self._control = False

    def is_next(self, number: int) -> bool:
        """Go on to a frame; False if it is the last again. Raises LinkTimeout if one is missing."""
        if number == self.number:
            return False
        if self.number is not None and number != (self.number + 1) % _NUMBERS:
            raise LinkTimeout(NOT_WHOLE)
        self.number = number
        return True

    def skip(self) -> None:
        """Go on after a frame that cannot be read."""
        if self.number is not None:
            self.number = (self.number + 1) % _NUMBERS

    def take(self, record: Record, at: Instant) -> None:
        """Keep a record. Raises LinkTimeout if it is a result without a header."""
        if isinstance(record, Header):
            self.header, self._header_at = record, at
        elif self.header is None:
            raise LinkTimeout(NOT_WHOLE)
        elif isinstance(record, Order):
            self._control = record.control
        elif isinstance(record, Result):
            self._results.append(replace(record, control=record.control or self._control))
            self._control = False
        elif isinstance(record, Note):
            self._notes += 1

    def whole(self, at: Instant) -> Memory:
        """Return it all. Raises LinkTimeout if there was no header."""
        if self.header is None:
            raise LinkTimeout(NOT_WHOLE)
        return Memory(self.header, self._header_at or at, tuple(self._results), self._notes, at)
