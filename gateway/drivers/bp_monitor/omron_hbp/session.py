"""Listening to an HBP monitor: it pushes one line after each measurement and is never asked.

The line's minute is what the monitor's clock shows as the line comes, so that a clock that was
never set does no harm. Movement during the measurement makes a reading QUESTIONABLE: the count is
the monitor's own warning. The typed id goes no further than this file.
"""

from __future__ import annotations

from gateway.drivers.api import Frame, Session
from gateway.drivers.bp_monitor.omron_hbp import codec
from gateway.drivers.bp_monitor.omron_hbp.codec import Failed, Measured, Message
from gateway.drivers.bp_monitor.readings import Pressure, readings
from gateway.drivers.cable_readings import Origin
from gateway.drivers.framing import framed
from gateway.drivers.repeats import Repeats
from gateway.errors import DecodeError

EXPERIMENTAL = "experimental"

_SET_EXPERIMENTAL = "experimental_format: turn the setting `experimental` on to read it"

_SAME_WITHIN_S = 30.0
"""The next person takes longer than this."""


async def converse(session: Session) -> None:
    """Record what the monitor pushes until the link is gone."""
    experimental = session.setting(EXPERIMENTAL) is True
    model = session.device.model or "HBP-9030"  # it never says; the format is this one's
    told = {"manufacturer": "OMRON", "model": model}
    await session.describe(session.device.model_copy(update=told))

    def decode(frame: Frame) -> Message:
        message = codec.message(frame.data)
        if isinstance(message, Measured) and message.experimental and not experimental:
            raise DecodeError(_SET_EXPERIMENTAL, frame.data)
        return message

    repeats = await Repeats.resumed(session, _SAME_WITHIN_S)
    inbox = await framed(session, codec.frames)
    async for frame, message in inbox.messages(decode):
        if isinstance(message, Failed):
            await session.remark(f"device_error {message.error}")  # the frame has a typed id
        else:
            origin = Origin(
                device=session.device.id,
                received=frame.received,
                device_time=message.device_time.just_taken(frame.received),
                record=_record(repeats, frame, message),
            )
            made = readings(_pressure(message), origin)
            await session.record(*made, bookmark=repeats.bookmark)


def _pressure(message: Measured) -> Pressure:
    doubts = set()
    if message.movement:
        doubts.add("body_movement")
    if message.status:  # nobody explains the digit: not reliable
        doubts.add(f"status_{message.status}")
    return Pressure(
        message.systolic, message.diastolic, message.map, message.pulse, frozenset(doubts)
    )


def _record(repeats: Repeats, frame: Frame, message: Measured) -> str:
    """Return the key of the record: minute, numbers, its place among those that look alike.

    All three numbers, as a pressure and a heart rate are two readings, and two people may share one
    of them within a minute.
    """
    looks = f"{message.systolic}/{message.diastolic} {message.pulse}"
    return repeats.key(frame, message.device_time, looks)
