"""What one cuff's measurements become, however they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.domain.reading import ClockSample, Reading
from gateway.drivers.api import Frame, Inbox, Session, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import codec
from gateway.drivers.bp_monitor.bluetooth_sig.codec import BloodPressure
from gateway.drivers.bp_monitor.bluetooth_sig.readings import has_failed, readings
from gateway.drivers.episodic import Heard, Timed, hear_out, timed
from gateway.drivers.stored_records import Meanwhile
from gateway.errors import DecodeError

MEASUREMENT = gatt("1810", "2a35")
ENHANCED = gatt("1810", "2b34")
INTERMEDIATE = (gatt("1810", "2b35"), gatt("1810", "2a36"))
"""The pressure while the cuff measures, the enhanced one first."""

TURN_S = 0.5
"""How long an answer is waited for before what else comes is looked at, and for how long."""

_STAMP_AT = 7  # after the flags and three pressures, in both
_STAMP_OCTETS = {MEASUREMENT: 7, ENHANCED: 4}
_BEURER = ("BM48", "BM59", "BM85", "ELITE900")


def is_beurer(*names: str | None) -> bool:
    """Whether one of the names is of a Beurer model with its own order of octets."""
    plain = ("".join(filter(str.isalnum, name.upper())) for name in names if name)
    return any(name.removeprefix("BEURER").startswith(_BEURER) for name in plain)


@dataclass(slots=True)
class Cuff:
    """A `Listener` for `episodic.hear_out`."""

    session: Session
    clock: ClockSample | None
    measuring: bool = False
    """Pressures of a measurement under way have come, and not yet its result."""

    async def understand(self, frame: Frame, /) -> BloodPressure | None:
        """Decode a measurement; None if it was set aside, tells of a failure, or is under way."""
        if frame.channel in INTERMEDIATE:
            await self._note_measuring()
            return None
        self.measuring = False
        try:
            message = self._decoded(frame)
        except DecodeError as error:
            await self.session.set_aside(frame, error)
            return None
        if has_failed(message):
            await self.session.remark("measurement_failed", frame)
            return None
        return message

    async def _note_measuring(self) -> None:
        """Remark that a measurement is under way, once; what the cuff shows meanwhile is none."""
        if not self.measuring:
            self.measuring = True
            await self.session.remark("measurement_under_way")

    def belong_together(self, earlier: BloodPressure, later: BloodPressure, /) -> bool:
        """Say no: each message is a measurement."""
        return False

    async def record(self, heard: Sequence[Heard[BloodPressure]], /, *, alone: bool) -> None:
        """Record measurements that came by themselves."""
        made: list[Reading] = []
        for one in heard:
            when = self._timed(one.message, one.frame, alone=alone)
            made += readings(one.message, one.frame, self.session.device.id, when)
        await self.session.record(*made)

    def stored(self, message: BloodPressure, frame: Frame, sequence: int) -> tuple[Reading, ...]:
        """Make the readings of a measurement that was asked for by its number.

        Its stamp names it, as if it had come by itself; its number only where the stamp does not.
        """
        when = self._timed(message, frame, alone=False)
        if when.record is not None:
            when = replace(when, record=f"seq:{sequence}:{frame.data.hex()}")
        return readings(message, frame, self.session.device.id, when)

    def _decoded(self, frame: Frame) -> BloodPressure:
        if frame.channel == ENHANCED:
            return codec.enhanced_measurement(frame.data)
        if is_beurer(self.session.sighting.name, self.session.device.model):
            return codec.beurer_measurement(frame.data)
        return codec.measurement(frame.data)

    def _timed(self, message: BloodPressure, frame: Frame, *, alone: bool) -> Timed:
        """Say when it was taken: by the time the user sees, which is what a cuff's clock shows.

        The time stamp proper never changes, and names the record.
        """
        raw = b""
        if message.timestamp is not None:
            raw = frame.data[_STAMP_AT : _STAMP_AT + _STAMP_OCTETS[frame.channel]]
        elif message.user_facing_time is not None:
            end = len(frame.data) - len(message.trailing_octets or b"")
            raw = frame.data[end - 4 : end]  # the last field
        stamp = message.user_facing_time or message.timestamp
        return timed(frame, stamp, raw, self.clock, alone=alone)


def hearing(cuff: Cuff, measurements: Inbox) -> Meanwhile:
    """Return what takes in measurements that come while the cuff is asked for something else."""

    async def hear() -> None:
        await hear_out(cuff.session, cuff, cuff.clock, measurements, silent_s=TURN_S)

    return hear
