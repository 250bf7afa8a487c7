"""What the writer remembers of the database between calls, so as not to ask it each time.

There is one writer, so nobody else changes what is remembered here. A transaction that is taken
back may have changed it: then everything is forgotten, and asked for anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.domain.device import Device, DeviceId
from gateway.domain.subject import Assignment


@dataclass(slots=True)
class Memory:
    """Devices with their numbers, whom they measure, and the end of the audit chain."""

    devices: dict[DeviceId, tuple[int, Device]] = field(default_factory=dict)
    assignments: dict[int, tuple[Assignment, ...]] = field(default_factory=dict)
    last_link: tuple[int, bytes] | None = None

    def forget(self) -> None:
        """Remember nothing any more."""
        self.devices.clear()
        self.assignments.clear()
        self.last_link = None
