"""The shared vectors of serial devices, through the same door as the `decode` command.

A driver joins by being in DRIVERS. `serial.json` also holds parts of frames, requests and checksum
examples: OTHERWISE_TESTED lists those of a driver's devices that no whole frame carries, with the
test that uses them. They are found through the environment variable GATEWAY_VECTORS.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from gateway.drivers.bp_monitor.and_tm import DRIVER as AND_TM
from gateway.drivers.bp_monitor.beurer_serial import DRIVER as BEURER_SERIAL
from gateway.drivers.bp_monitor.omron_hbp import DRIVER as OMRON_HBP
from gateway.drivers.bp_monitor.taidoc import DRIVER as TAIDOC
from gateway.drivers.cgm.dexcom_receiver import DRIVER as DEXCOM
from gateway.drivers.cgm.freestyle_libre import DRIVER as LIBRE
from gateway.drivers.decoding import Decoding
from gateway.drivers.glucose_meter.onetouch_ultra2 import DRIVER as ULTRA2
from gateway.drivers.glucose_meter.onetouch_ultraeasy import DRIVER as ULTRAEASY
from gateway.drivers.registry import Registry
from gateway.drivers.scale.and_weighing import DRIVER as AND_WEIGHING
from gateway.drivers.scale.health_o_meter import DRIVER as HEALTH_O_METER
from gateway.drivers.scale.mt_sics import DRIVER as MT_SICS
from gateway.drivers.scale.sma import DRIVER as SMA
from gateway.drivers.scale.tanita import DRIVER as TANITA
from tests.drivers.serial_lines import shared_vectors
from tests.drivers.test_vectors import differences

DRIVERS = (
    OMRON_HBP,
    TANITA,
    AND_TM,
    HEALTH_O_METER,
    DEXCOM,
    AND_WEIGHING,
    SMA,
    MT_SICS,
    BEURER_SERIAL,
    TAIDOC,
    ULTRA2,
    ULTRAEASY,
    LIBRE,
)
OTHERWISE_TESTED: dict[str, str] = {
    "hom-two-packets": "scale/health_o_meter, a weigh-in is one reading",
    "dex-time-00000000": "a bare time",
    "dex-time-04030201": "a bare time",
    "dex-time-0e339074": "a bare time",
    "dex-crc-4": "a checksum example: wire/test_sums",
    "dex-reply-display-offset-neg": "means what was asked; not asked by the driver",
    "dex-sensor-rec-0": "a raw sensor record is no reading",
    "taidoc-time-0427250d": "a bare time: bp_monitor/taidoc",
    "libre-init": "says what answers it as well: test_freestyle_text",
}

OUT_OF_SCOPE: dict[str, str] = {
    "freestyle-lite": "not among the meters read",
    "sd-codefree": "not among the meters read",
    "and-ua-767pc": "partly known, and no longer made",
    "visomat-double-comfort": "its requests are not public",
    "maibobo-rbp": "the one public source contradicts itself on where the results are",
    "terumo-es-p2020/br-500": "its checksum is not public",
    "lifescan-vs-dexcom": "tells two checksums apart, and is no device: wire/test_sums",
}
"""Devices that no driver reads, and why; docs/serial-devices.md says it to people."""

NAMES = tuple(name for driver in DRIVERS for name in driver.manifest.decodes)


@pytest.mark.skipif("GATEWAY_VECTORS" not in os.environ, reason="GATEWAY_VECTORS is not set")
@pytest.mark.parametrize(
    "row",
    [row for row in shared_vectors(*NAMES) if row["id"] not in OTHERWISE_TESTED],
    ids=lambda row: row["id"],
)
def test_shared_vector(row: dict[str, Any]) -> None:
    answer = Decoding(Registry(DRIVERS)).answer(
        {
            "id": row["id"],
            "driver": row["device"],
            "direction": row["direction"],
            "hex": row["bytes_hex"],
        }
    )

    expected = {name: value for name, value in row["expected"].items() if name != "note"}
    if not answer["ok"]:
        assert expected.get("error") is not None, answer
    elif message_of(answer).get("event") == "device_error":
        assert expected.get("error") is not None
    else:
        if "error" not in message_of(answer):
            assert expected.pop("error", None) is None
        assert differences(expected, message_of(answer)) == []


def message_of(answer: dict[str, object]) -> dict[str, object]:
    message = answer["message"]
    assert isinstance(message, dict)
    return message


def test_every_exception_still_has_its_driver() -> None:
    rows = {row["id"] for row in shared_vectors(*NAMES)}

    assert not rows or set(OTHERWISE_TESTED) <= rows


def test_every_row_has_a_driver_or_a_reason() -> None:
    devices = {row["device"] for row in shared_vectors()}

    assert not devices or devices - set(NAMES) == set(OUT_OF_SCOPE)
