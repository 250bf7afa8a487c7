"""A Beurer BM55, BM58 or BM65 with a serial bridge inside (PL2303, 4800 8N1): it has a memory.

```
AA -> 55          A4 -> 32 characters of description          A2 -> how many records, u8
A3 n (from 1) -> AC | systolic-25 | diastolic-25 | pulse | month | day | hour | minute | year-2000
                 or A9: there is no such record
```
No checksum; which user's memory is read is a switch on the device, and not in the record.
Source: atbrask BM65, McKael/gobm65, babo/bm58. Guesses: the capacity, and that other bytes are
ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sims.body import Pressure
from firmware_sims.bp_monitor.pressure_memory import PressureMemory
from firmware_sims.placement import Placement
from firmware_sims.requests import Split

DESCRIPTION = b"Andon Blood Pressure Meter KD001"
PONG, NO_RECORD = b"\x55", b"\xa9"
CAPACITY = 60
_LOWEST_MMHG = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One stored measurement; nothing is checked, so that bad ones can be made."""

    systolic: int
    diastolic: int
    pulse: int
    month: int
    day: int
    hour: int
    minute: int
    year: int

    def encode(self) -> bytes:
        """Return the nine bytes."""
        pressures = [self.systolic - _LOWEST_MMHG, self.diastolic - _LOWEST_MMHG, self.pulse]
        time = [self.month, self.day, self.hour, self.minute, self.year - 2000]
        return bytes([0xAC, *pressures, *time])


def encode_record(pressure: Pressure, shown: datetime) -> bytes:
    """Return the record of what was measured when the cuff showed this time."""
    record = Record(
        systolic=int(pressure.systolic),
        diastolic=int(pressure.diastolic),
        pulse=int(pressure.pulse),
        month=shown.month,
        day=shown.day,
        hour=shown.hour,
        minute=shown.minute,
        year=shown.year,
    )
    return record.encode()


class Beurer:
    """A virtual cuff; people take turns, and all of them are in the memory that is switched on.

    `newest_first` turns the order of the records round.
    """

    def __init__(
        self, placement: Placement, *, model: str = "BM65", newest_first: bool = False
    ) -> None:
        self._newest_first = newest_first
        self._memory = PressureMemory(
            placement, encode_record, model=model, capacity=CAPACITY, mean=False
        )

    def measure(self) -> Sequence[bytes]:
        """Let the next person measure; the result goes into the memory and nowhere else."""
        self._memory.measure()
        return []

    def remember(self, count: int, every: timedelta) -> None:
        """Keep so many measurements of the past, the last one `every` ago."""
        self._memory.remember(count, every)

    def split(self, heard: bytes) -> Split:
        """Take one byte after the other, but A3 with the one that follows."""
        requests: list[bytes] = []
        while heard and heard != b"\xa3":
            size = 2 if heard[0] == 0xA3 else 1
            requests.append(heard[:size])
            heard = heard[size:]
        return requests, heard

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one request."""
        records = list(self._memory)
        if self._newest_first:
            records.reverse()
        match request[0]:
            case 0xAA:
                return [PONG]
            case 0xA4:
                return [DESCRIPTION]
            case 0xA2:
                return [bytes([len(records)])]
            case 0xA3:
                number = request[1]
                return [records[number - 1] if 1 <= number <= len(records) else NO_RECORD]
        return []
