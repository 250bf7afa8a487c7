from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntFlag

import pytest

from gateway.drivers.message import NULL, null, printed
from gateway.wire.gatt_time import UnusableDateTime
from gateway.wire.ieee11073 import Special


class Colour(Enum):
    DARK_RED = 1


class Bits(IntFlag):
    FIRST = 1


@dataclass(frozen=True, slots=True)
class Inner:
    octets: bytes


@dataclass(frozen=True, slots=True)
class Outer:
    left_out: int | None
    kept: int | None = field(metadata=NULL)
    parts: tuple[Inner, ...]


def test_a_message_is_printed_by_its_field_names() -> None:
    assert printed(Outer(None, None, (Inner(b"\x01\xff"),))) == {
        "kept": None,
        "parts": [{"octets": "01ff"}],
    }


def test_a_field_that_may_be_null_must_still_be_given() -> None:
    @dataclass(frozen=True, slots=True)
    class Told:
        user: int | None = null()

    with pytest.raises(TypeError):
        Told()
    assert printed(Told(None)) == {"user": None}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("2.0"), Decimal("2.0")),
        (Special.NAN, "NaN"),
        (Colour.DARK_RED, "dark_red"),
        (Bits.FIRST, 1),
        (True, True),
        (datetime.fromisoformat("2026-02-14T08:45:30"), "2026-02-14T08:45:30"),
        ({"a": b"\x00"}, {"a": "00"}),
    ],
)
def test_values_are_printed_as_json_knows_them(value: object, text: object) -> None:
    assert printed(value) == text


def test_numbers_that_make_no_time_are_printed_as_such() -> None:
    unknown = printed(UnusableDateTime(0, 2, 14, 8, 45, 30))
    invalid = printed(UnusableDateTime(2026, 2, 30, 8, 45, 30))

    assert isinstance(unknown, dict)
    assert isinstance(invalid, dict)
    assert (unknown["complete"], invalid["valid"]) == (False, False)


def test_what_is_no_message_is_a_mistake_in_the_driver() -> None:
    with pytest.raises(TypeError, match="use a dataclass"):
        printed(object())
