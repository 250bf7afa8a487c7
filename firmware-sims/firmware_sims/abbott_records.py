"""What Abbott's meters and readers do with their records, whatever those say."""

from collections.abc import Iterator
from datetime import datetime

from firmware_sims.device_clock import DeviceClock, Setting
from firmware_sims.memory import RecordMemory
from firmware_sims.packing.abbott_hid import records


class Count:
    """The one count of records of all kinds, and which settings of the clock are among them.

    `last` is how many there ever were; with `bits`, a record has only the lowest of that.
    """

    def __init__(self, clock: DeviceClock, *, first: int, bits: int | None = None) -> None:
        self.last = first - 1
        self._bits = bits
        self._clock = clock
        self._settings_seen = 0

    def number(self) -> int:
        """Return the number of a new record."""
        self.last += 1
        return self.last if self._bits is None else self.last % (1 << self._bits)

    def settings(self, until: datetime) -> Iterator[Setting]:
        """Give each time that the clock was set by a true time, once."""
        settings = self._clock.settings
        while self._settings_seen < len(settings) and settings[self._settings_seen].at <= until:
            self._settings_seen += 1
            yield settings[self._settings_seen - 1]


def listed(memory: RecordMemory[bytes], *, newest_first: bool) -> bytes:
    """Return the message that lists a memory."""
    lines = list(memory)
    return records(lines[::-1] if newest_first else lines)


def eighteenths(tenths: int) -> int:
    """Return what these devices write of a ketone, in tenths of a mmol/L."""
    return round(tenths * 1.8)
