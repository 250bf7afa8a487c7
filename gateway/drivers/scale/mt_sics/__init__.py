"""Driver for Mettler-Toledo scales that speak MT-SICS.

Protocol: docs/protocols/mt-sics.md.
"""

from __future__ import annotations

from gateway.domain.reading import Kind
from gateway.drivers.api import SERIAL, Driver, Frame, Line, Manifest, Model, Reach, Session
from gateway.drivers.scale.mt_sics import codec
from gateway.drivers.scale.mt_sics.codec import NoWeight
from gateway.drivers.scale.weighing import Trouble, Weight, weigh
from gateway.drivers.serial_driver import SerialDriver
from gateway.errors import DecodeError

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
    await weigh(session, codec.frames, _Answers().understand, ask=codec.ASK)


class _Answers:
    """What the scale answers, second by second; a new unit counts once two in a row have it.

    A `kg` that lost its `k` on the line is a whole answer, of a weight a thousand times too light.
    """

    def __init__(self) -> None:
        self._unit: str | None = None
        self._heard: str | None = None

    def understand(self, frame: Frame) -> Weight | Trouble | None:
        message = codec.message(frame.data)
        if isinstance(message, NoWeight):
            return Trouble(message.error, not_understood=message.error in codec.NOT_UNDERSTOOD)
        before, self._heard = self._heard, message.unit
        if message.unit == before:
            self._unit = message.unit
        if self._unit is None:
            return None
        if message.unit != self._unit:
            raise DecodeError("another_unit", frame.data)
        return Weight(message.weight, message.unit, message.stable)


DRIVER: Driver = SerialDriver(_MANIFEST, codec.message, _converse)
