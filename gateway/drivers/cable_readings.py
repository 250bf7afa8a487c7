"""Readings of what cuffs and scales say over a cable."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import timedelta

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity
from gateway.domain.reading import DeviceTime, Kind, Measure, Quality, Reading

_ON_A_CABLE = timedelta(seconds=15)  # what is sent as soon as it is measured comes within this


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when it came from; the fields of a reading of the same names."""

    device: DeviceId
    received: Instant
    device_time: DeviceTime | None = None
    record: str | None = None
    live: bool = True
    slot: str | None = None
    taken_within: timedelta = _ON_A_CABLE


def reading(
    kind: Kind,
    values: Mapping[Measure, Quantity],
    origin: Origin,
    *,
    doubts: Set[str] = frozenset(),
    findings: Set[str] = frozenset(),
) -> Reading:
    """Make a reading of any kind. Doubts make it QUESTIONABLE, findings are about the person."""
    return Reading(
        device=origin.device,
        kind=kind,
        values=values,
        received=origin.received,
        device_time=origin.device_time,
        record=origin.record,
        live=origin.live,
        slot=origin.slot,
        taken_within=origin.taken_within,
        quality=Quality.QUESTIONABLE if doubts else Quality.GOOD,
        flags=frozenset(doubts | findings),
    )
