"""A scenario: who lives here, which devices they use, and what goes wrong. Read from TOML.

    seed = 7

    [people.odile]
    name = "Odile Marchand"

    [[device]]
    type = "bp_monitor"            # or another of `TYPES`
    name = "Cuff A"
    address = "C4:00:00:00:00:01"  # of a device on a USB cable: the path of a socket
    person = "odile"               # or users = { 1 = "odile", 2 = "marcel" }
    happens = [                    # as the story goes: see `happenings`
        { at_h = -30, what = "battery_changed" },
        { at_h = 0.5, what = "measured" },
    ]

Everything else has a default: see `DeviceSpec`, and `Person` for a person's figures.
"""

import dataclasses
import re
import tomllib
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from firmware_sims.body import Person
from firmware_sims.device_clock import Stamps
from firmware_sims.device_spec import TYPES, DeviceSpec, DeviceType
from firmware_sims.faults import Fault
from firmware_sims.happenings import Happening, What
from firmware_sims.identity import Pairing
from firmware_sims.packing.xiaomi import Unit

SHIPPED = Path(__file__).parent / "scenarios"

_STATIC_RANDOM = re.compile(r"[C-F][0-9A-F](:[0-9A-F]{2}){5}")  # Core, Vol 6 B 1.3.2.1


class ScenarioError(ValueError):
    """The scenario's author must change it; the message says where and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """People, devices and the seed that decides every figure."""

    seed: int
    people: Mapping[str, Person]
    devices: tuple[DeviceSpec, ...]
    utc_offset: timedelta | None = None  # of every device's clock; None: this machine's own
    begins: datetime | None = None  # for who brings a clock of their own: when the story begins


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
    _refuse_unknown("the scenario", table, {"seed", "utc_offset_min", "begins", "people", "device"})
    people, devices = table.get("people", {}), table.get("device", [])
    seed, offset_min = table.get("seed", 0), table.get("utc_offset_min")
    if not (isinstance(people, dict) and isinstance(devices, list)):
        raise ScenarioError("people are written [people.NAME], devices [[device]]")
    if not (isinstance(seed, int) and isinstance(offset_min, int | None)):
        raise ScenarioError("seed and utc_offset_min are whole numbers")
    begins = table.get("begins")
    if begins is not None and not (isinstance(begins, datetime) and begins.tzinfo):
        raise ScenarioError("begins is a date and time with its offset from UTC")
    scenario = Scenario(
        seed=seed,
        people={key: _person(key, row) for key, row in people.items()},
        devices=tuple(_device(row) for row in devices),
        utc_offset=None if offset_min is None else timedelta(minutes=offset_min),
        begins=begins,
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
    kind = TYPES.get(row["type"])
    if kind is None:
        raise ScenarioError(f"{where}: type is one of {', '.join(TYPES)}, not {row['type']!r}")
    users = _users(where, row, kind)
    own = {key: value for key, value in row.items() if key not in ("person", "users")}
    device = DeviceSpec(users=users, **_typed(where, DeviceSpec, own, kind.keys))
    _refuse_unknown(f"{where}: faults", device.faults, kind.faults)
    if not kind.on_cable and not _STATIC_RANDOM.fullmatch(device.address):
        raise ScenarioError(f"{where}: {device.address!r} is no static random address, C0:.. to FF")
    return device


def _typed(where: str, model: type, row: dict[str, Any], known: Set[str]) -> dict[str, Any]:
    """Return the values of a table as the fields of a dataclass want them."""
    _refuse_unknown(where, row, known)
    readers = {entry.name: _READERS[entry.type] for entry in dataclasses.fields(model)}
    values = {}
    for key, value in row.items():
        try:
            values[key] = readers[key](value)
        except ScenarioError as error:
            raise ScenarioError(f"{where}: {error}") from error
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


def _naive(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise TypeError("not a date and time without offset")
    return value


def _happens(value: Any) -> tuple[Happening, ...]:
    known = {entry.name for entry in dataclasses.fields(Happening)}
    found = []
    for row in value:
        _refuse_unknown("what happens", row, known)
        if not {"what", "at_h"} <= row.keys():
            raise ScenarioError("what happens wants what and at_h")
        found.append(Happening(**_typed("what happens", Happening, row, known)))
    return tuple(found)


def _faults(value: Any) -> dict[Fault, int]:
    return {Fault(name): _exactly(int)(times) for name, times in value.items()}


def _codes(value: Any) -> dict[int, int]:
    return {int(slot): _exactly(int)(code) for slot, code in value.items()}


_READERS: dict[Any, Callable[[Any], Any]] = {
    str: _exactly(str),
    int: _exactly(int),
    int | None: _exactly(int),
    bool: _exactly(bool),
    float: _number,
    Decimal: lambda value: Decimal(str(_number(value))),
    Pairing: Pairing,
    Stamps: Stamps,
    What: What,
    str | None: _exactly(str),
    datetime | None: _naive,
    tuple[Happening, ...]: _happens,
    Unit: Unit,
    Mapping[Fault, int]: _faults,
    Mapping[int | None, str]: _exactly(dict),
    Mapping[int, int]: _codes,
}


def _users(where: str, row: dict[str, Any], kind: DeviceType) -> dict[int | None, str]:
    if ("person" in row) == ("users" in row):
        raise ScenarioError(f"{where}: give either person or users")
    if "person" in row:
        return {None: row["person"]}
    if kind.one_person:
        raise ScenarioError(f"{where}: {kind.one_person}")
    try:
        return {int(slot): person for slot, person in row["users"].items()}
    except (ValueError, AttributeError) as error:
        raise ScenarioError(f"{where}: users are keyed by their number") from error


def _refuse_unknown(where: str, row: Any, known: Set[str]) -> None:
    if not isinstance(row, dict):
        raise ScenarioError(f"{where} should be a table, not {row!r}")
    unknown = row.keys() - known
    if unknown:
        raise ScenarioError(
            f"{where}: unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}"
        )


def _check_references(scenario: Scenario) -> None:
    for device in scenario.devices:
        named = {happening.who for happening in device.happens} - {None}
        for person in {*device.users.values(), *named}:
            if person not in scenario.people:
                raise ScenarioError(f"device {device.name!r}: nobody is called {person!r}")
    for what in ("name", "address"):
        taken = [getattr(device, what) for device in scenario.devices]
        if len(set(taken)) < len(taken):
            raise ScenarioError(f"two devices have the same {what}")
