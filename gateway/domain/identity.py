"""The identity of a reading is computed, not assigned.

The same reading live, backfilled, re-read or replayed has the same identity, so inserting it twice
is no news. Device, kind, the device's own record key and the values make it; the moment of
reception does only for devices that give neither a record key nor a time. The clock sample and the
corrected time never do: a correction must not make a new reading.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from typing import NewType

from gateway.domain.reading import Reading

ReadingId = NewType("ReadingId", str)
"""32 hex digits."""


def identity(reading: Reading) -> ReadingId:
    """Compute the identity of a reading; equal numbers count as equal however they are written."""
    parts = [reading.device, reading.kind, reading.slot or "", _record(reading)]
    parts += [
        "".join((measure, "=", _plain(quantity.value), " ", quantity.unit))
        for measure, quantity in sorted(reading.values.items())
    ]
    if reading.limit is not None:
        parts.append(f"limit={reading.limit}")
    # As a JSON array: no text that a device sends can pass for the border of two parts.
    text = f"[{', '.join(map(encode_basestring_ascii, parts))}]"
    return ReadingId(hashlib.blake2s(text.encode(), digest_size=16).hexdigest())


def neighbourhood(reading: Reading) -> str:
    """Name what a reading lies together with: a hundred records of a memory, or an hour's stamps.

    Made of what its identity is made of, so the same whenever it is read.
    """
    if reading.record is not None:
        return f"{reading.device} record:{reading.record[:-2]}"
    if reading.device_time is not None:
        return f"{reading.device} stamp:{reading.device_time.raw[:-4]}"
    return f"{reading.device} received:{reading.received.utc:%Y-%m-%dT%H}"


def _record(reading: Reading) -> str:
    if reading.record is not None:
        return f"record:{reading.record}"
    if reading.device_time is not None:
        return f"stamp:{reading.device_time.raw}"
    return f"received:{reading.received.utc.isoformat()}"


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"
