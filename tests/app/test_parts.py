"""What a configuration names on cables becomes transports, settings and known devices."""

from __future__ import annotations

import asyncio

from gateway.app.parts import correcting, described_devices, device_settings, transports
from gateway.config import Config
from gateway.domain.device import Device
from gateway.drivers.registry import installed
from gateway.testing.clock import ManualClock
from gateway.uplink.api import Correcting
from gateway.uplink.documents import DocumentsUplink
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.mes import MesUplink
from gateway.uplink.mqtt import MqttUplink

CONFIG = Config.model_validate(
    {
        "usb": {},
        "ports": [
            {
                "name": "cuff",
                "path": "/dev/ttyUSB0",
                "driver": "bp_monitor/omron_hbp",
                "settings": {"experimental": True},
            }
        ],
        "hid": [
            {
                "name": "reader",
                "path": "unix:/run/reader",
                "driver": "cgm/freestyle_libre",
                "serial": "JGGA001-A0001",
            }
        ],
        "devices": {"usb:1a61:3850:1-1.3": {"settings": {"any": 1}}},
    }
)


def test_each_named_device_has_a_transport_of_its_own() -> None:
    made = transports(CONFIG, installed(), ManualClock(), asyncio.sleep)

    assert [transport.name for transport in made] == ["serial:cuff", "hid:reader", "usb"]


def test_settings_are_those_of_the_devices_on_cables_and_of_any_other() -> None:
    assert device_settings(CONFIG) == {
        "serial:cuff": {"experimental": True},
        "hid:reader": {},
        "usb:1a61:3850:1-1.3": {"any": 1},
    }


def test_a_number_from_a_label_is_known_before_the_device_is_met() -> None:
    assert list(described_devices(CONFIG)) == [
        Device(id="hid:reader", driver="cgm/freestyle_libre", serial="JGGA001-A0001")  # type: ignore[arg-type]
    ]


def test_who_takes_corrections_is_known_without_making_the_destinations() -> None:
    health_space = {
        "base_url": "https://space.example/fhir",
        "token_url": "https://space.example/token",
        "client_id": "gateway",
        "client_secret": "secret",
        "id_token_header": "X-Id-Token",
        "solution_oid": "1.2.250.1.99999.1",
    }
    made: dict[type[object], dict[str, object]] = {
        MesUplink: {"name": "mes", **health_space},
        FhirUplink: {
            "name": "fhir",
            "base_url": "https://fhir.example",
            "gateway": "hub1",
            "patient_system": "urn:oid:1.2.3.4",
        },
        MqttUplink: {"name": "mqtt", "host": "broker.example", "gateway": "hub1"},
        DocumentsUplink: {"name": "documents", "folder": "/srv/documents"},
    }
    told = [{"type": each["name"], **each} for each in made.values()]

    config = Config.model_validate({"destinations": told})

    taking = {each["name"] for uplink, each in made.items() if issubclass(uplink, Correcting)}
    assert correcting(config) == taking
