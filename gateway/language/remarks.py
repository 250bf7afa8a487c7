"""What a device remarked, as people say it: a driver gives a code, and perhaps more behind it.

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
