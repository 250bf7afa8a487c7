"""What a device of a scenario does besides what the radio needs of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from firmware_sims.body import Body
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Faults
from firmware_sims.identity import Identity
from firmware_sims.peripheral import VirtualDevice
from firmware_sims.routine import Routine


class StagedDevice(Protocol):
    """A device of a scenario: does what a person or a tester wants."""

    faults: Faults
    routine: Routine
    clock: DeviceClock

    @property
    def identity(self) -> Identity:
        """Who it is."""

    @property
    def advertised(self) -> Sequence[int]:
        """The 16-bit service UUIDs in its advertisements; a device on a cable has none."""

    def measure(self) -> object:
        """Measure now."""

    @property
    def held(self) -> int:
        """How many records it holds."""


class RadioDevice(StagedDevice, VirtualDevice, Protocol):
    """One on the radio."""


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
    ) -> object:
        """Measure somebody, now or at a true time gone by."""

    def change_battery(self, at: datetime) -> None:
        """Let the battery have been changed."""

    def move_clock(self, at: datetime, by: timedelta) -> None:
        """Let its user have moved the clock."""
