"""What the devices of a scenario share, and what of it one device gets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite

from firmware_sims.body import Body
from firmware_sims.device_clock import FACTORY_TIME, DeviceClock
from firmware_sims.device_spec import DeviceSpec
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Ledger
from firmware_sims.placement import Placement
from firmware_sims.routine import Routine
from firmware_sims.scenario import Scenario
from firmware_sims.store_and_forward import Pace


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the devices of a scenario share: its people, true time, and one ledger."""

    scenario: Scenario
    ledger: Ledger
    now: Callable[[], datetime]
    forbidden: ForbiddenCommands
    _bodies: dict[tuple[str, str], Body] = field(default_factory=dict)

    def body(self, spec: DeviceSpec, person: str) -> Body:
        """Return a person's body as one device meets it."""
        # Every device has its own draw, or adding one would change what the others measure.
        body = Body(self.scenario.people[person], f"{self.scenario.seed}/{spec.name}")
        return self._bodies.setdefault((spec.name, person), body)

    def people(self, spec: DeviceSpec) -> People:
        """Return who uses a device, by user id."""
        return {slot: self.body(spec, person) for slot, person in spec.users.items()}

    def one_body(self, spec: DeviceSpec) -> Body:
        """Return the body of the one person who uses a device."""
        (person,) = spec.users.values()
        return self.body(spec, person)

    def clock(
        self, spec: DeviceSpec, *, factory_time: datetime = FACTORY_TIME, utc: bool = False
    ) -> DeviceClock:
        """Return a device's clock, with its past; `utc` for one that counts UTC."""
        clock = DeviceClock(
            self.now,
            utc_offset=timedelta() if utc else self.utc_offset(spec),
            error=timedelta(seconds=spec.clock_error_s),
            drift_ppm=spec.drift_ppm,
            factory_time=spec.factory_time or factory_time,
            stamps=spec.stamps,
        )
        now = self.now()
        if spec.clock_moved_s:
            moved_at = now - timedelta(hours=spec.clock_moved_h_ago)
            clock.moved(moved_at, timedelta(seconds=spec.clock_moved_s))
        if isfinite(spec.battery_changed_h_ago):
            clock.lost(now - timedelta(hours=spec.battery_changed_h_ago))
        return clock

    def placement(self, spec: DeviceSpec) -> Placement:
        """Return where a device on a cable stands."""
        return Placement(
            [(self.body(spec, person), "") for person in spec.users.values()],
            now=self.now,
            clock=self.clock(spec),
            ledger=self.ledger,
            name=spec.address,
            seed=self.scenario.seed,
            faults=Faults(spec.faults),
            forbidden=self.forbidden,
        )

    def utc_offset(self, spec: DeviceSpec) -> timedelta:
        """Return how far a device's clock is ahead of UTC."""
        if spec.utc_offset_min is not None:
            return timedelta(minutes=spec.utc_offset_min)
        if self.scenario.utc_offset is not None:
            return self.scenario.utc_offset
        return self.now().astimezone().utcoffset() or timedelta()

    def fittings(self, spec: DeviceSpec) -> Fittings:
        """Return the circumstances of a cuff or a scale that stores."""
        pace = Pace(
            advertise_for_s=spec.advertise_for_s,
            idle_s=spec.idle_s,
            settle_s=spec.settle_s,
            slow_s=spec.slow_s,
        )
        return Fittings(
            now=self.now,
            clock=self.clock(spec),
            ledger=self.ledger,
            faults=Faults(spec.faults),
            pace=pace,
            routine=Routine(spec.interval_s, spec.limit),
            clock_service=spec.clock_service,
            forbidden=self.forbidden,
        )
