"""How a Microlife cuff is told from all that has the service FFF0."""

from __future__ import annotations

import pytest

from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.bp_monitor.microlife import DRIVER


def fit(name: str | None, *services: str, reach: Reach = Reach.BLE) -> Fit:
    return DRIVER.match(Sighting("x", reach, name=name, services=frozenset(services)))


@pytest.mark.parametrize(
    "name",
    [
        "BP3GY1-2N",
        "BP3GT1-6B",
        "BP3KX1-1BCVS",
        "B3 BT",
        "B6 Connect",
        "A6 BASIS PLUS BT",
        "A6 BT",
        "A7 Touch BT",
    ],
)
def test_a_name_that_only_a_cuff_has_is_enough(name: str) -> None:
    assert fit(name) is Fit.FAMILY
    assert fit(name, reach=Reach.SERIAL) is Fit.NONE


@pytest.mark.parametrize("name", ["A6", "B6", "A6-1234", "Progress"])
def test_a_short_name_needs_the_service_beside_it(name: str) -> None:
    assert fit(name, "fff0") is Fit.FAMILY
    assert fit(name) is Fit.NONE


@pytest.mark.parametrize(
    "name", [None, "", "LEDBLE-7E8A", "Triones", "eBody-Fat-Scale", "WatchBP Home", "BP3000"]
)
def test_the_service_alone_says_nothing(name: str | None) -> None:
    assert fit(name, "fff0") is Fit.NONE
