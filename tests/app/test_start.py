"""What a start of the daemon loads: a small machine feels each library."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.app.configured_drivers import drivers_of, drivers_wanted
from gateway.app.daemon import daemon
from gateway.config import Config
from gateway.errors import ConfigError

READER = {"name": "reader", "path": "/dev/hidraw0", "driver": "cgm/freestyle_libre"}
PORT = {"name": "cuff", "path": "/dev/ttyUSB0", "driver": "bp_monitor/omron_hbp"}


def loaded_by(code: str) -> set[str]:
    show = f"{code}; import sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_no_library_is_loaded_for_a_radio_or_a_destination_that_may_not_be_there() -> None:
    modules = loaded_by("import gateway.app")

    assert not modules & {"bleak", "bumble", "dbus_fast"}
    assert not modules & {"aiohttp", "paho", "aiomqtt", "jinja2", "typer"}


def test_a_hub_whose_devices_are_all_named_loads_their_drivers_only() -> None:
    modules = loaded_by(
        "from gateway.drivers.registry import installed\n"
        "drivers = installed(only={'bp_monitor/omron_hbp'})\n"
        "assert [it.manifest.name for it in drivers] == ['bp_monitor/omron_hbp']"
    )

    others = ("gateway.drivers.cgm", "gateway.drivers.scale", "gateway.drivers.glucose_meter")
    assert not any(name.startswith(others) for name in modules)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, {"bp_monitor/omron_hbp"}),
        ({"ble": {}}, None),
        ({"usb": {}}, None),
        ({"hid": [READER]}, {"bp_monitor/omron_hbp", "cgm/freestyle_libre"}),
        ({"hci": [{"url": "usb:0"}]}, None),
        ({"replay": [{"file": "cuff.jsonl"}]}, None),
    ],
)
def test_where_any_device_may_turn_up_every_driver_is_wanted(
    more: dict[str, object], wanted: set[str] | None
) -> None:
    assert drivers_wanted(Config.model_validate({"ports": [PORT], **more})) == wanted


async def test_a_start_that_is_refused_leaves_no_connection_open(tmp_path: Path) -> None:
    mes = {
        "base_url": "https://mes.example",
        "token_url": "https://mes.example/token",
        "client_id": "gateway",
        "id_token_header": "X-Id-Token",
        "solution_oid": "1.2.3",
        "client_secret_file": tmp_path / "absent",
    }
    fhir = {"type": "fhir", "name": "clinic", "base_url": "https://fhir.example"}
    there = {**fhir, "gateway": "hub1", "patient_system": "urn:oid:1.2.3"}
    config = Config.model_validate({"hub": {"state": tmp_path}, "destinations": [there, mes]})

    with pytest.raises(ConfigError, match="client_secret_file"):
        async with daemon(config):
            pass
    gc.collect()  # what is open still would be warned of here


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"ports": [{**PORT, "driver": "bp_monitor/omron_hpb"}]}, "Did you mean bp_monitor/omron_"),
        (
            {"ports": [{**PORT, "settings": {"experimentl": True}}]},
            r"\[\[ports\]\] cuff: there is no setting 'experimentl'. Did you mean experimental",
        ),
        (
            {"hid": [{**READER, "settings": {"baud": 1}}]},
            r"\[\[hid\]\] reader: there is no setting 'baud': its driver has none\.",
        ),
        (
            {"ports": [{**PORT, "settings": {"baud": 1}}]},
            r"cuff: there is no setting 'baud'. There is: experimental",
        ),
        (
            {"ble": {}, "devices": {"ble:C0:FF:EE:00:00:01": {"settings": {"set_clok": "UTC"}}}},
            r"00:00:01\"\]: there is no setting 'set_clok'. Did you mean set_clock",
        ),
        ({"drivers": {"guests": ["nobody"]}}, "offers a driver: nobody"),
    ],
)
def test_a_driver_or_a_setting_that_there_is_none_of_is_refused(
    named: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        drivers_of(Config.model_validate(named))


def test_settings_that_drivers_know_are_taken() -> None:
    given = {
        "ports": [{**PORT, "settings": {"experimental": True}}],
        "devices": {"ble:C0:FF:EE:00:00:01": {"settings": {"set_clock": "Europe/Paris"}}},
    }

    assert drivers_of(Config.model_validate(given)).named(PORT["driver"])
    assert drivers_of(Config.model_validate({**given, "ble": {}})).named(PORT["driver"])
