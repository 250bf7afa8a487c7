"""The devices in reach, ours or not: a bounded table for `scan`, never a reason to connect."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clock import Instant
from gateway.domain.device import DeviceId

LIMIT = 256
"""A waiting room holds some hundred beacons and telephones, whose addresses change every quarter of
an hour. Of those that no driver fits, the one not heard for longest goes first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A device as it was last noticed."""

    device: DeviceId
    address: str
    name: str | None
    rssi_dbm: int | None
    driver: str | None
    """The driver that fits, if any."""
    adopted: bool
    transport: str
    at: Instant


class Sightings:
    """The table, by device."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._ours: dict[DeviceId, Seen] = {}
        self._others: dict[DeviceId, Seen] = {}

    def note(self, seen: Seen) -> None:
        """Put the device in, or renew it."""
        self._ours.pop(seen.device, None)
        self._others.pop(seen.device, None)
        table = self._others if seen.driver is None else self._ours
        table[seen.device] = seen
        if len(self._ours) + len(self._others) > self._limit:
            fullest = self._others or self._ours
            del fullest[next(iter(fullest))]

    def all(self) -> list[Seen]:
        """Return them, those heard last first."""
        both = [*self._ours.values(), *self._others.values()]
        return sorted(both, key=lambda seen: seen.at.monotonic, reverse=True)
