"""A session without a daemon: what a driver records is kept in lists."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.clock import Clock, Instant
from gateway.domain.device import Device, DeviceId
from gateway.domain.identity import ReadingId, identity
from gateway.domain.reading import Reading
from gateway.drivers.api import Driver, Frame, Link, Reach, Sighting
from gateway.drivers.plausible import doubted
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock


@dataclass
class RecordingSession:
    """A `Session` for tests of drivers. Keeps the order of what the driver did in `events`."""

    driver: Driver
    link: Link
    clock: Clock = field(default_factory=ManualClock)
    device: Device = field(
        default_factory=lambda: Device(id=DeviceId("ble:C0:FF:EE:00:00:01"), driver="test")
    )
    sighting: Sighting = field(default_factory=lambda: Sighting("C0:FF:EE:00:00:01", Reach.BLE))
    settings: dict[str, str | int | bool | None] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    """Every new reading, in order and judged; a repeated one is left out, as in the journal."""
    aside: list[tuple[Frame, DecodeError]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    """How many readings each call of `record` brought."""
    _bookmark: str | None = None
    _known: set[ReadingId] = field(default_factory=set)

    def now(self) -> Instant:
        """Return the test's time."""
        return self.clock.now()

    async def pause(self, seconds: float, /) -> None:
        """Let the test's time pass, if its clock can."""
        if isinstance(self.clock, ManualClock):
            self.clock.advance(seconds)

    def setting(self, name: str, /) -> str | int | bool | None:
        """Return the test's setting, or the manifest's default."""
        defaults = {setting.name: setting.default for setting in self.driver.manifest.settings}
        return self.settings.get(name, defaults[name])

    async def describe(self, device: Device, /) -> None:
        """Replace what is known of the device."""
        self.device = device

    async def bookmark(self) -> str | None:
        """Return the last bookmark."""
        return self._bookmark

    async def record(self, *readings: Reading, bookmark: str | None = None) -> int:
        """Keep what is new."""
        told = {identity(r): doubted(r) for r in reversed(readings)}
        new = [r for key, r in reversed(told.items()) if key not in self._known]
        self._known.update(told)
        self.readings.extend(new)
        self.calls.append(len(readings))
        self.events.append("record")
        if bookmark is not None:
            self._bookmark = bookmark
        return len(new)

    async def set_bookmark(self, bookmark: str, /) -> None:
        """Move the bookmark."""
        self._bookmark = bookmark

    async def set_aside(self, frame: Frame, error: DecodeError, /) -> None:
        """Keep the frame that could not be read."""
        self.aside.append((frame, error))
        self.events.append("set_aside")

    async def remark(self, event: str, frame: Frame | None = None, /) -> None:
        """Keep the event."""
        self.remarks.append(event)
        self.events.append("remark")
