"""Who and what takes part in a run: people, virtual devices, whose is whose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CONSENTING = "Odile"
OTHER = "Marcel"
"""Both are invented."""


@dataclass(frozen=True, slots=True)
class PortPlayer:
    """A serial device: the simulator's own name for it and its options, and the driver it wants."""

    name: str
    simulator: str
    driver: str
    person: str
    serial: str | None = None
    interval_s: int = 12
    """Longer than the ten seconds in which the same line again is taken for a repeated one."""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a Bluetooth device, or one user slot of it, measures."""

    device: str
    driver: str
    person: str
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """Everything that differs from one run to another.

    All `people` are paired with the health space, so that nothing but a missing consent keeps
    anybody's readings here; the `consenting` ones give theirs before anything is measured.
    """

    scenario: str
    people: tuple[str, ...]
    consenting: frozenset[str]
    ports: tuple[PortPlayer, ...]
    owners: tuple[Owner, ...]
    destination: Mapping[str, object] = field(default_factory=dict)
    """More settings of the health space as a destination."""

    @property
    def push_only(self) -> frozenset[str]:
        """Devices that say a reading once and keep none."""
        return frozenset(port.name for port in self.ports)


DEMONSTRATION = Cast(
    scenario="demo.toml",
    people=(CONSENTING, OTHER),
    consenting=frozenset({CONSENTING}),
    ports=(
        PortPlayer("counter-cuff", "omron-hbp", "bp_monitor/omron_hbp", OTHER, serial="DEMO-0001"),
        PortPlayer(
            "counter-scale", "tanita", "scale/tanita", CONSENTING, options=("--weight-only",)
        ),
    ),
    owners=(
        Owner("Cuff A", "bp_monitor/bluetooth_sig", CONSENTING),
        Owner("Sensor A", "cgm/bluetooth_sig", CONSENTING),
        Owner("Scale", "scale/bluetooth_sig", CONSENTING, slot="1"),
        Owner("Scale", "scale/bluetooth_sig", OTHER, slot="2"),
        Owner("Cuff B", "bp_monitor/bluetooth_sig", OTHER),
    ),
)
