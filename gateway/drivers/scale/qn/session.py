"""The conversation with a QN scale: answer what it says, and keep the end of each weighing.

It shows a weight while it settles, and ends a weighing with one frame, which may come again. An
extended scale measures to the end only for somebody, so it is told that it is a guest, of whom it
keeps nothing; no body is told, and so it computes none. Its memory is not asked for: what is sent
out of it is gone from it, and the time of it is told by a clock that cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.drivers.api import Channel, Frame, Session, gatt
from gateway.drivers.cable_readings import Origin, reading
from gateway.drivers.episodic import next_frame
from gateway.drivers.scale.qn import codec
from gateway.drivers.scale.qn.messages import Hello, Message, Ready, Said, Taken, Weight
from gateway.drivers.scale.readings import kilograms, weight
from gateway.errors import DecodeError, LinkLost, ProtocolError

TOLD = {name: gatt("ffe0", name) for name in ("ffe1", "ffe2", "ffe3", "ffe4")}
TOLD_SHORT = {name: gatt("fff0", name) for name in ("fff1", "fff2")}
HEARD = (TOLD["ffe1"], TOLD["ffe2"], TOLD_SHORT["fff1"])

_SILENT_S = 20.0  # guess: it passes its current for some seconds, and then says the end
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HIGHEST_OHM = 3000  # as of any scale that passes a current through two feet


async def converse(session: Session) -> None:
    """Record each weighing until the scale is silent or hangs up.

    Raises ProtocolError if it is one of those that have the name and another protocol.
    """
    here = session.link.channels
    inboxes = [await session.link.subscribe(channel) for channel in HEARD if channel in here]
    if not inboxes:
        raise ProtocolError("The scale offers no weighing: is it another model?")
    scale = _Scale(session)
    try:
        while (frame := await next_frame(inboxes, _SILENT_S)) is not None:
            await scale.hear(frame)
    except LinkLost:
        return


@dataclass(slots=True)
class _Scale:
    session: Session
    per_kg: int = 100
    ended: Weight | None = None
    """The end of a weighing that was recorded, until the scale shows another."""

    async def hear(self, frame: Frame) -> None:
        """Take in a frame, and answer it; a weighing is safe before it is acknowledged."""
        try:
            said = codec.message(frame.data)
        except DecodeError as error:
            await self.session.set_aside(frame, error)
            return
        if isinstance(said, Weight):
            await self._weigh(said, frame)
        elif isinstance(said, Taken) and not said.taken:
            await self.session.remark("user_refused", frame)
        else:
            await self._answer(said)

    async def _weigh(self, said: Weight, frame: Frame) -> None:
        if not said.ended:
            self.ended = None
            return
        if said != self.ended and said.weight_kg > 0:
            await self.session.record(*self._readings(said, frame))
            self.ended = said
        await self._write(codec.received(said.who))

    def _readings(self, said: Weight, frame: Frame) -> list[Reading]:
        origin = Origin(self.session.device.id, frame.received)
        basic = said.user is None
        kg = said.weight_kg * 100 / self.per_kg if basic else said.weight_kg
        made = [weight(kilograms(kg, "kg"), origin)]
        ohm = said.resistance_1_ohm
        if ohm is not None and 0 < ohm < _HIGHEST_OHM:
            impedance = {Measure.IMPEDANCE: Quantity(value=Decimal(ohm), unit=Unit.OHM)}
            made.append(reading(Kind.BODY_COMPOSITION, impedance, origin))
        return made

    async def _answer(self, said: Message) -> None:
        if isinstance(said, Hello):
            self.per_kg = said.per_kg
            await self._write(codec.show_kilograms(said.who))
        elif isinstance(said, Ready) and said.wants_user:
            await self._write(codec.guest())
        elif isinstance(said, Said) and said.kind == codec.Op.WANTS_TIME:
            now = self.session.now()
            if now.trusted:
                seconds = int((now.utc - _EPOCH).total_seconds())
                await self._write(codec.tell_time(said.who, seconds), "ffe4")

    async def _write(self, data: bytes, name: str = "ffe3") -> None:
        here = self.session.link.channels
        channel: Channel = TOLD[name] if TOLD[name] in here else TOLD_SHORT["fff2"]
        await self.session.link.write(channel, data)
