"""A scale of A&D's from before there was a Weight Scale Service: weights in one of the maker's.

Sources: A&D's sample programs for Android, bleSimpleApp and andengineering/AndroidSampleCode: the
service, its clock, and that its weights are indicated. Guess: that it advertises the service.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import Measured, People
from firmware_sims.gatt import INDICATE, characteristic, service
from firmware_sims.ledger import Kind
from firmware_sims.packing import and_weight
from firmware_sims.scale.bluetooth_sig import KG_PER_LB
from firmware_sims.store_and_forward import Stored

SERVICE = "23434100-1FE4-1EFF-80CB-00FF78297D8B"
WEIGHT = "23434101-1FE4-1EFF-80CB-00FF78297D8B"


class OlderScale:
    """The instrument; `beside` stands in its service beside the weight."""

    charge_percent = 0.1
    advertised: Sequence[int] = ()

    def __init__(
        self,
        people: People,
        clock: DeviceClock,
        *,
        imperial: bool = False,
        secure: bool = False,
        beside: Sequence[Any] = (),
    ) -> None:
        self._people = people
        self._clock = clock
        self._imperial = imperial
        self._weight = characteristic(WEIGHT, INDICATE, secure=secure)
        self._service = service(SERVICE, self._weight, *beside)

    def services(self) -> Sequence[Any]:
        """Return the maker's service."""
        return [self._service]

    def measured(self, taken_at: datetime, slot: int | None) -> Measured:
        """Weigh the person of a slot."""
        kilograms = self._people[slot].weigh().weight
        weight = (kilograms / (KG_PER_LB if self._imperial else 1)).quantize(and_weight.PER_BIT)
        unit = "lb" if self._imperial else "kg"
        shown = {Kind.WEIGHT: {"weight": str(weight), "unit": unit}}
        return Measured([self._stored(weight, taken_at, slot)], shown)

    def failed(self, taken_at: datetime, slot: int | None) -> Stored:
        """Fail to weigh: "measurement unsuccessful"."""
        return self._stored(None, taken_at, slot)

    def _stored(self, weight: Decimal | None, taken_at: datetime, slot: int | None) -> Stored:
        frame = and_weight.measurement(
            weight,
            imperial=self._imperial,
            device_local=self._clock.stamp(taken_at),
            user=slot,
        )
        return Stored(self._weight, lambda _room: [frame])
