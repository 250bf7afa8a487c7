"""What the fleet plane may tell of a gateway: a closed list of numbers.

No identifier, no name and no text that someone wrote: a port can be called after a grandmother, and
a device bears its serial number.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Health(BaseModel):
    """Everything the fleet plane ever tells. Numbers and our own fixed words only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    software: str
    uptime_s: int
    clock_trusted: bool
    transports: int
    transports_in_trouble: int
    destinations: int
    destinations_paused: int
    sessions: int
    deliveries: Mapping[str, int]
    """How many there are in each state of the outbox."""
    counters: Mapping[str, int]
    """Sums of the daemon's counters by their fixed names, labels left out."""
