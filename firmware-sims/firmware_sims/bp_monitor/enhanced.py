"""A cuff of Blood Pressure 1.1: enhanced measurements, and stored records that are asked for.

While somebody measures on a link, the pressure in the cuff is notified (0x2B35), then what was
measured is indicated (0x2B34), or as soon as somebody subscribes. Every measurement stays in the
memory, numbered for each user, and is given away by the Record Access Control Point in records of
several notifications (0x2B36), with the end-to-end check if the feature says so. There is no
0x2A35: who knows Blood Pressure 1.0 only gets nothing.
Spec: Blood Pressure Service 1.1.1. Guesses: the segment counter runs on from record to record, and
records are chosen by sequence number only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from firmware_sims.asked_device import AskedDevice
from firmware_sims.body import Pressure
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Fault
from firmware_sims.gatt import (
    INDICATE,
    NOTIFY,
    READ,
    Battery,
    CurrentTime,
    characteristic,
    device_information_service,
    is_secure,
    service,
)
from firmware_sims.identity import Identity
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import blood_pressure
from firmware_sims.packing.blood_pressure import Feature, Pressures, Status
from firmware_sims.packing.ieee11073 import Special
from firmware_sims.packing.racp import Operator
from firmware_sims.peripheral import Peripheral
from firmware_sims.placement import pressure_kinds
from firmware_sims.record_access import Filter, Rules, number
from firmware_sims.record_access_point import Access, RecordAccessPoint

_CAPACITY = 200
_CHARGE_PERCENT = 0.3
_SEQUENCE_NUMBERS = 0x10000
_SEGMENT_HEADER_OCTETS, _CRC_OCTETS = 5, 2
_INFLATING_MMHG = (40, 90, 160)
RULES = Rules(
    operators=set(Operator) - {Operator.NULL},
    filters={1: Filter(2, number, lambda record: record.sequence)},
)


@dataclass(frozen=True, slots=True)
class _Record:
    sequence: int
    octets: bytes


class EnhancedCuff(AskedDevice):
    """A virtual cuff. With `time_offset_min` it sends base time and what its user sees, too."""

    advertised: Sequence[int] = (0x1810,)

    def __init__(
        self,
        identity: Identity,
        people: People,
        fittings: Fittings,
        *,
        e2e_crc: bool = True,
        time_offset_min: int | None = None,
        notification_gap_s: float = 0.001,
    ) -> None:
        super().__init__(identity, fittings)
        self.memory: RecordMemory[_Record] = RecordMemory(_CAPACITY)
        self._fittings = fittings
        self._people = people
        self._turns = cycle(people)
        self._e2e_crc = e2e_crc
        self._offset = None if time_offset_min is None else timedelta(minutes=time_offset_min)
        self._battery = Battery()
        self._sequences: dict[int | None, int] = {}
        self._counter = 0
        self._fresh: bytes | None = None
        secure = is_secure(identity)
        self._live = characteristic(0x2B34, INDICATE, secure=secure)
        self._live.on("subscription", self._on_subscription)
        self._inflating = characteristic(0x2B35, NOTIFY, secure=secure)
        self._record = characteristic(0x2B36, NOTIFY, secure=secure)
        self._feature = characteristic(0x2A49, READ, read=self._features, secure=secure)
        self._access = RecordAccessPoint(
            Access(
                rules=RULES,
                records=lambda: list(self.memory),
                told=self._told,
                tells_by=[self._record],
            ),
            start=self.life.beside,
            faults=fittings.faults,
            notification_gap_s=notification_gap_s,
            slow_s=fittings.pace.slow_s,
            secure=secure,
        )

    def services(self) -> Sequence[Any]:
        """Return blood pressure, device information, battery, and the clock if it has one."""
        services = [
            service(
                0x1810,
                self._live,
                self._inflating,
                self._feature,
                self._record,
                self._access.characteristic,
            ),
            device_information_service(self.identity),
            self._battery.service(),
        ]
        if self._fittings.clock_service:
            services.append(CurrentTime(self.clock, self.faults).service())
        return services

    @property
    def held(self) -> int:
        """How many records it remembers."""
        return len(self.memory)

    def measure(self, at: datetime | None = None) -> None:
        """Let the next person measure, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        taken_at = at or self.now()
        slot = next(self._turns)
        self._battery.use(_CHARGE_PERCENT)
        pressure = None
        if not self.faults.strikes(Fault.NAN_MEASUREMENT):
            body = self._people[slot]
            pressure = body.pressure(taken_at)
            kinds = pressure_kinds(pressure, mean=True)
            self.enter(taken_at, kinds, slot=slot, person=body.person.name)
        octets = self._packed(pressure, taken_at, slot)
        sequence = self._sequences.get(slot, 0)
        self._sequences[slot] = (sequence + 1) % _SEQUENCE_NUMBERS
        self.memory.keep(_Record(sequence, octets))
        if at is None:
            self._fresh = octets
            self.life.beside(self._send_live())
        self.life.wake()

    async def live_on(self, peripheral: Peripheral) -> None:
        """Be there to be asked for records."""
        self._access.peripheral = peripheral

    def _on_subscription(self, _link: Any, _notifies: bool, indicates: bool) -> None:
        if indicates:
            self.life.beside(self._send_live())

    async def _send_live(self) -> None:
        """Send what was just measured to who listens; who does not yet gets it on subscribing."""
        peripheral = self.life.peripheral
        if peripheral is None or not peripheral.subscribed(self._live):
            return
        octets, self._fresh = self._fresh, None
        if octets is not None:
            for mmhg in _INFLATING_MMHG:
                cuff = blood_pressure.enhanced_measurement(Decimal(mmhg))
                await peripheral.notify(self._inflating, cuff)
            if not await peripheral.indicate(self._live, octets):
                self._fresh = octets

    def _features(self) -> bytes:
        features = Feature.BODY_MOVEMENT | Feature.CUFF_FIT | Feature.IRREGULAR_PULSE
        features |= Feature.E2E_CRC if self._e2e_crc else 0
        features |= Feature.USER_FACING_TIME if self._offset is not None else 0
        return blood_pressure.feature(features)

    def _packed(self, pressure: Pressure | None, taken_at: datetime, slot: int | None) -> bytes:
        shown = self.clock.device_local(taken_at).replace(tzinfo=UTC)
        pressures = Pressures(systolic=Special.NAN, diastolic=Special.NAN)
        if pressure is not None:
            pressures = Pressures(
                systolic=pressure.systolic, diastolic=pressure.diastolic, mean=pressure.mean
            )
        irregular = pressure is not None and pressure.irregular
        return blood_pressure.enhanced_measurement(
            pressures,
            taken_at=shown - (self._offset or timedelta()),
            pulse_per_min=Special.NAN if pressure is None else pressure.pulse,
            user=slot,
            status=Status.IRREGULAR_PULSE if irregular else 0,
            user_facing_time=None if self._offset is None else shown,
        )

    def _told(self, records: Sequence[_Record], room: int) -> Iterator[tuple[Any, bytes]]:
        size = room - _SEGMENT_HEADER_OCTETS - (_CRC_OCTETS if self._e2e_crc else 0)
        for record in records:
            segments = blood_pressure.record_segments(
                record.octets,
                sequence_number=record.sequence,
                uuid=0x2B34,
                data_per_segment=size,
                counter=self._counter,
                e2e_crc=self._e2e_crc,
            )
            self._counter += len(segments)
            for segment in segments:
                yield self._record, segment
