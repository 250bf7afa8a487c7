from __future__ import annotations

import pytest

from gateway.drivers.api import Fit, Frame, Reach, Sighting, gatt
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock
from gateway.wire import racp

NOW = ManualClock().now()


@pytest.mark.conformance("GLP/COL/GLD/BV-01")
@pytest.mark.parametrize(
    ("sighting", "fit"),
    [
        (Sighting("C0:FF:EE:00:00:01", Reach.BLE, services=frozenset({"1808"})), Fit.PROFILE),
        (Sighting("C0:FF:EE:00:00:01", Reach.BLE, services=frozenset({"181f"})), Fit.NONE),
        (Sighting("/dev/ttyUSB0", Reach.SERIAL, services=frozenset({"1808"})), Fit.NONE),
    ],
)
def test_the_service_makes_the_fit(sighting: Sighting, fit: Fit) -> None:
    assert DRIVER.match(sighting) is fit


def test_an_answer_on_record_access_is_decoded() -> None:
    frame = Frame(gatt("1808", "2a52"), bytes.fromhex("0500c00f"), NOW)

    assert DRIVER.decode(frame) == racp.Count("count_response", 4032)


def test_another_service_is_not_decoded() -> None:
    with pytest.raises(DecodeError, match="unknown_channel"):
        DRIVER.decode(Frame(gatt("180f", "2a19"), b"\x50", NOW))
