"""The conversation with a Sanitas SBF70: greet it, acknowledge every frame, keep what it measured.

The weight settles first; the body composition follows ten seconds later, all zeros for somebody
the scale does not know. So a settled weight waits for it, and is kept for itself where none comes.
Where the link is cut meanwhile, the scale may have saved the weighing of somebody it knows: it will
tell it whole, with whose it is and when. The weight that was heard is then QUESTIONABLE with the
flag `interrupted`, kept and shown and not sent, so that nobody was weighed twice.

Once it has answered the greeting it is asked for what it saved, while whoever stands on it is heard
on. A weighing of somebody it knows is the same reading live and saved: same user, stamp and values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Measure, Quality, Reading
from gateway.drivers.api import Frame, Session, gatt
from gateway.drivers.scale.sanitas import codec
from gateway.drivers.scale.sanitas.codec import LiveWeight, Measured, Part
from gateway.drivers.scale.sanitas.memory import Memory, Saved
from gateway.errors import DecodeError, LinkLost, LinkTimeout
from gateway.wire.stamp import Stamp

DATA = gatt("ffe0", "ffe1")

HOLD_S = 20.0
"""How long the scale may be silent: the composition comes 10 to 12 s after the weight settled."""

_GREETING = 0x01
_GREET_NIBBLE = 0x06  # with the high half of the start octet: E6 or F6
_OTHER_NAMES = ("BF700", "BF-700", "BF800", "BF-800", "LIBRA")  # these start with F
_SETTLED_AFTER = 3  # equal weights in a row
_COMMAND_NIBBLE = 0x07
_ANOTHER_KG = 2  # more than a standing person sways, as in `weigh_in`
_INTERRUPTED = "interrupted"
_UTC = timedelta()  # what apps set its clock to, each time they connect


def greeting(name: str | None) -> bytes:
    """Return what is written first, by the half of the family that the name belongs to."""
    plain = (name or "").upper()
    high = 0xF0 if any(other in plain for other in _OTHER_NAMES) else 0xE0
    return bytes((high | _GREET_NIBBLE, _GREETING))


async def converse(session: Session) -> None:
    """Record one measurement after the other until the scale is silent or hangs up."""
    inbox = await session.link.subscribe(DATA)
    scale = _Scale(session)
    silent = False
    try:
        await session.link.write(DATA, greeting(session.sighting.name))
        while True:
            frame = await inbox.get(within=HOLD_S)
            await scale.hear(frame)
            for answer in (codec.acknowledgement(frame.data), scale.question()):
                if answer is not None:
                    await session.link.write(DATA, answer)
    except LinkTimeout:
        silent = True
    except LinkLost:
        return
    finally:  # also when the gateway stops
        await scale.finish(silent=silent)


@dataclass(frozen=True, slots=True)
class _Occasion:
    """What the readings of one weighing have in common."""

    frame: Frame
    device_time: DeviceTime | None = None
    slot: str | None = None
    live: bool = True
    doubts: frozenset[str] = frozenset()


class _Scale:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._parts: list[Part] = []
        self._shown: list[Decimal] = []
        self._settled: tuple[Decimal, Frame] | None = None
        self._memory: Memory | None = None
        self._clock: ClockSample | None = None

    async def hear(self, frame: Frame) -> None:
        """Take in a frame; a whole measurement is safe before this returns."""
        if codec.is_greeting(frame.data):
            self._memory = self._memory or Memory(frame.data[0] | _COMMAND_NIBBLE)
            return
        try:
            said = codec.frame(frame.data)
            if isinstance(said, LiveWeight):
                await self._show(said, frame)
            elif isinstance(said, Part):
                await self._collect(said, frame)
            elif self._memory is not None:
                await self._keep(self._memory.hear(said), frame)
        except DecodeError as error:
            await self._session.set_aside(frame, error)

    def question(self) -> bytes | None:
        """Return what the scale is to be asked now."""
        return None if self._memory is None else self._memory.question()

    async def finish(self, *, silent: bool) -> None:
        """Keep a weight that settled and had no composition; say if saved ones are left.

        `silent`: the scale had as long as it takes to send one.
        """
        await self._let_stand(interrupted=not silent)
        if self._memory is not None and not self._memory.is_whole:
            await self._session.remark("stored_records_incomplete")

    async def _show(self, said: LiveWeight, frame: Frame) -> None:
        self._shown = [*self._shown[-(_SETTLED_AFTER - 1) :], said.weight_kg]
        is_steady = len(self._shown) == _SETTLED_AFTER and len(set(self._shown)) == 1
        if (said.stable or is_steady) and said.weight_kg > 0:
            if self._settled and abs(self._settled[0] - said.weight_kg) > _ANOTHER_KG:
                await self._let_stand(interrupted=False)
            self._settled = (said.weight_kg, frame)

    async def _let_stand(self, *, interrupted: bool) -> None:
        """Keep the weight that settled, if there is one, for itself."""
        if self._settled is None:
            return
        (weight, frame), self._settled = self._settled, None
        waited_s = self._session.now().monotonic - frame.received.monotonic
        saves = self._memory is None or not self._memory.is_nobodys
        in_doubt = interrupted and saves and waited_s < HOLD_S
        doubts = frozenset({_INTERRUPTED}) if in_doubt else frozenset[str]()
        await self._session.record(self._weight(weight, _Occasion(frame, doubts=doubts)))

    async def _collect(self, part: Part, frame: Frame) -> None:
        if part.part <= 1:
            self._parts.clear()
        elif self._parts and self._parts[-1].part == part.part:
            return  # sent again: its acknowledgement was late
        self._parts.append(part)
        if part.part < part.count:
            return
        parts, self._parts = self._parts, []
        message, user = codec.measured(parts), codec.recognised(parts)
        self._settled = None
        self._shown.clear()
        when = _stamp(message).just_taken(frame.received)
        self._clock = when.clock
        await self._session.record(*self._readings(message, _Occasion(frame, when, _slot(user))))

    async def _keep(self, saved: Saved | None, frame: Frame) -> None:
        if saved is None:
            return
        told = _stamp(saved.weighing).device_time(self._clock)
        when = told.model_copy(update={"utc_offset": _UTC})
        occasion = _Occasion(frame, when, _slot(saved.user), live=False)
        await self._session.record(*self._readings(saved.weighing, occasion))

    def _readings(self, message: Measured, occasion: _Occasion) -> list[Reading]:
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
        weight = self._weight(message.weight_kg, occasion)
        if not values:
            return [weight]
        return [weight, self._reading(Kind.BODY_COMPOSITION, values, occasion)]

    def _weight(self, weight: Decimal, occasion: _Occasion) -> Reading:
        values = {Measure.WEIGHT: Quantity(value=weight, unit=Unit.KILOGRAM)}
        return self._reading(Kind.WEIGHT, values, occasion)

    def _reading(self, kind: Kind, values: dict[Measure, Quantity], occasion: _Occasion) -> Reading:
        return Reading(
            device=self._session.device.id,
            kind=kind,
            values=values,
            received=occasion.frame.received,
            device_time=occasion.device_time,
            slot=occasion.slot,
            live=occasion.live,
            quality=Quality.QUESTIONABLE if occasion.doubts else Quality.GOOD,
            flags=occasion.doubts,
        )


def _stamp(message: Measured) -> Stamp:
    """Return what the scale's clock showed, wrong as it may be: some show 1970 or 2094."""
    at = datetime.fromtimestamp(message.unix_time, UTC).replace(tzinfo=None)
    return Stamp(at, message.unix_time.to_bytes(4, "big"))


def _slot(user: int | None) -> str | None:
    return None if user is None else str(user)
