"""Listening to a Health o meter scale, or asking a Rice Lake again and again.

The only bytes ever written are Rice Lake's request for its weight. The typed id tells one weigh-in
from the next, and goes no further.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.drivers.api import Frame, Session
from gateway.drivers.scale.health_o_meter import codec
from gateway.drivers.scale.health_o_meter.codec import OutOfRange, Shown
from gateway.drivers.scale.weighing import Trouble, Weight, weigh
from gateway.errors import ConfigError

PROTOCOL = "protocol"

_GRAMMARS = {"stream": codec.packets, "baby": codec.baby_packets, "rice_lake": codec.packets}


async def converse(session: Session) -> None:
    """Record one reading for each weigh-in until the link is gone."""
    protocol = str(session.setting(PROTOCOL))
    if protocol not in _GRAMMARS:
        raise ConfigError(
            f"There is no protocol {protocol!r} for this scale: set one of {', '.join(_GRAMMARS)}."
        )
    ask = codec.REQUEST if protocol == "rice_lake" else None
    understand = _locked if protocol == "baby" else _understand
    await weigh(session, _GRAMMARS[protocol], understand, ask=ask)


def _understand(frame: Frame) -> Weight | Trouble | None:
    match codec.message(frame.data):
        case Shown() as shown:
            return Weight(shown.weight, shown.unit, person=shown.patient_id)
        case OutOfRange() as out:
            return Trouble(out.error)
    return None


def _locked(frame: Frame) -> Weight | Trouble | None:
    """Say what a packet shows of scales that send one only once the weight is locked."""
    shown = _understand(frame)
    return replace(shown, stable=True) if isinstance(shown, Weight) else shown
