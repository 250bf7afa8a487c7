"""Reports over a descriptor: never merged, never cut, never lost unseen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import HID
from gateway.errors import LinkLost, LinkRefused, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.transport.chunks import CHUNKS
from gateway.transport.hid_link import REPORT_BYTES, HidLink

SOON = 5.0  # s; every wait of these tests ends long before
REPORTS = st.lists(st.binary(min_size=1, max_size=REPORT_BYTES), max_size=40)
NUMBERED = [number.to_bytes(2, "big") for number in range(CHUNKS + 200)]


@asynccontextmanager
async def a_link(*, hidraw: bool = False) -> AsyncIterator[tuple[HidLink, socket.socket]]:
    """Open a link, and the other end of it, where the device is."""
    host, device = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host.setblocking(False)
    device.settimeout(SOON)
    link = HidLink(host.detach(), "hid:meter", ManualClock(), hidraw=hidraw)
    with device:
        yield link, device
        await asyncio.wait_for(link.close(), SOON)


@given(reports=REPORTS)
async def test_reports_come_as_they_were_sent_whatever_they_are(reports: list[bytes]) -> None:
    async with a_link() as (link, device):
        inbox = await link.subscribe(HID)
        for report in reports:
            device.send(report)
        got = [await inbox.get(within=SOON) for _ in reports]

    assert [frame.data for frame in got] == reports
    assert {frame.channel for frame in got} <= {HID}
    assert {frame.received for frame in got} <= {ManualClock().now()}


@given(reports=REPORTS, hidraw=st.booleans())
async def test_reports_are_written_as_they_are_and_hidraw_gets_their_number(
    reports: list[bytes], hidraw: bool
) -> None:
    async with a_link(hidraw=hidraw) as (link, device):
        for report in reports:
            await link.write(HID, report)
        got = [device.recv(100) for _ in reports]

    assert got == [b"\x00" + report if hidraw else report for report in reports]


async def test_reports_that_came_before_the_subscription_are_not_lost() -> None:
    async with a_link() as (link, device):
        device.send(b"early")
        got = await (await link.subscribe(HID)).get(within=SOON)

    assert got.data == b"early"


async def test_silence_is_a_timeout_and_loses_nothing() -> None:
    async with a_link() as (link, device):
        inbox = await link.subscribe(HID)
        with pytest.raises(LinkTimeout, match="hid:meter"):
            await inbox.get(within=0.01)
        device.send(b"late")
        got = await inbox.get(within=SOON)

    assert got.data == b"late"


@pytest.mark.parametrize("size", [0, 65])
async def test_what_is_no_report_is_not_written(size: int) -> None:
    async with a_link() as (link, device):
        with pytest.raises(ValueError, match="1 to 64 octets"):
            await link.write(HID, bytes(size))
        await link.write(HID, b"next")
        got = device.recv(100)

    assert got == b"next"


async def test_a_report_is_not_asked_for() -> None:
    async with a_link() as (link, _):
        with pytest.raises(LinkRefused):
            await link.read(HID)

        assert set(link.channels) == {HID}


async def test_a_simulated_device_waits_until_its_reports_are_taken() -> None:
    async with a_link() as (link, device):
        inbox = await link.subscribe(HID)
        sending = asyncio.create_task(asyncio.to_thread(lambda: [*map(device.send, NUMBERED)]))
        await kept(link, CHUNKS)
        got = [(await inbox.get(within=SOON)).data for _ in NUMBERED]
        await sending

    assert got == NUMBERED


async def test_hidraw_that_gives_more_than_is_taken_ends_the_link_after_what_was_kept() -> None:
    async with a_link(hidraw=True) as (link, device):
        inbox = await link.subscribe(HID)
        await asyncio.to_thread(lambda: [*map(device.send, NUMBERED[: CHUNKS + 1])])
        await asyncio.to_thread(link._reader.join, SOON)
        got = [(await inbox.get(within=SOON)).data for _ in range(CHUNKS)]
        with pytest.raises(LinkLost) as caught:
            await inbox.get(within=SOON)

    assert got == NUMBERED[:CHUNKS]
    assert "more reports came" in str(caught.value.__cause__)


async def kept(link: HidLink, count: int) -> None:
    """Wait until the link keeps so many reports."""
    async with asyncio.timeout(SOON):
        while len(link._inbox._chunks) < count:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0)


async def test_a_device_that_is_pulled_out_ends_the_link_after_what_came() -> None:
    async with a_link() as (link, device):
        inbox = await link.subscribe(HID)
        device.send(b"last")
        device.close()
        last = await inbox.get(within=SOON)
        await asyncio.wait_for(link.pulled.wait(), SOON)
        with pytest.raises(LinkLost, match="hid:meter"):
            await inbox.get(within=SOON)
        with pytest.raises(LinkLost):
            await link.write(HID, b"anyone there?")

    assert last.data == b"last"


async def test_closing_ends_what_waits_and_may_be_done_twice() -> None:
    async with a_link() as (link, _):
        waiting = asyncio.create_task((await link.subscribe(HID)).get(within=SOON))
        await asyncio.sleep(0)
        await link.close()
        with pytest.raises(LinkLost):
            await asyncio.wait_for(waiting, SOON)
        with pytest.raises(LinkLost):
            await link.write(HID, b"x")


async def test_closing_ends_a_report_that_the_device_does_not_take() -> None:
    async with a_link() as (link, _):
        fill(link)
        writing = asyncio.create_task(link.write(HID, bytes(64)))
        await asyncio.sleep(0)
        await link.close()
        with pytest.raises(LinkLost):
            await asyncio.wait_for(writing, SOON)


async def test_a_report_that_the_device_does_not_take_is_given_up_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.transport.hid_link._WRITE_WITHIN_S", 0.01)
    async with a_link() as (link, _):
        fill(link)
        with pytest.raises(LinkTimeout, match="did not take the report"):
            await link.write(HID, bytes(64))


def fill(link: HidLink) -> None:
    """Write until the device, which reads nothing, takes no more."""
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(link._fd, bytes(64))


async def test_closing_does_not_wait_for_reports_to_be_taken() -> None:
    async with a_link() as (link, device):
        sending = asyncio.create_task(asyncio.to_thread(lambda: [*map(device.send, NUMBERED)]))
        await kept(link, CHUNKS)
        await asyncio.wait_for(link.close(), SOON)
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_closed_link_leaves_nothing_open() -> None:
    before = open_descriptors()
    for _ in range(5):
        async with a_link() as (link, _):
            await link.write(HID, b"x")

    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
