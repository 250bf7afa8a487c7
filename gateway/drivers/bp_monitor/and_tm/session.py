"""Listening to a TM-265x or a BPBIO320: it sends its result after each measurement.

Nothing is ever written: on this line two letters start the cuff on whoever has an arm in it. The
stamp is what the monitor's clock shows as the result comes, so that a wrong clock does no harm. An
InBody sends no stamp: the same result again within half a minute is the same measurement.
"""

from __future__ import annotations

from gateway.drivers.api import Frame, Session
from gateway.drivers.bp_monitor.and_tm import codec
from gateway.drivers.bp_monitor.and_tm.codec import Failed, Measured
from gateway.drivers.bp_monitor.readings import Pressure, readings
from gateway.drivers.cable_readings import Origin
from gateway.drivers.framing import framed
from gateway.drivers.repeats import Repeats

_MAKER = "A&D"
_SAME_WITHIN_S = 30.0  # a measurement takes longer


async def converse(session: Session) -> None:
    """Record what the monitor sends until the link is gone."""
    inbox = await framed(session, codec.frames)
    repeats = await Repeats.resumed(session, _SAME_WITHIN_S)
    last: Frame | None = None
    async for frame, message in inbox.messages(lambda frame: codec.message(frame.data)):
        if last is not None and _repeats(frame, last):
            continue
        last = frame
        match message:
            case Failed():
                await session.remark(f"device_error {message.error}")  # the frame has a typed id
            case Measured():
                await _introduce(session, message)
                made = readings(_pressure(message), _origin(session, frame, message, repeats))
                await session.record(*made, bookmark=repeats.bookmark)


def _repeats(frame: Frame, last: Frame) -> bool:
    since_s = frame.received.monotonic - last.received.monotonic
    return frame.data == last.data and since_s <= _SAME_WITHIN_S


async def _introduce(session: Session, message: Measured) -> None:
    if message.model is not None:
        update = {"manufacturer": _MAKER, "model": message.model}
        await session.describe(session.device.model_copy(update=update))


def _origin(session: Session, frame: Frame, message: Measured, repeats: Repeats) -> Origin:
    at = message.device_time
    if at is None:
        return Origin(device=session.device.id, received=frame.received)
    looks = f"{message.systolic}/{message.diastolic} {message.pulse}"
    return Origin(
        device=session.device.id,
        received=frame.received,
        device_time=at.just_taken(frame.received),
        record=repeats.key(frame, at, looks),
    )


def _pressure(message: Measured) -> Pressure:
    return Pressure(
        message.systolic,
        message.diastolic,
        message.map,
        message.pulse,
        doubts=frozenset({"body_movement"}) if message.movement else frozenset(),
        findings=frozenset({"irregular_pulse"}) if message.irregular_beats else frozenset(),
    )
