"""Placements for serial devices."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from firmware_sims.body import Body
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.placement import Placement

from tests.firmware_sims.people import Time, body


def placement(
    *,
    people: Sequence[tuple[Body, str]] | None = None,
    time: Time | None = None,
    clock_error: timedelta = timedelta(),
    ledger: Ledger | None = None,
    faults: Mapping[Fault, int] | None = None,
    forbidden: ForbiddenCommands | None = None,
    seed: int = 1,
) -> Placement:
    """Somewhere at noon, with Odile as the only person unless others are given."""
    now = time or Time()
    return Placement(
        people or [(body(), "")],
        now=now,
        clock=DeviceClock(now, error=clock_error),
        ledger=ledger or Ledger(),
        name="here",
        seed=seed,
        faults=Faults(faults),
        forbidden=forbidden,
    )
