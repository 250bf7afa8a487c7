"""What the frames of a QN scale say; `codec` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Said:
    """A frame that says no more than its kind."""

    kind: int
    who: int


@dataclass(frozen=True, slots=True)
class Hello:
    """What the scale is: its address, and how many units of weight a kilogram has."""

    who: int
    address: str
    per_kg: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The scale is ready; some want to be told for whom."""

    who: int
    wants_user: bool
    battery_percent: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether the scale took a user."""

    user: int
    taken: bool


@dataclass(frozen=True, slots=True)
class Weight:
    """What the scale shows."""

    who: int
    weight_kg: Decimal
    ended: bool
    user: int | None = None
    resistance_1_ohm: int | None = None
    resistance_2_ohm: int | None = None
    fat_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored weighing; of a count of 0 the rest says nothing."""

    who: int
    count: int
    number: int
    seconds: int
    weight_kg: Decimal
    resistance_1_ohm: int
    resistance_2_ohm: int
    user: int | None = None
    fat_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """What the scale computed of a body; nobody knows how."""

    who: int
    bmi: Decimal
    water_percent: Decimal
    muscle_percent: Decimal
    basal_kcal: int
    protein_percent: Decimal


@dataclass(frozen=True, slots=True)
class Composed:
    """The second half of it."""

    who: int
    bone_percent: Decimal
    lean_percent: Decimal
    subcutaneous_percent: Decimal
    skeletal_percent: Decimal


@dataclass(frozen=True, slots=True)
class UnitShown:
    """The unit that a host wants shown."""

    who: int
    unit: str | None


@dataclass(frozen=True, slots=True)
class TimeTold:
    """The time a host tells, in seconds since 2000 began."""

    who: int
    seconds: int


@dataclass(frozen=True, slots=True)
class User:
    """For whom the host says it is."""

    user: int
    age: int
    height_mm: int
    formula: int


Message = (
    Said
    | Hello
    | Ready
    | Taken
    | Weight
    | Stored
    | Computed
    | Composed
    | UnitShown
    | TimeTold
    | User
)
