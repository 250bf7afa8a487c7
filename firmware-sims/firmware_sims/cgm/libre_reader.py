"""A FreeStyle Libre reader on its USB cable (1a61:3650): what it got by scanning, and its owner's.

`abbott_hid` holds the conversation, `packing.freestyle_libre` the records. The reader learns what
its sensor measured only when it is scanned, and no more than the last eight hours: who scans less
often has gaps. A change of the clock is a record of its own, between what was scanned before and
after it; but a value that was measured before the change and scanned after it has the time of
before. Records of all kinds share one count, which goes on when its owner erases everything.
Sources: glucometers-tech/glucometer-protocols, abbott/freestyle-libre.md; tidepool-org/uploader,
abbottFreeStyleLibre.js, freeStyleLibreProtocol.js ($dbrnum?, $rdt?), freeStyleLibreData.js (40 and
500 stand for less and more, a changed date and time are two changes, a value that is numbered after
a change has the time of before it), docs/checklists;
glucometers-tech/glucometerutils, issue 63 (newest first); 90 days, the maker's questions and
answers (freestyle.abbott).

Guesses: that a scan's values stand before the scan itself; that a value keeps the time of when it
was measured also where the clock was lost before the scan, and that no reader `restamps`: gives all
that a scan brings the time of the clock at the scan; that records have the whole count, as those of
a Libre 2 in issue 137 of glucometerutils, and not 16 bits of it as in the binary protocol of the
Libre (`record_bits`); the number of readings it keeps; that erasing leaves the clock alone; what an
error says besides 8000h. Strips stay between 41 and 499 mg/dL, for the sources do not agree on what
lies outside.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sims.abbott_hid import AbbottHid, has_lost_its_time, text
from firmware_sims.abbott_records import Count, eighteenths, listed
from firmware_sims.body import Body
from firmware_sims.cgm.libre_sensor import SAMPLING_MIN, LibreSensor
from firmware_sims.device_clock import Setting
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind, ketone_values
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import abbott_hid as packing
from firmware_sims.packing.freestyle_libre import (
    COMMENTS,
    INVALID,
    Notes,
    ReadingKind,
    Stamp,
    history_line,
    reading_line,
    time_change_line,
)
from firmware_sims.placement import Placement

MODEL = "FreeStyle Libre"
LOW, HIGH = 40, 500
HISTORY_KEPT = 90 * 24 * 4
READINGS_KEPT = 3000
_ERROR = INVALID | 0x0001
_RESETS = {
    "$resetpatient": b"".join(b"Erasing Sector @ 0x%06X\r\n" % (each << 12) for each in range(4)),
    "$swreset": packing.END,
}
_NOTES = (
    Notes(food_g=45, rapid_half_units=11),
    Notes(sport=True),
    Notes(medicine=True, comments=frozenset({0, 3})),
    Notes(long_half_units=24, food_g=0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """After how many scans its owner uses a strip, or a ketone strip, or makes a note."""

    strip_every: int | None = None
    ketone_every: int | None = None
    note_every: int | None = None


class LibreReader:
    """A virtual reader, of the first person of the placement, who put a sensor on at `put_on_at`.

    `mmol` changes what the display shows, and no value. `comments` are the six that the reader
    offers for notes, as octets: it is said to cut them in the middle of a character.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        put_on_at: datetime | None = None,
        serial: str = "JCGM222-T0033",
        software: str = "2.1.2",
        mmol: bool = False,
        first_record: int = 34_412,
        record_bits: int | None = None,
        restamps: bool = False,
        newest_first: bool = True,
        habits: Habits | None = None,
        comments: Sequence[bytes] = (b"",) * COMMENTS,
    ) -> None:
        self._placement = placement
        self._body: Body = placement.people[0][0]
        self.sensor = LibreSensor(self._body, put_on_at or placement.now())
        self._history: RecordMemory[bytes] = RecordMemory(HISTORY_KEPT)
        self._readings: RecordMemory[bytes] = RecordMemory(READINGS_KEPT)
        self._count = Count(placement.clock, first=first_record, bits=record_bits)
        self._restamps = restamps
        self._newest_first = newest_first
        self._habits = habits or Habits()
        self._comments = comments
        self._scans = 0
        self._random = random.Random(f"libre/{placement.seed}")  # noqa: S311 - repeatable
        self._usb = AbbottHid(
            placement,
            serial=serial,
            software=software,
            resets=_RESETS,
            answers={
                "$sn?": lambda: text(serial),
                "$uom?": lambda: text("0" if mmol else "1"),
                "$dbrnum?": lambda: text(f"DB Record Number = {self._count.last}"),
                "$rdt?": self._reader_time,
                "$history?": lambda: self._listed(self._history),
                "$arresult?": lambda: self._listed(self._readings),
                "$brandname?": lambda: text(MODEL),
                "$marketlev?": lambda: text("1,0,0,0"),
                "$lang?": lambda: text("4"),
                "$foodunits?": lambda: text("0"),
                "$iobstatus?": lambda: text("255,255"),
            },
        )
        self.split = self._usb.split
        self.answer = self._usb.answer
        self.cable_moved = self._usb.cable_moved

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> Sequence[bytes]:
        """Scan the sensor, now or at a true time gone by; nothing is pushed.

        It is one person's: `who` is no news. After so many scans come the owner's other habits.
        """
        placement, habits = self._placement, self._habits
        if placement.faults.strikes(Fault.DROP_CLOCK):
            placement.clock.reset()
        self._scans += 1
        moment = at or placement.now()
        self.scan(moment, self._random.choice(_NOTES) if self._is_turn(habits.note_every) else None)
        if self._is_turn(habits.strip_every):
            self.test_strip(moment)
        if self._is_turn(habits.ketone_every):
            self.test_ketone(moment)
        return []

    def remember(self, since: datetime, until: datetime, *, scan_every: timedelta) -> None:
        """Scan so often between two true times, the last time at the second one."""
        for before in range((until - since) // scan_every, -1, -1):
            self.measure(until - before * scan_every)

    def scan(self, at: datetime, notes: Notes | None = None) -> None:
        """Take from the sensor what it still remembers, and the value of this moment."""
        while at >= self.sensor.ends_at:
            self._take_history(self.sensor.ends_at)
            self.sensor = LibreSensor(self._body, self.sensor.ends_at)
        self._take_history(at)
        sensor = self.sensor
        failed = self._placement.faults.strikes(Fault.ERROR_CODE)
        if failed or not sensor.is_warm(sensor.minutes(at)):
            self._keep_reading(at, ReadingKind.SENSOR, 0, errors=_ERROR, notes=notes)
            return
        value = self._produced(at, sensor.glucose(at))
        self._keep_reading(
            at,
            ReadingKind.SENSOR,
            value,
            low=value == LOW,
            arrow=sensor.arrow(at),
            notes=notes,
        )

    def test_strip(self, at: datetime) -> None:
        """Let its owner test blood glucose with a strip."""
        glucose = min(max(self._body.glucose(at), LOW + 1), HIGH - 1)
        values = {"glucose": str(glucose), "unit": "mg/dL"}
        self._enter(at, Kind.BLOOD_GLUCOSE, values)
        self._keep_reading(at, ReadingKind.BLOOD, glucose)

    def test_ketone(self, at: datetime) -> None:
        """Let its owner test blood ketone with a strip."""
        tenths = self._random.randint(1, 25)
        self._enter(at, Kind.BLOOD_KETONE, ketone_values(tenths))
        self._keep_reading(at, ReadingKind.KETONE, eighteenths(tenths))

    def erase(self, at: datetime) -> None:
        """Let its owner have erased everything, and put a new sensor on; the count goes on."""
        self._history = RecordMemory(HISTORY_KEPT)
        self._readings = RecordMemory(READINGS_KEPT)
        for _ in self._count.settings(at):
            pass  # erased with the rest
        self.sensor = LibreSensor(self._body, at)

    @property
    def held(self) -> int:
        """How many records it holds."""
        return len(self._history) + len(self._readings)

    def _is_turn(self, every: int | None) -> bool:
        return every is not None and self._scans % every == 0

    def _take_history(self, at: datetime) -> None:
        self._note_settings(at)
        sensor, clock = self.sensor, self._placement.clock
        for minutes in sensor.unread(at):
            measured_at = sensor.put_on_at + timedelta(minutes=minutes)
            shown = clock.device_local(measured_at)
            if self._restamps:
                shown = clock.device_local(at) - (at - measured_at)
            glucose, errors = 0, _ERROR
            failed = self._placement.faults.strikes(Fault.NAN_MEASUREMENT)
            if sensor.is_warm(minutes) and not failed:
                glucose, errors = self._produced(measured_at, sensor.glucose(measured_at)), 0
            self._history.keep(
                history_line(
                    self._count.number(),
                    self._stamp(shown),
                    glucose=glucose,
                    sensor_min=minutes,
                    first=minutes == SAMPLING_MIN,
                    errors=errors,
                )
            )

    def _keep_reading(
        self,
        at: datetime,
        kind: ReadingKind,
        value: int,
        *,
        low: bool = False,
        arrow: int = 0,
        errors: int = 0,
        notes: Notes | None = None,
    ) -> None:
        self._note_settings(at)
        self._readings.keep(
            reading_line(
                self._count.number(),
                self._stamp(self._placement.clock.device_local(at)),
                kind=kind,
                value=value,
                low=low,
                arrow=arrow,
                errors=errors,
                notes=notes,
                comments=self._comments,
            )
        )

    def _note_settings(self, until: datetime) -> None:
        """Keep a record of each time that the clock was set by then."""
        for setting in self._count.settings(until):
            for before, after in _steps(setting):
                stamps = (self._stamp(before), self._stamp(after))
                self._readings.keep(time_change_line(self._count.number(), *stamps))

    @staticmethod
    def _stamp(shown: datetime) -> Stamp:
        return Stamp(shown, valid=not has_lost_its_time(shown))

    def _produced(self, at: datetime, level: int) -> int:
        """Enter what the sensor gave, and return it as it is written."""
        value = min(max(level, LOW), HIGH)
        values = {"glucose": str(value), "unit": "mg/dL"}
        if value in (LOW, HIGH):
            values = {"range": "low" if value == LOW else "high"}
        self._enter(at, Kind.INTERSTITIAL_GLUCOSE, values)
        return value

    def _enter(self, at: datetime, kind: Kind, values: dict[str, str]) -> None:
        self._placement.record(MODEL, at, {kind: values}, person=self._body.person.name)

    def _listed(self, memory: RecordMemory[bytes]) -> bytes:
        self._note_settings(self._placement.now())
        return listed(memory, newest_first=self._newest_first)

    def _reader_time(self) -> bytes:
        """Return the time as its factory set it, and what its owner's settings add to that."""
        clock = self._placement.clock
        shown = clock.device_local()
        lost, added = has_lost_its_time(shown), timedelta()
        if not lost:
            added = sum((each.after - each.before for each in clock.settings), added)
        own = shown - added
        month, day, year, *time = packing.time_fields(own)
        fields = (year, month, day, *time, own.second, int(not lost), int(added.total_seconds()))
        return text(",".join(map(str, fields)))


def _steps(setting: Setting) -> list[tuple[datetime, datetime]]:
    """Return the changes that its owner made: the date, then the time, if both."""
    between = datetime.combine(setting.after.date(), setting.before.time())
    moves = [(setting.before, between), (between, setting.after)]
    return [(before, after) for before, after in moves if before != after]
