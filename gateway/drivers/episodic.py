"""Steps for devices that measure, connect, send what they have, and go: cuffs and scales."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from gateway.domain.device_time import EARLIEST
from gateway.domain.reading import ClockSample, DeviceTime
from gateway.drivers.api import EPISODIC_IDLE, Frame, Inbox, Session
from gateway.errors import LinkLost, LinkTimeout
from gateway.frozen import frozen
from gateway.wire.gatt_time import DateTime

IDLE_S = EPISODIC_IDLE.total_seconds()
COMPANY_S = 3.0
"""Records out of a memory follow each other within some 100 ms (an indication and its confirmation
per connection event), measurements of people by more than this. Guess."""

_TURN_S = 0.25  # how long one inbox of several is waited for before the next is looked at
_JUST_TAKEN = timedelta(minutes=2)  # as in domain.device_time
_ANY_ZONE = timedelta(hours=15)  # the most a right local clock can be ahead of UTC, and an hour
_CLOCK_READ = timedelta(seconds=2)  # how far a clock read over the link may be off


class Stamped(Protocol):
    """A message that may say when the device measured."""

    @property
    def timestamp(self) -> DateTime | None:
        """The device's own time, None if it sent none."""
        ...


M = TypeVar("M", bound=Stamped)
M_co = TypeVar("M_co", bound=Stamped, covariant=True)


@frozen
class Heard(Generic[M_co]):
    """A message and the frame it came in."""

    frame: Frame
    message: M_co


class Listener(Protocol[M]):
    """What one family of devices makes of its frames; see `hear_out`."""

    async def understand(self, frame: Frame, /) -> M | None:
        """Decode a frame; None if it was set aside or remarked on instead."""
        ...

    def belong_together(self, earlier: M, later: M, /) -> bool:
        """Say whether two messages are parts of one measurement."""
        ...

    async def record(self, heard: Sequence[Heard[M]], /, *, alone: bool) -> None:
        """Record the readings of these messages; `alone` is as in `timed`."""
        ...


async def hear_out(
    session: Session,
    listener: Listener[M],
    clock: ClockSample | None,
    *inboxes: Inbox,
    silent_s: float = IDLE_S,
) -> None:
    """Take in what the device sends until it is `silent_s` silent or gone: its normal ends.

    Each record is safe before the next frame is asked for. One whose stamp does not tell the time
    waits for `COMPANY_S`, to see whether it comes alone; a remark keeps its frame safe meanwhile,
    and one that still waits when the gateway stops is recorded without a time.
    """
    hearing = _Hearing(session, listener, clock)
    try:
        while await hearing.go_on(inboxes, silent_s):
            pass
    finally:
        if hearing.waiting:  # the gateway stops: nobody will know whether it came alone
            await listener.record(hearing.waiting, alone=False)


class _Hearing(Generic[M]):
    """What was heard so far, and what of it waits to be recorded."""

    def __init__(self, session: Session, listener: Listener[M], clock: ClockSample | None) -> None:
        self._session = session
        self._listener = listener
        self._clock = clock
        self._last: Heard[M] | None = None
        self._alone = True
        self.waiting: list[Heard[M]] = []

    async def go_on(self, inboxes: Sequence[Inbox], silent_s: float) -> bool:
        """Hear one frame, or the silence that decides; False once nothing more comes."""
        frame = await next_frame(inboxes, COMPANY_S if self.waiting else silent_s)
        if frame is not None:
            await self._hear(frame)
        elif self.waiting:
            await self._record_waiting(alone=True)
        else:
            return False
        return True

    async def _hear(self, frame: Frame) -> None:
        if self.waiting and _is_same(frame, self.waiting[-1].frame):
            return  # the same again: nothing measures twice within COMPANY_S
        message = await self._listener.understand(frame)
        if message is None:
            return
        last = self._last
        if last is not None and not self._listener.belong_together(last.message, message):
            self._alone = _are_apart(last.frame, frame)
            await self._record_waiting(alone=self._alone)
        heard = self._last = Heard(frame, message)
        if self._alone and not _tells_time(message.timestamp, self._clock, frame):
            await self._session.remark("record_without_time", frame)
            self.waiting.append(heard)
        else:
            await self._listener.record([heard], alone=self._alone)

    async def _record_waiting(self, *, alone: bool) -> None:
        if self.waiting:
            await self._listener.record(self.waiting, alone=alone)
            self.waiting = []


async def next_frame(inboxes: Sequence[Inbox], patience_s: float) -> Frame | None:
    """Return the next frame of any inbox; None once all are silent that long, or lost."""
    living = list(inboxes)
    while living and patience_s > 0:
        turn_s = min(_TURN_S, patience_s) if len(living) > 1 else patience_s
        for inbox in tuple(living):
            try:
                return await inbox.get(within=turn_s)
            except LinkTimeout:
                patience_s -= turn_s
            except LinkLost:
                living.remove(inbox)
    return None


def _is_same(frame: Frame, other: Frame) -> bool:
    return (frame.channel, frame.data) == (other.channel, other.data)


def _are_apart(earlier: Frame, later: Frame) -> bool:
    return later.received.monotonic - earlier.received.monotonic > COMPANY_S


def _tells_time(stamp: DateTime | None, clock: ClockSample | None, frame: Frame) -> bool:
    """Whether the record's time can be had from its stamp, so that `alone` does not matter."""
    if not isinstance(stamp, datetime):
        return False
    if clock is not None and _age(stamp, clock, frame) >= -_CLOCK_READ:
        return True
    latest = frame.received.utc.replace(tzinfo=None) + _ANY_ZONE
    return EARLIEST.year <= stamp.year and stamp <= latest


@frozen
class Timed:
    """The three fields of a reading that say when it was taken, and which record it is."""

    device_time: DeviceTime | None
    record: str | None
    live: bool


def timed(
    frame: Frame, stamp: DateTime | None, raw: bytes, clock: ClockSample | None, *, alone: bool
) -> Timed:
    """Say when the reading in `frame` was taken, by the device's own account.

    `stamp` is None if the frame has none; `raw` are its octets. `alone` says that no other record
    came within `COMPANY_S`: then one without a usable stamp has just been taken. Several together
    come out of a memory, and when each was taken nobody knows.

    A stamp is the key of its record. One that says nothing (unknown, invalid, of a clock that never
    ran) would make records of different days one: then the moment of reception is the key, at the
    price that a record sent again is kept again.
    """
    if stamp is None and alone:
        return Timed(None, None, live=True)
    usable = stamp if isinstance(stamp, datetime) else None
    told = DeviceTime(stamp=usable, raw=raw.hex(), clock=clock)
    if usable is None or _never_ran(usable):
        return Timed(told, f"received:{frame.received.utc.isoformat()}", alone)
    return Timed(told, None, _just_taken(usable, clock, frame, otherwise=alone))


def _never_ran(stamp: datetime) -> bool:
    """Whether the stamp is where clocks stand before they are set: an early New Year's Day."""
    new_year = stamp.replace(month=1, day=1, hour=0, minute=0, second=0)
    return stamp == new_year and stamp.year < EARLIEST.year


def _just_taken(
    stamp: datetime, clock: ClockSample | None, frame: Frame, *, otherwise: bool
) -> bool:
    """Whether the record is new by the device's clock; `otherwise` where that says nothing."""
    if clock is None:
        return otherwise
    age = _age(stamp, clock, frame)
    return otherwise if age < -_CLOCK_READ else age <= _JUST_TAKEN


def _age(stamp: datetime, clock: ClockSample, frame: Frame) -> timedelta:
    since_read = timedelta(seconds=frame.received.monotonic - clock.at.monotonic)
    return clock.shown - stamp + since_read
