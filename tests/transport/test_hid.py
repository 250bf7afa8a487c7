"""HID devices: whole reports both ways, and not a look at what no driver knows."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.drivers.api import HID, Manifest, Reach, Sighting
from gateway.errors import LinkLost
from gateway.testing.clock import ManualClock
from gateway.transport.api import OpenLink
from gateway.transport.hid import HidSettings, HidTransport

SOON = 5.0  # s; every wait of these tests ends long before
MANIFEST = Manifest("test/meter", "A meter", Reach.HID, frozenset(), spec="none", models=())


class Served:
    """A simulated device: it listens, and each packet is a report."""

    def __init__(self, path: Path) -> None:
        self.path = f"unix:{path}"
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(str(path))
        self._listening.listen(1)
        self.device: socket.socket | None = None

    def accept(self) -> socket.socket:
        self.device, _ = self._listening.accept()
        self.device.settimeout(SOON)
        return self.device

    def close(self) -> None:
        self._listening.close()
        if self.device is not None:
            self.device.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "meter")
    yield served
    served.close()


async def opened(served: Served) -> tuple[OpenLink, socket.socket]:
    settings = HidSettings(name="meter", path=served.path, driver="test/meter")
    transport = HidTransport(settings, [], ManualClock())
    link = await transport.open(Sighting(served.path, Reach.HID), MANIFEST)
    return link, served.accept()


async def test_reports_come_whole_one_by_one_and_in_their_order(served: Served) -> None:
    link, device = await opened(served)
    inbox = await link.subscribe(HID)

    for report in (b"\x01" * 64, b"\x02", b"\x03" * 63):
        device.send(report)
    got = [await inbox.get(within=SOON) for _ in range(3)]
    await link.close()

    assert [frame.data for frame in got] == [b"\x01" * 64, b"\x02", b"\x03" * 63]
    assert {frame.channel for frame in got} == {HID}


async def test_a_report_is_written_as_the_driver_gives_it(served: Served) -> None:
    link, device = await opened(served)

    await link.write(HID, b"\x01" + bytes(63))
    await link.write(HID, b"\x21\x05$sn?")
    got = [device.recv(100), device.recv(100)]
    await link.close()

    assert got == [b"\x01" + bytes(63), b"\x21\x05$sn?"]


async def test_a_device_that_is_pulled_out_ends_the_link_after_what_came(served: Served) -> None:
    link, device = await opened(served)
    inbox = await link.subscribe(HID)

    device.send(b"last")
    device.close()
    last = await inbox.get(within=SOON)
    with pytest.raises(LinkLost, match="hid:meter"):
        await inbox.get(within=SOON)
    await asyncio.wait_for(link.close(), SOON)

    assert last.data == b"last"
