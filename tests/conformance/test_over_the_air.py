"""Each profile once over real HCI, ATT and GATT: what is discovered, subscribed to and read there.

The device is bumble's, its values are ours. What the drivers' own tests show on a scripted link
cannot show that a descriptor is found and written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from gateway.domain.reading import Reading
from gateway.drivers.api import Driver
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER as CUFF
from gateway.drivers.cgm.bluetooth_sig import DRIVER as SENSOR
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER as METER
from gateway.drivers.scale.bluetooth_sig import DRIVER as SCALE
from tests.conversations.scripted_device import ScriptedDevice, Step
from tests.conversations.test_dialogues import converse_over_the_air

MODEL = {"2A24": "180A"}
NAMED: list[Step] = [{"dir": "read", "char": "2A24", "hex": b"Model 1".hex()}]


def subscribe(*names: str) -> list[Step]:
    return [{"dir": "subscribe", "char": name} for name in names]


def say(way: str, name: str, octets: str) -> Step:
    return {"dir": way, "char": name, "hex": octets.replace(" ", "")}


@dataclass
class Met:
    readings: list[Reading]
    model: str | None
    device: ScriptedDevice

    def numbers(self) -> list[str]:
        return [str(q.value) for r in self.readings for _, q in sorted(r.values.items())]


async def met(driver: Driver, services: dict[str, str], steps: Sequence[Step]) -> Met:
    dialogue = [*NAMED, *steps]
    offered = services | MODEL
    session, device, _ = await converse_over_the_air(dialogue, offered, driver, until="2A24")
    return Met(session.readings, session.device.model, device)


@pytest.mark.conformance(
    "GLP/COL/GLD/BV-01",
    "GLP/COL/GLD/BV-02",
    "GLP/COL/GLD/BV-04",
    "GLP/COL/GLD/BV-05",
    "GLP/COL/GLD/BV-06",
    "GLP/COL/GLD/BV-07",
    "GLP/COL/GLD/BV-08",
    "GLP/COL/GLD/BV-09",
    "GLP/COL/GLD/BV-11",
    "GLP/COL/GLD/BV-12",
    "GLP/COL/GLF/BV-09",
    "GLP/COL/GLF/BV-10",
    "GLP/COL/GLF/BV-11",
    "GLP/COL/GLF/BV-12",
)
async def test_a_meter_is_discovered_subscribed_to_and_read() -> None:
    found = await met(
        METER,
        dict.fromkeys(("2A18", "2A34", "2A52"), "1808"),
        [
            *subscribe("2A18", "2A34", "2A52"),
            say("write", "2A52", "0101"),
            say("notify", "2A18", "12 0100 ea07 03 0e 0a 19 00 6eb0 11"),
            say("notify", "2A34", "02 0100 02"),
            say("indicate", "2A52", "06000101"),
            say("write", "2A52", "0401"),
            say("indicate", "2A52", "05000100"),
        ],
    )

    assert found.device.subscribed == ["2A18", "2A34", "2A52"]
    assert found.numbers() == ["110"]
    assert "postprandial" in found.readings[0].flags
    assert found.model == "Model 1"


@pytest.mark.conformance(
    "BLP/COL/BPD/BV-01",
    "BLP/COL/BPD/BV-04",
    "BLP/COL/BPD/BV-05",
    "BLP/COL/BPD/BV-06",
    "BLP/COL/BPD/BV-07",
    "BLP/COL/BPD/BV-09",
    "BLP/COL/BPD/BV-10",
    "BLP/COL/BPF/BV-09",
    "BLP/COL/BPF/BV-10",
    "BLP/COL/BPF/BV-11",
    "BLP/COL/BPF/BV-12",
)
async def test_a_cuff_is_discovered_subscribed_to_and_heard() -> None:
    found = await met(
        CUFF,
        dict.fromkeys(("2A35", "2A36"), "1810"),
        [
            say("notify", "2A36", "00 9600 ff07 ff07"),
            say("notify", "2A36", "00 6400 ff07 ff07"),
            say("indicate", "2A35", "02 7800 5000 5d00 ea07 03 0e 0a 19 00"),
            say("indicate", "2A35", "02 8200 5500 6400 ea07 03 0d 14 00 00"),
        ],
    )

    assert found.device.subscribed == ["2A35", "2A36"]
    assert found.numbers() == ["80", "93", "120", "85", "100", "130"]
    assert found.model == "Model 1"


@pytest.mark.conformance(
    "R-CGMP-D1",
    "R-CGMP-D2",
    "R-CGMP-D3",
    "R-CGMP-D4",
    "R-CGMP-D5",
    "R-CGMP-D6",
    "R-CGMP-D7",
    "R-CGMP-D8",
    "R-CGMP-D9",
    "R-CGMP-F1",
    "R-CGMP-R1",
)
async def test_a_sensor_is_discovered_subscribed_to_and_read() -> None:
    found = await met(
        SENSOR,
        dict.fromkeys(("2AA7", "2AA8", "2AA9", "2AAA", "2AAB", "2AAC", "2A52"), "181F")
        | {"2AA4": "181E"},
        [
            *subscribe("2AAC", "2AA4"),
            say("read", "2AA8", "009001 59 c45c"),
            say("read", "2AA9", "6400 000000 2bbc"),
            say("read", "2AAA", "0000 00 00 00 00 00 00 00 184e"),
            say("read", "2AAB", "5001 c632"),
            say("write", "2A52", "0101"),
            say("notify", "2AA7", "08 00 6e00 5f00 b14e"),
            say("notify", "2AA7", "08 00 7800 6400 8094"),
            say("indicate", "2A52", "06000101"),
            say("write", "2A52", "0401"),
            say("indicate", "2A52", "05000200"),
        ],
    )

    assert found.device.subscribed == ["2AA7", "2A52"]
    assert found.device.asked[:3] == ["2AA8", "2AAA", "2AA9"]
    assert {"2AAB", "2A24"} <= set(found.device.asked)
    assert found.numbers() == ["110", "120"]
    assert {name for name, _ in found.device.written} == {"2A52"}


@pytest.mark.conformance("R-WSP-1", "R-WSP-3", "R-BCP-1", "R-BCP-3", "R-UDS-3")
async def test_a_scale_is_discovered_subscribed_to_and_heard() -> None:
    found = await met(
        SCALE,
        {"2A9D": "181D", "2A9C": "181B", "2A9F": "181C"},
        [
            *subscribe("2A9F"),
            say("indicate", "2A9D", "06 983a ea07 03 0e 0a 19 00 01"),
            say("indicate", "2A9C", "1602 fa00 ea07 03 0e 0a 19 00 01 9001 8813"),
        ],
    )

    assert found.device.subscribed == ["2A9D", "2A9C", "2A9F"]
    assert found.numbers() == ["75.000", "25.0", "500.0", "40.0"]
    assert found.model == "Model 1"
