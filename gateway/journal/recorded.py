"""What the calls of a group recorded, until it is written for all of them at once."""

from __future__ import annotations

from datetime import tzinfo
from typing import NamedTuple

from gateway.domain.device import Device
from gateway.domain.device_clock import ClockHistory
from gateway.domain.entry import Entry
from gateway.domain.reading import Reading
from gateway.domain.subject import Assignment


class Recorded(NamedTuple):
    """A reading, and all that its entry is made of. A tuple, for one is made for every reading."""

    reading: Reading
    told: Reading
    """The same, told by the time of its reception; see `hub_time.as_received`."""
    looks: ClockHistory
    """What was seen of the device's clock, up to this reading."""
    zone: tzinfo
    assignments: tuple[Assignment, ...]
    device: int
    """The number of the device here; `known` is what is known of it by now."""
    known: Device
    new: list[Entry]
    """Where the entry is added if it is news: what the call returns."""


class Made(NamedTuple):
    """An entry of a device, by its number here, and where it is added if it is news."""

    device: int
    entry: Entry
    new: list[Entry]
