from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from gateway.domain.reading import Kind
from gateway.drivers.api import Channel, Manifest, Reach, Sighting
from gateway.errors import LinkLost, LinkRefused, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.transport.advertisements import Advertisements
from tests.collect.fakes import ClosingLink, FakeTransport

SCALE = Channel("advertisement/181d")
SEEN = Sighting("C0:FF:EE:00:00:01", Reach.BLE, service_data={"181d": b"one", "fe95": b"x"})
PASSIVE = Manifest("scale/x", "x", Reach.ADVERTISEMENT, frozenset({Kind.WEIGHT}), "x", ())


async def test_a_link_begins_with_the_sighting_it_was_opened_for() -> None:
    radio = Advertisements(FakeTransport(), ManualClock())
    link = await radio.open(SEEN, PASSIVE)
    inbox = await link.subscribe(SCALE)

    frame = await inbox.get(within=1)

    assert (frame.channel, frame.data) == (SCALE, b"one")
    assert set(link.channels) == {SCALE, Channel("advertisement/fe95")}
    await link.close()


async def test_each_later_sighting_of_the_device_is_heard_and_of_no_other() -> None:
    fake = FakeTransport()
    radio = Advertisements(fake, ManualClock())
    passed_on: list[Sighting] = []
    watching = asyncio.ensure_future(radio.watch(passed_on.append))
    link = await radio.open(SEEN, PASSIVE)
    inbox = await link.subscribe(SCALE)
    await fake.show(replace(SEEN, service_data={"181d": b"two"}))
    await fake.show(replace(SEEN, address="C0:FF:EE:00:00:02", service_data={"181d": b"other"}))
    await fake.show(replace(SEEN, service_data={"181d": b"two"}))

    heard = [(await inbox.get(within=1)).data for _ in range(3)]

    assert heard == [b"one", b"two", b"two"]
    assert len(passed_on) == 3
    with pytest.raises(LinkTimeout):
        await inbox.get(within=0)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_what_nobody_subscribed_to_is_not_kept() -> None:
    fake = FakeTransport()
    radio = Advertisements(fake, ManualClock())
    watching = asyncio.ensure_future(radio.watch(lambda _: None))
    link = await radio.open(SEEN, PASSIVE)
    await fake.show(replace(SEEN, service_data={"181d": b"two"}))

    inbox = await link.subscribe(SCALE)

    assert (await inbox.get(within=1)).data == b"one"
    with pytest.raises(LinkTimeout):
        await inbox.get(within=0)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_a_radio_that_goes_ends_the_link() -> None:
    fake = FakeTransport()
    radio = Advertisements(fake, ManualClock())
    watching = asyncio.ensure_future(radio.watch(lambda _: None))
    link = await radio.open(replace(SEEN, service_data={}), PASSIVE)
    inbox = await link.subscribe(SCALE)
    await asyncio.wait_for(fake.watching.wait(), 5)
    fake.gone.put_nowait(None)
    await watching

    with pytest.raises(LinkLost, match="radio"):
        await inbox.get(within=1)


async def test_a_closed_link_hears_nothing_more_and_may_be_closed_again() -> None:
    radio = Advertisements(FakeTransport(), ManualClock())
    link = await radio.open(SEEN, PASSIVE)
    inbox = await link.subscribe(SCALE)
    await link.close()
    await link.close()

    assert (await inbox.get(within=1)).data == b"one"  # what came before is still given out
    with pytest.raises(LinkLost):
        await inbox.get(within=1)


async def test_nothing_can_be_asked_or_told() -> None:
    link = await Advertisements(FakeTransport(), ManualClock()).open(SEEN, PASSIVE)

    with pytest.raises(LinkRefused):
        await link.read(SCALE)
    with pytest.raises(LinkRefused):
        await link.write(SCALE, b"")


async def test_another_driver_gets_the_connection_it_wants() -> None:
    fake = FakeTransport()
    radio = Advertisements(fake, ManualClock())

    link = await radio.open(SEEN, replace(PASSIVE, reach=Reach.BLE))

    assert isinstance(link, ClosingLink)
    assert fake.opened == [SEEN.address]
    assert radio.name == "fake"
    assert radio.device_id(SEEN) == fake.device_id(SEEN)
