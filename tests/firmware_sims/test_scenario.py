from datetime import timedelta
from decimal import Decimal
from math import inf
from pathlib import Path

import pytest
from firmware_sims.device_spec import TYPES
from firmware_sims.faults import Fault
from firmware_sims.identity import Pairing
from firmware_sims.scenario import SHIPPED, ScenarioError, load, parse

PEOPLE = '[people.odile]\nname = "Odile"\nweight_kg = 64.5\n'
CUFF = '[[device]]\ntype = "bp_monitor"\nname = "Cuff"\naddress = "C4:00:00:00:00:01"\n'


def test_what_is_written_is_kept_and_the_rest_has_defaults() -> None:
    scenario = parse(
        "seed = 3\nutc_offset_min = 120\n"
        + PEOPLE
        + CUFF
        + 'person = "odile"\nclock_error_s = -3600\npairing = "passkey"\n'
        + "[device.faults]\nslow = 2\n"
    )

    (cuff,) = scenario.devices
    assert scenario.seed == 3
    assert scenario.utc_offset == timedelta(hours=2)
    assert scenario.people["odile"].weight_kg == Decimal("64.5")
    assert cuff.users == {None: "odile"}
    assert cuff.clock_error_s == -3600
    assert cuff.pairing is Pairing.PASSKEY
    assert cuff.faults == {Fault.SLOW: 2}
    assert (cuff.interval_s, cuff.limit) == (inf, None)


def test_users_are_keyed_by_their_number() -> None:
    scenario = parse(PEOPLE + CUFF + 'users = { 1 = "odile", 2 = "odile" }\n')

    assert scenario.devices[0].users == {1: "odile", 2: "odile"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = ", "not TOML"),
        ("sed = 1", "unknown sed"),
        ("[people.odile]\nage = 70", "unknown age"),
        ("[people.odile]\nweight_kg = true", "weight_kg cannot be True"),
        ("[people.odile]\nname = 3", "name cannot be 3"),
        ('[[device]]\ntype = "bp_monitor"', "address, name missing"),
        (CUFF.replace("bp_monitor", "toaster"), "type is one of"),
        (CUFF, "either person or users"),
        (CUFF + 'person = "odile"\ne2e_crc = true', "unknown e2e_crc"),
        (CUFF + 'person = "odile"\nstored = 1.5', "stored cannot be"),
        (CUFF + 'person = "odile"\npairing = "magic"', "pairing cannot be"),
        (CUFF + 'person = "odile"\n[device.faults]\nfire = 1', "faults cannot be"),
        (CUFF + 'person = "odile"\n[device.faults]\nbusy = 1', "faults: unknown busy"),
        (CUFF + 'person = "odile"\n[device.faults]\nslow = "often"', "faults cannot be"),
        (CUFF + 'person = "odile"\nfaults = "all"', "faults cannot be"),
        (CUFF + 'person = "nobody"', "nobody is called 'nobody'"),
        (CUFF + 'person = "odile"\nhappens = 3', "happens cannot be"),
        (CUFF + 'person = "odile"\nhappens = [{ what = "left" }]', "wants what and at_h"),
        (CUFF + 'person = "odile"\nhappens = [{ at_h = 1, what = "flew" }]', "what cannot be"),
        (
            CUFF + 'person = "odile"\nhappens = [{ at_h = 1, what = "measured", who = "bo" }]',
            "nobody is called 'bo'",
        ),
        (CUFF + 'person = "odile"\nfactory_time = "2000"', "factory_time cannot be"),
        (CUFF + 'person = "odile"\nstamps = "sundial"', "stamps cannot be"),
        ("begins = 2026-10-24T10:00:00", "begins is a date and time with its offset"),
        (CUFF + 'users = { a = "odile" }', "keyed by their number"),
        (CUFF.replace("bp_monitor", "cgm") + 'users = { 1 = "odile" }', "worn by one person"),
        ("people = 3", "people are written"),
        ("device = [3]", "a device is a table"),
        ("seed = 1.5", "whole numbers"),
        ("[people]\nmarcel = 3", "should be a table"),
        (CUFF + "users = 3", "keyed by their number"),
        (CUFF.replace("C4:", "04:") + 'person = "odile"', "no static random address"),
        (2 * (CUFF + 'person = "odile"\n'), "same name"),
    ],
)
def test_a_mistake_is_refused_with_where_it_is(text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse(text if "people" in text or text == "device = [3]" else text + "\n" + PEOPLE)


def test_the_shipped_demonstration_is_found_by_its_name() -> None:
    scenario = load(Path("demo.toml"))

    types = [device.type for device in scenario.devices]
    assert types == ["bp_monitor", "cgm", "bp_monitor", "scale"]
    assert len(scenario.people) == 2


def test_a_scenario_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"absent\.toml"):
        load(tmp_path / "absent.toml")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_can_be_read(path: Path) -> None:
    assert load(Path(path.name)).devices


def test_the_shipped_houses_have_one_of_each_device() -> None:
    radio, cabled = load(Path("every_device.toml")), load(Path("usb.toml"))

    on_cable = {device.type for device in cabled.devices}
    assert {device.type for device in radio.devices} | on_cable == set(TYPES)
    assert on_cable == {name for name, kind in TYPES.items() if kind.on_cable}


def test_the_address_of_a_device_on_a_cable_is_a_path() -> None:
    device = CUFF.replace("bp_monitor", "libre_reader").replace("C4:00:00:00:00:01", "libre")

    (libre,) = parse(PEOPLE + device + 'person = "odile"\n').devices

    assert libre.address == "libre"
