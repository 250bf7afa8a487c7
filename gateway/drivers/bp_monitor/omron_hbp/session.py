"""Listening to an HBP monitor: it pushes one line after each measurement and is never asked.

The line's minute is what the monitor's clock shows as the line comes, so that a clock that was
never set does no harm. Movement during the measurement makes a reading QUESTIONABLE: the count is
the monitor's own warning. The typed id goes no further than this file.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.drivers.api import Frame, Session
from gateway.drivers.bp_monitor.omron_hbp import codec
from gateway.drivers.bp_monitor.omron_hbp.codec import Failed, Measured, Message
from gateway.drivers.bp_monitor.readings import Origin, Pressure, readings
from gateway.drivers.framing import framed
from gateway.errors import DecodeError

EXPERIMENTAL = "experimental"

_SET_EXPERIMENTAL = "experimental_format: turn the setting `experimental` on to read it"

_SAME_WITHIN_S = 30.0
"""The same line again within this time is the same measurement: the next person takes longer."""


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

    repeats = _Repeats()
    inbox = await framed(session, codec.frames)
    async for frame, message in inbox.messages(decode):
        if isinstance(message, Failed):
            await session.remark(f"device_error {message.error}", frame)
        else:
            origin = Origin(
                device=session.device.id,
                received=frame.received,
                device_time=message.device_time.just_taken(frame.received),
                record=repeats.record(frame, message),
            )
            await session.record(*readings(_pressure(message), origin))


def _pressure(message: Measured) -> Pressure:
    doubts = set()
    if message.movement:
        doubts.add("body_movement")
    if message.status:  # nobody explains the digit: not reliable
        doubts.add(f"status_{message.status}")
    return Pressure(message.systolic, message.diastolic, message.map, message.pulse, doubts)


@dataclass(slots=True)
class _Repeats:
    """Tells a line that was sent twice from two measurements that look alike.

    Lines have minutes, no seconds, and no number. They are compared whole, with the typed id, of
    which the record's key says nothing.
    """

    _line: bytes = b""
    _shown: tuple[object, ...] = ()
    _since_s: float = 0.0
    _count: int = 0

    def record(self, frame: Frame, message: Measured) -> str:
        """Return the key of the record: minute, pressures, its place among those that look alike.

        The pressures are there for the heart rate: two people may have the same one in one minute.
        """
        line, moment = frame.data.strip(), frame.received.monotonic
        if line != self._line or moment - self._since_s > _SAME_WITHIN_S:
            shown = (message.device_time.at, message.systolic, message.diastolic, message.pulse)
            self._count = self._count + 1 if shown == self._shown else 1
            self._line, self._shown, self._since_s = line, shown, moment
        pressures = f"{message.systolic}/{message.diastolic}"
        return f"{message.device_time} {pressures} #{self._count}"
