"""Drivers against simulators, over real HCI, ATT, GATT and SMP: the third witness.

Each simulator was written from the specification by somebody who had not seen the driver. What it
says that it produced, and what the driver recorded, must be the same: numbers, users, true times.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from firmware_sims.bp_monitor.taidoc_ble import TaiDocDevice
from firmware_sims.bp_monitor.taidoc_memory import D40, OLDER_D40, TD_3128, Habits, Model
from firmware_sims.device_spec import DeviceSpec
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.gatt import WRITE, WRITE_WITHOUT_RESPONSE
from firmware_sims.identity import Pairing
from firmware_sims.ledger import Ledger, Produced
from firmware_sims.making import identity, made
from firmware_sims.radio import VirtualRadio
from firmware_sims.scenario import parse
from firmware_sims.staged_device import RadioDevice
from firmware_sims.surroundings import Surroundings

from gateway.domain.device_time import corrected
from gateway.domain.reading import Kind, Measure, Quality, Reading
from gateway.drivers.api import Sighting
from gateway.drivers.registry import installed
from gateway.errors import LinkError, ProtocolError, RadioUnavailable
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from gateway.transport.advertisements import Advertisements
from gateway.transport.hci import HciTransport
from gateway.transport.settings import HciSettings

PARIS = ZoneInfo("Europe/Paris")
SOON_S = 5.0
HOME = """
seed = 7
utc_offset_min = 60
[people.odile]
name = "Odile"
[people.marcel]
name = "Marcel"
[[device]]
address = "C4:00:00:00:00:01"
name = "{name}"
type = "{type}"
{more}
"""
BOTH, ONE = 'users = { 1 = "odile", 2 = "marcel" }', 'person = "odile"'
NAMES = {
    "mean": "mean_arterial",
    "pulse": "pulse_rate",
    "body_fat_percent": "body_fat",
    "body_water_percent": "body_water",
    "muscle_percent": "muscle",
    "basal_metabolism_kj": "basal_metabolism",
    "impedance_ohm": "impedance",
}
"""The ledger's names of numbers, where they are not ours."""
_SENSORS_ALONE = {Measure.GLUCOSE_TREND, Measure.SENSOR_QUALITY}  # not in the ledger


@dataclass
class Watched(RecordingSession):
    """Tells when so many readings are there: a sensor's conversation has no end."""

    enough: int = 10**9
    there: asyncio.Event = field(default_factory=asyncio.Event)

    async def record(self, *readings: Reading, bookmark: str | None = None) -> int:
        new = await super().record(*readings, bookmark=bookmark)
        if len(self.readings) >= self.enough:
            self.there.set()
        return new


@dataclass
class Met:
    session: Watched
    ledger: Ledger
    driver: str
    forbidden: list[str]


@asynccontextmanager
async def hub(radio: VirtualRadio, clock: ManualClock) -> AsyncIterator[Advertisements]:
    url = f"tcp-client:{await radio.serve('127.0.0.1', 0)}"
    yield Advertisements(HciTransport(HciSettings(url=url), clock), clock)


async def met(
    type_: str,
    more: str,
    settings: Mapping[str, str | bool] | None = None,
    *,
    name: str = "Virtual",
    enough: int = 10**9,
    measures: bool = False,
    times: int = 1,
    make: Callable[[DeviceSpec, Surroundings], RadioDevice] = made,
) -> Met:
    """Let the gateway meet one simulated device, so many times at most while it calls for it."""
    clock = ManualClock()
    scenario = parse(HOME.format(name=name, type=type_, more=more))
    ledger, forbidden = Ledger(), ForbiddenCommands()
    around = Surroundings(scenario, ledger, lambda: clock.now().utc, forbidden)
    seen: asyncio.Queue[Sighting] = asyncio.Queue()
    async with VirtualRadio() as radio, hub(radio, clock) as transport:
        device = make(scenario.devices[0], around)
        if measures:
            device.measure()
        await radio.add(device)
        watching = asyncio.ensure_future(transport.watch(seen.put_nowait))
        sighting = await asyncio.wait_for(seen.get(), SOON_S)
        driver = installed().best(sighting)
        assert driver is not None
        session = Watched(
            driver,
            ScriptedLink(),
            clock=clock,
            sighting=sighting,
            settings=dict(settings or {}),
            enough=enough,
        )
        for _ in range(times):
            await converse_once(transport, session, seen)
            if not await calls_again(seen):
                break
        await ended(watching)
    return Met(session, ledger, driver.manifest.name, forbidden.received)


async def converse_once(
    transport: Advertisements, session: Watched, seen: asyncio.Queue[Sighting]
) -> None:
    link = await transport.open(session.sighting, session.driver.manifest)
    session.link = link
    talking = asyncio.ensure_future(session.driver.converse(session))
    there = asyncio.ensure_future(session.there.wait())
    await asyncio.wait({talking, there}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    await ended(talking)
    await ended(there)
    await link.close()


async def calls_again(seen: asyncio.Queue[Sighting]) -> bool:
    """Say whether the device advertises after the conversation."""
    while not seen.empty():
        seen.get_nowait()
    with suppress(TimeoutError):
        return bool(await asyncio.wait_for(seen.get(), 1))
    return False


async def ended(task: asyncio.Future[object]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, LinkError, ProtocolError, RadioUnavailable):
        await task


def said(row: Produced) -> tuple[object, ...]:
    """What the device says that it produced, to the second."""
    skip = {"unit", "weight"} if row.kind == "body_composition" else {"unit"}
    numbers = {
        NAMES.get(name, name): Decimal(value)
        for name, value in row.values.items()
        if name not in skip
    }
    slot = None if row.slot is None else str(row.slot)
    return (str(row.kind), slot, frozenset(numbers.items()), to_the_second(row.measured_at))


def recorded(reading: Reading) -> tuple[object, ...]:
    """What the gateway made of it, in the device's own unit."""
    numbers = {
        str(name): Decimal((quantity.original or str(quantity.value)).split()[0])
        for name, quantity in reading.values.items()
        if name not in _SENSORS_ALONE
    }
    at = corrected(reading, PARIS).measured_at
    assert at is not None
    return (str(reading.kind), reading.slot, frozenset(numbers.items()), to_the_second(at))


def to_the_second(at: datetime) -> datetime:
    return (at + timedelta(seconds=0.5)).replace(microsecond=0)


def to_the_minute(row: Produced) -> Produced:
    """Return what a device says of it whose clock has no seconds."""
    return replace(row, measured_at=row.measured_at.replace(second=0, microsecond=0))


STORED = "stored = 4\n"
CASES = {
    "a cuff": ("bp_monitor", f"{BOTH}\n{STORED}", {}, "bp_monitor/bluetooth_sig"),
    "a cuff in kPa": (
        "bp_monitor",
        f"{ONE}\n{STORED}kilopascal = true",
        {},
        "bp_monitor/bluetooth_sig",
    ),
    "a cuff of service 1.1": (
        "enhanced_bp_monitor",
        f"{BOTH}\n{STORED}",
        {},
        "bp_monitor/bluetooth_sig",
    ),
    "the same with checksums, its clock wrong": (
        "enhanced_bp_monitor",
        f"{BOTH}\n{STORED}e2e_crc = true\nclock_error_s = 7200",
        {},
        "bp_monitor/bluetooth_sig",
    ),
    "an A&D cuff": (
        "and_bp_monitor",
        f"{ONE}\n{STORED}pairing_mode = true",
        {},
        "bp_monitor/bluetooth_sig",
    ),
    "an Omron of the standard service": (
        "omron_standard_bp_monitor",
        f"{BOTH}\nstored = 4",
        {},
        "bp_monitor/bluetooth_sig",
    ),
    "an Omron of the maker's own": (
        "omron_bp_monitor",
        f'users = {{ 1 = "odile" }}\n{STORED}pairing_mode = true',
        {"model": "HEM-7142T2"},
        "bp_monitor/omron_ble",
    ),
    "a scale": ("scale", f"{BOTH}\n{STORED}", {}, "scale/bluetooth_sig"),
    "a scale that wants codes": (
        "scale",
        f"{BOTH}\nstored = 4\nconsents = {{ 1 = 3752, 2 = 42 }}",
        {"consents": "1:3752, 2:0042"},
        "scale/bluetooth_sig",
    ),
    "an A&D scale in pounds": (
        "and_scale",
        f"{ONE}\n{STORED}imperial = true\npairing_mode = true",
        {},
        "scale/bluetooth_sig",
    ),
    "an A&D scale from before the standard service": (
        "and_scale",
        f"{ONE}\n{STORED}older = true\npairing_mode = true",
        {},
        "scale/bluetooth_sig",
    ),
    "the same in pounds, its clock wrong": (
        "and_scale",
        f"{ONE}\n{STORED}older = true\nimperial = true\npairing_mode = true\nclock_error_s = -7200",
        {"set_clock": "Europe/Paris"},
        "scale/bluetooth_sig",
    ),
    "a meter": ("glucose_meter", f"{ONE}\n{STORED}", {}, "glucose_meter/bluetooth_sig"),
    "a meter in mmol/L without filters, with a second record access": (
        "glucose_meter",
        f"{ONE}\n{STORED}molar = true\nfilters = false\nsecond_record_access = true"
        "\ncontrol_every = 3",
        {},
        "glucose_meter/bluetooth_sig",
    ),
    "a Contour": (
        "contour_meter",
        f"{ONE}\n{STORED}",
        {"set_clock": "Europe/Paris"},
        "glucose_meter/bluetooth_sig",
    ),
    "a OneTouch that also keeps what is no test": (
        "onetouch_meter",
        f"{ONE}\nstored = 30\nclock_error_s = -7200\ncontrol_every = 7\nothers_every = 3",
        {},
        "glucose_meter/onetouch_ble",
    ),
}


@pytest.mark.parametrize(("type_", "more", "settings", "driver"), CASES.values(), ids=CASES)
async def test_what_a_device_produced_is_what_is_recorded(
    type_: str, more: str, settings: Mapping[str, str | bool], driver: str
) -> None:
    found = await met(type_, more, settings)

    of_people = [r for r in found.session.readings if r.quality is not Quality.CONTROL]
    readings = [recorded(r) for r in of_people if r.kind is not Kind.HEIGHT]
    assert found.driver == driver
    assert Counter(readings) == Counter(map(said, found.ledger.produced))
    assert {r.quality for r in of_people} == {Quality.GOOD}
    assert found.session.aside == []
    assert found.forbidden == []


async def test_a_beurer_is_read_in_its_own_order() -> None:
    found = await met("beurer_bp_monitor", f"{BOTH}\n{STORED}", name="BM85")

    readings = [recorded(r) for r in found.session.readings]
    assert Counter(readings) == Counter(map(said, found.ledger.produced))


@pytest.mark.parametrize(
    ("type_", "faults"),
    [
        ("bp_monitor", "disconnect_mid_record = 2"),
        ("bp_monitor", "duplicate_indication = 3, nan_measurement = 1"),
        ("scale", "disconnect_mid_record = 1, duplicate_indication = 1, garbage_frame = 1"),
    ],
)
async def test_whatever_goes_wrong_what_was_produced_is_recorded_once(
    type_: str, faults: str
) -> None:
    found = await met(type_, f"{BOTH}\n{STORED}faults = {{ {faults} }}", times=5)

    good = [r for r in found.session.readings if r.quality is Quality.GOOD]
    readings = Counter(recorded(r) for r in good if r.kind is not Kind.HEIGHT)
    assert readings == Counter(map(said, found.ledger.produced))


@pytest.mark.parametrize("older", ["false", "true"])
async def test_a_caresens_is_asked_for_its_clock_in_both_of_its_forms(older: str) -> None:
    more = f"{ONE}\n{STORED}older = {older}\ncontrol_every = 3\nclock_error_s = 7200"
    found = await met("caresens_meter", more, {"set_clock": "Europe/Paris"}, name="CareSens 0131")

    of_people = [r for r in found.session.readings if r.quality is not Quality.CONTROL]
    assert Counter(map(recorded, of_people)) == Counter(map(said, found.ledger.produced))
    assert len(found.session.readings) == len(of_people) + 1
    assert (found.driver, found.session.remarks) == ("glucose_meter/bluetooth_sig", ["clock_set"])
    assert (found.session.aside, found.forbidden) == ([], [])


async def test_a_caresens_that_does_not_tell_its_clock_is_read_all_the_same() -> None:
    more = f"{ONE}\n{STORED}idle_s = 10\nfaults = {{ silence = 1 }}"
    found = await met("caresens_meter", more, {"set_clock": "Europe/Paris"}, name="CareSens 0131")

    readings = Counter(map(recorded, found.session.readings))
    assert readings == Counter(map(said, found.ledger.produced))


@pytest.mark.parametrize("older", ["false", "true"])
async def test_a_ketone_of_a_caresens_is_recorded_as_what_it_is(older: str) -> None:
    more = f"{ONE}\nstored = 7\nketone_every = 2\nolder = {older}"
    found = await met("caresens_meter", more, name="CareSens 0131")

    readings = Counter(map(recorded, found.session.readings))
    assert readings == Counter(map(said, found.ledger.produced))
    assert Counter(kind for kind, *_ in readings)["blood_ketone"] == 3
    assert found.session.remarks == []


@pytest.mark.parametrize("family", ["SANITAS SBF70", "Beurer BF700"])
async def test_a_weigh_in_on_a_sanitas_is_what_is_recorded(family: str) -> None:
    bf700 = str(family != "SANITAS SBF70").lower()
    more = f"{ONE}\nphase_s = 0.1\nbf700 = {bf700}"
    found = await met("sanitas_scale", more, name=family, measures=True)

    readings = [recorded(r) for r in found.session.readings]
    assert Counter(readings) == Counter(map(said, found.ledger.produced))
    assert found.driver == "scale/sanitas"
    assert (found.session.aside, found.forbidden) == ([], [])


def by_numbers(it: tuple[object, ...]) -> tuple[str, ...]:
    kind, _, numbers, at = it
    assert isinstance(numbers, frozenset)
    return (str(kind), str(sorted(numbers)), str(at))


async def test_what_a_d40_remembers_is_what_is_recorded_glucose_and_pressures() -> None:
    more = f"{ONE}\n{STORED}others_every = 3\ncontrol_every = 2"
    found = await met("taidoc_bp_monitor", more, name="FORA D40")

    assert_good_are_the_ledgers_to_a_minute(found)
    assert found.driver == "bp_monitor/taidoc_ble"
    assert found.session.remarks == []


@pytest.mark.parametrize(
    ("model", "writes"),
    [
        pytest.param(OLDER_D40, WRITE, id="systolic in two octets"),
        pytest.param(D40, WRITE, id="written with a response"),
        pytest.param(D40, WRITE_WITHOUT_RESPONSE, id="written without one"),
        pytest.param(TD_3128, WRITE, id="pressures alone"),
    ],
)
async def test_a_fora_is_read_whatever_its_manners(model: Model, writes: int) -> None:
    def make(spec: DeviceSpec, around: Surroundings) -> TaiDocDevice:
        who = replace(identity(spec), pairing=Pairing.JUST_WORKS)
        body, fittings = around.one_body(spec), around.fittings(spec)
        habits = Habits(strip_every=3, mean_every=5, code=33)
        device = TaiDocDevice(who, body, fittings, model, habits=habits, writes=writes)
        device.remember(80, every=timedelta(days=3, hours=5))
        return device

    name = "TAIDOC TD3128" if model is TD_3128 else "FORA D40"
    found = await met("taidoc_bp_monitor", ONE, name=name, make=make)

    assert_good_are_the_ledgers_to_a_minute(found)
    assert found.forbidden == []


async def test_what_a_gd40_remembers_of_glucose_is_what_is_recorded() -> None:
    more = f"{ONE}\nstored = 9\nothers_every = 3\ncontrol_every = 4"
    found = await met("taidoc_meter", more, name="FORA GD40")

    assert_good_are_the_ledgers_to_a_minute(found)
    assert found.driver == "glucose_meter/taidoc_ble"
    assert found.session.remarks == ["other_than_glucose"] * 3


def assert_good_are_the_ledgers_to_a_minute(found: Met) -> None:
    good = [r for r in found.session.readings if r.quality is Quality.GOOD]
    there = sorted(map(recorded, good), key=by_numbers)
    produced = sorted(map(said, found.ledger.produced), key=by_numbers)
    for (*told, at), (*true, then) in zip(there, produced, strict=True):
        assert told == true
        assert abs(at - then) <= timedelta(minutes=1)  # type: ignore[operator]
    assert there
    assert found.session.aside == []


async def test_what_a_yonker_remembers_is_what_is_recorded_to_the_minute() -> None:
    more = f"{ONE}\n{STORED}tells_all = true"
    found = await met("yonker_bp_monitor", more, name="YK-IBPA1")

    readings = Counter(recorded(r) for r in found.session.readings)
    assert readings == Counter(said(to_the_minute(row)) for row in found.ledger.produced)
    assert found.driver == "bp_monitor/yonker"
    assert found.session.aside == []


async def test_what_a_microlife_remembers_is_what_is_recorded_to_the_minute() -> None:
    found = await met("microlife_bp_monitor", f"{BOTH}\n{STORED}mam = true", name="B3 BT")

    readings = Counter(recorded(r) for r in found.session.readings)
    assert readings == Counter(said(to_the_minute(row)) for row in found.ledger.produced)
    assert found.driver == "bp_monitor/microlife"
    assert (found.session.aside, found.forbidden) == ([], [])


async def test_an_older_microlife_says_whose_memory_it_tells() -> None:
    more = f'users = {{ 2 = "marcel" }}\n{STORED}older = true'
    found = await met("microlife_bp_monitor", more, {"set_clock": "Europe/Paris"}, name="A6 BT")

    readings = Counter(recorded(r) for r in found.session.readings)
    assert readings == Counter(said(to_the_minute(row)) for row in found.ledger.produced)
    assert {slot for _, slot, *_ in readings} == {"2"}


async def test_what_a_microlife_measured_before_its_clock_was_set_is_kept_and_not_sent() -> None:
    found = await met("microlife_bp_monitor", f'{ONE}\n{STORED}stamps = "zeros"', name="B3 BT")

    readings = found.session.readings
    assert len(readings) == len(found.ledger.produced)
    assert {corrected(reading, PARIS).sendable for reading in readings} == {False}


@pytest.mark.parametrize(("version", "unit", "enough"), [(1, "jin", 1), (2, "lb", 2)])
async def test_a_weigh_in_on_a_mi_scale_is_what_is_recorded(
    version: int, unit: str, enough: int
) -> None:
    more = f'{ONE}\nversion = {version}\nunit = "{unit}"\nphase_s = 0.4'
    name = "MIBFS" if version == 2 else "MI_SCALE"
    found = await met("mi_scale", more, name=name, enough=enough, measures=True)

    readings = [recorded(r) for r in found.session.readings]
    assert Counter(readings) == Counter(map(said, found.ledger.produced))
    assert found.driver == "scale/xiaomi"


@pytest.mark.parametrize("e2e_crc", ["true", "false"])
async def test_a_sensors_memory_is_what_is_recorded(e2e_crc: str) -> None:
    more = f"{ONE}\nhistory_days = 0.2\ngap_min = 30\ne2e_crc = {e2e_crc}"
    once = await met("cgm", more, enough=50)

    readings = Counter(recorded(r) for r in once.session.readings)
    assert readings == Counter(map(said, once.ledger.produced))
    assert once.forbidden == []
