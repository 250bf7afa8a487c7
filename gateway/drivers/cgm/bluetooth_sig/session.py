"""The conversation with a CGM sensor: what it stored meanwhile, then what it measures, for days.

Nothing is lost on the way, because everything can be asked for again: a damaged record, a gap
between two minutes, a notification that never came all lead to the same step, `_catch_up`, which
reads from the bookmark on until nothing is missing. The driver only reads: starting, stopping and
calibrating a session decide over a therapy and are left to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from gateway.domain.reading import Reading
from gateway.drivers.api import Channel, Frame, Inbox, Session
from gateway.drivers.cgm.bluetooth_sig import codec
from gateway.drivers.cgm.bluetooth_sig.readings import FLAGS, SensorTime, annunciations, reading_of
from gateway.drivers.cgm.bluetooth_sig.sensor import (
    FEATURE,
    MEASUREMENT,
    READS,
    RECORD_ACCESS,
    RUN_TIME,
    START,
    STATUS,
    WARM_UP_MIN,
    is_locked,
    read,
    statement,
    utc_offset,
)
from gateway.drivers.cgm.bluetooth_sig.sensor_session import TOLERANCE, Mark, identify
from gateway.drivers.gatt_device import introduce
from gateway.drivers.stored_records import StoredRecords
from gateway.errors import DecodeError, LinkTimeout, ProtocolError

QUIET_S = 900.0
"""Three samples of a sensor that measures every 5 minutes: one may have been lost on the way."""
QUIET_LIMIT = 2
"""After so much silence in a row the connection is given up; a new one may hear more."""
_Value = TypeVar("_Value")


async def converse(session: Session) -> None:
    """Record all that the sensor has and will have, until the link ends or nothing more comes."""
    offers_readings = MEASUREMENT in session.link.channels
    feature = await read(session, FEATURE, codec.decode_feature) if offers_readings else None
    if feature is None and is_locked(session):
        await session.remark("unsupported variant: readings only with the maker's certificate")
        return
    if not offers_readings:
        raise ProtocolError("The sensor offers no CGM measurement: is it another model?")
    e2e_crc = bool(feature[1].raw & codec.E2E_CRC) if feature else None
    control = feature is not None and feature[1].type == codec.CONTROL_SOLUTION
    await _Collection(session, e2e_crc, control=control).run()


class _Collection:
    """One conversation: which sensor session it is, how far it was read, what time it is there."""

    _mark: Mark
    _time: SensorTime
    _stored: StoredRecords

    def __init__(self, session: Session, e2e_crc: bool | None, *, control: bool) -> None:
        self._session = session
        self._e2e_crc = e2e_crc
        self._control = control
        self._warm_up_min = int(session.setting(WARM_UP_MIN.name) or 0)
        self._newest = -1
        self._given_up: Mark | None = None

    async def run(self) -> None:
        link = self._session.link
        await self._identify()
        measurements = await link.subscribe(MEASUREMENT)
        answers = await link.subscribe(RECORD_ACCESS)
        self._stored = StoredRecords(link, RECORD_ACCESS, answers, measurements)
        await self._catch_up()
        await introduce(self._session)
        await self._listen(measurements)

    async def _identify(self) -> None:
        """Find out which sensor session this is; remember it before its first record."""
        session = self._session
        started = await self._read(START, codec.decode_session_start)
        status = await self._read(STATUS, codec.decode_status)
        if status is None:
            raise ProtocolError("The sensor's status cannot be read, and without it not its time.")
        known = Mark.from_text(await session.bookmark())
        frame, now = status
        says = statement(started, now.time_offset_min, frame)
        self._mark = identify(known, says)
        self._time = SensorTime(
            start=says.start or self._mark.started.replace(tzinfo=None),
            octets=says.octets,
            utc_offset=utc_offset(started[1]) if started and says.start else timedelta(),
            minute=says.minute,
            at=frame.received,
        )
        self._newest = -1
        if self._mark != known:
            await session.set_bookmark(self._mark.to_text())
        if known is None or known.key != self._mark.key:
            run_time = await self._read(RUN_TIME, codec.decode_run_time)
            await session.remark("new_sensor_session", run_time[0] if run_time else None)
        if troubles := annunciations(now.status, now.cal_temp, now.warning):
            names = sorted(FLAGS.get(bit, "unknown_status") for bit in troubles)
            await session.remark(f"sensor_status: {', '.join(names)}", frame)

    async def _catch_up(self) -> None:
        """Read what was stored after the mark, until nothing is missing or READS times."""
        since = self._mark.since
        seen: set[int] = set()
        for _ in range(READS):
            before = len(seen)
            intact = await self._read_stored(since, seen)
            if not intact or not await self._is_complete(
                since, seen, twice=len(seen) == before > 0
            ):
                continue
            if since is None or await self._begins_with_its_first():
                await self._keep([], replace(self._mark.settled(seen), first=None))
                return
            since, seen = None, set()
            await self._keep([], self._mark.begun_anew())
        self._given_up = self._mark
        await self._session.remark("stored_records_incomplete")

    async def _read_stored(self, since: int | None, seen: set[int]) -> bool:
        """Record one report, burst by burst; add its minutes to `seen`; say if all was readable."""
        intact = True
        await self._stored.report(since)
        while (burst := await self._stored.burst()) is not None:
            found = [(frame, *await self._understood(frame)) for frame in burst]
            intact = intact and all(readable for _, _, readable in found)
            minutes = [record.time_offset_min for _, records, _ in found for record in records]
            seen.update(minutes)
            if minutes:
                self._newest = max(self._newest, *minutes)
                self._time = self._time.heard(self._newest, burst[-1].received, ahead=TOLERANCE)
            readings = await self._readings(
                [(frame, records) for frame, records, _ in found], live=False
            )
            await self._keep(readings, self._mark.past(minutes) if intact else self._mark)
        return intact

    async def _is_complete(self, since: int | None, seen: Collection[int], *, twice: bool) -> bool:
        """Say whether `seen` is all there is: obviously, or by the sensor's own word."""
        if since is not None and self._mark.minute == max(seen, default=since - 1):
            return True
        asked_for = sum(minute >= (since or 0) for minute in seen)
        return await self._stored.confirms(since, asked_for, twice=twice)

    async def _begins_with_its_first(self) -> bool:
        """Say whether a first reading that was cut short missed none of what came before that."""
        first = self._mark.first
        if self._mark.minute is None:
            return False
        return first is None or await self._stored.begin_with(first)

    async def _listen(self, measurements: Inbox) -> None:
        quiet = 0
        while quiet < QUIET_LIMIT:
            try:
                frame = await measurements.get(within=QUIET_S)
            except LinkTimeout:
                quiet += 1
                await self._catch_up()
            else:
                quiet = 0
                await self._hear(frame)

    async def _hear(self, frame: Frame) -> None:
        """Record a sample just measured; catch up if one before it is missing."""
        records, readable = await self._understood(frame)
        minutes = [record.time_offset_min for record in records]
        if minutes and min(minutes) <= self._newest:
            await self._identify()  # a sample sent again, or the first of a new session
        if minutes:
            self._newest = max(self._newest, *minutes)
            self._time = self._time.heard(max(minutes), frame.received)
        never_read = self._mark.minute is None
        mark = self._mark if never_read else self._mark.past(minutes)
        await self._keep(await self._readings([(frame, records)], live=True), mark)
        is_missing = never_read or not readable or self._newest > (self._mark.minute or 0)
        if is_missing and self._mark != self._given_up:
            await self._catch_up()

    async def _understood(self, frame: Frame) -> tuple[list[codec.CgmRecord], bool]:
        """Return the readable records of a notification, and whether that is all of them."""
        found = codec.split_measurement(frame.data, self._e2e_crc)
        for error in found:
            if isinstance(error, DecodeError):
                await self._session.set_aside(frame, error)
        records = [record for record in found if isinstance(record, codec.CgmRecord)]
        return records, len(records) == len(found)

    async def _readings(
        self, found: Iterable[tuple[Frame, Sequence[codec.CgmRecord]]], *, live: bool
    ) -> list[Reading]:
        """Make the readings of some frames; remark once if the sensor had no value for others.

        A sensor that failed may hold days of such records, which are one event.
        """
        readings: list[Reading] = []
        without: list[Frame] = []
        for frame, record in ((frame, record) for frame, records in found for record in records):
            reading = reading_of(
                record,
                device=self._session.device.id,
                key=self._mark.key,
                time=self._time,
                at=frame.received,
                live=live,
                warm_up_min=self._warm_up_min,
                control=self._control,
            )
            if reading is None:
                without.append(frame)
            else:
                readings.append(reading)
        if without:
            await self._session.remark("no_value", without[0])
        return readings

    async def _keep(self, readings: list[Reading], mark: Mark) -> None:
        if readings:
            await self._session.record(*readings, bookmark=mark.to_text())
        elif mark != self._mark:
            await self._session.set_bookmark(mark.to_text())
        self._mark = mark

    async def _read(
        self, channel: Channel, decode: Callable[[bytes, bool | None], _Value]
    ) -> tuple[Frame, _Value] | None:
        return await read(self._session, channel, lambda data: decode(data, self._e2e_crc))
