"""What a Beurer GL50evo keeps beyond 20 to 630 mg/dL is to be shown as Lo and Hi."""

from __future__ import annotations

import pytest

from gateway.domain.reading import Limit, Measure, Quality, Reading
from gateway.drivers.api import Reach, Sighting
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER
from gateway.drivers.glucose_meter.bluetooth_sig.measuring_range import GL50_EVO, USUAL, range_of
from gateway.testing.session import RecordingSession
from tests.drivers.glucose_meter.bluetooth_sig.meter import Meter, record

IN_MOLES = "06 0100 ea07 02 0e 08 2d 1e {} 11"
GL50 = "Beurer GL50EVO"


async def read(octets: bytes, name: str | None) -> Reading:
    session = RecordingSession(DRIVER, Meter({1: octets}).link())
    session.sighting = Sighting("x", Reach.BLE, name=name)
    await DRIVER.converse(session)
    [found] = session.readings
    return found


@pytest.mark.parametrize(
    ("mg_dl", "limit"),
    [
        (1, Limit.BELOW),
        (13, Limit.BELOW),
        (19, Limit.BELOW),
        (631, Limit.ABOVE),
        (751, Limit.ABOVE),
        (999, Limit.ABOVE),
    ],
)
async def test_lo_and_hi_are_limits_without_a_status(mg_dl: int, limit: Limit) -> None:
    found = await read(record(1, mg_dl), GL50)

    assert (found.limit, found.quality, dict(found.values)) == (limit, Quality.GOOD, {})


@pytest.mark.parametrize("mg_dl", [20, 600, 601, 630])
async def test_what_it_shows_as_a_number_is_that_number(mg_dl: int) -> None:
    found = await read(record(1, mg_dl), GL50)

    assert (found.limit, found.quality) == (None, Quality.GOOD)
    assert found.values[Measure.GLUCOSE].value == mg_dl


@pytest.mark.parametrize(
    ("word", "limit"),
    [("0ac0", Limit.BELOW), ("0bc0", None), ("5ec1", None), ("5fc1", Limit.ABOVE)],
)
async def test_in_moles_the_ends_are_1_1_and_35(word: str, limit: Limit | None) -> None:
    found = await read(bytes.fromhex(IN_MOLES.format(word)), GL50)

    assert (found.limit, found.quality) == (limit, Quality.GOOD)


@pytest.mark.parametrize("name", [None, "Beurer GL50", "CareSens 0123"])
async def test_of_other_meters_601_is_hi_and_19_is_doubted(name: str | None) -> None:
    above, below = await read(record(1, 601), name), await read(record(1, 19), name)

    assert (above.limit, below.limit) == (Limit.ABOVE, None)
    assert below.quality is Quality.QUESTIONABLE


def test_the_meter_is_known_by_what_it_advertises_or_says() -> None:
    assert {range_of(name) for name in (GL50, "GL50evo", "GL50EVO_BLE")} == {GL50_EVO}
    assert range_of(None, "GL50evo") is GL50_EVO
    assert range_of(None, "GL50", "") is USUAL
