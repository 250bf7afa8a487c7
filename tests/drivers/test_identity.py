"""Two readings that look alike are two, in each family whose devices can tell them apart."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.identity import identity
from tests.domain.telling import converse

CLOCK = "ea 07 03 0e 0a 1a 35 00 00 00"
TWICE: dict[str, dict[str, Any]] = {
    "a cuff, a second apart": {
        "device": "cuff",
        "sends": [
            "02 78 00 50 00 5d 00 ea 07 03 0e 0a 19 00",
            "02 78 00 50 00 5d 00 ea 07 03 0e 0a 19 01",
        ],
    },
    "a cuff, two users in one second": {
        "device": "cuff",
        "sends": [
            "0a 78 00 50 00 5d 00 ea 07 03 0e 0a 19 00 01",
            "0a 78 00 50 00 5d 00 ea 07 03 0e 0a 19 00 02",
        ],
    },
    "a scale, a second apart": {
        "device": "scale",
        "sends": ["02 b0 36 ea 07 03 0e 0a 19 00", "02 b0 36 ea 07 03 0e 0a 19 01"],
    },
    "a meter, a second apart": {
        "device": "meter",
        "sends": [
            "02 01 00 ea 07 03 0e 0a 19 00 6e b0 11",
            "02 02 00 ea 07 03 0e 0a 19 01 6e b0 11",
        ],
    },
    "a meter whose clock never ran, by its numbers": {
        "device": "meter",
        "sends": [
            "02 01 00 d0 07 01 01 00 00 00 6e b0 11",
            "02 02 00 d0 07 01 01 00 00 00 6e b0 11",
        ],
    },
    "a sensor, one value for an hour": {
        "device": "sensor",
        "start": "ea 07 03 0d 08 00 00 00 00",
        "status": "f6 05 00 00 00",
        "sends": ["08 00 6e 00 e8 03 4c 0b", "08 00 6e 00 ed 03 f4 75"],
    },
    "a receiver": {
        "device": "receiver",
        "clock": "a0 f0 4e 0c",
        "sends": [
            "64 f0 4e 0c fd d6 71 0d 6e 00 14 0d 09",
            "20 80 4e 0c fd d6 71 0d 6e 00 14 1e c3",
        ],
    },
}


@pytest.mark.parametrize("device", TWICE)
async def test_two_readings_of_one_value_and_minute_are_two(device: str) -> None:
    readings = await converse({"clock": CLOCK, **TWICE[device]})

    first, second = readings
    assert first.values == second.values
    assert identity(first) != identity(second)


@pytest.mark.parametrize("device", TWICE)
async def test_they_are_the_same_two_however_often_they_are_read(device: str) -> None:
    story = {"clock": CLOCK, **TWICE[device]}
    later = {**story, "now": "2026-03-14 11:26:53"}

    names = [[identity(reading) for reading in await converse(each)] for each in (story, later)]

    assert names[0] == names[1]
