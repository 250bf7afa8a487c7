"""What the writer remembers of the database between calls, so as not to ask it each time.

There is one writer, so nobody else changes what is remembered here. A transaction that is taken
back may have changed it: then what it says of the database is forgotten, and asked for anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.domain.device import Device, DeviceId
from gateway.domain.device_clock import ClockHistory
from gateway.domain.subject import Assignment


@dataclass(slots=True)
class Memory:
    """Devices, whom they measure, their clocks; boots of the hub; the end of the chain."""

    devices: dict[DeviceId, tuple[int, Device, Device]] = field(default_factory=dict)
    """Each with its number, all that is known of it, and what it said of itself last."""
    assignments: dict[int, tuple[Assignment, ...]] = field(default_factory=dict)
    clocks: dict[int, ClockHistory] = field(default_factory=dict)
    boots: dict[str, tuple[float, float | None, int]] = field(default_factory=dict)
    """Boots of the hub: how far each is noted (s); when UTC was told (s), or later, None if it was
    not; the first entry's number."""
    last_link: tuple[int, bytes] | None = None
    doubted_before_us: int | None = None
    """What was measured before may have been sent by a journal that this one goes on from. It never
    changes while the journal is open, and is never forgotten."""
    unasked: dict[str, list[int]] | None = None
    """By destination the entries of which the gate is to be asked whether it would let them go; of
    all that is due there, if None. To ask in vain, for what a call would have made due that was
    taken back, is harmless."""
    all_asked_until_us: int | None = None
    """When a grant ends that something due rests upon: from then on all is to be asked anew."""

    def ask_all(self, due: dict[str, list[int]]) -> dict[str, list[int]]:
        """Begin anew with all that is due; return it, to be taken from."""
        self.unasked, self.all_asked_until_us = due, None
        return due

    def ask_all_from(self, at_us: int) -> None:
        """Have all that is due asked about anew from then on, if not before."""
        until_us = self.all_asked_until_us
        self.all_asked_until_us = at_us if until_us is None else min(until_us, at_us)

    def is_outdated(self, now_us: int) -> bool:
        """Tell whether a grant has ended since that something due rested upon."""
        return self.all_asked_until_us is not None and self.all_asked_until_us <= now_us

    def is_to_ask(self, now_us: int) -> bool:
        """Tell whether the gate is to be asked about anything."""
        return self.unasked is None or any(self.unasked.values()) or self.is_outdated(now_us)

    def forget(self) -> None:
        """Remember nothing of the database any more."""
        self.devices.clear()
        self.assignments.clear()
        self.clocks.clear()
        self.boots.clear()
        self.last_link = None
