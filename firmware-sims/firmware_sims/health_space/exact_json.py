"""JSON that keeps numbers as they were written: `72.50` stays `72.50`, never a binary float."""

import json
from decimal import Decimal
from typing import Any

JsonObject = dict[str, Any]


def parse(text: bytes | str) -> Any:
    """Return the value; numbers with a fraction or exponent become Decimal.

    Raises ValueError for anything that is not strict JSON in UTF-8 (NaN and Infinity included).
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)


def dump(value: Any) -> str:
    """Return compact JSON; a Decimal is written with all its digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        members = (f"{json.dumps(str(key))}:{dump(member)}" for key, member in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dump(member) for member in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
