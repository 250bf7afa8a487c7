"""Listening to a Health o meter scale, or asking a Rice Lake again and again.

Both show the same weight many times; one weigh-in is one measurement (`scale.weigh_in`). The only
bytes ever written are Rice Lake's request for its weight.
"""

from __future__ import annotations

from gateway.domain.reading import Reading
from gateway.drivers.api import SERIAL, Session
from gateway.drivers.framing import FramedInbox, framed
from gateway.drivers.scale.health_o_meter import codec
from gateway.drivers.scale.health_o_meter.codec import OutOfRange, Shown
from gateway.drivers.scale.readings import Origin, kilograms, weight
from gateway.drivers.scale.weigh_in import SILENCE_S, Packet, Weighed, WeighIn
from gateway.errors import ConfigError, DecodeError, LinkLost, LinkTimeout

PROTOCOL = "protocol"

_GRAMMARS = {"stream": codec.packets, "baby": codec.baby_packets, "rice_lake": codec.packets}
_ASK_EVERY_S = 1.0
_ANSWER_WITHIN_S = 1.0
_LISTEN_S = 3600.0


async def converse(session: Session) -> None:
    """Record one reading for each weigh-in until the link is gone."""
    protocol = session.setting(PROTOCOL)
    if protocol not in _GRAMMARS:
        raise ConfigError(
            f"There is no protocol {protocol!r} for this scale: set one of {', '.join(_GRAMMARS)}."
        )
    inbox = await framed(session, _GRAMMARS[str(protocol)])
    weigh_in = WeighIn()
    try:
        while True:
            if protocol == "rice_lake":
                await session.pause(_ASK_EVERY_S)
                await session.link.write(SERIAL, codec.REQUEST)
                await _hear(session, inbox, weigh_in, within=_ANSWER_WITHIN_S)
            else:
                within = SILENCE_S if weigh_in.standing else _LISTEN_S
                await _hear(session, inbox, weigh_in, within=within)
    except LinkLost:
        await _record(session, weigh_in.silence())
        raise


async def _hear(session: Session, inbox: FramedInbox, weigh_in: WeighIn, *, within: float) -> None:
    """Hear one packet, or silence."""
    try:
        frame = await inbox.get(within=within)
    except LinkTimeout:
        await _record(session, weigh_in.silence())
        return
    try:
        message = codec.message(frame.data)
    except DecodeError as error:
        await inbox.set_aside(frame, error)
        return
    match message:
        case OutOfRange():
            await session.remark(f"device_error {message.error}", frame)
        case Shown():
            packet = Packet(frame.received, message.weight, message.unit, message.patient_id)
            await _record(session, weigh_in.add(packet))


async def _record(session: Session, weighed: Weighed | None) -> None:
    if weighed is not None:
        await session.record(_reading(session, weighed))


def _reading(session: Session, weighed: Weighed) -> Reading:
    doubts = frozenset() if weighed.steady else frozenset({"unsteady"})
    origin = Origin(device=session.device.id, received=weighed.since, doubts=doubts)
    return weight(kilograms(weighed.weight, weighed.unit), origin)
