"""A Health o meter Professional scale on USB or RS-232 (9600 8N1): it streams while it is locked.

The same packet (`firmware_sims.scale.escape_packet`) is repeated about once a second from the
moment a weight is locked until the person steps off. RECALL sends the last one once more. Nothing
that a host can send is needed for readings: commands are recorded as forbidden and not answered.
Source: Pelstar "Communication Protocols" REV20230711.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from firmware_sims.body import Body, Mass
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind
from firmware_sims.placement import Placement
from firmware_sims.requests import Split, ended_by
from firmware_sims.scale.escape_packet import Field, encode
from firmware_sims.scale.platform import shown_weight

_TENTH = Decimal("0.1")
_CM_PER_INCH = Decimal("2.54")
_UNLOCKED_SHARES = (Decimal("0.31"), Decimal("0.84"), Decimal("1.02"))


@dataclass(frozen=True, slots=True)
class Model:
    """What one model sends."""

    name: str
    decimals: int = 1
    tare: bool = False
    continues: bool = False
    unlocked: bool = False
    zeros_after: bool = False


KL_500 = Model("500KL", tare=True)
KL_500_L = Model("500KL-L", tare=True, continues=True)
KL_600 = Model("600KL")
KL_597 = Model("597KL 3.1.12", decimals=2, unlocked=True, zeros_after=True)


class HealthOMeter:
    """A virtual scale; people take turns, each with the ID they scan (digits, up to 10).

    A weighing is `packets` of the locked weight, after some of a weight that is not locked on
    models that send those. `join_mid_stream`: the first packet of each stream has lost its
    beginning, as for a host that opens the port too late. `bmi_button`: height and BMI are there,
    else 0.0.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        model: Model = KL_500,
        pounds: bool = False,
        packets: int = 4,
        bmi_button: bool = False,
        join_mid_stream: bool = False,
    ) -> None:
        self._placement = placement
        self._model = model
        self._pounds = pounds
        self._packets = packets
        self._bmi_button = bmi_button
        self._join_mid_stream = join_mid_stream
        self._last: list[Field] = []

    def measure(self) -> Sequence[bytes]:
        """Let the next person step on; return the packets of their weighing, one per second."""
        placement, model = self._placement, self._model
        body, person_id = placement.next_person()
        mass = body.weigh()
        weight = shown_weight(mass.weight, pounds=self._pounds, step=_TENTH)
        placement.record(model.name, placement.now(), {Kind.WEIGHT: self._entry(weight)})
        before = [weight * share for share in _UNLOCKED_SHARES] if model.unlocked else []
        after = [Decimal(0)] * 2 if model.zeros_after else []
        weights = [*before, *[weight] * self._packets, *after]
        self._last = self._fields(body, mass, person_id, weight)
        stream = [
            encode(
                self._fields(body, mass, person_id, each),
                continued=model.continues and place > 0,
            )
            for place, each in enumerate(weights)
        ]
        if self._join_mid_stream:
            stream[0] = stream[0][len(stream[0]) // 3 :]
        if placement.faults.strikes(Fault.DOUBLE_KEY_PRESS):
            stream += self.recall()
        return stream

    def recall(self) -> list[bytes]:
        """Press RECALL: return the last packet once more, or nothing if there was none."""
        return [encode(self._last)] if self._last else []

    def split(self, heard: bytes) -> Split:
        """Find commands by their end."""
        return ended_by(b"\x1bE", heard)

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Take note, and do nothing."""
        self._placement.forbidden.record(request.decode("ascii", "replace").strip("\x1b"))
        return []

    def _fields(self, body: Body, mass: Mass, person_id: str, weight: Decimal) -> list[Field]:
        centimetres = body.person.height_m * 100
        height = centimetres / _CM_PER_INCH if self._pounds else centimetres
        nothing = Decimal(0)
        fields = [
            ("I", person_id.rjust(10, "0")),
            ("W", f"{weight:.{self._model.decimals}f}"),
            ("H", f"{height if self._bmi_button else nothing:.1f}"),
            ("B", f"{mass.bmi if self._bmi_button else nothing:.1f}"),
        ]
        if self._model.tare:
            fields.append(("T", "0.0"))
        return [*fields, ("N", "c" if self._pounds else "m")]

    def _entry(self, weight: Decimal) -> dict[str, str]:
        shown = f"{weight:.{self._model.decimals}f}"
        return {"weight": shown, "unit": "lb" if self._pounds else "kg"}
