"""The conversation with a Sanitas SBF70: greet it, acknowledge every frame, keep what it measured.

The weight settles first; the body composition follows some ten seconds later, and only for somebody
the scale knows. So a settled weight waits for it, and is kept for itself where none comes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Quality, Reading
from gateway.drivers.api import Frame, Session, gatt
from gateway.drivers.plausible import IMPLAUSIBLE, is_plausible
from gateway.drivers.scale.sanitas import codec
from gateway.drivers.scale.sanitas.codec import LiveWeight, Measured, Part
from gateway.errors import DecodeError, LinkError, LinkLost, LinkTimeout
from gateway.wire.stamp import Stamp

DATA = gatt("ffe0", "ffe1")

HOLD_S = 20.0
"""How long the scale may be silent: the composition comes 10 to 12 s after the weight settled."""

_GREETING = 0x01
_GREET_NIBBLE = 0x06  # with the high half of the start octet: E6 or F6
_OTHER_NAMES = ("BF700", "BF-700", "BF800", "BF-800", "LIBRA")  # these start with F
_SETTLED_AFTER = 3  # equal weights in a row


def greeting(name: str | None) -> bytes:
    """Return what is written first, by the half of the family that the name belongs to."""
    plain = (name or "").upper()
    high = 0xF0 if any(other in plain for other in _OTHER_NAMES) else 0xE0
    return bytes((high | _GREET_NIBBLE, _GREETING))


async def converse(session: Session) -> None:
    """Record one measurement after the other until the scale is silent or hangs up."""
    inbox = await session.link.subscribe(DATA)
    scale = _Scale(session)
    try:
        await session.link.write(DATA, greeting(session.sighting.name))
        while True:
            frame = await inbox.get(within=HOLD_S)
            await scale.hear(frame)
            answer = codec.acknowledgement(frame.data)
            if answer is not None:
                await session.link.write(DATA, answer)
    except LinkError as error:
        await scale.finish()
        if not isinstance(error, (LinkLost, LinkTimeout)):
            raise


class _Scale:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._parts: list[Part] = []
        self._shown: list[Decimal] = []
        self._settled: tuple[Decimal, Frame] | None = None

    async def hear(self, frame: Frame) -> None:
        """Take in a frame; a whole measurement is safe before this returns."""
        if codec.is_greeting(frame.data):
            return
        try:
            said = codec.frame(frame.data)
            if isinstance(said, Part):
                await self._collect(said, frame)
                return
        except DecodeError as error:
            await self._session.set_aside(frame, error)
            return
        self._show(said, frame)

    async def finish(self) -> None:
        """Keep a weight that settled and had no composition."""
        if self._settled is not None:
            weight, frame = self._settled
            self._settled = None
            await self._session.record(self._weight(weight, frame, None))

    def _show(self, said: LiveWeight, frame: Frame) -> None:
        self._shown = [*self._shown[-(_SETTLED_AFTER - 1) :], said.weight_kg]
        is_steady = len(self._shown) == _SETTLED_AFTER and len(set(self._shown)) == 1
        if (said.stable or is_steady) and said.weight_kg > 0:
            self._settled = (said.weight_kg, frame)

    async def _collect(self, part: Part, frame: Frame) -> None:
        if part.part <= 1:
            self._parts.clear()
        elif self._parts and self._parts[-1].part == part.part:
            return  # sent again: its acknowledgement was late
        self._parts.append(part)
        if part.part < part.count:
            return
        parts, self._parts = self._parts, []
        message = codec.measured(parts)
        if message.impedance_ohm == 0 and message.fat_percent == 0:
            return  # nobody the scale knows: the weight stands for itself
        self._settled = None
        self._shown.clear()
        await self._session.record(*self._readings(message, frame))

    def _readings(self, message: Measured, frame: Frame) -> list[Reading]:
        when = _taken(message, frame)
        percent = {
            Measure.BODY_FAT: message.fat_percent,
            Measure.BODY_WATER: message.water_percent,
            Measure.MUSCLE: message.muscle_percent,
        }
        values = {
            name: Quantity(value=value, unit=Unit.PERCENT)
            for name, value in percent.items()
            if value
        }
        if message.impedance_ohm:
            ohm = Decimal(message.impedance_ohm)
            values[Measure.IMPEDANCE] = Quantity(value=ohm, unit=Unit.OHM)
        composition = self._reading(Kind.BODY_COMPOSITION, values, frame, when)
        return [self._weight(message.weight_kg, frame, when), composition]

    def _weight(self, weight: Decimal, frame: Frame, when: DeviceTime | None) -> Reading:
        values = {Measure.WEIGHT: Quantity(value=weight, unit=Unit.KILOGRAM)}
        return self._reading(Kind.WEIGHT, values, frame, when)

    def _reading(
        self, kind: Kind, values: dict[Measure, Quantity], frame: Frame, when: DeviceTime | None
    ) -> Reading:
        plausible = is_plausible(kind, values)
        return Reading(
            device=self._session.device.id,
            kind=kind,
            values=values,
            received=frame.received,
            device_time=when,
            quality=Quality.GOOD if plausible else Quality.QUESTIONABLE,
            flags=frozenset() if plausible else frozenset({IMPLAUSIBLE}),
        )


def _taken(message: Measured, frame: Frame) -> DeviceTime:
    """Say that it was taken just now, whatever the scale's clock shows: some show 1970 or 2094."""
    at = datetime.fromtimestamp(message.unix_time, UTC).replace(tzinfo=None)
    raw = message.unix_time.to_bytes(4, "big")
    return Stamp(at, raw).just_taken(frame.received)
