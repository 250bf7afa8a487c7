"""What a TaiDoc or FORA device keeps, however it is reached: pressures, a D40's glucose, a meter's.

Only the commands of `codec.Command` are ever written. The memory stays as it is. The bookmark is
the newest record of the last look, as it came: what is older was read then.
"""

from __future__ import annotations

from typing import Protocol

from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Frame, Session, Setting
from gateway.drivers.bp_monitor.memory import Stored, made
from gateway.drivers.bp_monitor.readings import Pressure
from gateway.drivers.bp_monitor.taidoc import codec
from gateway.drivers.bp_monitor.taidoc.codec import MODELS, Command, Layout, Taken
from gateway.drivers.glucose_meter import memory as glucose_memory
from gateway.errors import ConfigError, DecodeError, ProtocolError

LAYOUT = Setting(
    "layout",
    "Which values it stores: `auto` (by its model, refused if unknown), `p20`, `p30` or `d40`.",
    default="auto",
)

_LAYOUTS = {"p20": Layout.MEAN, "p30": Layout.MEAN, "d40": Layout.MIXED}
_RECORDS = 2000  # more than any of them keeps: a count above it is no count
_MEALS = {1: "preprandial", 2: "postprandial"}
_CONTROL = 3
_NO_VALUE = (0, 0xFFFF)
_PERHAPS_NO_VALUE = 0xFF
"""In a D40: the maker's own program takes it for none, as well."""


class Monitor(Protocol):
    """One that answers."""

    async def ask(self, command: Command, index: int = 0) -> Frame:
        """Return the answer to this question; raises LinkTimeout, LinkLost, ProtocolError."""
        ...

    async def set_aside(self, frame: Frame, error: DecodeError) -> None:
        """Keep a frame that could not be read."""
        ...


def chosen(session: Session) -> Layout | None:
    """Return the layout the owner set, None if the model shall tell; raises ConfigError."""
    name = session.setting(LAYOUT.name)
    if name == "auto":
        return None
    if name not in _LAYOUTS:
        raise ConfigError(f"There is no layout {name!r}: set auto, {', '.join(_LAYOUTS)}.")
    return _LAYOUTS[str(name)]


async def told(session: Session, monitor: Monitor) -> Layout:
    """Return the layout of the model; raises ProtocolError if nobody knows it."""
    model = codec.model((await monitor.ask(Command.MODEL)).data[2:6])
    if model not in MODELS:
        raise ProtocolError(
            f"TaiDoc model {model} is not known, so its values cannot be told apart: if it is a"
            f" FORA P20, P30 or D40, set `{LAYOUT.name}` for this device."
        )
    update = {"manufacturer": "TaiDoc", "model": f"TD-{model}"}
    await session.describe(session.device.model_copy(update=update))
    return MODELS[model]


async def read(session: Session, monitor: Monitor, layout: Layout) -> bool:
    """Record what is in the memory since the last look; False if somebody measured meanwhile.

    That moves every record by one, and would give one the time of another: then what was read is
    nothing, and the next look reads it again.
    """
    clock = await _clock(monitor)
    count = await _count(monitor)
    known = await session.bookmark()
    found: list[tuple[Frame, Frame]] = []
    for index in range(count):
        record = await _record(monitor, index)
        if _mark(record) == known:
            break
        found.append(record)
    if not found:
        return True
    newest = _mark(found[0])
    if await _count(monitor) != count or _mark(await _record(monitor, 0)) != newest:
        return False
    readings: list[Reading] = []
    for when, what in reversed(found):
        readings += await _read(session, monitor, when, what, layout, clock)
    if readings:
        await session.record(*readings, bookmark=newest)
    else:
        await session.set_bookmark(newest)
    return True


async def _record(monitor: Monitor, index: int) -> tuple[Frame, Frame]:
    when = await monitor.ask(Command.RECORD_TIME, index)
    return when, await monitor.ask(Command.RECORD_VALUE, index)


def _mark(record: tuple[Frame, Frame]) -> str:
    when, what = record
    return (when.data[2:6] + what.data[2:6]).hex()


async def _count(monitor: Monitor) -> int:
    count = int.from_bytes((await monitor.ask(Command.COUNT)).data[2:4], "little")
    if count > _RECORDS:
        raise ProtocolError(f"The monitor claims {count} records, more than it can keep.")
    return count


async def _clock(monitor: Monitor) -> ClockSample | None:
    """Read the clock; None if it shows no time."""
    frame = await monitor.ask(Command.CLOCK)
    try:
        return ClockSample(shown=codec.taken(frame.data[2:6]).device_time.at, at=frame.received)
    except DecodeError:
        return None


async def _read(
    session: Session,
    monitor: Monitor,
    when: Frame,
    what: Frame,
    layout: Layout,
    clock: ClockSample | None,
) -> list[Reading]:
    try:
        taken = codec.taken(when.data[2:6])
    except DecodeError as error:
        await monitor.set_aside(when, error)
        return []
    if taken.is_pressure(layout):
        return made(session, [_pressure(taken, what, layout)], clock)
    value = codec.glucose(what.data[2:6])
    if layout is Layout.METER and value.substance:
        await session.remark("other_than_glucose", what)
        return []
    if value.mg_dl in _NO_VALUE:
        await session.remark("no_value", what)
        return []
    is_doubted = layout is Layout.MIXED and value.mg_dl == _PERHAPS_NO_VALUE
    stored = glucose_memory.Stored(
        at=taken.device_time,
        glucose_mg_dl=value.mg_dl,
        received=what.received,
        control=value.meal == _CONTROL,
        doubts={"perhaps_no_value"} if is_doubted else set(),
        findings={_MEALS[value.meal]} if value.meal in _MEALS else set(),
        record=f"{taken.device_time} {value.mg_dl}",
    )
    return [glucose_memory.reading(session, stored, clock)]


def _pressure(taken: Taken, what: Frame, layout: Layout) -> Stored:
    value = codec.value(what.data[2:6], layout)
    findings = set()
    if taken.is_irregular:
        findings.add("irregular_pulse")
    if taken.average:
        findings.add("average")
    pressure = Pressure(value.systolic, value.diastolic, value.map, value.pulse, findings=findings)
    return Stored(taken.device_time, pressure, what.received)
