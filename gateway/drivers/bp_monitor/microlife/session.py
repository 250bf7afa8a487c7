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
from dataclasses import dataclass

from gateway.domain.reading import ClockSample, DeviceTime, Reading
from gateway.drivers.api import Channel, Frame, Session, Setting
from gateway.drivers.bp_monitor.microlife import codec
from gateway.drivers.bp_monitor.microlife.codec import History, MicrolifeRecord
from gateway.drivers.bp_monitor.microlife.line import COMMANDS, DATA, Line, Told
from gateway.drivers.bp_monitor.readings import Pressure, readings
from gateway.drivers.cable_readings import Origin
from gateway.drivers.device_clock import CLOCK_SET, SET_CLOCK, is_off, wanted_time
from gateway.drivers.gatt_device import introduce
from gateway.errors import ConfigError, DecodeError, LinkError, ProtocolError
from gateway.wire.stamp import Stamp

RECORD, OLDER_RECORD = Channel("microlife/record"), Channel("microlife/older_record")
CUFF_CHECK = Setting(
    "cuff_check",
    "Whether the cuff tells that it sat well; where it did not say so, a reading is kept and not"
    " sent. Set it to false for a cuff that says so of none, from its next readings on.",
    default=True,
)

_USERS = (1, 2)
_SELECTED = 0xFD


async def converse(session: Session) -> None:
    """Record all that the cuff remembers; what is known already is no news."""
    if not {DATA, COMMANDS} <= set(session.link.channels):
        raise ProtocolError("It does not have what a Microlife cuff is read by: is it another?")
    line = Line(session, await session.link.subscribe(DATA))
    users = await line.users()
    if line.older:
        await _read_older(session, line)
    else:
        await _read(session, line, users)
    await introduce(session)
    with contextlib.suppress(LinkError):  # it hangs up, and some sooner than others
        await session.link.write(COMMANDS, codec.ask(codec.HANG_UP))


async def _read(session: Session, line: Line, users: int) -> None:
    clock = await line.clock()
    for user in range(1, users + 1) if users in _USERS else (_SELECTED,):
        told = await line.ask(codec.HISTORY, codec.history, codec.UNTIMED + bytes((user,)))
        if told is not None:
            await _record(session, told, clock)
    shown = wanted_time(session)
    if shown is not None and is_off(clock, session, shown):
        taken = await line.tell(codec.SET_CLOCK, codec.time_octets(shown))
        await session.remark(CLOCK_SET if taken else "clock_not_set")


async def _read_older(session: Session, line: Line) -> None:
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


async def _record(session: Session, told: Told[History], clock: ClockSample | None) -> None:
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
    checks = bool(source.session.setting(CUFF_CHECK.name))
    return readings(_pressure(found, checks=checks), origin)


def _pressure(found: MicrolifeRecord, *, checks: bool) -> Pressure:
    doubts = {"cuff_too_loose"} if checks and found.cuff_fits is False else set[str]()
    findings = {
        "irregular_pulse": found.irregular_pulse,
        "atrial_fibrillation": found.atrial_fibrillation,
        "averaged": found.averaging == codec.THREE,
    }
    said = {name for name, is_so in findings.items() if is_so}
    return Pressure(found.systolic, found.diastolic, None, found.pulse or None, doubts, said)
