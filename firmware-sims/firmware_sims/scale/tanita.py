"""A Tanita scale that prints one line of keys and values per weighing (RS-232 or USB, 9600 8N1).

```
{0,16,~0,1,~1,1,~2,1,MO,"SC-240",SN,"00000002",ID,"0000000000",Da,"02/03/2026",TI,"07:41",
 Bt,0,GE,1,AG,30,Hm,170.0,Pt,0.0,Wk,82.7,FW,18.6,...,CS,FD CR LF                    (one line)
```
Strings are quoted, numbers are not, there are no blanks. CS is the low byte of the sum of all bytes
from `{` through the comma before `CS`, as two upper-case hexadecimal digits. Keys tell case apart:
FW fat %, fW fat mass, MW fat-free mass, mW muscle mass, bW bone, wW water mass, ww water %, MI BMI,
rb kJ, rB kcal, ZF ohm. The key gives the weight's unit: Wk kg, Wp lb.
Source: Tanita manuals SC-240 p. 24, SC-330 p. 24, WB-3000 p. 10; checksum verified on their lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from firmware_sims.body import Body, Mass
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind
from firmware_sims.placement import Placement

Pair = tuple[str, str]

_KG_PER_LB = Decimal("0.45359237")
_KJ_PER_KCAL = Decimal("4.184")
_BONE_SHARE = Decimal("0.05")  # of the fat-free mass; a guess that looks right
_TENTH = Decimal("0.1")
# What the WB-3000 sends for about a tenth of a second after its line.
_AFTERGLOW = b"\x00\xff"


def checksum(text: bytes) -> str:
    """Return the CS of a line up to and including the comma before `CS`."""
    return f"{sum(text) & 0xFF:02X}"


def encode(pairs: Sequence[Pair], *, cs: str | None = "") -> bytes:
    """Return the line of these pairs; `cs` None leaves it out, a text replaces the right one."""
    body = "{" + ",".join(f"{key},{value}" for key, value in pairs)
    if cs is None:
        return body.encode("ascii") + b"\r\n"
    text = f"{body},".encode("ascii")
    return text + f"CS,{cs or checksum(text)}\r\n".encode("ascii")


@dataclass(frozen=True, slots=True)
class Model:
    """How one model writes its line; dates and times as strftime formats."""

    name: str
    head: tuple[Pair, ...]
    date_key: str
    date: str
    time_key: str
    time: str
    id_digits: int = 10


_HEAD = (("0", "16"), ("~0", "1"), ("~1", "1"), ("~2", "1"))

SC_240 = Model("SC-240", _HEAD, "Da", "%d/%m/%Y", "TI", "%H:%M")
# Its date is the other way round, and its ID longer; which head it sends was not read.
MC_780 = Model("MC-780", _HEAD, "DT", "%Y/%m/%d", "Ti", "%H:%M", id_digits=16)


class Tanita:
    """A virtual scale; people take turns, each with the ID they enter.

    `composition` off is its weight-only mode. `afterglow` sends the stray bytes some models add.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        model: Model = SC_240,
        pounds: bool = False,
        composition: bool = True,
        afterglow: bool = False,
    ) -> None:
        self._placement = placement
        self._model = model
        self._pounds = pounds
        self._has_composition = composition
        self._afterglow = afterglow

    def measure(self) -> bytes:
        """Let the next person step on; return the line."""
        if self._placement.faults.strikes(Fault.DROP_CLOCK):
            self._placement.clock.reset()
        taken_at = self._placement.now()
        body, person_id = self._placement.next_person()
        mass = body.weigh()
        weight = ("Wp" if self._pounds else "Wk", self._shown(mass.weight))
        composition = self._composition(mass) if self._has_composition else []
        self._enter(taken_at, weight[1], composition)
        line = encode([*self._head(body, person_id, taken_at), weight, *composition])
        return line + _AFTERGLOW if self._afterglow else line

    def _head(self, body: Body, person_id: str, taken_at: datetime) -> list[Pair]:
        model, shown = self._model, self._placement.clock.device_local(taken_at)
        return [
            *model.head,
            ("MO", f'"{model.name}"'),
            ("SN", '"00000002"'),
            ("ID", f'"{person_id.rjust(model.id_digits, "0")}"'),
            (model.date_key, f'"{shown.strftime(model.date)}"'),
            (model.time_key, f'"{shown.strftime(model.time)}"'),
            ("Bt", "0"),
            ("GE", "1"),
            ("AG", "30"),
            ("Hm", str(_tenths(body.person.height_m * 100))),
            ("Pt", "0.0"),
        ]

    def _composition(self, mass: Mass) -> list[Pair]:
        lean, water = mass.fat_free_mass, mass.body_water_mass
        bone = lean * _BONE_SHARE
        kilocalories = (mass.basal_metabolism_kj / _KJ_PER_KCAL).to_integral_value()
        return [
            ("FW", str(_tenths(mass.body_fat_percent))),
            ("fW", self._shown(mass.weight - lean)),
            ("MW", self._shown(lean)),
            ("mW", self._shown(lean - bone)),
            ("bW", self._shown(bone)),
            ("wW", self._shown(water)),
            ("ww", str(_tenths(water / mass.weight * 100))),
            ("MI", str(_tenths(mass.bmi))),
            ("rb", str(mass.basal_metabolism_kj)),
            ("rB", str(kilocalories)),
            ("ZF", str(_tenths(mass.impedance_ohm))),
        ]

    def _shown(self, kilograms: Decimal) -> str:
        return str(_tenths(kilograms / _KG_PER_LB if self._pounds else kilograms))

    def _enter(self, taken_at: datetime, weight: str, composition: Sequence[Pair]) -> None:
        unit = "lb" if self._pounds else "kg"
        kinds = {Kind.WEIGHT: {"weight": weight, "unit": unit}}
        if composition:
            shown = dict(composition)
            named = {name: shown[key] for key, name in _LEDGER_NAMES}
            kinds[Kind.BODY_COMPOSITION] = {**named, "weight": weight, "unit": unit}
        self._placement.record(self._model.name, taken_at, kinds)


_LEDGER_NAMES = (
    ("FW", "body_fat_percent"),
    ("fW", "fat_mass"),
    ("MW", "fat_free_mass"),
    ("mW", "muscle_mass"),
    ("bW", "bone_mass"),
    ("wW", "body_water_mass"),
    ("ww", "body_water_percent"),
    ("MI", "bmi"),
    ("rb", "basal_metabolism_kj"),
    ("ZF", "impedance_ohm"),
)


def _tenths(value: Decimal) -> Decimal:
    return value.quantize(_TENTH, ROUND_HALF_EVEN)
