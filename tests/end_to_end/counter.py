"""A counter with one device on a cable: the simulator behind a real pty or socket, and the daemon.

Both live by the same time, which a test may skip. What the device produced is in its ledger, what
arrived is in the journal; `missing_and_extra` compares the two.
"""

import asyncio
import operator
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from firmware_sims.body import Body, Person
from firmware_sims.cable import Cable, Plug
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.hid_port import HidPort
from firmware_sims.ledger import Kind as ProducedKind
from firmware_sims.ledger import Ledger, Produced
from firmware_sims.placement import Placement
from firmware_sims.port import Port
from firmware_sims.routine import Routine
from firmware_sims.serial_device import SerialDevice, converse

from gateway.app.daemon import daemon
from gateway.app.hub import DaemonHub
from gateway.config import Config
from gateway.config_tables import HubSettings
from gateway.domain.entry import Entry
from gateway.domain.reading import Limit, Measure
from gateway.transport.capture import Direction, load
from gateway.transport.settings import HidSettings, PortSettings, UsbSettings
from tests.end_to_end.passing import Passing

ZONE, UTC_OFFSET = "Africa/Tunis", timedelta(hours=1)
"""Not UTC, and without a summer time that would move a history once a year."""
TYPED_IDS = ("4915623087", "7730284619")
"""What the two people type or scan. Nothing of it may turn up where it can be read."""

Make = Callable[[Placement], SerialDevice]


class Wire(Cable):
    """A cable that remembers what the host wrote, and can be pulled in the middle of a frame."""

    def __init__(self, port: Plug) -> None:
        self.faults = Faults()
        super().__init__(port, faults=self.faults)
        self.written = b""
        self._frames_until_pulled = -1

    def pull_in_frame(self, number: int) -> None:
        """Be pulled half-way through a frame, counted from 0 and from now."""
        self._frames_until_pulled = number

    async def carry(self, frame: bytes) -> None:
        if self._frames_until_pulled == 0:
            self.faults.arm(Fault.UNPLUG_MID_FRAME)
        self._frames_until_pulled -= 1
        await super().carry(frame)

    def heard(self, written: bytes) -> bytes:
        self.written += written
        return super().heard(written)


class Counter:
    """The device with its surroundings, and the hub once there is one."""

    def __init__(
        self, port: Port | HidPort, captures: Path, time: Passing, clock_error: timedelta
    ) -> None:
        self.time = time
        self.captures = captures
        self.port = port
        self.wire = Wire(port)
        self.ledger = Ledger()
        self.faults = Faults()
        self.forbidden = ForbiddenCommands()
        self.placement = Placement(
            [
                (Body(Person(name="Odile", weight_kg=Decimal("64.5")), 1), TYPED_IDS[0]),
                (Body(Person(name="Marcel", weight_kg=Decimal("83.2")), 1), TYPED_IDS[1]),
            ],
            now=time.utc,
            clock=DeviceClock(time.utc, utc_offset=UTC_OFFSET, error=clock_error),
            ledger=self.ledger,
            name="counter",
            faults=self.faults,
            forbidden=self.forbidden,
        )
        self.device: SerialDevice
        self.hub: DaemonHub

    async def measure(self) -> None:
        """Let the next person measure; push what is pushed."""
        for frame in self.device.measure():
            await self.wire.carry(frame)

    async def measure_slowly(self) -> None:
        """Let the next person measure; the hub takes each frame before the next, a second later."""
        for frame in self.device.measure():
            whole = self._heard_bytes() + len(frame)
            await self.wire.carry(frame)
            await self._has_heard(whole)
            self.time.skip(1)

    async def _has_heard(self, whole: int) -> None:
        await self.until(lambda: not self.port.is_plugged or self._heard_bytes() >= whole)

    def _heard_bytes(self) -> int:
        """Count the bytes that the hub took from the port since it opened it last."""
        latest = max(self.captures.iterdir(), default=None)
        passed = load(latest)[1] if latest is not None else []
        return sum(len(each.data) for each in passed if each.dir is Direction.IN)

    async def plug_again(self) -> None:
        """Wait until the cable is pulled, and until the hub noticed; put it back."""
        await self.until(lambda: not self.port.is_plugged)
        await self.until(lambda: not self.sessions(), step_s=2)
        self.port.plug()
        await self.is_heard()

    async def is_heard(self) -> None:
        """Return once the hub listens: what is sent before that is lost, as on a wire."""
        await self.until(self._is_watched, step_s=1)

    def _is_watched(self) -> bool:
        if isinstance(self.port, HidPort):
            return bool(self.sessions())
        watched = asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]
        hosts_end = self.port.link.readlink()
        return any(_points_to(descriptor, hosts_end) for descriptor in list(watched))

    def sessions(self) -> list[str]:
        return list(self.hub.status().sessions)

    def entries(self) -> list[Entry]:
        """Return what the journal holds."""
        return [view.entry for view in self.hub.reader.entries(limit=100_000)]

    def remarks(self) -> list[str]:
        return [remark.event for remark in self.hub.reader.remarks()]

    async def has_arrived(self, count: int | None = None, *, step_s: float = 0.5) -> None:
        """Return once the journal holds so many entries, or as many as were produced."""
        wanted = len(self.ledger.produced) if count is None else count
        await self.until(lambda: self.hub.reader.summary().entries >= wanted, step_s=step_s)

    async def until(self, holds: Callable[[], object], step_s: float = 0) -> None:
        """Return once it holds; so much time is skipped before each new look."""
        while not holds():
            self.time.skip(step_s)
            await self.time.look_again()


@asynccontextmanager
async def a_counter(
    folder: Path,
    time: Passing,
    driver: str | None,
    make: Make,
    *,
    usb: UsbSettings | None = None,
    settings: Mapping[str, str | int | bool] | None = None,
    before: Callable[[Counter], object] = lambda counter: None,
    clock_error: timedelta = timedelta(),
    hid: bool = False,
) -> AsyncIterator[Counter]:
    """Run device and daemon for as long as the block lasts; `before` prepares the device.

    Without a `driver`, the configuration does not name the port. `hid`: it speaks in reports.
    """
    time.follow(asyncio.get_running_loop())
    link = folder / "counter"
    ports: tuple[PortSettings, ...] = ()
    devices: tuple[HidSettings, ...] = ()
    if driver is not None and hid:
        devices = (HidSettings(name="counter", path=f"unix:{link}", driver=driver),)
    elif driver is not None:
        ports = _named(link, driver, settings or {})
    captures = folder / "captures"
    captures.mkdir()
    hub = HubSettings(state=folder / "state", zone=ZONE, capture=captures)
    config = Config(hub=hub, ports=ports, hid=devices, usb=usb)
    with HidPort(link) if hid else Port(link) as plugged:
        counter = Counter(plugged, captures, time, clock_error)
        counter.device = make(counter.placement)
        before(counter)
        talking = asyncio.create_task(
            converse(counter.device, plugged, Routine(), cable=counter.wire)
        )
        try:
            async with daemon(config, clock=time, timer=time.timer) as counter.hub:
                yield counter
        finally:
            talking.cancel()
            with suppress(asyncio.CancelledError):
                await talking


def _named(
    link: Path, driver: str, settings: Mapping[str, str | int | bool]
) -> tuple[PortSettings]:
    return (PortSettings(name="counter", path=str(link), driver=driver, settings=dict(settings)),)


def _points_to(descriptor: int, path: Path) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").readlink() == path


def missing_and_extra(
    produced: Iterable[Produced],
    entries: Sequence[Entry],
    within: timedelta,
    alike: Callable[[Mapping[str, str], Mapping[str, str]], bool] = operator.eq,
) -> tuple[list[Produced], list[Entry]]:
    """Return what was produced and did not arrive, and what arrived and was not produced.

    They belong together if kind and all values are the same, and the time is, but for `within`; of
    several the nearest. `alike` says whether values are the same.
    """
    left = list(entries)
    missing = []
    for one in produced:
        apart = {
            place: abs(entry.timing.measured_at - one.measured_at)
            for place, entry in enumerate(left)
            if str(entry.reading.kind) == str(one.kind) and alike(said(entry), shown(one))
        }
        nearest = min(apart, key=apart.__getitem__, default=None)
        if nearest is None or apart[nearest] > within:
            missing.append(one)
        else:
            del left[nearest]
    return missing, left


_NAMES = {
    "systolic": Measure.SYSTOLIC,
    "diastolic": Measure.DIASTOLIC,
    "mean": Measure.MEAN_ARTERIAL,
    "pulse": Measure.PULSE_RATE,
    "weight": Measure.WEIGHT,
    "glucose": Measure.GLUCOSE,
    "ketone": Measure.KETONE,
    "body_fat_percent": Measure.BODY_FAT,
    "fat_mass": Measure.BODY_FAT_MASS,
    "fat_free_mass": Measure.FAT_FREE_MASS,
    "muscle_percent": Measure.MUSCLE,
    "muscle_mass": Measure.MUSCLE_MASS,
    "bone_mass": Measure.BONE_MASS,
    "body_water_mass": Measure.BODY_WATER_MASS,
    "body_water_percent": Measure.BODY_WATER,
    "basal_metabolism_kj": Measure.BASAL_METABOLISM,
    "impedance_ohm": Measure.IMPEDANCE,
}
_NOT_KEPT = {ProducedKind.BODY_COMPOSITION: {"bmi", "weight"}}
"""The index is computed from what is kept, and the weight is a reading of its own."""
_POUNDS = {"fat_mass", "fat_free_mass", "muscle_mass", "bone_mass", "body_water_mass"}
"""Masses beside a weight in pounds: no manual says what they are in, so they are not kept."""

_CONVERTED = {("weight", "lb"), ("glucose", "mmol/L")}
"""What is kept in another unit, with what the device said beside it."""


def said(entry: Entry) -> dict[str, str]:
    """Return the values of an entry as the device said them."""
    reading = entry.reading
    values = {
        str(measure): quantity.original or str(quantity.value)
        for measure, quantity in reading.values.items()
        if measure in _NAMES.values()
    }
    limits = {Limit.BELOW: "low", Limit.ABOVE: "high"}
    return values if reading.limit is None else {**values, "range": limits[reading.limit]}


def shown(produced: Produced) -> dict[str, str]:
    """Return the values of the ledger in the same form."""
    values, unit = dict(produced.values), produced.values.get("unit", "")
    left_out = {"unit"} | _NOT_KEPT.get(produced.kind, set()) | (_POUNDS if unit == "lb" else set())
    told = {}
    for name, value in values.items():
        if name == "range":
            told[name] = value
        elif name not in left_out:
            is_converted = (name, unit) in _CONVERTED
            told[str(_NAMES[name])] = f"{value} {unit}" if is_converted else value
    return told
