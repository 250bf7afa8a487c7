from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gateway.clock import Instant
from gateway.drivers.api import SERIAL, Driver, Fit, Frame, Manifest, Reach, Session, Sighting
from gateway.drivers.cable_driver import CableDriver

NOW = Instant(datetime(2026, 2, 14, 9, 0, tzinfo=UTC), 0.0, "boot")


async def hang_up(session: Session) -> None:
    return


DRIVER = CableDriver(
    Manifest(
        name="scale/echo",
        title="Echo",
        reach=Reach.SERIAL,
        emits=frozenset(),
        spec="none",
        models=(),
    ),
    bytes.hex,
    hang_up,
)


def port(driver: str | None) -> Sighting:
    return Sighting("/dev/ttyUSB0", Reach.SERIAL, driver=driver, usb=(0x10C4, 0xEA60))


def test_it_is_a_driver() -> None:
    assert isinstance(DRIVER, Driver)


def test_it_fits_only_a_port_that_is_configured_for_it() -> None:
    fits = [DRIVER.match(port(name)) for name in ("scale/echo", "scale/other", None)]

    assert fits == [Fit.MODEL, Fit.NONE, Fit.NONE]


def test_it_fits_what_has_an_id_of_its_manifest_and_is_reached_its_way() -> None:
    known = replace(DRIVER.manifest, reach=Reach.HID, usb=frozenset({(0x1A61, 1), (0x1A61, 2)}))
    driver = replace(DRIVER, manifest=known)
    seen = [
        Sighting("/dev/hidraw0", Reach.HID, usb=(0x1A61, 2)),
        Sighting("/dev/hidraw0", Reach.HID, usb=(0x1A61, 3)),
        Sighting("/dev/ttyACM0", Reach.SERIAL, usb=(0x1A61, 2)),
        Sighting("unix:/run/reader", Reach.HID),
    ]

    fits = [driver.match(each) for each in seen]

    assert fits == [Fit.MODEL, Fit.NONE, Fit.NONE, Fit.NONE]


def test_it_decodes_the_bytes_of_a_frame() -> None:
    assert DRIVER.decode(Frame(SERIAL, b"\x1b\x45", NOW)) == "1b45"
