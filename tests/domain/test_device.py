"""What a person writes, as the id that a transport gives the device once it is seen."""

import pytest

from gateway.domain.device import device_named


@pytest.mark.parametrize(
    ("said", "device"),
    [
        ("ble:C0:FF:EE:00:00:01", "ble:C0:FF:EE:00:00:01"),
        ("C0:FF:EE:00:00:01", "ble:C0:FF:EE:00:00:01"),
        ("c0:ff:ee:00:00:01", "ble:C0:FF:EE:00:00:01"),
        ("ble:c0:ff:ee:00:00:01", "ble:C0:FF:EE:00:00:01"),
        ("ble-rotating:4a:00:00:00:00:01", "ble-rotating:4A:00:00:00:00:01"),
        ("serial:Counter-cuff", "serial:Counter-cuff"),
        ("usb:0403:6001:ab12", "usb:0403:6001:ab12"),
    ],
)
def test_a_device_is_named_by_its_id_or_by_its_bluetooth_address_alone(
    said: str, device: str
) -> None:
    assert device_named(said) == device


@pytest.mark.parametrize(
    "said",
    ["", "cuff", "ble:", "ble:cuff", "C0:FF:EE:00:00", "C0FFEE000001", "/dev/ttyUSB0", "usb:"],
)
def test_what_no_transport_calls_a_device_names_none(said: str) -> None:
    assert device_named(said) is None
