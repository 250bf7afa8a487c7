"""What a device sends by itself: order, confirmation, loss, limits."""

import asyncio

import pytest

from gateway.drivers.api import gatt
from gateway.errors import LinkLost, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.transport.arrivals import Arrivals

STORED, OTHER = gatt("1810", "2a35"), gatt("1810", "2a36")
HANDLE, OTHER_HANDLE = 3, 6


class Confirmations(list[str]):
    def of(self, name: str):
        return lambda: self.append(name)


def arrivals(limit: int = 10) -> Arrivals:
    return Arrivals(ManualClock(), limit)


async def test_frames_come_in_order_with_the_time_of_their_arrival() -> None:
    clock = ManualClock()
    collected = Arrivals(clock)
    inbox = collected.inbox(HANDLE, STORED)
    collected.arrived(HANDLE, b"1")
    clock.advance(5)
    collected.arrived(HANDLE, b"2")

    first, second = await inbox.get(within=1), await inbox.get(within=1)

    assert (first.data, second.data) == (b"1", b"2")
    assert second.received.monotonic - first.received.monotonic == 5
    assert first.channel == STORED


async def test_a_frame_from_before_the_subscription_is_not_lost() -> None:
    collected = arrivals()
    collected.arrived(HANDLE, b"early")

    frame = await collected.inbox(HANDLE, STORED).get(within=1)

    assert frame.data == b"early"


async def test_a_frame_is_confirmed_when_the_next_is_asked_for_and_not_before() -> None:
    confirmed = Confirmations()
    collected = arrivals()
    inbox = collected.inbox(HANDLE, STORED)
    collected.arrived(HANDLE, b"1", confirmed.of("first"))
    await inbox.get(within=1)
    before = list(confirmed)
    with pytest.raises(LinkTimeout):
        await inbox.get(within=0.001)

    assert (before, confirmed) == ([], ["first"])


async def test_asking_another_channel_of_the_link_confirms_too() -> None:
    confirmed = Confirmations()
    collected = arrivals()
    inbox, other = collected.inbox(HANDLE, STORED), collected.inbox(OTHER_HANDLE, OTHER)
    collected.arrived(HANDLE, b"1", confirmed.of("first"))
    await inbox.get(within=1)
    with pytest.raises(LinkTimeout):
        await other.get(within=0.001)

    assert confirmed == ["first"]


async def test_a_channel_nobody_reads_does_not_hold_up_the_others() -> None:
    confirmed = Confirmations()
    collected = arrivals()
    inbox = collected.inbox(HANDLE, STORED)
    collected.arrived(OTHER_HANDLE, b"unread", confirmed.of("unread"))
    collected.arrived(HANDLE, b"1")
    await inbox.get(within=1)
    late = await collected.inbox(OTHER_HANDLE, OTHER).get(within=1)

    assert confirmed == ["unread"]
    assert late.data == b"unread"


async def test_nothing_is_confirmed_once_the_link_is_gone() -> None:
    confirmed = Confirmations()
    collected = arrivals()
    inbox = collected.inbox(HANDLE, STORED)
    collected.arrived(HANDLE, b"1", confirmed.of("first"))
    await inbox.get(within=1)
    collected.lose("gone")
    with pytest.raises(LinkLost, match="gone"):
        await inbox.get(within=1)

    assert confirmed == []


async def test_frames_that_came_before_the_loss_are_given_out_first() -> None:
    collected = arrivals()
    inbox = collected.inbox(HANDLE, STORED)
    collected.arrived(HANDLE, b"1")
    collected.lose("gone")
    collected.lose("gone again")
    collected.arrived(HANDLE, b"2")

    assert (await inbox.get(within=1)).data == b"1"
    with pytest.raises(LinkLost, match=r"gone$"):
        await inbox.get(within=1)


async def test_a_loss_ends_every_wait_at_once() -> None:
    collected = arrivals()
    inboxes = [collected.inbox(HANDLE, STORED), collected.inbox(OTHER_HANDLE, OTHER)]
    waits = [asyncio.ensure_future(inbox.get(within=60)) for inbox in inboxes]
    await asyncio.wait(waits, timeout=0.001)
    collected.lose("gone")

    ends = await asyncio.gather(*waits, return_exceptions=True)

    assert [type(end) for end in ends] == [LinkLost, LinkLost]


async def test_a_device_that_floods_loses_its_link_but_no_frame_that_was_taken_in() -> None:
    collected = arrivals(limit=2)
    inbox = collected.inbox(HANDLE, STORED)
    for number in range(3):
        collected.arrived(HANDLE, bytes([number]))

    kept = [(await inbox.get(within=1)).data for _ in range(2)]

    assert kept == [b"\0", b"\1"]
    with pytest.raises(LinkLost, match="faster than it is read"):
        await inbox.get(within=1)


async def test_taking_frames_makes_room_for_others() -> None:
    collected = arrivals(limit=1)
    inbox = collected.inbox(HANDLE, STORED)
    for number in range(5):
        collected.arrived(HANDLE, bytes([number]))
        assert (await inbox.get(within=1)).data == bytes([number])


async def test_what_is_forgotten_is_confirmed() -> None:
    confirmed = Confirmations()
    collected = arrivals(limit=1)
    collected.arrived(OTHER_HANDLE, b"service changed", confirmed.of("it"))
    collected.forget(OTHER_HANDLE)
    collected.arrived(HANDLE, b"there is room")

    assert confirmed == ["it"]
    assert not collected.lost.done()
