"""What a simulator's encoder wrote, and what `decode` has to say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from firmware_sims.packing.ieee11073 import Number, Special
from hypothesis import strategies as st

T = TypeVar("T")


class Nothing(Enum):
    """In the place of a field that must not be in the message."""

    ABSENT = "absent"


ABSENT = Nothing.ABSENT


@dataclass(frozen=True)
class Written:
    """Octets, the fields that their message has, and what the octets alone cannot say."""

    octets: bytes
    said: Mapping[str, object]
    ctx: Mapping[str, object] = field(default_factory=dict)


def told(value: object) -> object:
    """Return a value as a message tells it."""
    match value:
        case None:
            return ABSENT
        case Special():
            return value.value
        case datetime():
            return value.replace(tzinfo=None).isoformat()
    return value


def some(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | strategy


def numbers(mantissa: int = 2045, lowest: int = -8, highest: int = 7) -> st.SearchStrategy[Number]:
    whole, exponent = st.integers(-mantissa, mantissa), st.integers(lowest, highest)
    return st.builds(lambda m, e: Decimal(m).scaleb(e), whole, exponent) | st.sampled_from(Special)


def in_steps(step: str, highest: int = 0xFFFE) -> st.SearchStrategy[Decimal]:
    return st.integers(0, highest).map(lambda bits: bits * Decimal(step))


def between(first: int, last: int) -> st.SearchStrategy[datetime]:
    """Return moments of whole seconds, from one year to another."""
    earliest, latest = datetime(first, 1, 1), datetime(last, 12, 31, 23, 59, 59)  # noqa: DTZ001
    return st.datetimes(earliest, latest).map(lambda at: at.replace(microsecond=0))


NUMBERS = numbers()
MOMENTS = between(1582, 9999)
COUNTED = between(2000, 2035).map(lambda at: at.replace(tzinfo=UTC))
U8, U16, U32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
S16 = st.integers(-0x8000, 0x7FFF)
NIBBLE = st.integers(0, 15)
BOOLS = st.booleans()


def bits(value: int, names: Mapping[int, str]) -> list[str]:
    """Return the names of the bits that are set."""
    return [name for bit, name in names.items() if value >> bit & 1]


def written(octets: bytes, said: Mapping[str, object], **ctx: object) -> Written:
    """Return what was written, each value as a message tells it."""
    return Written(octets, {name: told(value) for name, value in said.items()}, ctx)
