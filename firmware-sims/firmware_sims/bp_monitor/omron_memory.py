"""The memory of an Omron cuff, as it is read: an index, a clock, and slots of records.

Where everything stands is per model, from omblepy and hass-omron. What no one has described reads
FF. A slot is written in turn; the index holds the next one and how many were not read yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from firmware_sims.packing import omron
from firmware_sims.packing.omron import Reading

_END = 0x1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: `users` are the addresses of their first slots."""

    name: str
    modern: bool
    record: Callable[[Reading], bytes]
    record_octets: int
    users: tuple[int, ...]
    slots: int
    index_at: int
    index_order: Literal["little", "big"]
    clock_at: int


HEM_7322T = Model(
    name="HEM-7322T",
    modern=False,
    record=omron.record_big,
    record_octets=14,
    users=(0x02AC, 0x0824),
    slots=100,
    index_at=0x0260,
    index_order="big",
    clock_at=0x0274,
)
HEM_7600T = Model(
    name="HEM-7600T",
    modern=False,
    record=omron.record_big,
    record_octets=14,
    users=(0x02AC,),
    slots=100,
    index_at=0x0260,
    index_order="big",
    clock_at=0x0274,
)
HEM_7361T = Model(
    name="HEM-7361T",
    modern=False,
    record=omron.record_little_16,
    record_octets=16,
    users=(0x0098, 0x06D8),
    slots=100,
    index_at=0x0010,
    index_order="little",
    clock_at=0x003C,
)
HEM_7142T2 = Model(
    name="HEM-7142T2",
    modern=True,
    record=omron.record_little,
    record_octets=14,
    users=(0x02E8,),
    slots=14,
    index_at=0x0260,
    index_order="little",
    clock_at=0x028C,
)
MODELS = {model.name: model for model in (HEM_7322T, HEM_7600T, HEM_7361T, HEM_7142T2)}


class CuffMemory:
    """The memory of one cuff; `shown` is what its clock shows now."""

    def __init__(self, model: Model, shown: Callable[[], datetime]) -> None:
        self._model = model
        self._shown = shown
        self._written = [0] * len(model.users)
        self._slots: dict[int, bytes] = {}

    @property
    def counts(self) -> Sequence[tuple[int, int]]:
        """The last number and how many records, for each user."""
        return [(written, min(written, self._model.slots)) for written in self._written]

    def keep(self, user: int, reading: Reading) -> None:
        """Write a record into the next slot of a user, over the oldest when all are full."""
        model = self._model
        slot = self._written[user] % model.slots
        self._slots[model.users[user] + slot * model.record_octets] = model.record(reading)
        self._written[user] += 1

    def next_number(self, user: int) -> int:
        """Return the number that the next record of a user gets."""
        return self._written[user] + 1

    def read(self, address: int, size: int) -> bytes | None:
        """Return what stands there; None beyond the end."""
        if address + size > _END:
            return None
        image = bytearray(b"\xff" * _END)
        pieces = {**self._slots, self._model.index_at: self._index()}
        pieces[self._model.clock_at] = self._clock()
        for at, octets in pieces.items():
            image[at : at + len(octets)] = octets
        return bytes(image[address : address + size])

    def _index(self) -> bytes:
        cursors = [written % self._model.slots for written in self._written]
        unread = [min(written, self._model.slots) for written in self._written]
        both = [0, 0]
        words = [*cursors, *both][:2] + [*unread, *both][:2]
        return b"".join(word.to_bytes(2, self._model.index_order) for word in words)

    def _clock(self) -> bytes:
        shown = self._shown()
        year = shown.year - 2000
        if self._model.name in (HEM_7322T.name, HEM_7600T.name):
            fields = [0, 0, shown.month, year, shown.hour, shown.day, shown.second, shown.minute]
            return bytes([*fields, 0, sum(fields) & 0xFF])
        fields = [0] * 8 + [year, shown.month, shown.day, shown.hour, shown.minute, shown.second]
        return bytes([*fields, sum(fields) & 0xFF, 0])
