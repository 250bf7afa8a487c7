"""What a device remarked, or said unreadably, as people say it.

A driver gives a code, and perhaps more behind it:

clock_set    device_error E5    sensor_status: battery_low    clock_lost: set the date and ...
"""

from __future__ import annotations

import re

from gateway.language.words import Words

_EVENT = re.compile(r"(device_error|[^:]+)(?:[: ]+(.*))?", re.DOTALL)


def remarked(event: str, words: Words) -> str:
    """Say an event; one of a guest driver that has no words of its own stays as it is."""
    found = _EVENT.fullmatch(event)
    text = None if found is None else words.or_none(f"remark.{found[1]}")
    if found is None or text is None:
        return event
    told = (found[2] or "?").split(", ")
    return text.format(what=", ".join(words.or_none(f"flag.{each}") or each for each in told))


DAMAGED = frozenset({"checksum", "crc", "bcc", "header_crc", "records_checksum", "bad_hex"})
CUT_SHORT = frozenset({"incomplete", "truncated", "part_missing", "segment_missing", "no_end"})
"""Reasons of a `DecodeError` that are of the way that something came, not of what it says."""


def unreadable(reason: str, words: Words) -> str:
    """Say why something of a device could not be read, with what helps; nothing for no reason."""
    if not reason:
        return ""
    code = reason.partition(":")[0]
    own = words.or_none(f"unreadable.{code}")
    if own is not None:
        return own
    group = "damaged" if code in DAMAGED else "cut_short" if code in CUT_SHORT else "other"
    return words(f"unreadable.{group}", code=code)
