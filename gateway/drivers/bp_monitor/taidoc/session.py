"""Reading the memory of a TaiDoc or FORA monitor; its clock is asked for in the same conversation.

Only the commands of `codec.Command` are ever written. The memory stays as it is. The glucose that a
D40 keeps beside its pressures is not read: one client alone says what else such a record holds.
"""

from __future__ import annotations

from gateway.domain.reading import ClockSample
from gateway.drivers.api import Frame, Session
from gateway.drivers.bp_monitor.memory import Stored, made
from gateway.drivers.bp_monitor.readings import Pressure
from gateway.drivers.bp_monitor.taidoc import codec
from gateway.drivers.bp_monitor.taidoc.codec import CONNECTED, MODELS, Command, Layout, Taken
from gateway.drivers.framing import FramedInbox, framed
from gateway.drivers.polling import read_again_and_again
from gateway.errors import ConfigError, DecodeError, LinkTimeout, ProtocolError

LAYOUT = "layout"

_LAYOUTS = {"p20": Layout.MEAN, "p30": Layout.MEAN, "d40": Layout.MIXED}
_ANSWER_WITHIN_S = 1.0
_TRIES = 3
_RECORDS = 2000  # more than any of them keeps: a count above it is no count


async def converse(session: Session) -> None:
    """Read the memory whenever the monitor answers, until the link is gone."""
    chosen = _chosen(session)
    inbox = await framed(session, codec.packets)

    async def is_there() -> bool:
        try:
            answer = await inbox.ask(codec.request(Command.CONNECT), within=_ANSWER_WITHIN_S)
        except LinkTimeout:
            return False
        return answer.data[1] in CONNECTED

    has_glucose = False

    async def read() -> None:
        nonlocal has_glucose
        layout = chosen or await _layout(session, inbox)
        found = await _read(session, inbox, layout)
        if found and not has_glucose:
            await session.remark("glucose_records")
        has_glucose = has_glucose or found

    await read_again_and_again(session, is_there, read)


def _chosen(session: Session) -> Layout | None:
    """Return the layout the owner set, None if the model shall tell."""
    name = session.setting(LAYOUT)
    if name == "auto":
        return None
    if name not in _LAYOUTS:
        raise ConfigError(f"There is no layout {name!r}: set auto, {', '.join(_LAYOUTS)}.")
    return _LAYOUTS[str(name)]


async def _ask(inbox: FramedInbox, command: Command, index: int = 0) -> Frame:
    frame = await inbox.ask(codec.request(command, index), within=_ANSWER_WITHIN_S, tries=_TRIES)
    if frame.data[1] != command:
        raise ProtocolError("The monitor answers another question than was asked.")
    return frame


async def _layout(session: Session, inbox: FramedInbox) -> Layout:
    model = codec.model(codec.packet((await _ask(inbox, Command.MODEL)).data).payload)
    if model not in MODELS:
        raise ProtocolError(
            f"TaiDoc model {model} is not known, so its values cannot be told apart: if it is a"
            f" FORA P20, P30 or D40, set `{LAYOUT}` for this port."
        )
    update = {"manufacturer": "TaiDoc", "model": f"TD-{model}"}
    await session.describe(session.device.model_copy(update=update))
    return MODELS[model]


async def _read(session: Session, inbox: FramedInbox, layout: Layout) -> bool:
    """Record the pressures in the memory; say whether there is glucose, too.

    A measurement that is taken meanwhile moves every record by one, and would give one the time of
    another: then what was read is nothing, and the next look reads it whole.
    """
    clock = await _clock(inbox)
    count = await _count(inbox)
    stored: list[Stored] = []
    has_glucose = False
    newest = await _ask(inbox, Command.RECORD_TIME) if count else None
    for index in range(count):
        when = await _ask(inbox, Command.RECORD_TIME, index)
        what = await _ask(inbox, Command.RECORD_VALUE, index)
        try:
            taken = codec.taken(when.data[2:6])
        except DecodeError as error:
            await inbox.set_aside(when, error)
            continue
        if taken.is_pressure(layout):
            stored.append(_stored(taken, what, layout))
        else:
            has_glucose = True
    if newest is None or await _has_moved(inbox, count, newest):
        return False
    if stored:
        await session.record(*made(session, stored, clock))
    return has_glucose


async def _has_moved(inbox: FramedInbox, count: int, newest: Frame) -> bool:
    """Whether the memory is another than it was."""
    if await _count(inbox) != count:
        return True
    return (await _ask(inbox, Command.RECORD_TIME)).data != newest.data


async def _count(inbox: FramedInbox) -> int:
    count = int.from_bytes((await _ask(inbox, Command.COUNT)).data[2:4], "little")
    if count > _RECORDS:
        raise ProtocolError(f"The monitor claims {count} records, more than it can keep.")
    return count


async def _clock(inbox: FramedInbox) -> ClockSample | None:
    """Read the clock; None if it shows no time."""
    frame = await _ask(inbox, Command.CLOCK)
    try:
        return ClockSample(shown=codec.taken(frame.data[2:6]).device_time.at, at=frame.received)
    except DecodeError:
        return None


def _stored(taken: Taken, what: Frame, layout: Layout) -> Stored:
    value = codec.value(what.data[2:6], layout)
    findings = set()
    if taken.is_irregular:
        findings.add("irregular_pulse")
    if taken.average:
        findings.add("average")
    pressure = Pressure(value.systolic, value.diastolic, value.map, value.pulse, findings=findings)
    return Stored(taken.device_time, pressure, what.received)
