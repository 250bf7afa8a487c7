from __future__ import annotations

import pytest

from gateway.drivers.api import Fit, Frame, Reach, Sighting, gatt
from gateway.drivers.cgm.bluetooth_sig import DRIVER
from gateway.errors import DecodeError
from gateway.testing.clock import ManualClock
from gateway.wire import racp

NOW = ManualClock().now()


@pytest.mark.conformance("R-CGMP-D1")
@pytest.mark.parametrize(
    ("sighting", "fit"),
    [
        (Sighting("C0:FF:EE:00:00:01", Reach.BLE, services=frozenset({"181f"})), Fit.PROFILE),
        (Sighting("C0:FF:EE:00:00:01", Reach.BLE, services=frozenset({"1808"})), Fit.NONE),
        (Sighting("/dev/ttyUSB0", Reach.SERIAL, services=frozenset({"181f"})), Fit.NONE),
    ],
)
def test_the_service_makes_the_fit(sighting: Sighting, fit: Fit) -> None:
    assert DRIVER.match(sighting) is fit


def test_the_record_access_of_its_service_counts_in_minutes() -> None:
    frame = Frame(gatt("181f", "2a52"), racp.report(240), NOW, {"direction": "command"})

    assert DRIVER.decode(frame) == racp.Command("report", "ge", "time_offset", 240)


def test_another_service_is_not_decoded() -> None:
    with pytest.raises(DecodeError, match="unknown_channel"):
        DRIVER.decode(Frame(gatt("180f", "2a19"), b"\x50", NOW))
