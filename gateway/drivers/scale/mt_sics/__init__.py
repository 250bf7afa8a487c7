"""Driver for Mettler-Toledo scales that speak MT-SICS.

Protocol: docs/protocols/mt-sics.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Frame, Line, Manifest, Model, Reach, Session
from gateway.drivers.cable_driver import CableDriver
from gateway.drivers.scale.mt_sics import codec
from gateway.drivers.scale.mt_sics.codec import NoWeight
from gateway.drivers.scale.weighing import Trouble, Weight, weigh

_MANIFEST = Manifest(
    name="scale/mt_sics",
    title="Mettler-Toledo scale (MT-SICS)",
    reach=Reach.SERIAL,
    emits=frozenset({Kind.WEIGHT}),
    spec="Mettler-Toledo MT-SICS reference manual, levels 0 and 1",
    models=(Model("Mettler-Toledo scales with MT-SICS", "from the maker's manual"),),
    line=Line(baud=9600),
    decodes={"mt-sics": SERIAL},
)


async def _converse(session: Session) -> None:
    await weigh(session, codec.frames, _understand, ask=codec.ASK)


def _understand(frame: Frame) -> Weight | Trouble:
    message = codec.message(frame.data)
    if isinstance(message, NoWeight):
        return Trouble(message.error, not_understood=message.error in codec.NOT_UNDERSTOOD)
    return Weight(message.weight, message.unit, message.stable)


DRIVER: Driver = CableDriver(_MANIFEST, codec.message, _converse)
