"""The conversation with a Bluetooth SIG scale: subscribe, ask who it is, collect what it sends.

A scale appears for some seconds after a weighing, sends the weight, then the body composition if it
measures one, perhaps older ones as well, and hangs up. It forgets what is confirmed, which asking
for the next frame does: each record is safe before that. A scale with users is heard once for each
user whose consent code the owner gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.domain.reading import ClockSample, Reading
from gateway.drivers import and_medical
from gateway.drivers.api import Frame, Inbox, Session, gatt
from gateway.drivers.device_clock import set_clock
from gateway.drivers.episodic import IDLE_S, Heard, Listener, hear_out, timed
from gateway.drivers.gatt_device import introduce, read_clock
from gateway.drivers.scale.bluetooth_sig import codec
from gateway.drivers.scale.bluetooth_sig.codec import BodyComposition, Weight
from gateway.drivers.scale.bluetooth_sig.consent import TURN_S, Consents, asked_for
from gateway.drivers.scale.bluetooth_sig.pairing import Unpaired, completed, joined, same_weighing
from gateway.drivers.scale.bluetooth_sig.readings import (
    Occasion,
    composition_readings,
    slot_of,
    weight_readings,
)
from gateway.errors import DecodeError, LinkRefused, ProtocolError
from gateway.wire.gatt_time import date_time_octets, is_garbled

WEIGHT = gatt("181d", "2a9d")
AND_WEIGHT = gatt("23434100-1fe4-1eff-80cb-00ff78297d8b", "23434101-1fe4-1eff-80cb-00ff78297d8b")
"""Of A&D scales from before the Weight Scale Service."""
COMPOSITION = gatt("181b", "2a9c")

_NEXT_USER_S = 3.0
"""After so long without a record of one user it is the next one's turn: a scale hangs up after some
5 s without traffic (Weight Scale Profile 1.0.1, 5). The last one has the patience of all scales."""
_BELOW_ZERO = 0x10  # reserved by the specification; what Detecto 6880 and 7550 use it for

Message = Weight | BodyComposition


async def converse(session: Session) -> None:
    """Record everything the scale sends until it is silent or hangs up, its normal end."""
    inboxes = await _subscribed(session)
    consents = await Consents.subscribed(session)
    clock = await read_clock(session)
    hangs_up = and_medical.is_one(session)
    if hangs_up:
        await set_clock(session, clock)
    scale = _Scale(session, clock)
    try:
        if consents is not None:
            await _hear_users(consents, scale, inboxes)
        await introduce(session)
        await scale.hear_out(inboxes)
    finally:  # also when the gateway stops
        await scale.finish()
    if consents is not None and not asked_for(session) and not scale.heard:
        await session.remark("consent_needed: write the scale's users into `consents`")
    if not hangs_up:
        await set_clock(session, clock)
    await and_medical.let_go(session)


async def _hear_users(consents: Consents, scale: _Scale, inboxes: Sequence[Inbox]) -> None:
    """Hear what the scale has of each user; one that takes no question may still send a guest's."""

    async def meanwhile() -> None:
        await scale.hear_out(inboxes, TURN_S)

    try:
        await consents.register(meanwhile)
        for user in consents.users():
            if not await consents.give(user, meanwhile):
                break  # one refusal is enough for a conversation: some scales lock up over more
            await scale.hear_out(inboxes, _NEXT_USER_S)
    except LinkRefused:
        await scale.session.remark("users_not_heard: the scale takes no question about them")


async def _subscribed(session: Session) -> list[Inbox]:
    inboxes = []
    offered = session.link.channels
    for channel in (WEIGHT if WEIGHT in offered else AND_WEIGHT, COMPOSITION):
        if channel not in offered:
            continue
        try:
            inboxes.append(await session.link.subscribe(channel))
        except LinkRefused:
            continue
    if not inboxes:
        raise ProtocolError("The device sends neither weight nor body composition to us.")
    return inboxes


@dataclass(slots=True)
class _Scale:
    session: Session
    clock: ClockSample | None
    unpaired: Unpaired = field(default_factory=Unpaired)
    first_packet: Heard[BodyComposition] | None = None
    heard: bool = False

    async def hear_out(self, inboxes: Sequence[Inbox], silent_s: float = IDLE_S) -> None:
        """Take in what the scale sends; see `episodic.hear_out`."""
        listener: Listener[Message] = self
        await hear_out(self.session, listener, self.clock, *inboxes, silent_s=silent_s)

    async def understand(self, frame: Frame, /) -> Message | None:
        self.heard = True
        try:
            message = _decoded(frame)
        except DecodeError as error:
            await self._came_to_nothing(frame)
            await self.session.set_aside(frame, error)
            return None
        if message.measurement_unsuccessful:
            await self._came_to_nothing(frame)
            await self.session.remark("measurement_failed", frame)
            return None
        if isinstance(message, Weight):
            if self._is_below_zero(message):
                await self.session.remark("below_zero", frame)
                return None
            self.unpaired.add(Heard(frame, message))
            return message
        whole = await self._whole(Heard(frame, message))
        return None if whole is None else self._paired(Heard(frame, whole)).message

    def belong_together(self, earlier: Message, later: Message, /) -> bool:
        """Say yes to a weight and a composition; two of a kind are two measurements."""
        of_a_kind = isinstance(earlier, Weight) is isinstance(later, Weight)
        return not of_a_kind and same_weighing(earlier, later)

    async def record(self, heard: Sequence[Heard[Message]], /, *, alone: bool) -> None:
        made: list[Reading] = []
        for one in heard:
            found = self._readings(one, alone=alone)
            if not found:
                await self.session.remark("nothing_measured", one.frame)
            made += found
        if made:
            await self.session.record(*made)

    async def finish(self) -> None:
        """Record the first of two packets whose second never came."""
        if self.first_packet is not None:
            first, self.first_packet = self.first_packet, None
            await self.record([self._paired(first)], alone=False)

    async def _came_to_nothing(self, frame: Frame) -> None:
        if frame.channel == COMPOSITION:
            await self.finish()
            self.unpaired.passed(frame)

    async def _whole(self, heard: Heard[BodyComposition]) -> BodyComposition | None:
        """Return a composition once all its packets are there; a remark keeps the first safe."""
        if self.first_packet is not None:
            whole = joined(self.first_packet.message, heard.message)
            if whole is None:
                await self.finish()
            self.first_packet = None
            if whole is not None:
                return whole
        if heard.message.multiple_packet:
            await self.session.remark("first_of_two_packets", heard.frame)
            self.first_packet = heard
            return None
        return heard.message

    def _paired(self, composition: Heard[BodyComposition]) -> Heard[BodyComposition]:
        """Complete a composition by its weight, if that came."""
        weight = self.unpaired.take(composition)
        if weight is None:
            return composition
        return Heard(composition.frame, completed(composition.message, weight))

    def _readings(self, heard: Heard[Message], *, alone: bool) -> list[Reading]:
        frame, message = heard.frame, heard.message
        stamp = message.timestamp
        raw = b"" if stamp is None else date_time_octets(stamp)
        when = timed(frame, stamp, raw, self.clock, alone=alone)
        user = slot_of(message.user_id)
        device = self.session.device.id
        occasion = Occasion(device, frame.received, when, user, garbled=is_garbled(stamp))
        if isinstance(message, Weight):
            return weight_readings(message, occasion)
        made = composition_readings(message, occasion)
        return made + weight_readings(message, occasion) if message.weight else made

    def _is_below_zero(self, message: Weight) -> bool:
        names = (self.session.sighting.name, self.session.device.manufacturer)
        detecto = any("detecto" in name.lower() for name in names if name)
        return detecto and bool(message.flags & _BELOW_ZERO)


def _decoded(frame: Frame) -> Message:
    if frame.channel == WEIGHT:
        return codec.weight(frame.data)
    if frame.channel == AND_WEIGHT:
        return codec.and_weight(frame.data)
    return codec.body_composition(frame.data)
