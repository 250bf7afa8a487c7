"""What a device of a scenario does besides what the radio needs of it."""

from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from firmware_sims.body import Body
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Faults
from firmware_sims.peripheral import VirtualDevice
from firmware_sims.routine import Routine


class StagedDevice(VirtualDevice, Protocol):
    """A device of a scenario: also does what a person or a tester wants."""

    faults: Faults
    routine: Routine
    clock: DeviceClock

    def measure(self) -> None:
        """Measure now."""

    @property
    def held(self) -> int:
        """How many records it holds."""


@runtime_checkable
class HasPairingMode(Protocol):
    """A device that lets itself be paired only while its user holds a button."""

    def pairing_mode(self) -> None:
        """Hold the button."""


@runtime_checkable
class StoriedDevice(StagedDevice, Protocol):
    """A device to which things happen in the course of a scenario, also while nobody looks."""

    def measure(
        self, at: datetime | None = None, who: tuple[int | None, Body] | None = None
    ) -> None:
        """Measure somebody, now or at a true time gone by."""

    def change_battery(self, at: datetime) -> None:
        """Let the battery have been changed."""

    def move_clock(self, at: datetime, by: timedelta) -> None:
        """Let its user have moved the clock."""
