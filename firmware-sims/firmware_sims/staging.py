"""Puts a scenario on a radio: in this process for a test, served to another for a gateway.

async with Stage(scenario, ledger=Ledger(), now=clock) as stage:
    central = await stage.radio.central()
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from math import isfinite
from types import TracebackType
from typing import Protocol, Self

from firmware_sims.body import Body
from firmware_sims.bp_monitor.bluetooth_sig import blood_pressure_monitor
from firmware_sims.cgm.bluetooth_sig import GlucoseSensor, SensorSettings
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings
from firmware_sims.faults import Faults
from firmware_sims.identity import Identity
from firmware_sims.ledger import Ledger
from firmware_sims.packing.date_time import DST_STANDARD
from firmware_sims.peripheral import VirtualDevice
from firmware_sims.radio import VirtualRadio
from firmware_sims.routine import Routine
from firmware_sims.scale.bluetooth_sig import body_scale
from firmware_sims.scenario import DeviceSpec, Scenario
from firmware_sims.store_and_forward import Pace

MANUFACTURER = "Imaginary Devices"
MODELS = {"bp_monitor": "Cuff One", "scale": "Scale Two", "cgm": "Sensor Three"}


class StagedDevice(VirtualDevice, Protocol):
    """A device of a scenario: also does what a person or a tester wants."""

    faults: Faults
    routine: Routine
    clock: DeviceClock

    def measure(self) -> None:
        """Measure now."""

    @property
    def held(self) -> int:
        """How many records it holds."""


class Stage:
    """A scenario that plays; `devices` by name."""

    def __init__(self, scenario: Scenario, *, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self.radio = VirtualRadio()
        self.devices: dict[str, StagedDevice] = {}
        self._scenario = scenario
        self._ledger = ledger
        self._now = now
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the radio and power every device on, with its past in its memory."""
        await self._exits.enter_async_context(self.radio)
        try:
            for spec in self._scenario.devices:
                device = self._made(spec)
                self.devices[spec.name] = device
                await self.radio.add(device)
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the radio."""
        await self._exits.__aexit__(kind, error, trace)

    def be_quiet(self) -> None:
        """Let no device measure any more; what they hold they still deliver."""
        for device in self.devices.values():
            device.routine.be_quiet()

    def _made(self, spec: DeviceSpec) -> StagedDevice:
        if spec.type == "cgm":
            return self._sensor(spec)
        return self._storing(spec)

    def _storing(self, spec: DeviceSpec) -> StagedDevice:
        pace = Pace(
            advertise_for_s=spec.advertise_for_s,
            idle_s=spec.idle_s,
            settle_s=spec.settle_s,
            slow_s=spec.slow_s,
        )
        fittings = Fittings(
            now=self._now,
            clock=self._clock(spec),
            ledger=self._ledger,
            faults=Faults(spec.faults),
            pace=pace,
            routine=Routine(spec.interval_s, spec.limit),
            clock_service=spec.clock_service,
        )
        device = self._episodic(spec, fittings)
        device.remember(spec.stored, every=timedelta(hours=spec.stored_every_h))
        return device

    def _episodic(self, spec: DeviceSpec, fittings: Fittings) -> EpisodicDevice:
        who = _identity(spec)
        people = {slot: self._body(spec, person) for slot, person in spec.users.items()}
        if spec.type == "bp_monitor":
            return blood_pressure_monitor(who, people, fittings, kilopascal=spec.kilopascal)
        return body_scale(
            who, people, fittings, imperial=spec.imperial, composition=spec.composition
        )

    def _sensor(self, spec: DeviceSpec) -> GlucoseSensor:
        (person,) = spec.users.values()
        # A session start time has whole seconds.
        now = self._now().replace(microsecond=0)
        until = now - timedelta(minutes=spec.history_ends_min_ago)
        history = timedelta(days=spec.history_days)
        device = GlucoseSensor(
            _identity(spec),
            self._body(spec, person),
            started_at=until - history,
            now=self._now,
            clock=self._clock(spec),
            ledger=self._ledger,
            faults=Faults(spec.faults),
            routine=Routine(spec.interval_s, spec.limit),
            settings=SensorSettings(
                e2e_crc=spec.e2e_crc,
                session_control=spec.session_control,
                utc_offset=self._utc_offset(),
                dst=DST_STANDARD,
                notification_gap_s=spec.notification_gap_s,
                slow_s=spec.slow_s,
            ),
        )
        gap = timedelta(minutes=spec.gap_min)
        device.remember(until, gap_at=until - history / 2 if gap else None, gap=gap)
        return device

    def _body(self, spec: DeviceSpec, person: str) -> Body:
        # Every device has its own draw, or adding one would change what the others measure.
        seed = f"{self._scenario.seed}/{spec.name}"
        return Body(self._scenario.people[person], seed)

    def _clock(self, spec: DeviceSpec) -> DeviceClock:
        clock = DeviceClock(
            self._now,
            utc_offset=self._utc_offset(),
            error=timedelta(seconds=spec.clock_error_s),
            drift_ppm=spec.drift_ppm,
        )
        now = self._now()
        if spec.clock_moved_s:
            moved_at = now - timedelta(hours=spec.clock_moved_h_ago)
            clock.moved(moved_at, timedelta(seconds=spec.clock_moved_s))
        if isfinite(spec.battery_changed_h_ago):
            clock.lost(now - timedelta(hours=spec.battery_changed_h_ago))
        return clock

    def _utc_offset(self) -> timedelta:
        if self._scenario.utc_offset is not None:
            return self._scenario.utc_offset
        return self._now().astimezone().utcoffset() or timedelta()


def _identity(spec: DeviceSpec) -> Identity:
    return Identity(
        name=spec.name,
        address=spec.address,
        manufacturer=MANUFACTURER,
        model=MODELS[spec.type],
        serial=spec.serial,
        firmware=spec.firmware,
        pairing=spec.pairing,
        passkey=spec.passkey,
    )
