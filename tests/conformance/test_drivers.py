"""Every driver that is installed passes the kit that the driver authors of others are given."""

from __future__ import annotations

import pytest

from gateway.drivers.registry import installed
from gateway.testing.conformance import CHECKS, Check
from gateway.testing.specimen import Specimen
from tests.conformance.specimens import specimens

INSTALLED = {driver.manifest.name for driver in installed()}
ALL = {
    f"{name}{number or ''}": specimen
    for name, some in specimens().items()
    if name in INSTALLED
    for number, specimen in enumerate(some)
}


def test_every_built_in_driver_has_a_specimen() -> None:
    assert specimens().keys() >= INSTALLED


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("specimen", ALL.values(), ids=ALL.keys())
async def test_the_driver_stands_the_check(specimen: Specimen, check: Check) -> None:
    await check(specimen, installed())
