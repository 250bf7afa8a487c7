"""Kinds of QN scales, by what they said in captures, and what one makes of a body."""

from dataclasses import dataclass, replace
from decimal import Decimal

from firmware_sims.body import Mass, stepped
from firmware_sims.packing.qn import Panel, Weighing

_HIDDEN_OHM = 3830  # an R-MSB01's 4335 for what may be 505: any number that is not ohm does


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One kind of scale. `rest` is what its first frame says after the address.

    `ready` is what 21 says, and the length it says it has. `panels`: it computes, shows it in 15
    and 16, and hides the resistances.
    """

    name: str
    who: int
    rest: bytes
    ready: bytes
    ready_length: int
    old_service: bool = False
    extended: bool = False
    panels: bool = False
    per_kg: int = 100
    zeros: int = 3
    newest_first: bool = True
    says_settled: bool = True
    number: int = 0x099B

    @property
    def step(self) -> Decimal:
        """The smallest difference of two weights, kg."""
        return Decimal(1) / self.per_kg

    def weighing(self, mass: Mass, *, bare: bool) -> Weighing:
        """Return what it measures of somebody, barefoot or in socks."""
        first = int(mass.impedance_ohm) + (_HIDDEN_OHM if self.panels else 0)
        resistances = (first, first - 2) if bare else (0, 0)
        return Weighing(weight=stepped(mass.weight, self.step), resistances=resistances)


ARBOLEAF = Model(
    name="CS20M",
    who=0x15,
    rest=bytes.fromhex("3f013f0105"),
    ready=b"\x01",
    ready_length=5,
    old_service=True,
    zeros=4,
    newest_first=False,
    says_settled=False,
)
TENTHS = replace(ARBOLEAF, rest=bytes.fromhex("3f003f0105"), per_kg=10)
ESCS20MN = Model(
    name="ES-CS20M",
    who=0xFF,
    rest=bytes.fromhex("03030500000507"),
    ready=b"\x01",
    ready_length=4,
    number=0x09E9,
)
ESCS20MA2 = Model(
    name="ES-CS20M",
    who=0xFF,
    rest=bytes.fromhex("0f070a0000059f30"),
    ready=b"\x01",
    ready_length=5,
    extended=True,
    number=0x095B,
)
ES30MA2 = replace(ESCS20MA2, name="ES-30M", ready=b"\x01\x54", ready_length=6)
RMSB01 = replace(ESCS20MA2, name="R-MSB01", panels=True, number=0x0C77)
MODELS = {
    "CS20M": ARBOLEAF,
    "ES-CS20M": ESCS20MN,
    "ES-CS20M, extended": ESCS20MA2,
    "ES-30M": ES30MA2,
    "R-MSB01": RMSB01,
}
"""By what is printed on them; two of them have the same on them."""


def panel_of(mass: Mass) -> Panel:
    """Return what a scale makes of a body; much of it is invented."""
    water = stepped(mass.body_water_mass / mass.weight * 100, "0.1")
    lean = 100 - mass.body_fat_percent
    return Panel(
        bmi=mass.bmi,
        water_percent=water,
        muscle_percent=mass.muscle_percent,
        visceral=9,
        age=52,
        basal_kcal=round(mass.basal_metabolism_kj / 4.184),
        protein_percent=Decimal("17.1"),
        bone_percent=Decimal("4.2"),
        lean_percent=lean,
        subcutaneous_percent=stepped(mass.body_fat_percent * Decimal("0.86"), "0.1"),
        skeletal_percent=stepped(mass.muscle_percent * Decimal("0.9"), "0.1"),
        score=Decimal("71.3"),
        shape=5,
    )
