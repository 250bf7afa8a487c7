"""A glucose sensor that speaks the Continuous Glucose Monitoring Profile.

It keeps every sample of its session, sends each new one to whoever subscribed (0x2AA7), and gives
the past away through its Record Access Control Point. It stays connectable for ever.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bumble import att

from firmware_sims.body import Body
from firmware_sims.cgm.control_point import FASTEST, OFF, OPERAND_OCTETS, ControlPoint
from firmware_sims.cgm.session import Session
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.gatt import (
    CONFIGURATION_IMPROPER,
    INDICATE,
    INVALID_CRC,
    MISSING_CRC,
    NOTIFY,
    READ,
    WRITE,
    Battery,
    att_error,
    characteristic,
    device_information_service,
    device_local,
    is_secure,
    service,
)
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing import cgm
from firmware_sims.packing.cgm import Annunciation, Feature
from firmware_sims.packing.checksum import crc16
from firmware_sims.packing.date_time import DST_UNKNOWN
from firmware_sims.packing.ieee11073 import Special
from firmware_sims.packing.racp import Operator
from firmware_sims.peripheral import Peripheral
from firmware_sims.record_access import Filter, Rules, number
from firmware_sims.record_access_point import Access, RecordAccessPoint
from firmware_sims.routine import Routine

_RUN_TIME_H = 360
_START_TIME_OCTETS = 9
_CRC_OCTETS = 2
_STOPPED_SENSOR_LOOKS_AGAIN_S = 60
_CHARGE_PER_SAMPLE_PERCENT = 0.02
RULES = Rules(
    operators={
        Operator.ALL,
        Operator.GREATER_OR_EQUAL,
        Operator.RANGE,
        Operator.FIRST,
        Operator.LAST,
    },
    filters={1: Filter(2, number, lambda record: record.time_offset_min)},
)
_RANGES = {Special.NEGATIVE_INFINITY: "low", Special.POSITIVE_INFINITY: "high"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorSettings:
    """How a sensor is built. `utc_offset` and `dst` are what its start time says; None: unknown."""

    e2e_crc: bool = True
    session_control: bool = False
    features: int = (
        Feature.MALFUNCTION_DETECTION | Feature.RESULT_HIGH_LOW | Feature.TREND | Feature.QUALITY
    )
    utc_offset: timedelta | None = None
    dst: int = DST_UNKNOWN
    notification_gap_s: float = 0.001  # unpaced bursts overrun a virtual UART
    slow_s: float = 3

    @property
    def feature_bits(self) -> int:
        """CGM Feature, with the bits that follow from the other settings."""
        bits = self.features | (Feature.E2E_CRC if self.e2e_crc else 0)
        return bits | (Feature.MULTIPLE_SESSIONS if self.session_control else 0)


class GlucoseSensor:
    """A virtual sensor, worn since `started_at` (true time)."""

    advertised: Sequence[int] = (0x181F,)

    def __init__(
        self,
        identity: Identity,
        body: Body,
        *,
        started_at: datetime,
        now: Callable[[], datetime],
        clock: DeviceClock,
        ledger: Ledger,
        faults: Faults | None = None,
        routine: Routine | None = None,
        settings: SensorSettings | None = None,
    ) -> None:
        self.identity = identity
        self.clock = clock
        self.faults = faults or Faults()
        self.routine = routine or Routine()
        self.session = Session(body.glucose, started_at)
        self._settings = settings or SensorSettings()
        self._body = body
        self._now = now
        self._ledger = ledger
        self._battery = Battery()
        self._records = 0
        self._start_known = True
        self._last_sent_offset: int | None = None
        self._peripheral: Peripheral | None = None
        self._life: asyncio.TaskGroup | None = None
        secure = is_secure(identity)
        control = self._settings.session_control
        self.control_point = ControlPoint(
            e2e_crc=self._settings.e2e_crc,
            start=self._start_session if control else None,
            stop=self._stop_session if control else None,
        )
        self._measurement = characteristic(0x2AA7, NOTIFY, secure=secure)
        self._specific = characteristic(
            0x2AAC, WRITE | INDICATE, write=self._write_specific, secure=secure
        )
        self._access = RecordAccessPoint(
            Access(
                rules=RULES,
                records=lambda: self.session.records,
                told=self._told,
                tells_by=[self._measurement],
            ),
            start=self._beside,
            faults=self.faults,
            notification_gap_s=self._settings.notification_gap_s,
            slow_s=self._settings.slow_s,
            secure=secure,
        )

    def services(self) -> Sequence[Any]:
        """Return glucose monitoring, device information and battery."""
        secure = is_secure(self.identity)
        start_time = characteristic(
            0x2AAA, READ | WRITE, read=self._read_start, write=self._write_start, secure=secure
        )
        glucose = service(
            0x181F,
            self._measurement,
            characteristic(
                0x2AA8, READ, read=lambda: cgm.feature(self._settings.feature_bits), secure=secure
            ),
            characteristic(0x2AA9, READ, read=self._read_status, secure=secure),
            start_time,
            characteristic(0x2AAB, READ, read=self._read_run_time, secure=secure),
            self._access.characteristic,
            self._specific,
        )
        return (glucose, device_information_service(self.identity), self._battery.service())

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> None:
        """Take the sample that is due, or the next one early; none after the session stopped.

        With `at`, all that were due until that true time. A sensor is worn by one person: `who` is
        no news.
        """
        if at is not None:
            self.remember(at, gap_at=None, gap=timedelta())
            return
        if self.session.stopped:
            return
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
            self._start_known = False
        failed = self.faults.strikes(Fault.NAN_MEASUREMENT)
        sample = self.session.sample(failed=failed)
        self._battery.use(_CHARGE_PER_SAMPLE_PERCENT)
        if not failed:
            self._enter(sample)
        self._beside(self._send_live(sample))

    def change_battery(self, at: datetime) -> None:
        """Forget when the session began, as after a restart; the count of minutes goes on."""
        self._start_known = False

    def move_clock(self, at: datetime, by: timedelta) -> None:
        """Let somebody's phone have written another start time; the count of minutes goes on."""
        self.clock.set_to(self.clock.device_local() + by)
        self._start_known = True

    @property
    def held(self) -> int:
        """How many samples the session has."""
        return len(self.session.records)

    def remember(self, until: datetime, *, gap_at: datetime | None, gap: timedelta) -> None:
        """Take every sample that was due until a true time, but none during a gap."""
        while self.session.due_at <= until and not self.session.stopped:
            if gap_at is not None and self.session.due_at >= gap_at:
                self.session.skip(gap)
                gap_at = None
            else:
                self.measure()

    async def run(self, peripheral: Peripheral) -> None:
        """Sample, and be there for whoever connects, until cancelled."""
        self._peripheral = self._access.peripheral = peripheral
        try:
            async with asyncio.TaskGroup() as life:
                self._life = life
                life.create_task(self.routine.run(self.measure, self._until_due_s))
                while True:
                    await peripheral.advertise()
                    await peripheral.until(lambda: peripheral.linked)
                    await peripheral.until(lambda: not peripheral.linked)
        finally:
            self._life = None  # out of reach it goes on sampling, and tells nobody

    def _beside(self, procedure: Coroutine[Any, Any, object]) -> None:
        if self._life is None:
            procedure.close()
        else:
            self._life.create_task(procedure)

    def _until_due_s(self) -> float:
        if self.session.stopped:
            return _STOPPED_SENSOR_LOOKS_AGAIN_S
        return (self.session.due_at - self._now()).total_seconds()

    def _told(self, samples: Sequence[cgm.Record], room: int) -> Iterator[tuple[Any, bytes]]:
        for value in cgm.notifications(map(self._packed, samples), room=room):
            yield self._measurement, value

    def _packed(self, sample: cgm.Record) -> bytes:
        return cgm.record(sample, e2e_crc=self._settings.e2e_crc)

    async def _send_live(self, sample: cgm.Record) -> None:
        """Send a new sample, after any report in progress, at the communication interval."""
        peripheral = self._peripheral
        async with self._access.reporting:
            if peripheral is None or not self._is_live(sample):
                return
            if await peripheral.notify(self._measurement, self._packed(sample)):
                self._last_sent_offset = sample.time_offset_min

    def _is_live(self, sample: cgm.Record) -> bool:
        interval_min = self.control_point.interval_min
        if interval_min == OFF:
            return False
        if interval_min == FASTEST or self._last_sent_offset is None:
            return True
        return sample.time_offset_min - self._last_sent_offset >= interval_min

    def _read_status(self) -> bytes:
        annunciation = Annunciation(0)
        if self.session.stopped:
            annunciation |= Annunciation.SESSION_STOPPED
        if not self._start_known:
            annunciation |= Annunciation.TIME_SYNCHRONISATION_REQUIRED
        offset = self.session.offset_min(self._now())
        return cgm.status(offset, annunciation, e2e_crc=self._settings.e2e_crc)

    def _read_start(self) -> bytes:
        local = self.clock.device_local(self.session.started_at) if self._start_known else None
        settings = self._settings
        return cgm.session_start_time(
            local, zone=settings.utc_offset, dst=settings.dst, e2e_crc=settings.e2e_crc
        )

    def _write_start(self, value: bytes) -> None:
        """Set the clock: the client writes its present time, the start follows from the offset."""
        octets = self._checked(value, _START_TIME_OCTETS)
        if len(octets) != _START_TIME_OCTETS:
            raise att_error(att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR)
        self.clock.set_to(device_local(octets))
        self._start_known = True

    def _read_run_time(self) -> bytes:
        return cgm.session_run_time(_RUN_TIME_H, e2e_crc=self._settings.e2e_crc)

    def _write_specific(self, value: bytes) -> None:
        if not value:
            raise att_error(att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR)
        peripheral = self._peripheral
        if peripheral is None or not peripheral.subscribed(self._specific):
            raise att_error(CONFIGURATION_IMPROPER)
        octets = self._checked(value, 1 + OPERAND_OCTETS.get(value[0], 0))
        answer = self.control_point.answer(octets)

        async def respond() -> None:
            await peripheral.indicate(self._specific, answer)

        self._beside(respond())

    def _checked(self, value: bytes, octets_without_crc: int) -> bytes:
        """Return what was written without its check, which must be there and right if used."""
        if not self._settings.e2e_crc:
            return value
        if len(value) <= max(octets_without_crc, _CRC_OCTETS):
            raise att_error(MISSING_CRC)
        octets, check = value[:-_CRC_OCTETS], value[-_CRC_OCTETS:]
        if crc16(octets).to_bytes(_CRC_OCTETS, "little") != check:
            raise att_error(INVALID_CRC)
        return octets

    def _start_session(self) -> bool:
        if not self.session.stopped:
            return False
        self.session = Session(self._body.glucose, self._now())
        return True

    def _stop_session(self) -> bool:
        if self.session.stopped:
            return False
        self.session.stopped = True
        return True

    def _enter(self, sample: cgm.Record) -> None:
        self._records += 1
        level = sample.glucose_mg_dl
        values = {"glucose": str(level), "unit": "mg/dL"}
        if isinstance(level, Special):
            values = {"range": _RANGES[level]}
        self._ledger.enter(
            device=self.identity.address,
            model=self.identity.model,
            record=self._records,
            measured_at=self.session.started_at + timedelta(minutes=sample.time_offset_min),
            slot=None,
            person=self._body.person.name,
            kinds={Kind.INTERSTITIAL_GLUCOSE: values},
        )
