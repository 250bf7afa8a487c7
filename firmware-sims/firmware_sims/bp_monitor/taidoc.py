"""A TaiDoc cuff, also sold by FORA (TD-3128, P30, D40), on its cable (CP2102, 19200 8N1).

```
51 | command | 4 data bytes | A3 host or A5 device | low byte of the sum of the seven before
22 connect          23 clock -> date 2, minute, hour       24 model -> BCD u16 (28 31: TD-3128)
2B -> count u16     25 index u16 -> date of a record       26 index u16 -> its figures
date: year-2000 (7 bits) month (4) day (5), little-endian; index 0 is the newest
figures: systolic, mean, diastolic, pulse
```
33 (set the clock), 50 (power off) and 52 (erase) are recorded as forbidden and answered by an echo.
Bit 6 of the minute says that the heart beat was irregular, bit 7 that a record of a D40, which
measures glucose too, is a pressure.
Source: glucometer-protocols td42xx, glucometerutils, advmeds-bluetooth-lib and, for the bits of the
minute, markchuang56/iOS-Demo; the mean of a D40, public descriptions of its maker's programs. The
models of P30 (TD-3129) and D40 (TD-3261) are their makers' names. Guesses: silence for a wrong sum
or an index that is not there, the capacity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sims.body import Pressure
from firmware_sims.bp_monitor.pressure_memory import PressureMemory
from firmware_sims.placement import Placement
from firmware_sims.requests import Split, starting_with

HOST, DEVICE = 0xA3, 0xA5
FORBIDDEN = {0x33: "set clock", 0x50: "power off", 0x52: "erase memory"}
CAPACITY = 200
_SIZE = 8


@dataclass(frozen=True, slots=True)
class Model:
    """What a model answers to 24, and whether it marks its pressures."""

    name: str
    code: bytes
    marks: bool = False


TD_3128 = Model("TD-3128", b"\x28\x31")
P30 = Model("P30", b"\x29\x31")
D40 = Model("D40", b"\x61\x32", marks=True)


def encode(command: int, data: bytes = bytes(4), direction: int = DEVICE) -> bytes:
    """Return a frame."""
    octets = bytes([0x51, command]) + data + bytes([direction])
    return octets + bytes([sum(octets) & 0xFF])


def encode_date(shown: datetime, *, irregular: bool = False, marked: bool = False) -> bytes:
    """Return a date, minute and hour as they stand in a frame; `marked` as a D40's pressure."""
    date = (shown.year - 2000) << 9 | shown.month << 5 | shown.day
    minute = shown.minute | irregular << 6 | marked << 7
    return date.to_bytes(2, "little") + bytes([minute, shown.hour])


def encode_figures(pressure: Pressure) -> bytes:
    """Return the figures of a record as they stand in a frame."""
    of_a_beat = (pressure.systolic, pressure.mean, pressure.diastolic, pressure.pulse)
    return bytes(int(figure) for figure in of_a_beat)


class TaiDoc:
    """A virtual cuff; people take turns in one memory."""

    def __init__(self, placement: Placement, *, model: Model = TD_3128) -> None:
        self._placement = placement
        self._model = model
        self._memory = PressureMemory(
            placement, self._encoded, model=model.name, capacity=CAPACITY, mean=True
        )

    def measure(self) -> Sequence[bytes]:
        """Let the next person measure; the result goes into the memory and nowhere else."""
        self._memory.measure()
        return []

    def remember(self, count: int, every: timedelta) -> None:
        """Keep so many measurements of the past, the last one `every` ago."""
        self._memory.remember(count, every)

    def split(self, heard: bytes) -> Split:
        """Find frames by their first byte."""
        return starting_with(b"\x51", _SIZE, heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one request."""
        command, data = request[1], request[2:6]
        if request != encode(command, data, HOST):
            return []
        if command in FORBIDDEN:
            self._placement.forbidden.record(FORBIDDEN[command])
            return [encode(command, data)]
        found = self._found(command, int.from_bytes(data[:2], "little"))
        return [] if found is None else [encode(command, found)]

    def _found(self, command: int, index: int) -> bytes | None:
        newest_first = list(self._memory)[::-1]
        match command:
            case 0x22:
                return bytes(4)
            case 0x23:
                return encode_date(self._placement.clock.device_local())
            case 0x24:
                return self._model.code + bytes(2)
            case 0x2B:
                return len(newest_first).to_bytes(4, "little")
            case 0x25 | 0x26 if index < len(newest_first):
                date, figures = newest_first[index]
                return date if command == 0x25 else figures
        return None

    def _encoded(self, pressure: Pressure, shown: datetime) -> tuple[bytes, bytes]:
        date = encode_date(shown, irregular=pressure.irregular, marked=self._model.marks)
        return date, encode_figures(pressure)
