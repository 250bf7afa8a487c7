"""Ports that nobody named: a device that tells itself is talked with, any other is left alone."""

import asyncio
import os
import socket
from collections.abc import Collection, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from firmware_sims.port import Port

from gateway.drivers.api import HID, SERIAL, Driver, Fit, Manifest, Reach, Session, Sighting
from gateway.drivers.cable_driver import CableDriver
from gateway.drivers.cgm.dexcom_receiver import DRIVER as DEXCOM
from gateway.drivers.registry import installed
from gateway.errors import LinkLost, RadioUnavailable
from gateway.testing.clock import ManualClock
from gateway.transport.hid import known_ids
from gateway.transport.serial import usb_ports
from gateway.transport.usb import UsbTransport
from gateway.transport.usb_device import UsbDevice

SOON_S = 5.0
RECEIVER, CABLE = (0x22A3, 0x0047), (0x10C4, 0xEA60)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    with Port(tmp_path / "ttyACM0") as plugged:
        yield plugged


class Ended(Exception):
    """Ends a watch."""


async def hang_up(session: Session) -> None:
    return


RECEIVERS = CableDriver(
    Manifest(
        "cgm/any_receiver",
        "A receiver that is not asked for its number",
        Reach.SERIAL,
        frozenset(),
        "none",
        (),
        usb=frozenset({RECEIVER}),
    ),
    bytes.hex,
    hang_up,
)


async def one_look(
    *ports: UsbDevice, named: tuple[str, ...] = (), drivers: Collection[Driver] = (RECEIVERS,)
) -> tuple[UsbTransport, list[Sighting]]:
    async def pause(seconds: float) -> None:
        raise Ended

    transport = UsbTransport(drivers, named, ManualClock(), pause, lambda: ports)
    seen: list[Sighting] = []
    with pytest.raises(Ended):
        await transport.watch(seen.append)
    return transport, seen


def on_usb(port: Port, usb: tuple[int, int], serial: str | None = None) -> UsbDevice:
    return UsbDevice(str(port.link), usb, serial, "1-1.3", "Something")


async def test_a_receiver_is_bound_to_its_driver_and_can_be_opened(port: Port) -> None:
    transport, (sighting,) = await one_look(on_usb(port, RECEIVER))

    link = await transport.open(sighting, RECEIVERS.manifest)
    await link.write(SERIAL, b"\x01")
    async with asyncio.timeout(SOON_S):
        while not (heard := await port.receive()):
            pass  # it tells first that it was plugged in
    await link.close()

    assert sighting.driver == "cgm/any_receiver"
    assert heard == b"\x01"


async def test_a_receiver_that_was_pulled_out_before_it_is_opened_is_gone(port: Port) -> None:
    there = [on_usb(port, RECEIVER)]
    looks: list[Sighting] = []

    async def pause(seconds: float) -> None:
        if not there:
            raise Ended
        there.clear()

    transport = UsbTransport([RECEIVERS], (), ManualClock(), pause, lambda: there)
    with pytest.raises(Ended):
        await transport.watch(looks.append)

    with pytest.raises(RadioUnavailable, match="plug"):
        await transport.open(looks[0], RECEIVERS.manifest)


@pytest.mark.parametrize(
    "usb",
    [CABLE, (0x067B, 0x2303), (0x0403, 0x6001), (0x1A86, 0x7523), (0x1A86, 0x55D4), (0x22A3, 0x48)],
    ids=lambda usb: f"{usb[0]:04x}:{usb[1]:04x}",
)
async def test_a_cable_is_listed_and_never_opened_nor_written_to(
    usb: tuple[int, int], port: Port
) -> None:
    transport, (sighting,) = await one_look(on_usb(port, usb), drivers=list(installed()))

    with pytest.raises(RadioUnavailable, match=r"under \[\[ports\]\]"):
        await transport.open(sighting, DEXCOM.manifest)

    assert sighting.driver is None
    assert not port.is_open_elsewhere()
    assert port.written_by_host() == b""


async def test_a_port_of_the_configuration_is_left_to_it(port: Port) -> None:
    resolved = UsbDevice(os.path.realpath(port.link), RECEIVER, None, "1-1.3", None)

    _, seen = await one_look(resolved, named=(str(port.link),))

    assert seen == []


@pytest.mark.parametrize(
    ("usb", "serial", "device"),
    [
        (RECEIVER, "SM1", "usb:22a3:0047:SM1"),
        (RECEIVER, None, "usb:22a3:0047:1-1.3"),
        (CABLE, "0001", "usb:10c4:ea60:1-1.3"),
    ],
)
async def test_a_device_is_named_by_its_number_and_a_cable_by_its_socket(
    usb: tuple[int, int], serial: str | None, device: str, port: Port
) -> None:
    transport, (sighting,) = await one_look(on_usb(port, usb, serial))

    assert transport.device_id(sighting) == device


METER, SERIAL_NUMBER = (0x1A61, 0x3650), "JGGA001-A0001"


def a_driver(name: str) -> Driver:
    manifest = Manifest(name, "A meter", Reach.HID, frozenset(), "none", (), usb=frozenset({METER}))
    return CableDriver(manifest, bytes.hex, hang_up)


async def a_meter(
    folder: Path, drivers: list[Driver], named: tuple[str, ...] = ()
) -> tuple[UsbTransport, list[Sighting]]:
    """Look once at a machine with a simulated HID device."""
    path = f"unix:{folder / 'meter'}"
    device = UsbDevice(path, METER, SERIAL_NUMBER, "1-1.3", "A meter", Reach.HID)

    async def pause(seconds: float) -> None:
        raise Ended

    transport = UsbTransport(drivers, named, ManualClock(), pause, lambda: [device])
    seen: list[Sighting] = []
    with pytest.raises(Ended):
        await transport.watch(seen.append)
    return transport, seen


async def test_a_meter_is_bound_to_its_driver_and_talked_with_in_reports(tmp_path: Path) -> None:
    driver = a_driver("glucose_meter/any")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(tmp_path / "meter"))
        listening.listen(1)
        transport, (sighting,) = await a_meter(tmp_path, [driver])
        link = await transport.open(sighting, driver.manifest)
        firmware, _ = listening.accept()
        with firmware:
            firmware.settimeout(SOON_S)
            await link.write(HID, b"\x01\x00")
            heard = firmware.recv(100)
            firmware.close()
            with pytest.raises(LinkLost) as lost:
                await (await link.subscribe(HID)).get(within=SOON_S)
            await link.close()

    assert (sighting.driver, sighting.reach) == ("glucose_meter/any", Reach.HID)
    assert transport.device_id(sighting) == f"usb:1a61:3650:{SERIAL_NUMBER}"
    assert heard == b"\x01\x00"
    assert SERIAL_NUMBER not in str(lost.value)  # which the log tells


async def test_a_meter_that_two_drivers_know_is_left_to_the_owner(tmp_path: Path) -> None:
    drivers = [a_driver("glucose_meter/any"), a_driver("glucose_meter/other")]
    transport, (sighting,) = await a_meter(tmp_path, drivers)

    with pytest.raises(RadioUnavailable, match=r"under \[\[hid\]\]"):
        await transport.open(sighting, drivers[0].manifest)

    assert sighting.driver is None
    assert transport.device_id(sighting) == "usb:1a61:3650:1-1.3"


class Mistaken(CableDriver):
    """A guest's driver, of which every look at a device fails."""

    def match(self, sighting: Sighting, /) -> Fit:
        raise KeyError(sighting.usb)


async def test_a_driver_that_cannot_look_at_devices_keeps_none_from_its_own(tmp_path: Path) -> None:
    manifest = Manifest("guest/mistaken", "A guest", Reach.HID, frozenset(), "none", ())
    drivers = [Mistaken(manifest, bytes.hex, hang_up), a_driver("glucose_meter/any")]

    _, (sighting,) = await a_meter(tmp_path, drivers)

    assert sighting.driver == "glucose_meter/any"


async def test_a_meter_of_the_configuration_is_left_to_it(tmp_path: Path) -> None:
    named = (f"unix:{tmp_path / 'meter'}",)

    _, seen = await a_meter(tmp_path, [a_driver("glucose_meter/any")], named)

    assert seen == []


async def test_hid_devices_are_asked_for_by_the_ids_of_hid_drivers_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Collection[tuple[int, int]]] = []
    monkeypatch.setattr("gateway.transport.usb.usb_ports", list)
    monkeypatch.setattr(
        "gateway.transport.usb.hid_devices", lambda known: asked.append(known) or []
    )

    async def pause(seconds: float) -> None:
        raise Ended

    transport = UsbTransport([DEXCOM, a_driver("any")], (), ManualClock(), pause)
    with pytest.raises(Ended):
        await transport.watch(lambda sighting: None)

    assert asked == [{METER}]


def test_no_driver_of_this_project_knows_more_hid_devices_than_meters() -> None:
    abbott, ascensia = 0x1A61, 0x1A79
    assert {vendor for vendor, _ in known_ids(installed())} <= {abbott, ascensia}


@pytest.mark.parametrize(("there", "plugging"), [(True, "10"), (False, None)])
def test_linux_counts_the_devices_that_are_plugged_in(
    there: bool, plugging: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "dev"
    folder.mkdir()
    (folder / "ttyACM0").touch()
    if there:
        (tmp_path / "devnum").write_text("10\n")
    receiver = SimpleNamespace(
        device="/dev/ttyACM0",
        vid=0x22A3,
        pid=0x0047,
        serial_number=None,
        location="1-3",
        product="DexCom Gen4 USB Serial",
        usb_device_path=str(tmp_path),
    )
    monkeypatch.setattr("gateway.transport.serial.SysFS", lambda _: receiver)

    (port,) = usb_ports(folder)

    assert (port.path, port.usb, port.socket) == ("/dev/ttyACM0", RECEIVER, "1-3")
    assert port.plugging == plugging


def test_no_other_port_is_looked_at_for_those_on_usb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tty", "tty1", "ttyACM0", "ttyAMA0", "ttyS0", "ttyUSB10", "ttyUSB9", "ttyXRUSB0"):
        (tmp_path / name).touch()
    asked: list[str] = []

    def looked_at(path: str) -> SimpleNamespace:
        asked.append(Path(path).name)
        return SimpleNamespace(vid=None, pid=None)

    monkeypatch.setattr("gateway.transport.serial.SysFS", looked_at)

    assert usb_ports(tmp_path) == []
    assert sorted(asked) == ["ttyACM0", "ttyUSB10", "ttyUSB9", "ttyXRUSB0"]


def test_what_this_machine_has_is_listed_with_its_usb_ids() -> None:
    for port in usb_ports():
        assert port.path.startswith("/dev/")
