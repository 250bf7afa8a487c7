"""The conversation with a glucose meter: read what it stored since the last time, and let it go.

The bookmark names the last record read, by number and content. The meter is asked for its records
from that one on, not after it: if it comes back unchanged, the memory is the one we know; if not,
the meter was reset (and its numbers start again), and the whole memory is read anew. So it is if a
first reading that was cut short began with a record that is not the meter's first: some meters tell
the newest first.

Of meters that measure ketone as well, the setting `ketone_strips` tells whether a number that may
be either is glucose: see `readings`.

A record may announce a context (2A34), which comes before or after it or after all records. It is
not kept before its context: the context alone says that a "glucose" was ketone.

The memory of a CareSens that was read before its ketone was is read anew, once.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from enum import StrEnum

from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Frame, Session, Setting, gatt
from gateway.drivers.device_clock import set_clock
from gateway.drivers.gatt_device import introduce, read_clock
from gateway.drivers.glucose_meter.bluetooth_sig import caresens, codec, contour
from gateway.drivers.glucose_meter.bluetooth_sig.measuring_range import range_of
from gateway.drivers.glucose_meter.bluetooth_sig.readings import (
    MAY_BE_KETONE,
    Record,
    is_empty_twin,
    reading_of,
)
from gateway.drivers.record_mark import Mark
from gateway.drivers.stored_records import StoredRecords
from gateway.errors import DecodeError, LinkRefused, ProtocolError
from gateway.wire.gatt_time import DateTime, date_time_octets

MEASUREMENT = gatt("1808", "2a18")
CONTEXT = gatt("1808", "2a34")
FEATURE = gatt("1808", "2a51")
RECORD_ACCESS = gatt("1808", "2a52")
"""That of this service: Accu-Chek meters have another 2A52 in a service of their own."""

KETONE_STRIPS = Setting(
    "ketone_strips",
    "Whether strips for anything but glucose (ketone, uric acid, cholesterol, ...) are used with"
    " the meter. Some (FORA) keep ketone as if it were glucose; where that cannot be told apart,"
    " nothing is sent. Say false if they never are.",
    default=True,
)

_KETONE_TOO = "ketone too "
"""How a bookmark begins up to which ketone was read as well."""
READS = 3
"""How often the same records are asked for before going on without what is missing."""


async def converse(session: Session) -> None:
    """Record what the meter has stored since the last conversation."""
    link = session.link
    if MEASUREMENT not in link.channels:
        raise ProtocolError("The meter offers no glucose measurement: is it another model?")
    await contour.greet(session)
    inboxes = [await link.subscribe(MEASUREMENT)]
    has_contexts = False
    if CONTEXT in link.channels:
        with suppress(LinkRefused):  # then its records lack what they announce, and say so
            inboxes.append(await link.subscribe(CONTEXT))
            has_contexts = True
    answers = await link.subscribe(RECORD_ACCESS)
    clock = await read_clock(session) or await caresens.read_clock(session)
    stored = StoredRecords(link, RECORD_ACCESS, answers, *inboxes)
    known = _mark_in(await session.bookmark() or "", session)
    found = await _Memory(session, stored, clock, known, has_contexts=has_contexts).read()
    if found is not _Found.ALL:
        await session.remark(found)
        await session.set_bookmark("")
    if found is not _Found.ALL and not stored.silent:
        await _Memory(session, stored, clock, None, has_contexts=has_contexts).read()
    await introduce(session)
    await set_clock(session, clock)
    await caresens.set_clock(session)


def _mark_in(bookmark: str, session: Session) -> Mark | None:
    """Read a bookmark; None if it is of before the meter's ketone was read: it passed over that."""
    if caresens.is_one(session) and not bookmark.startswith(_KETONE_TOO):
        return None
    return Mark.from_text(bookmark.removeprefix(_KETONE_TOO))


def mark_of(said: codec.GlucoseMeasurement) -> Mark:
    """Mark a record by its number, base time and value; not by its offset: the user can move it."""
    content = f"{said.sequence} {date_time_octets(said.base_time).hex()} {said.concentration}"
    return Mark.of(said.sequence, content.encode())


class _Found(StrEnum):
    """What became of reading from a known record on."""

    ALL = "all"
    RESET = "memory_reset"
    """The known record is not there, is another by now, or is last by its number alone."""
    OLDER = "older_records_missing"
    """When the memory was read for the first time, and cut short, some did not come."""


class _Memory:
    """A meter's memory from a known record on, or all of it."""

    def __init__(
        self,
        session: Session,
        stored: StoredRecords,
        clock: ClockSample | None,
        known: Mark | None,
        *,
        has_contexts: bool,
    ) -> None:
        self._session = session
        self._stored = stored
        self._clock = clock
        self._known = known
        self._has_contexts = has_contexts
        self._mark = known
        self._first = known.first if known is not None else None
        self._found_known = known is None
        self._last: Mark | None = None
        self._seen: dict[Mark, None] = {}
        """In their order."""
        self._unreadable: set[bytes] = set()
        self._contexts: dict[int, codec.GlucoseContext] = {}
        self._numbers: set[DateTime] = set()
        self._twins: set[DateTime] = set()
        """The times of records that have a number, and of those that say "none"."""
        self._measuring = range_of(session.sighting.name, session.device.model)
        self._ketone_strips = bool(session.setting(KETONE_STRIPS.name))
        self._told_of_ketone = False
        self._tells_ketone = caresens.is_one(session)

    async def read(self) -> _Found:
        """Record everything, and say whether that was all."""
        since = self._known.since if self._known else None
        for attempt in range(READS):
            before = len(self._seen)
            settled = await self._read_once(since, is_last=attempt == READS - 1)
            if not self._found_known:
                return _Found.RESET
            if settled and await self._is_complete(since, twice=len(self._seen) == before > 0):
                if since is not None and await self._began_anew():
                    return _Found.RESET
                return await self._complete(whole=since is None)
        await self._session.remark("stored_records_incomplete")
        return _Found.ALL

    async def _began_anew(self) -> bool:
        """Say whether the meter has stored something new under a number of before.

        Its numbers may begin anew although it keeps its records, as after a battery change: asked
        for a number and greater it would never tell those below. So where nothing new came, the
        last record is asked for; a meter that cannot tell it is believed.
        """
        known = self._known
        if known is None:
            return False
        if list(self._seen) != [known]:
            return known.numbers_began_anew(self._seen)
        told = [frame.data for frame in await self._stored.last() if frame.channel == MEASUREMENT]
        with suppress(DecodeError):
            marks = [mark_of(codec.decode_measurement(data)) for data in told]
            return known.numbers_began_anew([known, *marks])
        return False

    async def _complete(self, *, whole: bool) -> _Found:
        """Move the mark to the end, unless the first reading may have missed what is before it."""
        first = None if whole else self._first
        if first is not None and not await self._stored.begin_with(first):
            return _Found.OLDER
        self._first = None
        await self._keep([], self._last or self._mark)
        return _Found.ALL

    async def _read_once(self, since: int | None, *, is_last: bool) -> bool:
        """Record one report, burst by burst; say whether that settles it.

        What lacks its announced context is left for another report, unless this is the last.
        """
        waiting: list[Record] = []
        await self._stored.report(since)
        while (burst := await self._next_burst(waiting)) is not None:
            for frame in burst:
                waiting += await self._understood(frame)
            waiting = [self._joined(record) for record in waiting]
            known = len(waiting) if self._stored.finished else len(waiting) - 1  # its twin may come
            held_back = next((at for at, r in enumerate(waiting) if self._lacks(r)), max(known, 0))
            await self._take(waiting[:held_back])
            del waiting[:held_back]
        if waiting and not is_last:
            await self._take([r for r in waiting if not self._lacks(r)], may_move=False)
            return False
        await self._take(waiting)
        return True

    async def _next_burst(self, waiting: list[Record]) -> list[Frame] | None:
        """Return what came; of a meter that fell silent, what waits for more waits in vain."""
        try:
            return await self._stored.burst()
        except ProtocolError:
            if self._stored.silent:
                await self._take([record for record in waiting if not self._lacks(record)])
            raise

    async def _understood(self, frame: Frame) -> list[Record]:
        """Return the measurement of a frame, if it is one; keep a context for later.

        What cannot be read will not get better: the radio has its own checksum. It counts as seen.
        """
        try:
            if frame.channel == MEASUREMENT:
                said = codec.decode_measurement(frame.data)
                (self._twins if is_empty_twin(said) else self._numbers).add(said.base_time)
                return [Record(frame, said)]
            context = codec.decode_context(frame.data)
            self._contexts[context.sequence] = context
        except DecodeError as error:
            if frame.data not in self._unreadable:
                await self._session.set_aside(frame, error)
            if frame.channel == MEASUREMENT:
                self._unreadable.add(frame.data)
        return []

    def _joined(self, record: Record) -> Record:
        said = record.measurement
        twin = self._ketone_strips and said.base_time in self._twins
        return replace(record, context=self._contexts.get(said.sequence), may_be_ketone=twin)

    def _lacks(self, record: Record) -> bool:
        announced = record.measurement.context_follows and self._has_contexts
        return announced and record.context is None

    async def _take(self, records: list[Record], *, may_move: bool = True) -> None:
        """Record what is not yet in the journal; move the mark up to the first gap."""
        readings: list[Reading] = []
        mark = self._mark
        for record in records:
            this = self._last = mark_of(record.measurement)
            is_kept = this == self._known or this in self._seen
            self._seen[this] = None
            self._found_known = self._found_known or this == self._known
            if mark is None:
                self._first = this.sequence
                mark = this
            elif this.sequence == (mark.sequence + 1) % 0x10000:
                mark = this
            if is_kept:
                continue
            made = reading_of(
                record,
                self._session.device.id,
                self._clock,
                self._measuring,
                tells_ketone=self._tells_ketone,
            )
            if isinstance(made, Reading):
                readings.append(made)
                await self._tell_of_ketone(made)
            elif not self._is_half(record.measurement):
                await self._session.remark(made, record.frame)
        await self._keep(readings, mark if may_move and self._found_known else self._mark)

    def _is_half(self, said: codec.GlucoseMeasurement) -> bool:
        """Whether this says "none" of a measurement whose number is in another record."""
        return is_empty_twin(said) and said.base_time in self._numbers

    async def _tell_of_ketone(self, made: Reading) -> None:
        if MAY_BE_KETONE in made.flags and not self._told_of_ketone:
            self._told_of_ketone = True
            await self._session.remark(
                f"{MAY_BE_KETONE}: if the meter never sees a strip that is not for glucose, set"
                f" {KETONE_STRIPS.name} to false"
            )

    async def _keep(self, readings: list[Reading], mark: Mark | None) -> None:
        if mark is not None:
            mark = replace(mark, first=self._first)
        bookmark = self._bookmark(mark) if mark and self._found_known else None
        if readings:
            await self._session.record(*readings, bookmark=bookmark)
        elif bookmark is not None and (
            self._mark is None or bookmark != self._bookmark(self._mark)
        ):
            await self._session.set_bookmark(bookmark)
        self._mark = mark

    def _bookmark(self, mark: Mark) -> str:
        return (_KETONE_TOO if self._tells_ketone else "") + mark.to_text()

    async def _is_complete(self, since: int | None, *, twice: bool) -> bool:
        """Say whether what was seen is all there is: obviously, or by the meter's own word."""
        if since is not None and self._last == self._mark:
            return True
        seen = sum(mark.sequence >= (since or 0) for mark in self._seen) + len(self._unreadable)
        return await self._stored.confirms(since, seen, twice=twice)
