"""Which devices are ours, and the driver each was adopted with."""

from __future__ import annotations

from gateway.domain.device import DeviceId
from gateway.journal.reader import Reader


class Ours:
    """The adopted devices, asked at every sighting; the journal holds them for good."""

    def __init__(self, reader: Reader) -> None:
        self._driver = {
            known.device.id: known.device.driver for known in reader.devices() if known.adopted
        }

    def __call__(self, device: DeviceId) -> str | None:
        """Name the driver the device was adopted with; None if it is not ours."""
        return self._driver.get(device)

    def add(self, device: DeviceId, driver: str) -> None:
        """Note an adoption that is in the journal."""
        self._driver[device] = driver

    def remove(self, device: DeviceId) -> None:
        """Note that the journal says it is ours no more."""
        self._driver.pop(device, None)
