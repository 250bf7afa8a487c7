"""A scale that speaks the Weight Scale and Body Composition Profiles.

Each weighing makes a weight (0x2A9D) and, unless told otherwise, a composition (0x2A9C) of the same
time and user, stored and given away in that order. Weight Scale includes Body Composition.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from firmware_sims.body import Mass
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings, Measured, People
from firmware_sims.gatt import INDICATE, READ, characteristic, is_secure, service
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind
from firmware_sims.packing import body_composition, weight_scale
from firmware_sims.store_and_forward import Stored
from firmware_sims.user_data import UserData

KG_PER_LB = Decimal("0.45359237")
_M_PER_IN = Decimal("0.0254")
_FINEST = 7  # 0.005 kg or 0.01 lb, in both features
_FINEST_HEIGHT = 3  # 0.001 m or 0.1 in
_COMPOSITION_FIELDS = 1 << 2 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9


def body_scale(
    identity: Identity,
    people: People,
    fittings: Fittings,
    *,
    imperial: bool = False,
    composition: bool = True,
    user_data: UserData | None = None,
) -> EpisodicDevice:
    """Make a virtual scale; with user data it gives nothing away before it is given a code."""
    scale = Scale(
        people,
        fittings.clock,
        imperial=imperial,
        composition=composition,
        secure=is_secure(identity),
    )
    if user_data is not None:
        scale.is_complete = user_data.is_complete
    return EpisodicDevice(identity, people, scale, fittings, user_data)


class Scale:
    """The instrument; `beside` stands in its service beside the weight."""

    charge_percent = 0.1

    def __init__(
        self,
        people: People,
        clock: DeviceClock,
        *,
        imperial: bool = False,
        composition: bool = True,
        secure: bool = False,
        beside: Sequence[Any] = (),
    ) -> None:
        self._people = people
        self._clock = clock
        self._imperial = imperial
        self._has_composition = composition
        self.advertised: Sequence[int] = (0x181D, 0x181B) if composition else (0x181D,)
        self._secure = secure
        self._beside = beside
        self.is_complete: Callable[[int | None], bool] = lambda _slot: True
        self._weight = characteristic(0x2A9D, INDICATE, secure=secure)
        self._composition = characteristic(0x2A9C, INDICATE, secure=secure)

    def services(self) -> Sequence[Any]:
        """Return Weight Scale, after the Body Composition that it includes."""
        several = len(self._people) > 1
        composition = service(
            0x181B,
            characteristic(
                0x2A9B,
                READ,
                read=lambda: body_composition.feature(
                    time=True, several_users=several, fields=_COMPOSITION_FIELDS, mass=_FINEST
                ),
                secure=self._secure,
            ),
            self._composition,
        )
        weight = service(
            0x181D,
            characteristic(
                0x2A9E,
                READ,
                read=lambda: weight_scale.feature(
                    time=True,
                    several_users=several,
                    bmi=True,
                    weight=_FINEST,
                    height=_FINEST_HEIGHT,
                ),
                secure=self._secure,
            ),
            self._weight,
            *self._beside,
            includes=(composition,) if self._has_composition else (),
        )
        # The included one first, or the stack would put it inside the handles of the other.
        return [composition, weight] if self._has_composition else [weight]

    def measured(self, taken_at: datetime, slot: int | None) -> Measured:
        """Weigh the person of a slot."""
        mass = self._people[slot].weigh()
        return Measured(self._stored(mass, taken_at, slot), self._told(mass))

    def failed(self, taken_at: datetime, slot: int | None) -> Stored:
        """Fail to weigh: "measurement unsuccessful"."""
        frame = self._weight_frame(None, taken_at, slot)
        return Stored(self._weight, lambda _room: [frame])

    def _stored(self, mass: Mass, taken_at: datetime, slot: int | None) -> list[Stored]:
        frame = self._weight_frame(mass, taken_at, slot)
        stored = [Stored(self._weight, lambda _room: [frame])]
        if self._has_composition:
            composition = self._composition_of(mass, taken_at, slot)
            stub = self._stub(taken_at, slot)

            def frames(room: int) -> list[bytes]:
                told = composition if self.is_complete(slot) else stub
                return body_composition.measurement(told, room=room)

            stored.append(Stored(self._composition, frames))
        return stored

    def _stub(self, taken_at: datetime, slot: int | None) -> body_composition.Composition:
        """Return zeros, in place of what was measured."""
        return body_composition.Composition(
            body_fat_percent=Decimal(0),
            imperial=self._imperial,
            device_local=self._clock.stamp(taken_at),
            user=slot,
            basal_metabolism_kj=0,
            muscle_percent=Decimal(0),
            body_water_mass=Decimal(0),
            impedance_ohm=Decimal(0),
        )

    def _weight_frame(self, mass: Mass | None, taken_at: datetime, slot: int | None) -> bytes:
        stature = None
        if mass is not None and slot is not None:
            stature = weight_scale.Stature(mass.bmi, self._height(slot))
        return weight_scale.measurement(
            None if mass is None else self._shown(mass.weight),
            imperial=self._imperial,
            device_local=self._clock.stamp(taken_at),
            user=slot,
            stature=stature,
        )

    def _composition_of(
        self, mass: Mass, taken_at: datetime, slot: int | None
    ) -> body_composition.Composition:
        return body_composition.Composition(
            body_fat_percent=mass.body_fat_percent,
            imperial=self._imperial,
            device_local=self._clock.stamp(taken_at),
            user=slot,
            basal_metabolism_kj=mass.basal_metabolism_kj,
            muscle_percent=mass.muscle_percent,
            fat_free_mass=self._shown(mass.fat_free_mass),
            body_water_mass=self._shown(mass.body_water_mass),
            impedance_ohm=mass.impedance_ohm,
            weight=self._shown(mass.weight),
        )

    def _shown(self, kilograms: Decimal) -> Decimal:
        if not self._imperial:
            return kilograms
        return (kilograms / KG_PER_LB).quantize(weight_scale.LB_PER_BIT)

    def _height(self, slot: int | None) -> Decimal:
        height_m = self._people[slot].person.height_m
        if not self._imperial:
            return height_m
        return (height_m / _M_PER_IN).quantize(weight_scale.IN_PER_BIT)

    def _told(self, mass: Mass) -> dict[Kind, dict[str, str]]:
        unit = "lb" if self._imperial else "kg"
        kinds = {Kind.WEIGHT: {"weight": str(self._shown(mass.weight)), "unit": unit}}
        if self._has_composition:
            kinds[Kind.BODY_COMPOSITION] = {
                "body_fat_percent": str(mass.body_fat_percent),
                "basal_metabolism_kj": str(mass.basal_metabolism_kj),
                "muscle_percent": str(mass.muscle_percent),
                "fat_free_mass": str(self._shown(mass.fat_free_mass)),
                "body_water_mass": str(self._shown(mass.body_water_mass)),
                "impedance_ohm": str(mass.impedance_ohm),
                "weight": str(self._shown(mass.weight)),
                "unit": unit,
            }
        return kinds
