"""What is installed beside the program says what the program needs, and no more."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from gateway import config as configuration
from gateway.drivers.api import Reach, Sighting
from gateway.drivers.registry import installed
from gateway.transport.hid import known_ids

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "healthspace-gateway.service"
RELAY = DEPLOY / "healthspace-gateway-relay@.service"
RULES = DEPLOY / "70-healthspace-gateway.rules"
EXPOSURE_AT_MOST = 2.0
"""Of 10, as systemd rates what a service could do; an ordinary unit has 9.6."""

_RULE = re.compile(r'[A-Z]+(\{[\w.]+\})?(==|!=|=|\+=)"[^"]*"')


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def test_the_example_configuration_is_valid() -> None:
    config = configuration.load(DEPLOY / "gateway.toml")

    registry = installed()
    for port in config.ports:
        known = {setting.name for setting in registry.named(port.driver).manifest.settings}
        assert set(port.settings) <= known
    assert config.destinations


def test_a_new_hub_begins_without_invented_devices_and_destinations() -> None:
    config = configuration.load(DEPLOY / "starter.toml")

    assert (config.hub.language, config.hub.state) == ("fr", configuration.HubSettings().state)
    assert config.ble is not None
    assert (config.ports, config.destinations, config.kiosk) == ((), (), None)


def exposure(unit: Path, folder: Path) -> float:
    """Return how much systemd says that a unit leaves open."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    shutil.copy(unit, folder)
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", folder / unit.name],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told.stdout)
    assert found is not None
    return float(found[1])


def test_the_unit_leaves_little_open(tmp_path: Path) -> None:
    assert exposure(UNIT, tmp_path) <= EXPOSURE_AT_MOST


def test_the_unit_leaves_open_what_the_gateway_needs() -> None:
    unit = lines(UNIT)

    assert "SupplementaryGroups=dialout" in unit
    kinds = ("ttyUSB", "ttyACM", "ttyS", "hidraw")
    assert {f"DeviceAllow=char-{kind} rw" for kind in kinds} <= set(unit)
    assert not [line for line in unit if line.startswith(("PrivateDevices=", "ProcSubset="))]
    assert "StateDirectory=healthspace-gateway" in unit


def test_linux_knows_every_kind_of_cable_before_the_service_starts() -> None:
    modules = {"usbserial": "ttyUSB", "cdc-acm": "ttyACM", "hid": "hidraw"}
    # the others are built into the kernel

    loaded = lines(DEPLOY / "healthspace-gateway.modules")

    assert loaded == list(modules)
    assert {f"DeviceAllow=char-{kind} rw" for kind in modules.values()} <= set(lines(UNIT))


def test_the_unit_lets_the_gateway_ask_the_kernel_for_the_time_but_not_set_it() -> None:
    unit = lines(UNIT)
    filters = [line.partition("=")[2].split() for line in unit if "SystemCallFilter=" in line]

    assert {"adjtimex", "clock_adjtime", "clock_adjtime64"} <= set(filters[-1])
    assert not [line for line in unit if line.startswith("ProtectClock=")]
    assert {"CapabilityBoundingSet=", "AmbientCapabilities=", "DevicePolicy=closed"} <= set(unit)


def test_every_rule_is_written_as_udev_reads_it() -> None:
    for line in lines(RULES):
        assert all(_RULE.fullmatch(part) for part in line.split(", ")), line


def test_modem_manager_keeps_off_every_cable() -> None:
    ignored = [line for line in lines(RULES) if "ID_MM_DEVICE_IGNORE" in line]

    told = {
        (vendor, product)
        for line in ignored
        for vendor in re.findall(r'ATTRS\{idVendor\}=="(\w+)"', line)
        for products in re.findall(r'ATTRS\{idProduct\}=="([\w|]+)"', line)
        for product in products.split("|")
    }

    assert all('ENV{ID_MM_PORT_IGNORE}="1"' in line for line in ignored)
    assert told == {
        ("22a3", "0047"),
        ("067b", "2303"),
        ("10c4", "ea60"),
        ("0403", "6001"),
        ("1a86", "7523"),
        ("1a86", "55d4"),
    }


def test_only_the_usb_id_that_tells_its_device_has_a_driver() -> None:
    registry = installed()
    vendors = {0x22A3: 0x0047, 0x067B: 0x2303, 0x10C4: 0xEA60, 0x0403: 0x6001, 0x1A86: 0x7523}

    bound = {
        vendor
        for vendor, product in vendors.items()
        if registry.best(Sighting("/dev/ttyUSB0", Reach.SERIAL, usb=(vendor, product)))
    }

    assert bound == {0x22A3}


def test_of_hid_devices_the_rules_give_away_what_a_driver_knows_and_no_other() -> None:
    given = [line for line in lines(RULES) if "hidraw" in line and "GROUP=" in line]
    away = {
        (int(vendor, 16), int(product, 16))
        for line in given
        for vendor in re.findall(r'ATTRS\{idVendor\}=="(\w+)"', line)
        for products in re.findall(r'ATTRS\{idProduct\}=="([\w|]+)"', line)
        for product in products.split("|")
    }

    assert all('GROUP="dialout", MODE="0660"' in line for line in given)
    assert away == known_ids(installed())


def test_the_service_waits_for_neither_the_network_nor_the_time() -> None:
    unit = UNIT.read_text()

    assert "After=network.target" in unit  # which is there without any network
    assert "Wants=" not in unit
    assert not re.search(r"(network-online|time-sync)\.target", unit)


def test_a_hub_gets_the_versions_that_the_suite_ran_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    imported = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["hci"],
    ]
    given, built = pins(DEPLOY / "requirements.lock"), pins(DEPLOY / "build.lock")

    assert {name(each) for each in imported} <= set(given)
    assert {name(each) for each in project["build-system"]["requires"]} <= set(built)
    assert (given | built).items() <= pins(ROOT / "requirements.lock").items()


def name(requirement: str) -> str:
    return re.split(r"[<>=]", requirement)[0]


def pins(lock: Path) -> dict[str, frozenset[str]]:
    """Return the versions of each package in a lock, and their hashes."""
    found: dict[str, frozenset[str]] = {}
    for pin in re.split(r"\n(?=\S)", lock.read_text().strip()):
        package, _, rest = pin.partition("==")
        version = re.match(r"\S+", rest)
        assert version is not None
        said = {version[0], *re.findall(r"sha256:\w+", rest)}
        found[package] = found.get(package, frozenset()) | said
    return found


def test_a_daemon_that_ended_because_its_journal_is_damaged_is_started_again() -> None:
    unit = lines(UNIT)

    assert "Restart=on-failure" in unit  # it ends with status 1; asked to stop, with 0
    assert not [line for line in unit if line.startswith("RestartPreventExitStatus=")]


def test_a_daemon_that_hangs_is_ended_and_leaves_no_core_with_readings_in_it() -> None:
    unit = lines(UNIT)

    assert "Type=notify" in unit
    assert "WatchdogSec=180" in unit
    assert "LimitCORE=0" in unit
    assert "TimeoutStartSec=infinity" in unit


def test_the_relays_unit_leaves_less_open_than_the_gateways(tmp_path: Path) -> None:
    assert exposure(RELAY, tmp_path) < exposure(UNIT, tmp_path) <= EXPOSURE_AT_MOST


def test_the_relays_unit_is_the_gateways_without_devices_and_a_journal() -> None:
    ours, relays = set(lines(UNIT)), set(lines(RELAY))
    needs = {"DeviceAllow", "StateDirectory", "StateDirectoryMode", "SupplementaryGroups"}
    besides = {
        "TimeoutStartSec=infinity",
        "SystemCallFilter=adjtimex clock_adjtime clock_adjtime64",
    }
    differs = {"Description", "After", "ExecStart"}

    left_out = {line for line in ours - relays if key(line) not in needs | differs} - besides

    assert left_out == set()
    assert {"PrivateDevices=yes", "ProtectClock=yes", "PrivateUsers=yes"} <= relays


def test_each_relay_has_a_name_that_it_keeps() -> None:
    (start,) = [line for line in lines(RELAY) if key(line) == "ExecStart"]

    assert start.endswith("relay.toml relay --name %i")
    assert "After=network.target time-sync.target" in lines(RELAY)
    assert not [line for line in lines(RELAY) if key(line) in ("Wants", "Requires")]


def key(line: str) -> str:
    return line.partition("=")[0]
