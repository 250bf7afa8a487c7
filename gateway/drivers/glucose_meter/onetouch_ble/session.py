"""The conversation with a OneTouch meter: its clock, and the tests it has made since the last time.

The meter numbers its tests for good, also those that failed and those it has erased since; so the
bookmark names the last record that was read, by number and content. If that record has become
another, or the numbers went back, this is another memory, and all of it is read. Where it begins
the meter is asked: as failed tests have numbers too, the count of records does not tell.

Nothing in the meter is changed, but for its clock, on the owner's order.
"""

from __future__ import annotations

from gateway.domain.device_time import EARLIEST
from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Frame, Session
from gateway.drivers.device_clock import CLOCK_SET, is_off, wanted_time
from gateway.drivers.gatt_device import introduce
from gateway.drivers.glucose_meter.memory import Stored, reading
from gateway.drivers.glucose_meter.onetouch_ble import codec
from gateway.drivers.glucose_meter.onetouch_ble.codec import Ask, Status
from gateway.drivers.glucose_meter.onetouch_ble.meter import NOTIFIED, Meter
from gateway.drivers.record_mark import Mark
from gateway.errors import DecodeError, LinkError, LinkTimeout, PairingNeeded, ProtocolError

_MOST = 1000
"""More records than any of the meters keeps: 500, a Verio Reflect 750."""
_MOST_NUMBERS = 2 * _MOST
"""How many tests there can have been since the oldest record. Guess: as many failed."""
_LAST_NUMBER = 0xFFFF
_NUMBER_FROM = 0x8000  # no client says what a value so high means, and some read it as negative


async def converse(session: Session) -> None:
    """Record what the meter has measured since the last conversation."""
    meter = await Meter.subscribed(session)
    frame, shown = await meter.tell(Ask.CLOCK.value)
    try:
        clock = ClockSample(shown=codec.stamp(shown).at, at=frame.received)
    except DecodeError as error:
        raise ProtocolError("The meter answers another question than was asked.") from error
    await _Memory(session, meter, clock, Mark.from_text(await session.bookmark())).read()
    await introduce(session)
    await _set_clock(session, meter, clock)


class _Memory:
    """A meter's memory from a known record on, or all of it."""

    def __init__(
        self, session: Session, meter: Meter, clock: ClockSample, known: Mark | None
    ) -> None:
        self._session = session
        self._meter = meter
        self._clock = clock
        self._known = known
        self._mark: Mark | None = None
        self._may_move = True
        self._is_silent = False
        self._made: list[Reading] = []
        self._given = 0
        """How many records there were, readable or not."""

    async def read(self) -> None:
        """Record everything new in one call, also where the link is lost in the middle."""
        newest = await self._newest()
        count = await self._meter.number(Ask.COUNT.value, 2)
        if count > _MOST:
            raise ProtocolError(f"The meter claims {count} records, more than it can keep.")
        if not count:
            return
        unread = await self._after_known(newest)
        if unread is not None and unread > newest:
            return
        if unread is None:
            first = await self._oldest(newest, count)
        else:  # what follows a record that is there is there too, however many tests failed since
            first = max(unread, newest - _MOST_NUMBERS)
        await self._read(first, newest)
        if unread is None and self._given < count:
            await self._session.remark("stored_records_incomplete")

    async def _read(self, first: int, newest: int) -> None:
        """Read the records of these numbers, and what was added meanwhile."""
        try:
            for number in range(first, newest + 1):
                await self._take(number)
            for number in range(newest + 1, await self._newest() + 1):
                await self._take(number)
        finally:
            bookmark = None if self._mark is None else self._mark.to_text()
            if self._made:
                await self._session.record(*self._made, bookmark=bookmark)
            elif bookmark is not None:
                await self._session.set_bookmark(bookmark)

    async def _newest(self) -> int:
        number = await self._meter.number(Ask.NEWEST.value, 4)
        if number > _LAST_NUMBER:
            raise ProtocolError("The meter's tests have numbers that cannot be asked for.")
        return number

    async def _after_known(self, newest: int) -> int | None:
        """Return the number after the last record read; None to read all there is.

        So it is if that record is not there: its place was needed since, or it was erased.
        """
        known = self._known
        if known is None:
            return None
        if known.sequence <= newest:
            try:
                frame = await self._record(known.sequence)
            except (DecodeError, LinkTimeout):
                return None
            if frame is None:
                return None
            if Mark.of(known.sequence, frame.data) == known:
                return known.sequence + 1
        await self._session.remark("memory_reset")
        return None

    async def _oldest(self, newest: int, count: int) -> int:
        """Return the number of the oldest record, by the meter's word or else by the count.

        There are meters that count from 0 and meters that count from 1.
        """
        by_count = newest - count
        place = count - 1
        try:
            _, answer = await self._meter.ask(codec.ask_for_place(place))
            told = codec.number_of_place(answer.content, place)
        except (DecodeError, LinkTimeout, PairingNeeded):  # a model may not know this question
            return max(by_count, 0)
        return max(min(told, by_count + 1), newest - _MOST_NUMBERS, 0)

    async def _take(self, number: int) -> None:
        try:
            frame = await self._record(number)
            said = None if frame is None else codec.record(frame.data)
        except DecodeError as error:
            self._given += 1
            await self._session.set_aside(
                Frame(NOTIFIED, error.payload, self._session.now()), error
            )
            return
        except LinkTimeout:
            await self._pass_over()
            return
        self._is_silent = False
        if frame is None or said is None:
            return
        self._given += 1
        if self._may_move:
            self._mark = Mark.of(number, frame.data)
        if said.glucose_mgdl == 0:
            await self._session.remark("no_value", frame)
        else:
            self._made.append(reading(self._session, _stored(number, said, frame), self._clock))

    async def _pass_over(self) -> None:
        """Go on after one record that is not answered; the second in a row is the meter's end."""
        if self._is_silent:
            raise LinkTimeout("the meter has stopped answering")
        self._is_silent, self._may_move = True, False
        self._given += 1
        await self._session.remark("stored_records_incomplete")

    async def _record(self, number: int) -> Frame | None:
        """Return the content of a record; None if the meter has none of that number."""
        frame, answer = await self._meter.ask(codec.ask_for_record(number))
        if answer.status in (Status.WRONG_VALUE, Status.FAILED):
            return None
        if answer.status != Status.DONE:
            raise ProtocolError("The meter does not give its records: is it another model?")
        return Frame(NOTIFIED, answer.content, frame.received) if answer.content else None


def _stored(number: int, said: codec.Record, frame: Frame) -> Stored:
    is_odd = any(said.status) or said.glucose_mgdl >= _NUMBER_FROM
    is_dated = said.device_time.at.year >= EARLIEST.year
    return Stored(
        said.device_time,
        said.glucose_mgdl,
        frame.received,
        control=said.control != 0,
        doubts={"unknown_status"} if is_odd else frozenset(),
        record=None if is_dated else f"seq:{number}:{said.device_time.raw.hex()}",
    )


async def _set_clock(session: Session, meter: Meter, clock: ClockSample) -> None:
    shown = wanted_time(session)
    if shown is None or not is_off(clock, session, shown):
        return
    try:
        _, answer = await meter.ask(codec.set_clock(shown))
    except DecodeError:
        await session.remark("clock_not_set")
    except LinkError:
        return
    else:
        await session.remark(CLOCK_SET if answer.status == Status.DONE else "clock_not_set")
