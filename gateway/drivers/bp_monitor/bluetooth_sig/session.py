"""The conversation with a Bluetooth SIG cuff: subscribe, ask who it is, collect what it sends.

A cuff appears for some seconds after a measurement, sends what it has as indications, and hangs up.
It forgets a record once its indication is confirmed, which asking for the next frame does: hence
each record is safe before the next is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Channel, Frame, Session, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import codec
from gateway.drivers.bp_monitor.bluetooth_sig.codec import BloodPressure
from gateway.drivers.bp_monitor.bluetooth_sig.readings import has_failed, readings
from gateway.drivers.episodic import Heard, Timed, hear_out, timed
from gateway.drivers.gatt_device import introduce, read_clock
from gateway.errors import DecodeError, ProtocolError

MEASUREMENT = gatt("1810", "2a35")
ENHANCED = gatt("1810", "2b34")

_STAMP_AT = 7  # after the flags and three pressures, in both
_STAMP_OCTETS = {MEASUREMENT: 7, ENHANCED: 4}
_BEURER = ("BM48", "BM59", "BM85", "ELITE900")


async def converse(session: Session) -> None:
    """Record everything the cuff sends until it is silent or hangs up, its normal end."""
    inbox = await session.link.subscribe(_preferred(session))
    clock = await read_clock(session)
    await introduce(session)
    await hear_out(session, _Cuff(session, clock), clock, inbox)


def is_beurer(*names: str | None) -> bool:
    """Whether one of the names is of a Beurer model with its own order of octets."""
    plain = ("".join(filter(str.isalnum, name.upper())) for name in names if name)
    return any(name.removeprefix("BEURER").startswith(_BEURER) for name in plain)


def _preferred(session: Session) -> Channel:
    """Choose one of the two measurements: a cuff that offers both sends each record on both."""
    for channel in (ENHANCED, MEASUREMENT):
        if channel in session.link.channels:
            return channel
    raise ProtocolError("The device offers no blood pressure measurement: is it another model?")


@dataclass(frozen=True, slots=True)
class _Cuff:
    session: Session
    clock: ClockSample | None

    async def understand(self, frame: Frame, /) -> BloodPressure | None:
        try:
            message = self._decoded(frame)
        except DecodeError as error:
            await self.session.set_aside(frame, error)
            return None
        if has_failed(message):
            await self.session.remark("measurement_failed", frame)
            return None
        return message

    def belong_together(self, earlier: BloodPressure, later: BloodPressure, /) -> bool:
        return False

    async def record(self, heard: Sequence[Heard[BloodPressure]], /, *, alone: bool) -> None:
        made: list[Reading] = []
        for one in heard:
            when = self._timed(one, alone=alone)
            made += readings(one.message, one.frame, self.session.device.id, when)
        await self.session.record(*made)

    def _decoded(self, frame: Frame) -> BloodPressure:
        if frame.channel == ENHANCED:
            return codec.enhanced_measurement(frame.data)
        if is_beurer(self.session.sighting.name, self.session.device.model):
            return codec.beurer_measurement(frame.data)
        return codec.measurement(frame.data)

    def _timed(self, heard: Heard[BloodPressure], *, alone: bool) -> Timed:
        frame, stamp = heard.frame, heard.message.timestamp
        raw = frame.data[_STAMP_AT : _STAMP_AT + _STAMP_OCTETS[frame.channel]] if stamp else b""
        return timed(frame, stamp, raw, self.clock, alone=alone)
