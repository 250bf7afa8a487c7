"""A meter for test strips that speaks the Glucose Profile; a Contour, with its own clock, too.

It keeps what it measured and gives it away through its Record Access Control Point, by sequence
number or by time. Every third measurement has a meal with it, which follows as a context. What the
user sees is base time plus time offset; setting a Contour's clock changes the offset.
Sources: Glucose Service 1.0.1; of the Contour, blessed-android's BluetoothHandler. Guesses: that a
Contour's base time is UTC, and that a second control point (Accu-Chek's service listing) refuses
whatever is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from bumble import att

from firmware_sims.asked_device import AskedDevice
from firmware_sims.body import Body
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Fault
from firmware_sims.gatt import (
    INDICATE,
    NOTIFY,
    READ,
    WRITE,
    Battery,
    CurrentTime,
    att_error,
    characteristic,
    device_information_service,
    device_local,
    is_secure,
    service,
)
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import glucose
from firmware_sims.packing.ieee11073 import Number, Special
from firmware_sims.packing.racp import Operator
from firmware_sims.peripheral import Peripheral
from firmware_sims.record_access import Filter, Rules, number
from firmware_sims.record_access_point import Access, RecordAccessPoint

CONTOUR_CLOCK_SERVICE = "00000000-0002-11E2-9E96-0800200C9A66"
CONTOUR_CLOCK = "00001026-0002-11E2-9E96-0800200C9A66"
ACCU_CHEK_SERVICE = "00000000-0000-1000-1000-000000000000"
_CAPACITY = 500
_SEQUENCE_NUMBERS = 0x10000
_LOWEST_MG_DL, _HIGHEST_MG_DL = 20, 600
_MG_DL_PER_MMOL_L = Decimal("18.0156")
_CHARGE_PERCENT = 0.05
_DATE_TIME_OCTETS = 7
_EVERY_OPERATOR = set(Operator) - {Operator.NULL}
_WITHOUT_FILTER = {Operator.ALL, Operator.FIRST, Operator.LAST}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSettings:
    """How a meter is built. `time_offset_min` None: it sends no offset.

    Without `filters` only all, the first and the last record can be asked for. Every
    `control_every`th test is of a control solution, which is nobody's blood and no record produced.
    `software` is the revision that it says it has, `postscript` what it indicates behind the end of
    a report.
    """

    molar: bool = False
    time_offset_min: int | None = None
    filters: bool = True
    meals: bool = True
    control_every: int | None = None
    contour: bool = False
    second_record_access: bool = False
    software: str = ""
    postscript: bytes = b""
    first_sequence: int = 1
    notification_gap_s: float = 0.001


@dataclass(frozen=True, slots=True)
class _Test:
    """One test as it is kept."""

    sequence: int
    base: datetime
    offset_min: int | None
    concentration: glucose.Concentration
    status: int | None
    meal: int | None

    @property
    def user_facing(self) -> datetime:
        return self.base + timedelta(minutes=self.offset_min or 0)


FILTERS = {
    1: Filter(2, number, lambda test: test.sequence),
    2: Filter(_DATE_TIME_OCTETS, lambda octets: _moment(octets), lambda test: test.user_facing),
}


class GlucoseMeter(AskedDevice):
    """A virtual meter; people take turns, and it knows no users."""

    advertised: Sequence[int] = (0x1808,)
    of_blood = (glucose.CAPILLARY_PLASMA, glucose.FINGER)
    of_control = (glucose.CONTROL_SOLUTION, glucose.CONTROL_LOCATION)
    """Type and location of a test."""

    def __init__(
        self,
        identity: Identity,
        people: People,
        fittings: Fittings,
        settings: MeterSettings | None = None,
    ) -> None:
        super().__init__(identity, fittings)
        self.memory: RecordMemory[_Test] = RecordMemory(_CAPACITY)
        self._settings = settings or MeterSettings()
        self._fittings = fittings
        self._turns = cycle(people.values())
        self._battery = Battery()
        self._tests = 0
        self._sequence = self._settings.first_sequence
        self.offset_min = self._settings.time_offset_min
        secure = is_secure(identity)
        self._measurement = characteristic(0x2A18, NOTIFY, secure=secure)
        self._context = characteristic(0x2A34, NOTIFY, secure=secure)
        self._feature = characteristic(0x2A51, READ, read=lambda: glucose.feature(0), secure=secure)
        operators = _EVERY_OPERATOR if self._settings.filters else _WITHOUT_FILTER
        self._access = RecordAccessPoint(
            Access(
                rules=Rules(operators, FILTERS),
                records=lambda: list(self.memory),
                told=self._told,
                tells_by=[self._measurement],
                postscript=self._settings.postscript,
            ),
            start=self.life.beside,
            faults=fittings.faults,
            notification_gap_s=self._settings.notification_gap_s,
            slow_s=fittings.pace.slow_s,
            secure=secure,
        )

    def services(self) -> Sequence[Any]:
        """Return glucose, device information, battery, and the clock if it has one."""
        settings, secure = self._settings, is_secure(self.identity)
        information = device_information_service(self.identity, software=settings.software)
        services = [information, self._battery.service()]
        if settings.second_record_access:
            other = characteristic(0x2A52, WRITE | INDICATE, secure=secure)
            services.append(service(ACCU_CHEK_SERVICE, other))
        services.append(
            service(
                0x1808,
                self._measurement,
                self._context,
                self._feature,
                self._access.characteristic,
            )
        )
        return [*services, *self.clock_services(secure=secure)]

    def clock_services(self, *, secure: bool) -> Sequence[Any]:
        """Return what its clock is read and set by, if anything."""
        if self._settings.contour:
            clock = characteristic(CONTOUR_CLOCK, WRITE, write=self._set_contour, secure=secure)
            return [service(CONTOUR_CLOCK_SERVICE, clock)]
        return [CurrentTime(self.clock, self.faults).service()] * self._fittings.clock_service

    @property
    def held(self) -> int:
        """How many tests it remembers."""
        return len(self.memory)

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> None:
        """Let somebody prick a finger, the next person by default, now or at a time gone by."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        if self.faults.strikes(Fault.RENUMBER):
            self._sequence = self._settings.first_sequence
        taken_at = at or self.now()
        self._tests += 1
        self._battery.use(_CHARGE_PERCENT)
        if self.faults.strikes(Fault.NAN_MEASUREMENT):
            self.keep(taken_at, Special.NAN, status=glucose.Status.SAMPLE_INSUFFICIENT)
        elif self.is_turn_of(self._settings.control_every):
            self.keep(taken_at, self.wire(100), control=True)
        else:
            self.test_blood(next(self._turns) if who is None else who[1], taken_at)
        self.life.wake()

    def change_battery(self, at: datetime) -> None:
        """Let the battery have been changed at a true time gone by: clock and numbers restart."""
        self.clock.lost(at)
        self._sequence = self._settings.first_sequence

    def move_clock(self, at: datetime, by: timedelta) -> None:
        """Let its user have moved the clock at a true time gone by."""
        self.clock.moved(at, by)

    async def live_on(self, peripheral: Peripheral) -> None:
        """Be there to be asked for records."""
        self._access.peripheral = peripheral

    def is_turn_of(self, every: int | None) -> bool:
        """Say whether this is a test with which something happens, every so often."""
        return every is not None and every > 0 and self._tests % every == 0

    def test_blood(self, body: Body, taken_at: datetime) -> None:
        """Test somebody's blood, and keep what it shows."""
        level = min(max(body.glucose(taken_at), _LOWEST_MG_DL), _HIGHEST_MG_DL)
        values = {"glucose": str(level), "unit": "mg/dL"}
        if self._settings.molar:
            values = {"glucose": str(_mmol_l(level)), "unit": "mmol/L"}
        meal = None
        if self._settings.meals and self._tests % 3 == 0:
            meal = (glucose.PREPRANDIAL, glucose.POSTPRANDIAL)[self._tests // 3 % 2]
        self.enter(taken_at, {Kind.BLOOD_GLUCOSE: values}, person=body.person.name)
        self.keep(taken_at, self.wire(level), meal=meal)

    def keep(
        self,
        taken_at: datetime,
        value: Number,
        *,
        meal: int | None = None,
        status: int | None = None,
        control: bool = False,
    ) -> None:
        """Remember a test of a true time: kg/L or mol/L."""
        offset = self.offset_min
        shown = self.clock.device_local(taken_at)
        kind, location = self.of_control if control else self.of_blood
        test = _Test(
            sequence=self._sequence,
            base=shown - timedelta(minutes=offset or 0),
            offset_min=offset,
            concentration=glucose.Concentration(
                value=value, kind=kind, location=location, molar=self._settings.molar
            ),
            status=status,
            meal=meal,
        )
        self._sequence = (self._sequence + 1) % _SEQUENCE_NUMBERS
        self.memory.keep(test)

    def wire(self, mg_dl: int) -> Decimal:
        """Return kg/L, or mol/L, with the digits that the display has."""
        if self._settings.molar:
            return _mmol_l(mg_dl).scaleb(-3)
        return Decimal(mg_dl).scaleb(-5)

    def _told(self, tests: Sequence[_Test], _room: int) -> Iterator[tuple[Any, bytes]]:
        peripheral = self.life.peripheral
        contexts = peripheral is not None and peripheral.subscribed(self._context)
        for test in tests:
            yield (
                self._measurement,
                glucose.measurement(
                    test.sequence,
                    test.base,
                    time_offset_min=test.offset_min,
                    concentration=test.concentration,
                    status=test.status,
                    context_follows=test.meal is not None,
                ),
            )
            if contexts and test.meal is not None:
                context = glucose.Context(sequence=test.sequence, meal=test.meal)
                yield self._context, glucose.context(context)

    def _set_contour(self, octets: bytes) -> None:
        """Set UTC and how far local time is ahead of it: 01 | Date Time | s16 min."""
        if len(octets) != 1 + _DATE_TIME_OCTETS + 2 or octets[0] != 1:
            raise att_error(att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR)
        self.offset_min = int.from_bytes(octets[8:10], "little", signed=True)
        utc = device_local(octets[1:8])
        self.clock.set_to(utc + timedelta(minutes=self.offset_min))


def _mmol_l(mg_dl: int) -> Decimal:
    return (mg_dl / _MG_DL_PER_MMOL_L).quantize(Decimal("0.1"))


def _moment(octets: bytes) -> datetime:
    year = int.from_bytes(octets[:2], "little")
    return datetime(year, *octets[2:7])  # noqa: DTZ001 - a device's own clock has no zone
