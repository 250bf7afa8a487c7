"""A device keeps one identity of its own, or has none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device import Device, DeviceId
from gateway.domain.reading import Kind
from gateway.errors import UplinkRejected
from gateway.uplink.mes_device import device_resource, eui64


def device(driver: str = "scale/some", **known: str | None) -> Device:
    return Device(id=DeviceId("ble:x"), driver=driver, **known)  # type: ignore[arg-type]


def test_the_system_id_of_the_device_comes_first() -> None:
    known = device(system_id="A4-C1-38-00-01-12-34-56", address="A4:C1:38:12:34:56", serial="9")

    assert eui64(known) == "A4-C1-38-00-01-12-34-56"


@pytest.mark.parametrize(
    "placeholder",
    [
        "00-00-00-00-00-00-00-00",
        "FF-FF-FF-FF-FF-FF-FF-FF",
        "A4-C1-38-00-00-00-00-00",
        "00-00-00-01-02-03-04-05",
        "A4:C1:38:00:01:12:34:56",
        "",
    ],
)
def test_a_placeholder_system_id_gives_way_to_the_address(placeholder: str) -> None:
    known = device(system_id=placeholder, address="A4:C1:38:12:34:56")

    assert eui64(known) == "A4-C1-38-FF-FE-12-34-56"


@pytest.mark.parametrize("address", [None, "00:00:00:00:00:00", "FF:FF:FF:FF:FF:FF", "not one"])
def test_without_an_address_maker_model_and_serial_number_make_a_local_one(
    address: str | None,
) -> None:
    known = device(manufacturer="ACME", model="WS1", serial="SN-1", address=address)

    # SHA-256("ACME|WS1|SN-1") begins with DB 85 45 ...: U/L bit set, I/G bit cleared, it is DA.
    assert eui64(known) == "DA-85-45-9A-26-9D-AA-24"


@pytest.mark.parametrize("address", ["C0:FF:EE:00:00:01", "F4:12:34:56:78:9A"])
def test_an_address_that_may_be_random_is_not_shown_as_one_that_the_ieee_gave(address: str) -> None:
    alone = eui64(device(address=address))
    with_serial = eui64(device(address=address, manufacturer="ACME", model="WS1", serial="SN-1"))

    assert int(alone[:2], 16) & 0b11 == 0b10
    assert address[-8:].replace(":", "-") not in alone
    assert eui64(device(address=address, name="renamed")) == alone
    assert eui64(device(address="C0:FF:EE:00:00:02")) != alone
    assert with_serial == "DA-85-45-9A-26-9D-AA-24"  # which outlives a change of battery


@given(st.binary(min_size=6, max_size=6).filter(lambda octets: len(set(octets)) > 1))
def test_what_is_made_of_an_address_is_the_ieees_only_if_the_address_cannot_be_random(
    octets: bytes,
) -> None:
    made = eui64(device(address=octets.hex(":").upper(), manufacturer="ACME", serial="SN-1"))

    of_the_address = "-".join((*made.split("-")[:3], *made.split("-")[5:]))
    assert (of_the_address == octets.hex("-").upper()) == (
        octets[0] < 0xC0 and set(octets[:3]) != {0} and set(octets[3:]) not in ({0}, {0xFF})
    )


@given(st.text(min_size=1), st.text(min_size=1).filter(lambda s: s.strip().strip("0")))
def test_a_local_one_says_that_it_is_local_and_of_one_device(maker: str, serial: str) -> None:
    made = eui64(device(manufacturer=maker, serial=serial))

    assert re.fullmatch(r"[0-9A-F]{2}(-[0-9A-F]{2}){7}", made)
    assert int(made[:2], 16) & 0b11 == 0b10


def test_one_that_says_neither_maker_nor_model_is_told_by_the_serial_number_of_its_label() -> None:
    """As the refusal of one without says to do."""
    some, same, other, of_another = (
        eui64(device(driver, serial=serial))
        for driver, serial in (
            *(("scale/health_o_meter", "SN-1"), ("scale/health_o_meter", "SN-1")),
            *(("scale/health_o_meter", "SN-2"), ("scale/sma", "SN-1")),
        )
    )

    assert some == same
    assert len({some, other, of_another}) == 3
    assert int(some[:2], 16) & 0b11 == 0b10


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"manufacturer": "ACME", "model": "WS1"},
        {"manufacturer": "ACME", "serial": "00000000"},
        {"manufacturer": "ACME", "serial": "  "},
    ],
)
def test_a_device_that_cannot_be_told_from_others_gets_none(known: dict[str, str]) -> None:
    with pytest.raises(UplinkRejected, match="serial number"):
        eui64(device(**known))


@pytest.mark.parametrize(
    ("driver", "kind", "code"),
    [
        ("bp_monitor/some", Kind.BLOOD_PRESSURE, "528391"),
        ("bp_monitor/some", Kind.HEART_RATE, "528391"),
        ("scale/some", Kind.HEIGHT, "528399"),
        ("cgm/some", Kind.MEAN_INTERSTITIAL_GLUCOSE, "528409"),
        ("guest/some", Kind.BLOOD_GLUCOSE, "528401"),
        ("guest/some", Kind.HEART_RATE, "528457"),
    ],
)
def test_a_device_is_described_alike_by_all_its_readings(
    driver: str, kind: Kind, code: str
) -> None:
    resource = device_resource(device(driver, address="A4:C1:38:12:34:56"), kind, "1")

    assert resource["specialization"][0]["systemType"]["coding"][0]["code"] == code


def test_neither_name_nor_serial_number_nor_address_leaves() -> None:
    known = device(
        name="Balance de Julie", manufacturer="ACME", serial="SN-1", address="A4:C1:38:12:34:56"
    )

    text = str(device_resource(known, Kind.WEIGHT, "1"))

    assert "Julie" not in text
    assert "SN-1" not in text
    assert "A4:C1" not in text


def test_no_sign_that_fhir_forbids_comes_of_what_a_device_says_of_itself() -> None:
    """One sign of a device that lies, or is broken, would have all its readings refused."""
    strange = Device(
        id=DeviceId("ble:A4:C1:38:12:34:56"),
        driver="scale/bluetooth_sig",
        address="A4:C1:38:12:34:56",
        manufacturer="AC\x1b[2JME",
        model="\x00\x07",
        firmware="2.3\x01",
        hardware="\x02",
    )

    made = device_resource(strange, Kind.WEIGHT, "d")

    assert (made["manufacturer"], made["modelNumber"]) == ("AC[2JME", "unknown")
    assert [version["value"] for version in made["version"]] == ["2.3"]
