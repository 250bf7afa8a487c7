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
from gateway.drivers.cable_driver import CableDriver
from gateway.drivers.scale.and_weighing import codec
from gateway.drivers.scale.and_weighing.codec import OutOfRange, User, Weighing
from gateway.drivers.scale.weighing import Trouble, Weight, weigh

ASK = "ask"
_NAMED_FOR_S = 10.0  # without a weight; guess: the next person takes longer

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
    await weigh(session, codec.frames, _Understanding(), ask=ask)


class _Understanding:
    """What the lines of one conversation show: a weight is that of the user named before it."""

    def __init__(self) -> None:
        self._user: tuple[str | None, float] = None, 0.0

    def __call__(self, frame: Frame) -> Weight | Trouble | None:
        now = frame.received.monotonic
        match codec.message(frame.data):
            case User() as told:
                self._user = str(told.user), now
            case OutOfRange() as out:
                return Trouble(out.error)
            case Weighing() as it:
                user, since = self._user
                slot = user if now - since <= _NAMED_FOR_S else None
                self._user = slot, now
                return Weight(it.weight, it.unit, it.stable, slot=slot)
        return None


DRIVER: Driver = CableDriver(_MANIFEST, codec.message, _converse)
