"""How words are filled in, and numbers written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.language.words import Words, words


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (1000, "1\u202f000", "1,000"),
        (1_234_567, "1\u202f234\u202f567", "1,234,567"),
        (Decimal("72.40"), "72,40", "72.40"),
        (Decimal("6512.5"), "6\u202f512,5", "6,512.5"),
        (Decimal("1E+3"), "1\u202f000", "1,000"),
    ],
)
def test_a_number_is_written_so_that_its_thousands_are_seen(
    value: int | Decimal, french: str, english: str
) -> None:
    assert [words(language).number(value) for language in ("fr", "en")] == [french, english]


def test_so_many_are_counted_with_their_thousands() -> None:
    held = {"held.one": "{number} mesure de {name}", "held.other": "{number} mesures de {name}"}
    told = words("fr").and_also(held)

    found = [told.count("held", number, name="Odile") for number in (0, 1, 2, 4007)]

    assert found == [
        "0 mesure de Odile",
        "1 mesure de Odile",
        "2 mesures de Odile",
        "4\u202f007 mesures de Odile",
    ]
    assert isinstance(told, Words)
