"""HID devices of the configuration: simulated ones, and those whose driver knows their USB id."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.drivers.api import HID, Driver, Manifest, Reach, Session, Sighting
from gateway.drivers.cable_driver import CableDriver
from gateway.errors import RadioTrouble, RadioUnavailable
from gateway.testing.clock import ManualClock
from gateway.transport.hid import HidTransport, open_hid
from gateway.transport.settings import HidSettings

SOON = 5.0  # s; every wait of these tests ends long before
METER, KEYBOARD = (0x1A61, 0x3650), (0x046D, 0xC31C)
MANIFEST = Manifest(
    "glucose_meter/any", "A meter", Reach.HID, frozenset(), "none", (), usb=frozenset({METER})
)


async def hang_up(session: Session) -> None:
    return


DRIVERS: list[Driver] = [CableDriver(MANIFEST, bytes.hex, hang_up)]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[socket.socket]:
    """A simulated device, which listens at `meter`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as device:
        device.bind(str(tmp_path / "meter"))
        device.listen(1)
        device.settimeout(SOON)
        yield device


class Ended(Exception):
    """Ends a watch."""


async def end(seconds: float) -> None:
    raise Ended


def transport_to(path: str) -> HidTransport:
    settings = HidSettings(name="meter", path=path, driver=MANIFEST.name)
    return HidTransport(settings, DRIVERS, ManualClock(), end)


async def one_look(transport: HidTransport) -> list[Sighting]:
    seen: list[Sighting] = []
    with pytest.raises(Ended):
        await transport.watch(seen.append)
    return seen


async def test_a_simulated_device_is_seen_and_talked_with(
    device: socket.socket, tmp_path: Path
) -> None:
    transport = transport_to(f"unix:{tmp_path / 'meter'}")

    (sighting,) = await one_look(transport)
    link = await transport.open(sighting, MANIFEST)
    firmware, _ = device.accept()
    with firmware:
        await link.write(HID, b"\x01" + bytes(63))
        asked = firmware.recv(100)
        firmware.send(b"\x71\x01\x01")
        got = await (await link.subscribe(HID)).get(within=SOON)
        await link.close()

    assert sighting == Sighting(f"unix:{tmp_path / 'meter'}", Reach.HID, driver=MANIFEST.name)
    assert transport.device_id(sighting) == transport.name == "hid:meter"
    assert (asked, got.data) == (b"\x01" + bytes(63), b"\x71\x01\x01")


async def test_a_device_that_is_not_there_is_not_seen_and_says_what_to_do(tmp_path: Path) -> None:
    path = f"unix:{tmp_path / 'none'}"

    seen = await one_look(transport_to(path))
    with pytest.raises(RadioUnavailable, match="plug the device in") as caught:
        await transport_to(path).open(Sighting(path, Reach.HID), MANIFEST)

    assert seen == []
    assert caught.value.reason is RadioTrouble.NO_ADAPTER
    settings = HidSettings(name="meter", path=path, driver=MANIFEST.name)
    assert settings.absence() == (
        f"HID device {path} cannot be opened: it does not exist; plug the device in, or correct"
        " its path."
    )


async def test_a_simulator_that_has_ended_says_what_to_do(
    device: socket.socket, tmp_path: Path
) -> None:
    device.close()
    path = f"unix:{tmp_path / 'meter'}"

    with pytest.raises(RadioUnavailable, match="start what serves it") as caught:
        await transport_to(path).open(Sighting(path, Reach.HID), MANIFEST)

    assert caught.value.reason is RadioTrouble.NO_SERVICE


@pytest.mark.parametrize("usb", [KEYBOARD, None], ids=["a keyboard", "no HID device"])
async def test_what_its_driver_does_not_know_is_neither_seen_nor_opened(
    usb: tuple[int, int] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidraw0").touch()
    opened: list[object] = []
    monkeypatch.setattr("gateway.transport.hid.usb_id", lambda node: usb)
    monkeypatch.setattr("gateway.transport.hidraw.usb_id", lambda node: usb)
    monkeypatch.setattr(os, "open", lambda path, *_: opened.append(path))
    transport = transport_to(str(tmp_path / "hidraw0"))

    with pytest.raises(RadioUnavailable, match="left alone") as watching:
        await transport.watch(lambda sighting: pytest.fail("it was seen"))
    with pytest.raises(RadioUnavailable, match="left alone"):
        await transport.open(Sighting(str(tmp_path / "hidraw0"), Reach.HID), MANIFEST)

    assert watching.value.reason is RadioTrouble.DENIED
    assert opened == []


async def test_another_drivers_device_is_left_alone_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidraw0").touch()
    monkeypatch.setattr("gateway.transport.hid.usb_id", lambda node: METER)
    settings = HidSettings(name="meter", path=str(tmp_path / "hidraw0"), driver="scale/other")
    transport = HidTransport(settings, DRIVERS, ManualClock(), end)

    with pytest.raises(RadioUnavailable, match="left alone"):
        await transport.watch(lambda sighting: pytest.fail("it was seen"))


async def test_a_device_that_its_driver_knows_is_seen_with_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidraw0").touch()
    (tmp_path / "meter").symlink_to("hidraw0")  # as udev makes them
    monkeypatch.setattr("gateway.transport.hid.usb_id", {"hidraw0": METER}.get)

    (seen,) = await one_look(transport_to(str(tmp_path / "meter")))

    assert seen == Sighting(str(tmp_path / "meter"), Reach.HID, driver=MANIFEST.name, usb=METER)


async def test_a_device_that_may_not_be_opened_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gateway.transport.hidraw.usb_id", lambda node: METER)
    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(RadioUnavailable, match="udev rules of deploy/") as caught:
        await open_hid("/dev/hidraw0", {METER}, "hid:meter", ManualClock())

    assert caught.value.reason is RadioTrouble.DENIED


async def test_a_device_is_not_left_open_when_opening_is_cancelled(
    device: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_connect = threading.Event()
    really = socket.socket.connect

    def slow(connection: socket.socket, address: str) -> None:
        may_connect.wait(SOON)
        really(connection, address)

    monkeypatch.setattr(socket.socket, "connect", slow)
    path = f"unix:{tmp_path / 'meter'}"
    opening = asyncio.create_task(open_hid(path, (), "hid:meter", ManualClock()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    may_connect.set()

    firmware, _ = await asyncio.to_thread(device.accept)
    with firmware:
        assert await asyncio.to_thread(firmware.recv, 1) == b""  # closed


@pytest.mark.parametrize("path", ["hidraw0", "unix:meter", "tcp://x", ""])
def test_only_paths_and_sockets_are_accepted(path: str) -> None:
    with pytest.raises(ValidationError):
        HidSettings(name="meter", path=path, driver="test/meter")
