"""How messages look when they are printed, so that codecs can be plain dataclasses.

A field that is None is left out, unless it was declared with the metadata `NULL`: then it is
printed as null, for "the device says that it does not know" where the field itself was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, Flag, StrEnum
from typing import Any

from gateway.wire.gatt_time import UnusableDateTime
from gateway.wire.stamp import Stamp

NULL = {"printed as null": True}
"""Metadata of a dataclass field whose None is printed: `field(metadata=NULL)`."""


def null() -> Any:
    """Declare a field with that metadata."""
    return field(metadata=NULL)


def printed(value: object) -> object:
    """Turn a message, or a part of one, into what JSON knows, and Decimal.

    Dataclasses become objects with the same field names, bytes hex, times ISO 8601, an enumeration
    its text or its name in lower case. Numbers that make no time become their parts with the mark
    `"complete": false` (the device says "unknown") or `"valid": false`.
    """
    match value:
        case StrEnum():
            return str(value)
        case Enum() if not isinstance(value, Flag):
            return value.name.lower()
        case None | int() | float() | str() | Decimal():
            return value
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case Stamp():
            return str(value)
        case UnusableDateTime():
            mark = "complete" if value.incomplete else "valid"
            return {**_fields(value), mark: False}
        case Mapping():
            return {str(key): printed(part) for key, part in value.items()}
        case Collection():
            return [printed(part) for part in value]
    return _fields(value)


def _fields(message: Any) -> dict[str, object]:
    if not is_dataclass(message):
        raise TypeError(f"{type(message).__name__} is no message: use a dataclass")
    named = ((f, getattr(message, f.name)) for f in fields(message))
    return {f.name: printed(v) for f, v in named if v is not None or f.metadata == NULL}
