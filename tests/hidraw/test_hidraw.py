"""The kernel's own hidraw is what the transport takes it for."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from gateway.clock import Instant
from gateway.drivers.api import HID, Driver, Manifest, Reach, Session, Sighting
from gateway.drivers.cable_driver import CableDriver
from gateway.errors import LinkLost, RadioTrouble, RadioUnavailable
from gateway.testing.clock import ManualClock
from gateway.transport.api import OpenLink
from gateway.transport.chunks import CHUNKS
from gateway.transport.hid import HidTransport
from gateway.transport.hid_link import HidLink
from gateway.transport.hidraw import hid_devices, open_hidraw
from gateway.transport.settings import HidSettings
from gateway.transport.usb import UsbTransport
from tests.hidraw.conftest import READER
from tests.hidraw.gadget import Gadget
from tests.hidraw.machine import SOON, found, keyboard

KEPT_BY_LINUX = 63
PRODUCT = "Abbott Diabetes Care ADC Reader"


async def hang_up(session: Session) -> None:
    return


MANIFEST = Manifest(
    "glucose_meter/any", "A meter", Reach.HID, frozenset(), "none", (), usb=frozenset({READER})
)
DRIVERS: list[Driver] = [CableDriver(MANIFEST, bytes.hex, hang_up)]


class AskedClock(ManualClock):
    """Tells how often it was asked: once for each report that was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)

    def now(self) -> Instant:
        self.asked.release()
        return super().now()


async def plugged_in() -> tuple[UsbTransport, Sighting]:
    """Let the transport look until it sees a device."""
    transport = UsbTransport(DRIVERS, (), ManualClock(), partial(asyncio.sleep, 0.05))
    seen: asyncio.Queue[Sighting] = asyncio.Queue()
    watching = asyncio.create_task(transport.watch(seen.put_nowait))
    sighting = await asyncio.wait_for(seen.get(), SOON)
    watching.cancel()
    return transport, sighting


async def opened() -> OpenLink:
    await found(READER)
    transport, sighting = await plugged_in()
    return await transport.open(sighting, MANIFEST)


def numbered(count: int) -> list[bytes]:
    return [number.to_bytes(2, "big") + bytes(62) for number in range(count)]


async def test_a_reader_is_named_by_its_number_and_bound_to_its_driver(reader: Gadget) -> None:
    device = await found(READER)

    transport, sighting = await plugged_in()

    assert (device.usb, device.serial, device.product) == (READER, "JGGA001-A0001", PRODUCT)
    assert transport.device_id(sighting) == "usb:1a61:3650:JGGA001-A0001"
    assert (sighting.address, sighting.reach, sighting.usb) == (device.path, Reach.HID, READER)
    assert (sighting.name, sighting.driver) == (PRODUCT, "glucose_meter/any")


async def test_each_plugging_in_is_told_apart_from_the_one_before(reader: Gadget) -> None:
    before = await found(READER)
    reader.unplug()
    reader.plug()
    after = await found(READER)

    assert after.path == before.path
    assert after.plugging != before.plugging


async def test_a_reader_without_a_number_is_named_by_its_socket() -> None:
    with Gadget(READER, None):
        await found(READER)
        transport, sighting = await plugged_in()

    _, _, _, socket = transport.device_id(sighting).split(":")
    bus, _, port = socket.partition("-")
    assert bus.isdecimal()
    assert port == "1"


async def test_a_keyboard_is_neither_listed_nor_opened(
    reader: Gadget, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await keyboard()
    await found(READER)
    opening: list[object] = []
    really = os.open

    def noting(path: str, *rest: int) -> int:
        opening.append(path)
        return really(path, *rest)

    monkeypatch.setattr(
        os, "open", lambda path, *rest: (opening.append(path), really(path, *rest))[1]
    )
    settings = HidSettings(name="reader", path=path, driver=MANIFEST.name)
    configured = HidTransport(settings, DRIVERS, ManualClock())

    assert path not in [device.path for device in hid_devices({READER})]
    with pytest.raises(RadioUnavailable, match="left alone"):
        await configured.watch(lambda sighting: pytest.fail("it was seen"))
    with pytest.raises(RadioUnavailable, match="left alone"):
        await configured.open(Sighting(path, Reach.HID), MANIFEST)
    assert path not in opening


async def test_what_sysfs_calls_a_reader_and_is_a_keyboard_is_closed_before_it_is_read(
    reader: Gadget, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await keyboard()
    monkeypatch.setattr("gateway.transport.hidraw.usb_id", lambda name: READER)
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(RadioUnavailable, match="left alone"):
        open_hidraw(path, {READER})

    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("out_endpoint", [True, False], ids=["interrupt", "control"])
async def test_a_report_arrives_as_it_was_given_without_its_number(out_endpoint: bool) -> None:
    got = []
    with Gadget(READER, None, out_endpoint=out_endpoint) as reader:
        link = await opened()
        for report in (bytes(range(64)), b"\x00\x01"):
            await link.write(HID, report)
            got.append(await asyncio.to_thread(reader.receive))
        await link.close()

    assert got == [bytes(range(64)), b"\x00\x01"]


async def test_each_report_of_the_device_is_a_frame_with_all_its_octets(reader: Gadget) -> None:
    link = await opened()
    inbox = await link.subscribe(HID)

    await asyncio.to_thread(reader.send, numbered(5))
    got = [(await inbox.get(within=SOON)).data for _ in range(5)]
    await link.close()

    assert got == numbered(5)


async def test_linux_drops_what_is_not_read_soon_and_says_nothing(reader: Gadget) -> None:
    descriptor = open_hidraw((await found(READER)).path, {READER})
    sent = await asyncio.to_thread(reader.send, numbered(100))
    await asyncio.sleep(0.2)
    got = [os.read(descriptor, 100) for _ in range(KEPT_BY_LINUX)]
    with pytest.raises(BlockingIOError):
        os.read(descriptor, 100)
    os.close(descriptor)

    assert sent == 100
    assert got == numbered(KEPT_BY_LINUX)


async def test_nothing_is_lost_while_the_event_loop_is_busy_with_something_else(
    reader: Gadget,
) -> None:
    """Never more than Linux keeps is on its way, so that no slow machine loses any."""
    clock = AskedClock()
    descriptor = open_hidraw((await found(READER)).path, {READER})
    link = HidLink(descriptor, "reader", clock, hidraw=True)
    inbox = await link.subscribe(HID)
    count = 8 * KEPT_BY_LINUX
    batches = [numbered(count)[n : n + KEPT_BY_LINUX] for n in range(0, count, KEPT_BY_LINUX)]
    sent: list[int] = []

    def send() -> None:
        for batch in batches:
            sent.append(reader.send(batch))
            if not all(clock.asked.acquire(timeout=SOON) for _ in batch):
                return

    sending = threading.Thread(target=send)
    sending.start()
    while sending.is_alive():
        sum(range(1000))
    got = [(await inbox.get(within=SOON)).data for _ in range(sum(sent))]
    await link.close()

    assert sum(sent) == count
    assert got == numbered(count)


async def test_more_than_the_link_keeps_ends_it_after_what_it_kept(reader: Gadget) -> None:
    link = await opened()
    inbox = await link.subscribe(HID)

    await asyncio.to_thread(reader.send, numbered(CHUNKS + 100))
    got = [(await inbox.get(within=SOON)).data for _ in range(CHUNKS)]
    with pytest.raises(LinkLost) as caught:
        await inbox.get(within=SOON)
    await link.close()

    assert got == numbered(CHUNKS)
    assert "more reports came" in str(caught.value.__cause__)


async def test_a_reader_that_is_pulled_out_ends_the_link_and_comes_again(reader: Gadget) -> None:
    link = await opened()
    inbox = await link.subscribe(HID)
    waiting = asyncio.create_task(inbox.get(within=SOON))
    await asyncio.sleep(0.1)

    reader.unplug()
    with pytest.raises(LinkLost):
        await waiting
    with pytest.raises(LinkLost):
        await link.write(HID, b"\x01")
    await link.close()
    reader.plug()
    again = await opened()
    await again.write(HID, b"\x02")
    got = await asyncio.to_thread(reader.receive)
    await again.close()

    assert got == b"\x02"


async def test_a_reader_is_opened_for_one_program_only(reader: Gadget) -> None:
    link = await opened()

    with pytest.raises(RadioUnavailable, match="another program has it open") as caught:
        await opened()
    await link.close()
    again = await opened()
    await again.close()

    assert caught.value.reason is RadioTrouble.BUSY
