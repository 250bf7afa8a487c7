import dataclasses
import re
from pathlib import Path
from typing import Any

from firmware_sims.device_spec import TYPES, DeviceSpec
from firmware_sims.faults import Fault
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from tests.firmware_sims.collector import discovered
from tests.firmware_sims.people import Time

README = Path(__file__).parents[2] / "firmware-sims" / "README.md"


def test_every_fault_is_in_the_table() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", README.read_text(), re.MULTILINE))

    assert {fault.value for fault in Fault} <= rows


def test_every_setting_of_a_device_is_in_the_example() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)

    named = set(re.findall(r"^(\w+) =", example, re.MULTILINE))
    derived = {"users", "faults"}
    assert {entry.name for entry in dataclasses.fields(DeviceSpec)} - derived <= named


def test_the_example_plays() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)

    scenario = parse(example)

    assert {device.type for device in scenario.devices} == set(TYPES)


async def test_every_device_of_the_example_lives_and_measures(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    ledger = Ledger()

    async with Stage(parse(example), ledger=ledger, now=Time(), sockets=tmp_path) as stage:
        before = len(ledger.produced)
        for device in stage.devices.values():
            device.measure()

    measured = {row.device for row in ledger.produced[before:]}
    assert measured == {device.identity.address for device in stage.devices.values()}


def test_every_type_is_in_the_table() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", README.read_text(), re.MULTILINE))

    assert set(TYPES) <= rows


async def test_a_device_of_ones_own_is_heard_until_it_holds_nothing() -> None:
    (example,) = re.findall(r"```python file=\S+\n(.*?)```", README.read_text(), re.DOTALL)
    there: dict[str, Any] = {"__name__": "example"}
    exec(example, there)

    async with discovered(there["Thermometer"]("36.9", "37.2")) as collector:
        told = await collector.told(0x1809, 0x2A1C, 2)

    assert [each[:5].hex() for each in told] == ["02710100ff", "02740100ff"]
    assert {len(each) for each in told} == {12}
