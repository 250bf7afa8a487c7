"""A value that was copied with changes is as good as a new one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from gateway.clock import Instant
from gateway.domain.device import Device, DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Limit, Measure, Reading
from gateway.domain.value import Value

PRESSURE = Quantity(value=Decimal(120), unit=Unit.MMHG)
WEIGHT = Reading(
    device=DeviceId("serial:scale"),
    kind=Kind.WEIGHT,
    values={Measure.WEIGHT: Quantity(value=Decimal("70.5"), unit=Unit.KILOGRAM)},
    received=Instant(datetime(2026, 3, 14, 9, 26, tzinfo=UTC), 12.5, "boot-1"),
)


@pytest.mark.parametrize(
    ("value", "nonsense"),
    [
        (WEIGHT, {"kind": "pulse"}),
        (WEIGHT, {"values": {"systolic": 120}}),
        (WEIGHT, {"values": {Measure.SYSTOLIC: PRESSURE, "other": None}}),
        (WEIGHT, {"live": None}),
        (WEIGHT, {"record": 7}),
        (WEIGHT, {"weighed_by": "Odile"}),
        (PRESSURE, {"unit": "stone"}),
        (Device(id=DeviceId("serial:cuff"), driver="and_tm"), {"name": 7}),
    ],
)
def test_what_a_copy_makes_none_of_its_type_is_refused(
    value: Value, nonsense: dict[str, object]
) -> None:
    """Stored, it could not be read again, nor any page on which it would be shown."""
    with pytest.raises(ValidationError):
        value.model_copy(update=nonsense)


def test_a_copy_has_what_was_changed_and_all_that_was_not() -> None:
    after = WEIGHT.model_copy(update={"limit": Limit.ABOVE})

    assert after.limit is Limit.ABOVE
    assert after.model_copy(update={"limit": None}) == WEIGHT
    assert (after.kind, after.values) == (Kind.WEIGHT, WEIGHT.values)
