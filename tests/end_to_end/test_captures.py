"""What real devices sent, replayed: from the captured bytes to what the health space holds.

A small set of captures of the project's own, written from the standards, always runs. Frames that
others captured from real devices come from the folder that GATEWAY_VECTORS names; each is put into
a capture of its own, received shortly after the moment its stamp shows. None is skipped silently:
what the health space has no place for, what is unreliable and what is no reading is asserted so.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from firmware_sims.packing import cgm, racp
from firmware_sims.scale.tanita import encode

from tests.end_to_end.accepted import as_bundle
from tests.end_to_end.captures import Line, capture
from tests.end_to_end.home import ODILE, Home, Plan, a_health_space, at_home
from tests.end_to_end.passing import Passing

OWN = Path(__file__).parents[1] / "vectors" / "captures"
ENDED = frozenset({"settled", "withheld", "parked"})

Row = dict[str, Any]
Numbers = Mapping[str, str]
"""The values of a reading by their names, each as a plain number in the canonical unit."""


@dataclass(frozen=True)
class Told:
    """A reading as it should come out, and where it should be: `settled`, or why not."""

    kind: str
    numbers: Numbers
    way: str


@dataclass(frozen=True)
class Journey:
    """What came of some captures: by device, and as the health space holds it."""

    readings: Mapping[str, list[Told]]
    devices: Mapping[str, Row]
    accepted: list[Row]
    duplicates: int


# --- the project's own ----------------------------------------------------------------------------

NO_PLACE, DOUBTED = "no place there", "not_reliable"

EXPECTED_OF_OUR_OWN: dict[str, list[Told]] = {
    "cuff": [
        Told(
            "blood_pressure",
            {"systolic": "124", "diastolic": "78", "mean_arterial": "93"},
            "settled",
        ),
        Told("heart_rate", {"pulse_rate": "64"}, "settled"),
        Told(
            "blood_pressure",
            {"systolic": "150", "diastolic": "95", "mean_arterial": "113"},
            DOUBTED,
        ),
        Told("heart_rate", {"pulse_rate": "88"}, DOUBTED),
    ],
    "scale": [
        Told("weight", {"weight": "71.3"}, "settled"),
        Told("height", {"height": "172"}, "settled"),
        Told("body_composition", {"body_fat": "21.5"}, NO_PLACE),
    ],
    "sensor": [
        Told("interstitial_glucose", {"glucose": "110"}, NO_PLACE),
        Told("interstitial_glucose", {}, NO_PLACE),
    ],
    "counter-cuff": [
        Told("blood_pressure", {"systolic": "124", "diastolic": "78"}, "settled"),
        Told("heart_rate", {"pulse_rate": "64"}, "settled"),
        Told("blood_pressure", {"systolic": "150", "diastolic": "95"}, DOUBTED),
        Told("heart_rate", {"pulse_rate": "88"}, DOUBTED),
    ],
    "counter-scale": [
        Told("weight", {"weight": "71.3"}, "settled"),
        Told("weight", {"weight": "71.4"}, "settled"),
        Told("body_composition", {"body_fat": "21.5", "body_water": "55.1"}, NO_PLACE),
    ],
}
NO_READINGS_OF_OUR_OWN = {
    "cuff": (1, "measurement_failed"),
    "scale": (0, "measurement_failed"),
    "sensor": (0, "no_value"),
    "counter-cuff": (1, "device_error 1"),
    "counter-scale": (1, None),
}
"""How many frames each set aside, and its last remark."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return travelled(tmp_path_factory.mktemp("own"), sorted(OWN.glob("*.jsonl")))


def test_every_capture_of_our_own_is_expected() -> None:
    assert {path.stem for path in OWN.glob("*.jsonl")} == set(EXPECTED_OF_OUR_OWN)


@pytest.mark.parametrize("name", EXPECTED_OF_OUR_OWN)
def test_a_capture_of_our_own_arrives_as_it_was_meant(name: str, own: Journey) -> None:
    device = own.devices[device_of(OWN / f"{name}.jsonl")]

    assert_same(own.readings[device["id"]], EXPECTED_OF_OUR_OWN[name])
    assert (device["set_aside"], device["last_remark"]) == NO_READINGS_OF_OUR_OWN[name]


def test_what_our_own_captures_say_was_accepted_once(own: Journey) -> None:
    assert_accepted_once(own)


def test_what_our_own_captures_say_follows_the_profiles(own: Journey, profile_errors: Any) -> None:
    assert {
        each["id"]: profile_errors(as_bundle(each["observation"], each["device"]))
        for each in own.accepted
    } == {each["id"]: [] for each in own.accepted}


async def test_what_the_daemon_captured_replays_to_what_it_has_already(tmp_path: Path) -> None:
    time, folder = Passing(), tmp_path / "captures"
    line = Line("in", "serial", encode([("MO", '"SC-240"'), ("Wk", "64.5")]))
    about = {"id": "serial:scale", "driver": "scale/tanita", "serial": "1"}
    first = capture(tmp_path / "first.jsonl", about, SOME_DAY, [line])

    then = await replayed(tmp_path, first, time, hub={"capture": str(folder)})
    (second,) = folder.glob("*.jsonl")
    now = await replayed(tmp_path, second, time)

    assert len(then) == 1
    assert now == then
    assert second.stat().st_mode & 0o077 == 0


async def replayed(
    folder: Path, file: Path, time: Passing, hub: Mapping[str, str] | None = None
) -> list[Row]:
    """Replay a capture into the journal of a folder; return what is in it then."""
    plan = Plan(captures=(file,), hub=hub or {})
    async with a_health_space(time) as space, at_home(folder, space, time, plan) as home:
        await home.until(lambda: are_played(home, 1))
        return await home.readings()


# --- of others, from real devices -----------------------------------------------------------------

CHARACTERISTICS = {
    "2A35": ("bp_monitor/bluetooth_sig", "1810/2a35"),
    "BEURER-BM85": ("bp_monitor/bluetooth_sig", "1810/2a35"),
    "2A9D": ("scale/bluetooth_sig", "181d/2a9d"),
    "2A9C": ("scale/bluetooth_sig", "181b/2a9c"),
    "2A85": ("scale/bluetooth_sig", "181c/2a85"),
    "2A8E": ("scale/bluetooth_sig", "181c/2a8e"),
    "2A99": ("scale/bluetooth_sig", "181c/2a99"),
    "2AA7": ("cgm/bluetooth_sig", "181f/2aa7"),
    "2AAC": ("cgm/bluetooth_sig", "181f/2aac"),
}
PORTS = {
    "omron-hbp-9020": "bp_monitor/omron_hbp",
    "omron-hbp-9030": "bp_monitor/omron_hbp",
    "tanita": "scale/tanita",
}
NO_READING = frozenset({"2A85", "2A8E", "2A99", "2AAC"})
"""What a user record and a control point say is nobody's measurement."""

SOME_DAY = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
"""When a frame without a stamp was received."""
PARIS = ZoneInfo("Europe/Paris")
KG_PER_LB = Decimal("0.45359237")
STEP_KG = Decimal("0.005")
"""What the Weight Scale Service can show; pounds are not converted to anything finer."""


def captured_rows() -> list[Row]:
    folder = os.environ.get("GATEWAY_VECTORS")
    if folder is None:
        return []
    ble = json.loads((Path(folder) / "ble.json").read_text(), parse_float=Decimal)
    serial = json.loads((Path(folder) / "serial.json").read_text(), parse_float=Decimal)
    return [
        *(r for r in ble if "capture" in r["kind"] and r["characteristic"] in CHARACTERISTICS),
        *(r for r in serial if r["provenance"].startswith("capture") and r["device"] in PORTS),
    ]


ROWS = captured_rows()
NUMBER = {row["id"]: number for number, row in enumerate(ROWS, 1)}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    folder = tmp_path_factory.mktemp("others")
    return travelled(folder, [captured(folder, row) for row in ROWS])


@pytest.mark.skipif(not ROWS, reason="GATEWAY_VECTORS is not set")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_a_frame_of_a_real_device_ends_where_it_should(row: Row, others: Journey) -> None:
    assert_same(others.readings.get(about(row)["id"], []), expected(row))


@pytest.mark.skipif(not ROWS, reason="GATEWAY_VECTORS is not set")
def test_what_real_devices_said_was_accepted_once(others: Journey) -> None:
    assert_accepted_once(others)


@pytest.mark.skipif(not ROWS, reason="GATEWAY_VECTORS is not set")
def test_what_real_devices_said_follows_the_profiles(others: Journey, profile_errors: Any) -> None:
    assert {
        each["id"]: profile_errors(as_bundle(each["observation"], each["device"]))
        for each in others.accepted
    } == {each["id"]: [] for each in others.accepted}


def about(row: Row) -> dict[str, str]:
    """Describe a device of its own for each row."""
    number = NUMBER[row["id"]]
    if "device" in row:
        driver = PORTS[row["device"]]
        return {"id": f"serial:row-{number}", "driver": driver, "serial": f"R{number:05}"}
    driver, _ = CHARACTERISTICS[row["characteristic"]]
    address = f"C0:FF:EE:00:02:{number:02X}"
    described = {"id": f"ble:{address}", "driver": driver, "address": address}
    name = {"BEURER-BM85": "BM85"}.get(row["characteristic"])
    return described | ({"name": name} if name else {})


def captured(folder: Path, row: Row) -> Path:
    """Write the capture of one row, received some seconds after the moment it shows."""
    stamp = row["expected"].get("timestamp") or row["expected"].get("device_time")
    at = SOME_DAY
    if isinstance(stamp, str):
        shown = datetime.fromisoformat(stamp).replace(tzinfo=PARIS)
        at = shown.astimezone(UTC) + timedelta(seconds=20)
    return capture(folder / f"{NUMBER[row['id']]}.jsonl", about(row), at, lines(row))


def lines(row: Row) -> list[Line]:
    if "device" in row:
        return [Line("in", "serial", bytes.fromhex(row["bytes_hex"]))]
    _, channel = CHARACTERISTICS[row["characteristic"]]
    data = bytes.fromhex(row["hex"])
    match row["characteristic"]:
        case "2AA7":
            (record,) = row["expected"]["records"]
            return sensor(record["time_offset_min"], [data])
        case "2AAC":
            return [*sensor(row["expected"]["time_offset_min"], []), Line("in", channel, data)]
        case "2A85" | "2A8E" | "2A99":
            # Such a scale has a weight too; here it has measured nothing.
            return [Line("read", channel, data), Line("in", "181d/2a9d", bytes.fromhex("00ffff"))]
    return [Line("in", channel, data)]


def sensor(minute: int, records: list[bytes]) -> list[Line]:
    """Write down how a sensor with check fields gives the records it has stored."""
    began = SOME_DAY.astimezone(PARIS).replace(tzinfo=None) - timedelta(minutes=minute)
    control = "181f/2a52"
    code = racp.ResponseCode.SUCCESS if records else racp.ResponseCode.NO_RECORDS
    start = cgm.session_start_time(began, zone=timedelta(hours=1), dst=0, e2e_crc=True)
    return [
        Line("read", "181f/2aa8", cgm.feature(cgm.Feature.E2E_CRC)),
        Line("read", "181f/2aaa", start),
        Line("read", "181f/2aa9", cgm.status(minute, 0, e2e_crc=True)),
        Line("out", control, bytes.fromhex("0101")),
        *(Line("in", "181f/2aa7", record) for record in records),
        Line("in", control, racp.response(racp.OpCode.REPORT, code)),
        Line("out", control, bytes.fromhex("0401")),
        Line("in", control, racp.count_response(len(records))),
    ]


def expected(row: Row) -> list[Told]:
    """Say what must come of a row, by what its source says that it means."""
    meant = row["expected"]
    if row.get("device") == "tanita":
        return tanita(row, meant)
    match row.get("characteristic"):
        case "2A35" | "BEURER-BM85" | None:
            return pressure(meant)
        case "2A9D":
            kilograms = meant["weight"] * (KG_PER_LB if meant["unit"] == "lb" else 1)
            shown = (kilograms / STEP_KG).quantize(Decimal(1)) * STEP_KG
            return [Told("weight", {"weight": str(shown)}, "settled")]
        case "2A9C":
            return [
                Told("body_composition", {"body_fat": str(meant["body_fat_percent"])}, NO_PLACE)
            ]
        case "2AA7":
            (record,) = meant["records"]
            numbers = {"glucose": str(record["glucose_mg_dl"])}
            return [Told("interstitial_glucose", numbers, NO_PLACE)]
    assert row["characteristic"] in NO_READING, "say what must come of it"
    return []


def pressure(meant: Row) -> list[Told]:
    """A number that no living person has is kept and not sent, each reading by its own numbers."""
    systolic, diastolic, pulse = meant["systolic"], meant["diastolic"], meant["pulse"]
    plausible = 30 <= systolic <= 300 and 20 <= diastolic <= 250 and diastolic < systolic
    numbers = {"systolic": str(systolic), "diastolic": str(diastolic)}
    return [
        Told("blood_pressure", numbers, "settled" if plausible else DOUBTED),
        Told(
            "heart_rate",
            {"pulse_rate": str(pulse)},
            "settled" if 20 <= pulse <= 300 else DOUBTED,
        ),
    ]


def tanita(row: Row, meant: Row) -> list[Told]:
    assert meant["unit"] == "kg"
    fat = row["ascii"].partition(",FW,")[2].partition(",")[0]
    return [
        Told("weight", {"weight": str(meant["weight"])}, "settled"),
        Told("body_composition", {"body_fat": fat}, NO_PLACE),
    ]


# --- both -----------------------------------------------------------------------------------------


def travelled(folder: Path, captures: list[Path]) -> Journey:
    """Replay captures into a daemon, all of one person, until each reading is where it ends."""
    return asyncio.run(_travelled(folder, captures))


async def _travelled(folder: Path, captures: list[Path]) -> Journey:
    time = Passing()
    devices = {device_of(path) for path in captures}
    plan = Plan(
        captures=tuple(captures),
        settings={device: {"experimental": True} for device in devices if "serial:row" in device},
    )
    async with a_health_space(time) as space, at_home(folder, space, time, plan) as home:
        await home.welcome(ODILE)
        await home.until(lambda: are_played(home, len(captures)))
        for known in await home.get("devices"):
            await home.give(known["id"], known["driver"], ODILE)
        await home.until(lambda: have_ended(home))

        by_device: dict[str, list[Told]] = {}
        for reading in await home.readings():
            by_device.setdefault(reading["device"], []).append(told(reading))
        store = space.service.store
        return Journey(
            by_device,
            {known["id"]: known for known in await home.get("devices")},
            [
                {
                    "id": each.observation["id"],
                    "observation": each.observation,
                    "device": store.device(each.device_id or ""),
                }
                for each in store.accepted
            ],
            space.person(ODILE).counts.duplicates,
        )


def device_of(path: Path) -> str:
    with path.open() as file:
        return str(json.loads(file.readline())["device"]["id"])


async def are_played(home: Home, count: int) -> bool:
    lines = home.hub.metrics().splitlines()
    ended = [line.rpartition(" ")[2] for line in lines if "sessions_total{" in line]
    return sum(map(float, ended)) == count


async def have_ended(home: Home) -> bool:
    return set(await home.states()) <= ENDED


def told(reading: Row) -> Told:
    ways = [delivery["reason"] or delivery["state"] for delivery in reading["deliveries"]]
    numbers = {name: value["value"] for name, value in reading["values"].items()}
    return Told(reading["kind"], numbers, ways[0] if ways else NO_PLACE)


def assert_same(found: list[Told], expected: list[Told]) -> None:
    """Assert that these readings came, no others, with the numbers that are asked about."""
    left = list(found)
    for each in expected:
        same = [other for other in left if other.kind == each.kind and are_in(each, other)]
        assert same, f"no {each} in {left}"
        assert same[0].way == each.way
        left.remove(same[0])
    assert left == []


def are_in(expected: Told, found: Told) -> bool:
    return all(
        name in found.numbers and Decimal(found.numbers[name]) == Decimal(number)
        for name, number in expected.numbers.items()
    )


def assert_accepted_once(journey: Journey) -> None:
    sent = [each for told in journey.readings.values() for each in told if each.way == "settled"]

    assert sent
    assert len(journey.accepted) == len(sent)
    assert journey.duplicates == 0
