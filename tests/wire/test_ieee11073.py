from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DecodeError
from gateway.wire.cursor import Cursor
from gateway.wire.ieee11073 import Special, medfloat, sfloat, sfloat_of

SFLOAT_SPECIALS = {
    0x07FF: "NaN",
    0x0800: "NRes",
    0x07FE: "+INF",
    0x0802: "-INF",
    0x0801: "reserved",
}


@pytest.mark.parametrize(("raw", "text"), SFLOAT_SPECIALS.items())
def test_a_special_word_is_no_number(raw: int, text: str) -> None:
    assert str(sfloat_of(raw)) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (0x0002, "2"),
        (0xF014, "2.0"),  # precision is kept
        (0x0FFF, "-1"),  # not NaN: the mantissa is signed
        (0x17FF, "20470"),  # not NaN: the exponent is not 0
        (0xFFFF, "-0.1"),
        (0x77FF, "20470000000"),
        (0x8001, "0.00000001"),
    ],
)
def test_a_number_keeps_its_exponent(raw: int, text: str) -> None:
    value = sfloat(Cursor(raw.to_bytes(2, "little")))

    assert isinstance(value, Decimal)
    assert format(value, "f") == text


@given(st.integers(0, 0xFFFF).filter(lambda raw: raw not in SFLOAT_SPECIALS))
def test_every_other_word_is_mantissa_times_ten_to_the_exponent(raw: int) -> None:
    mantissa = (raw & 0xFFF) - (0x1000 if raw & 0x800 else 0)
    exponent = (raw >> 12) - (16 if raw & 0x8000 else 0)

    value = sfloat_of(raw)

    assert isinstance(value, Decimal)
    assert Fraction(value) == Fraction(mantissa) * Fraction(10) ** exponent
    assert value.as_tuple().exponent == exponent


@given(st.integers(-0x800000, 0x7FFFFF), st.integers(-128, 127))
def test_a_float_is_exact_over_its_whole_range(mantissa: int, exponent: int) -> None:
    octets = mantissa.to_bytes(3, "little", signed=True) + exponent.to_bytes(
        1, "little", signed=True
    )

    value = medfloat(Cursor(octets))

    if isinstance(value, Special):
        assert exponent == 0
        assert mantissa in {0x7FFFFF, 0x7FFFFE, -0x800000, -0x7FFFFF, -0x7FFFFE}
    else:
        assert value == Decimal((mantissa < 0, tuple(map(int, str(abs(mantissa)))), exponent))


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("ffff7f00", "NaN"),
        ("00008000", "NRes"),
        ("feff7f00", "+INF"),
        ("02008000", "-INF"),
        ("01008000", "reserved"),
    ],
)
def test_a_special_float_is_no_number(octets: str, text: str) -> None:
    assert str(medfloat(Cursor(bytes.fromhex(octets)))) == text


def test_half_a_number_is_truncated() -> None:
    with pytest.raises(DecodeError, match="truncated"):
        sfloat(Cursor(b"\x8a"))
