"""Driver for A&D balances and weighing indicators with a serial port.

Protocol: docs/protocols/and-weighing.md.
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
from gateway.drivers.scale.and_weighing import codec
from gateway.drivers.scale.and_weighing.codec import OutOfRange, Weighing
from gateway.drivers.scale.weighing import Trouble, Weight, weigh
from gateway.drivers.serial_driver import SerialDriver

ASK = "ask"

_MANIFEST = Manifest(
    name="scale/and_weighing",
    title="A&D balance or weighing indicator (standard format)",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.WEIGHT}),
    spec="A&D standard format: manuals GC p. 51, AD-4329A p. 43, AD-4212B p. 69, FX-i p. 52",
    models=(Model("A&D scales with the standard format", "from the maker's manuals"),),
    line=Line(baud=2400, data_bits=7, parity="E"),
    settings=(
        Setting(
            ASK,
            "Ask for the weight every second (command Q), for a scale that is not set to send"
            " it by itself.",
            default=False,
        ),
    ),
    decodes={"and-weighing": SERIAL, "and-uc-411": SERIAL},
)


async def _converse(session: Session) -> None:
    ask = codec.ASK if session.setting(ASK) is True else None
    await weigh(session, codec.frames, _understand, ask=ask)


def _understand(frame: Frame) -> Weight | Trouble | None:
    match codec.message(frame.data):
        case Weighing() as weighing:
            return Weight(weighing.weight, weighing.unit, weighing.stable)
        case OutOfRange() as out:
            return Trouble(out.error)
    return None


DRIVER: Driver = SerialDriver(_MANIFEST, codec.message, _converse)
