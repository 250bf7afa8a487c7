"""An Omron cuff of the standard service, with the maker's option service beside it.

What was measured since somebody last collected is indicated as any cuff does. All that it remembers
it tells again through a Record Access Control Point in the option service, by indications of
0x2A35: chosen by sequence number (filter type 4), and 10 asks for the latest number (answer 11).
Its advertisement tells the last number of each user and how many records there are.
Sources: SpeziOmron, hass-omron. Guesses: numbers count for each user, and the latest is the highest
of all.
"""

from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firmware_sims.bp_monitor.bluetooth_sig import Cuff
from firmware_sims.episodic import EpisodicDevice, Fittings, Measured, People
from firmware_sims.gatt import is_secure, service
from firmware_sims.identity import Advertisement, Identity, advertisement
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import omron
from firmware_sims.packing.racp import Operator
from firmware_sims.peripheral import Peripheral
from firmware_sims.record_access import Filter, Rules, number
from firmware_sims.record_access_point import Access, RecordAccessPoint
from firmware_sims.store_and_forward import StoreAndForward, Stored

OPTION_SERVICE = "5DF5E817-A945-4F81-89C0-3D4E9759C07C"
_CAPACITY = 100
_LATEST, _LATEST_ANSWER = 0x10, 0x11
_FIRST_YEAR_SET = 2010
RULES = Rules(
    operators={Operator.ALL, Operator.LESS_OR_EQUAL, Operator.GREATER_OR_EQUAL},
    filters={4: Filter(2, number, lambda record: record.sequence)},
)


@dataclass(frozen=True, slots=True)
class _Remembered:
    sequence: int
    stored: Stored


class OptionService:
    """The addition: the records of `people` once more, told by the cuff's own characteristic."""

    def __init__(
        self, measurement: Any, people: People, fittings: Fittings, *, secure: bool
    ) -> None:
        self._clock = fittings.clock
        self._sequences = dict.fromkeys(people, 0)
        self._remembered: RecordMemory[_Remembered] = RecordMemory(_CAPACITY)
        self._store: StoreAndForward | None = None
        self._access = RecordAccessPoint(
            Access(
                rules=RULES,
                records=lambda: list(self._remembered),
                told=self._told,
                tells_by=[measurement],
                vendor={_LATEST: self._latest},
            ),
            start=self._start,
            faults=fittings.faults,
            notification_gap_s=0,
            slow_s=fittings.pace.slow_s,
            secure=secure,
        )

    def remember(self, slot: int | None, measured: Measured) -> None:
        """Keep a measurement of a user."""
        self._sequences[slot] += 1
        for stored in measured.stored:
            self._remembered.keep(_Remembered(self._sequences[slot], stored))

    def advertised(self) -> bytes:
        """Return what the maker's part of an advertisement says."""
        return omron.advertised(
            [(last, min(last, _CAPACITY)) for last in self._sequences.values()],
            time_not_set=self._clock.device_local().year < _FIRST_YEAR_SET,
        )

    def services(self) -> Sequence[Any]:
        """Return the option service."""
        return [service(OPTION_SERVICE, self._access.characteristic)]

    def may_send(self, slot: int | None) -> bool:
        """Everybody's records."""
        return True

    def begin(self, store: StoreAndForward, peripheral: Peripheral) -> None:
        """Be there to be asked."""
        self._store, self._access.peripheral = store, peripheral

    def link_lost(self) -> None:
        """Nothing to forget."""

    def _start(self, procedure: Coroutine[Any, Any, object]) -> None:
        if self._store is not None:
            self._store.beside(procedure)

    def _told(self, records: Sequence[_Remembered], room: int) -> Iterator[tuple[Any, bytes]]:
        for record in records:
            for frame in record.stored.frames(room):
                yield record.stored.characteristic, frame

    def _latest(self) -> bytes:
        return bytes([_LATEST_ANSWER, 0]) + max(self._sequences.values()).to_bytes(2, "little")


class _RememberingCuff(Cuff):
    """The instrument, which tells the option service what it measured."""

    option: OptionService

    def measured(self, taken_at: datetime, slot: int | None) -> Measured:
        measured = super().measured(taken_at, slot)
        self.option.remember(slot, measured)
        return measured


def omron_cuff(identity: Identity, people: People, fittings: Fittings) -> EpisodicDevice:
    """Make a virtual cuff."""
    secure = is_secure(identity)
    cuff = _RememberingCuff(people, fittings.clock, secure=secure)
    option = cuff.option = OptionService(cuff.measurement, people, fittings, secure=secure)
    device = EpisodicDevice(identity, people, cuff, fittings, option)

    def call() -> Advertisement:
        told = (omron.COMPANY, option.advertised())
        return advertisement(identity, cuff.advertised, maker_data=told)

    device.store.call = call
    return device
