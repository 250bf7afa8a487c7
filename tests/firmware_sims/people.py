"""Invented people, a clock that tests move, and what devices are made of."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from firmware_sims.body import Body, Person
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import Fittings
from firmware_sims.faults import Fault, Faults
from firmware_sims.identity import Identity, Pairing
from firmware_sims.ledger import Ledger
from firmware_sims.store_and_forward import Pace

NOON = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
PACE = Pace()
"""As it comes: nobody waits for it, because time jumps (tests/jumping.py)."""


class Time:
    """True time, which stands still until moved."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, duration: timedelta) -> None:
        self.at += duration


def body(name: str = "Odile", seed: int = 1) -> Body:
    return Body(Person(name=name, weight_kg=Decimal("64.0")), seed)


def identity(pairing: Pairing = Pairing.NONE, passkey: int = 0) -> Identity:
    return Identity(
        name="Virtual",
        address="C4:00:00:00:00:01",
        manufacturer="Imaginary Devices",
        model="V-1",
        serial="0001",
        pairing=pairing,
        passkey=passkey,
    )


def fittings(
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
    *,
    pace: Pace = PACE,
    clock_service: bool = True,
    **clock: Any,
) -> Fittings:
    """Return the circumstances of a device at noon; `clock` is what makes its own differ."""
    now = Time()
    return Fittings(
        now=now,
        clock=DeviceClock(now, **clock),
        ledger=ledger or Ledger(),
        faults=Faults(faults),
        pace=pace,
        clock_service=clock_service,
    )
