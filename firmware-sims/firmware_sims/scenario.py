"""A scenario: who lives here, which devices they use, and what goes wrong. Read from TOML.

    seed = 7

    [people.odile]
    name = "Odile Marchand"

    [[device]]
    type = "bp_monitor"            # or "scale", "cgm"
    name = "Cuff A"
    address = "C4:00:00:00:00:01"
    person = "odile"               # or users = { 1 = "odile", 2 = "marcel" }

Everything else has a default: see `DeviceSpec`, and `Person` for a person's figures.
"""

import dataclasses
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

from firmware_sims.body import Person
from firmware_sims.faults import Fault
from firmware_sims.identity import Pairing

SHIPPED = Path(__file__).parent / "scenarios"

_COMMON = {
    "type", "name", "address", "person", "users", "serial", "firmware", "pairing", "passkey",
    "faults", "clock_error_s", "drift_ppm", "clock_moved_s",
    "clock_moved_h_ago", "battery_changed_h_ago", "interval_s", "limit", "slow_s",
}  # fmt: skip
_STORING = {
    "stored", "stored_every_h", "clock_service", "advertise_for_s", "idle_s", "settle_s"
}  # fmt: skip
_SENSING = {
    "e2e_crc", "session_control", "history_days", "history_ends_min_ago", "gap_min",
    "notification_gap_s",
}  # fmt: skip
_KEYS = {
    "bp_monitor": _COMMON | _STORING | {"kilopascal"},
    "scale": _COMMON | _STORING | {"imperial", "composition"},
    "cgm": _COMMON | _SENSING,
}

_COMMON_FAULTS = {
    Fault.DISCONNECT_MID_RECORD, Fault.DROP_CLOCK, Fault.GARBAGE_FRAME, Fault.NAN_MEASUREMENT,
    Fault.REFUSE, Fault.SLOW,
}  # fmt: skip
_STORING_FAULTS = _COMMON_FAULTS | {Fault.DUPLICATE_INDICATION, Fault.REFUSE_CLOCK}
_FAULTS = {
    "bp_monitor": _STORING_FAULTS,
    "scale": _STORING_FAULTS,
    "cgm": _COMMON_FAULTS | {Fault.BUSY, Fault.CANNOT_ABORT},
}


_STATIC_RANDOM = re.compile(r"[C-F][0-9A-F](:[0-9A-F]{2}){5}")  # Core, Vol 6 B 1.3.2.1


class ScenarioError(ValueError):
    """The scenario's author must change it; the message says where and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """One device of a scenario. Keys that its type has no use for are refused."""

    type: str
    name: str
    address: str
    users: Mapping[int | None, str]  # by user id; None: a device without users
    serial: str = "000001"
    firmware: str = "1.0.0"
    pairing: Pairing = Pairing.NONE
    passkey: int = 123456
    faults: Mapping[Fault, int] = field(default_factory=dict)
    clock_error_s: float = 0
    drift_ppm: float = 0
    clock_moved_s: float = 0  # by its user, for summer time or on a journey
    clock_moved_h_ago: float = 0
    battery_changed_h_ago: float = inf  # then its clock began at 2000-01-01
    interval_s: float = inf  # between measurements; a sensor also waits until a sample is due
    limit: int | None = None  # measurements, then no more
    slow_s: float = 3
    # cuffs and scales
    stored: int = 0  # measurements in memory at the start
    stored_every_h: float = 8
    clock_service: bool = True
    advertise_for_s: float = 30
    idle_s: float = 5
    settle_s: float = 0.3
    kilopascal: bool = False
    imperial: bool = False
    composition: bool = True
    # sensors
    e2e_crc: bool = True
    session_control: bool = False
    history_days: float = 14
    history_ends_min_ago: float = 0  # what lies between then and now is sampled every interval_s
    gap_min: float = 0  # in the middle of the history
    notification_gap_s: float = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """People, devices and the seed that decides every figure."""

    seed: int
    people: Mapping[str, Person]
    devices: tuple[DeviceSpec, ...]
    utc_offset: timedelta | None = None  # of every device's clock; None: this machine's own


def load(path: Path) -> Scenario:
    """Read a scenario file; a bare name that is no file means one that is shipped."""
    if not path.exists() and (SHIPPED / path.name).exists():
        path = SHIPPED / path.name
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"cannot read the scenario {path}: {error.strerror}") from error
    return parse(text)


def parse(text: str) -> Scenario:
    """Return the scenario written in TOML, or raise ScenarioError."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"the scenario is not TOML: {error}") from error
    _refuse_unknown("the scenario", table, {"seed", "utc_offset_min", "people", "device"})
    people, devices = table.get("people", {}), table.get("device", [])
    seed, offset_min = table.get("seed", 0), table.get("utc_offset_min")
    if not (isinstance(people, dict) and isinstance(devices, list)):
        raise ScenarioError("people are written [people.NAME], devices [[device]]")
    if not (isinstance(seed, int) and isinstance(offset_min, int | None)):
        raise ScenarioError("seed and utc_offset_min are whole numbers")
    scenario = Scenario(
        seed=seed,
        people={key: _person(key, row) for key, row in people.items()},
        devices=tuple(_device(row) for row in devices),
        utc_offset=None if offset_min is None else timedelta(minutes=offset_min),
    )
    _check_references(scenario)
    return scenario


def _person(key: str, row: Any) -> Person:
    where = f"person {key!r}"
    known = {entry.name for entry in dataclasses.fields(Person)}
    _refuse_unknown(where, row, known)
    return Person(**_typed(where, Person, {"name": key, **row}, known))


def _device(row: Any) -> DeviceSpec:
    if not isinstance(row, dict):
        raise ScenarioError(f"a device is a table, not {row!r}")
    where = f"device {row.get('name', '(without a name)')!r}"
    missing = {"type", "name", "address"} - row.keys()
    if missing:
        raise ScenarioError(f"{where}: {', '.join(sorted(missing))} missing")
    if row["type"] not in _KEYS:
        raise ScenarioError(f"{where}: type is one of {', '.join(_KEYS)}, not {row['type']!r}")
    users = _users(where, row)
    own = {key: value for key, value in row.items() if key not in ("person", "users")}
    device = DeviceSpec(users=users, **_typed(where, DeviceSpec, own, _KEYS[row["type"]]))
    _refuse_unknown(f"{where}: faults", device.faults, set(_FAULTS[device.type]))
    if not _STATIC_RANDOM.fullmatch(device.address):
        raise ScenarioError(f"{where}: {device.address!r} is no static random address, C0:.. to FF")
    return device


def _typed(where: str, model: type, row: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Return the values of a table as the fields of a dataclass want them."""
    _refuse_unknown(where, row, known)
    readers = {entry.name: _READERS[entry.type] for entry in dataclasses.fields(model)}
    values = {}
    for key, value in row.items():
        try:
            values[key] = readers[key](value)
        except (ValueError, TypeError, AttributeError) as error:
            raise ScenarioError(f"{where}: {key} cannot be {value!r}") from error
    return values


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # A TOML boolean is a Python int too.
        if type(value) is not kind:
            raise TypeError(f"not a {kind.__name__}")
        return value

    return read


def _number(value: Any) -> float:
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise TypeError("not a number")
    return float(value)


def _faults(value: Any) -> dict[Fault, int]:
    return {Fault(name): _exactly(int)(times) for name, times in value.items()}


_READERS: dict[Any, Callable[[Any], Any]] = {
    str: _exactly(str),
    int: _exactly(int),
    int | None: _exactly(int),
    bool: _exactly(bool),
    float: _number,
    Decimal: lambda value: Decimal(str(_number(value))),
    Pairing: Pairing,
    Mapping[Fault, int]: _faults,
    Mapping[int | None, str]: _exactly(dict),
}


def _users(where: str, row: dict[str, Any]) -> dict[int | None, str]:
    if ("person" in row) == ("users" in row):
        raise ScenarioError(f"{where}: give either person or users")
    if "person" in row:
        return {None: row["person"]}
    if row["type"] == "cgm":
        raise ScenarioError(f"{where}: a sensor is worn by one person")
    try:
        return {int(slot): person for slot, person in row["users"].items()}
    except (ValueError, AttributeError) as error:
        raise ScenarioError(f"{where}: users are keyed by their number") from error


def _refuse_unknown(where: str, row: Any, known: set[str]) -> None:
    if not isinstance(row, dict):
        raise ScenarioError(f"{where} should be a table, not {row!r}")
    unknown = row.keys() - known
    if unknown:
        raise ScenarioError(
            f"{where}: unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}"
        )


def _check_references(scenario: Scenario) -> None:
    for device in scenario.devices:
        for person in device.users.values():
            if person not in scenario.people:
                raise ScenarioError(f"device {device.name!r}: nobody is called {person!r}")
    for what in ("name", "address"):
        taken = [getattr(device, what) for device in scenario.devices]
        if len(set(taken)) < len(taken):
            raise ScenarioError(f"two devices have the same {what}")
