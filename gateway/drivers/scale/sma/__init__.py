"""Driver for scales that speak SMA SCP-0499 (Detecto, Cardinal, Fairbanks, Brecknell, ...).

Protocol: docs/protocols/sma.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import (
    SERIAL,
    Driver,
    Frame,
    Line,
    Manifest,
    Model,
    Reach,
    Session,
    Setting,
)
from gateway.drivers.cable_driver import CableDriver
from gateway.drivers.scale.sma import codec
from gateway.drivers.scale.sma.codec import NoWeight, Printed
from gateway.drivers.scale.weighing import Trouble, Weight, weigh

ASK = "ask"

_MANIFEST = Manifest(
    name="scale/sma",
    title="Scale with the SMA protocol (SCP-0499)",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.WEIGHT}),
    spec="Scale Manufacturers Association SCP-0499; Detecto manuals",
    models=(
        Model("Detecto APEX, Cardinal, Fairbanks, Brecknell, B-TEK", "from the specification"),
        Model("Detecto solo (ask = false, print key)", "from the maker's manual"),
    ),
    line=Line(baud=9600),
    settings=(Setting(ASK, "Ask for the weight every second; false only listens.", default=True),),
    decodes={"sma": SERIAL, "detecto-solo": SERIAL},
)


async def _converse(session: Session) -> None:
    ask = codec.ASK if session.setting(ASK) is True else None
    await weigh(session, codec.frames, _understand, ask=ask)


def _understand(frame: Frame) -> Weight | Trouble:
    message = codec.message(frame.data)
    if isinstance(message, NoWeight):
        return Trouble(message.error, not_understood=message.error == codec.UNKNOWN_COMMAND)
    stable = isinstance(message, Printed) or message.stable
    return Weight(message.weight, message.unit, stable)


DRIVER: Driver = CableDriver(_MANIFEST, codec.message, _converse)
