"""The conversation with a Microlife cuff: who may use it, its clock, what it remembers of each.

The first question is one that any cuff of the family answers and that changes nothing; whatever
answers otherwise is no such cuff, and is asked nothing more. The whole memory is read each time,
and none of it is ever erased.

To read a cuff of the older kind is to set its clock, as the time is a part of the question. So it
is read only where the owner allows that.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.clock import Instant
from gateway.domain.reading import ClockSample, DeviceTime, Reading
from gateway.drivers.api import Channel, Frame, Inbox, Session, gatt
from gateway.drivers.bp_monitor.microlife import codec
from gateway.drivers.bp_monitor.microlife.codec import History, MicrolifeRecord
from gateway.drivers.bp_monitor.readings import Pressure, readings
from gateway.drivers.cable_readings import Origin
from gateway.drivers.device_clock import CLOCK_SET, SET_CLOCK, is_off, wanted_time
from gateway.drivers.gatt_device import introduce
from gateway.errors import ConfigError, DecodeError, LinkError, LinkTimeout, ProtocolError
from gateway.wire.stamp import Stamp

SERVICE = "fff0"
DATA, COMMANDS = gatt(SERVICE, "fff1"), gatt(SERVICE, "fff2")
RECORD, OLDER_RECORD = Channel("microlife/record"), Channel("microlife/older_record")

_ANSWER_S = 10.0  # guess: public clients wait 10, 30 and 60 s for a whole answer; here for a part
_TRIES = 2
_PASSED_OVER = 32  # frames that answer nothing that was asked; guess: none has been seen
_USERS = (1, 2)
_SELECTED = 0xFD

T = TypeVar("T")


async def converse(session: Session) -> None:
    """Record all that the cuff remembers; what is known already is no news."""
    if not {DATA, COMMANDS} <= set(session.link.channels):
        raise ProtocolError("It does not have what a Microlife cuff is read by: is it another?")
    line = _Line(session, await session.link.subscribe(DATA))
    users = await line.users()
    if line.older:
        await _read_older(session, line)
    else:
        await _read(session, line, users)
    await introduce(session)
    with contextlib.suppress(LinkError):  # it hangs up, and some sooner than others
        await session.link.write(COMMANDS, codec.ask(codec.HANG_UP))


async def _read(session: Session, line: _Line, users: int) -> None:
    clock = await line.clock()
    for user in range(1, users + 1) if users in _USERS else (_SELECTED,):
        told = await line.ask(codec.HISTORY, codec.history, codec.UNTIMED + bytes((user,)))
        if told is not None:
            await _record(session, told, clock)
    shown = wanted_time(session)
    if shown is not None and is_off(clock, session, shown):
        await line.ask(codec.SET_CLOCK, lambda _: None, codec.time_octets(shown))
        await session.remark(CLOCK_SET)


async def _read_older(session: Session, line: _Line) -> None:
    """Read a cuff whose clock is set by that: what it showed before, nobody can know."""
    if session.setting(SET_CLOCK.name) is None:
        raise ConfigError(
            "This Microlife cuff can only be read by setting its clock: allow that with"
            f" {SET_CLOCK.name}, the time zone it shall show, such as Europe/Paris."
        )
    shown = wanted_time(session)
    if shown is None:
        raise ProtocolError("To read this cuff is to set its clock, and the hub knows no time yet.")
    told = await line.ask(codec.HISTORY, codec.older_history, codec.time_octets(shown))
    await session.remark(CLOCK_SET)
    if told is not None:
        await _record(session, told, None)


@dataclass(frozen=True, slots=True)
class _Told(Generic[T]):
    """What an answer says, and when its last part came."""

    said: T
    received: Instant


class _Line:
    """Questions, and their answers put together of notifications."""

    def __init__(self, session: Session, inbox: Inbox) -> None:
        self._session = session
        self._parts = _Parts(inbox)
        self._held = b""
        self._known = False
        self.older = False
        """Whether the cuff is of the older kind; known once it has answered."""

    async def users(self) -> int:
        """Return how many users it can have. Raises ProtocolError if this is no such cuff."""
        told = await self.ask(codec.WHO, lambda it: codec.users(it, older=self.older))
        if told is None:
            raise ProtocolError("The cuff did not say who uses it: try again.")
        return told.said

    async def clock(self) -> ClockSample | None:
        """Return what its clock shows; None if it was never set, or is not shown."""
        try:
            told = await self.ask(codec.CLOCK, codec.clock, tries=1)
        except ProtocolError:
            return None
        if told is None or told.said is None:
            return None
        return ClockSample(shown=told.said, at=told.received)

    async def ask(
        self,
        number: int,
        read: Callable[[bytes], T],
        data: bytes = b"",
        *,
        tries: int = _TRIES,
    ) -> _Told[T] | None:
        """Return what answers; None if it has done it, or has nothing.

        Raises ProtocolError if no right answer comes, and at once if the first that comes is one
        that no cuff of the family gives.
        """
        for _ in range(tries):
            self._held = b""
            await self._parts.forget()
            await self._session.link.write(COMMANDS, codec.ask(number, data))
            try:
                return await self._answer(number, read)
            except LinkTimeout:
                continue
            except DecodeError as error:
                frame = Frame(DATA, error.payload, self._session.now())
                await self._session.set_aside(frame, error)
                if not self._known and error.reason == "bad_header":
                    raise ProtocolError(
                        "It answers as no Microlife cuff of this kind does: is it another device?"
                    ) from error
        raise ProtocolError("The cuff gave no right answer: switch its Bluetooth on again.")

    async def _answer(self, number: int, read: Callable[[bytes], T]) -> _Told[T] | None:
        for _ in range(_PASSED_OVER):
            whole = await self._whole()
            frame = codec.frame(whole.data)
            self._known, self.older = True, frame.sender == codec.OLDER_CUFF
            if frame.payload in (codec.DONE, codec.NOTHING):
                return None
            if frame.payload[:1] == bytes((number,)):
                return _Told(read(frame.payload), whole.received)
        raise LinkTimeout("the cuff says much, and does not answer")

    async def _whole(self) -> Frame:
        """Return the next whole frame, received when its last part was."""
        received = self._session.now()
        while (octets := codec.octets_of(self._held)) is None or len(self._held) < octets:
            part = await self._parts.get(begun=self._held)
            self._held, received = self._held + part.data, part.received
        whole, self._held = self._held[:octets], self._held[octets:]
        return Frame(DATA, whole, received)


class _Parts:
    """Notifications, each once: some stacks give them twice, and a part has no number."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._twice = False
        self._last: bytes | None = None

    async def forget(self) -> None:
        """Pass over what has come: it answers what was asked before."""
        with contextlib.suppress(LinkTimeout):
            while True:
                await self._inbox.get(within=0)

    async def get(self, *, begun: bytes) -> Frame:
        """Return the next part of a frame that has begun so; raises LinkTimeout, LinkLost."""
        while True:
            part = await self._inbox.get(within=_ANSWER_S)
            begins_again = bool(begun) and part.data == begun
            self._twice = self._twice or begins_again
            if not (begins_again or (self._twice and part.data == self._last)):
                self._last = part.data
                return part
            self._last = None


class _Undated:
    """Tells records of a clock that was never set apart: by what they say, and which of those.

    The oldest leave the memory first, so that one that is read again has a number it had before.
    """

    def __init__(self) -> None:
        self._seen = Counter[bytes]()

    def key(self, octets: bytes) -> str:
        self._seen[octets] += 1
        return f"undated:{octets.hex()} #{self._seen[octets]}"


@dataclass(frozen=True, slots=True)
class _Source:
    """What all records of an answer share."""

    session: Session
    user: int
    clock: ClockSample | None
    undated: _Undated


async def _record(session: Session, told: _Told[History], clock: ClockSample | None) -> None:
    """Record what a cuff told of a user, in one commit; what cannot be read is set aside."""
    history = told.said
    source = _Source(session, history.user, clock, _Undated())
    channel, read = (OLDER_RECORD, codec.older_record) if history.older else (RECORD, codec.record)
    made: list[Reading] = []
    for octets in history.records:
        part = Frame(channel, octets, told.received)
        try:
            found = read(octets)
            if found.systolic and found.diastolic:
                made += _readings(source, found, part)
            else:
                await session.remark("measurement_failed", part)
        except DecodeError as error:
            await session.set_aside(part, error)
    if made:
        await session.record(*made)
    if history.is_partial:
        await session.remark("stored_records_incomplete")


def _readings(source: _Source, found: MicrolifeRecord, part: Frame) -> tuple[Reading, ...]:
    at = found.timestamp
    if isinstance(at, Stamp):
        told = at.device_time(source.clock)
        key = f"{at} {found.systolic}/{found.diastolic} {found.pulse}"
    elif at.month == at.day == 0:
        told = DeviceTime(stamp=None, raw=part.data[3:8].hex())
        key = source.undated.key(part.data)
    else:
        raise DecodeError("timestamp", part.data, 3)
    origin = Origin(
        device=source.session.device.id,
        received=part.received,
        device_time=told,
        record=key,
        live=False,
        slot=str(source.user) if source.user in _USERS else None,
    )
    return readings(_pressure(found), origin)


def _pressure(found: MicrolifeRecord) -> Pressure:
    doubts = {"cuff_too_loose"} if found.cuff_fits is False else set[str]()
    findings = {
        "irregular_pulse": found.irregular_pulse,
        "atrial_fibrillation": found.atrial_fibrillation,
        "averaged": found.averaging == codec.THREE,
    }
    said = {name for name, is_so in findings.items() if is_so}
    return Pressure(found.systolic, found.diastolic, None, found.pulse or None, doubts, said)
