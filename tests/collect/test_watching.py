"""Transports that are watched, lost and watched again, and how all of it ends."""

import asyncio
from dataclasses import dataclass

import pytest

from gateway.collect.patience import Outcome
from gateway.collect.status import Watch
from gateway.domain.device import Device
from gateway.errors import (
    RadioTrouble,
    RadioUnavailable,
)
from gateway.transport.api import OpenLink
from tests.collect.fakes import (
    ADDRESS,
    CUFF,
    FakeTransport,
    settle,
)
from tests.collect.stage import Stage, brings_one, hangs


async def test_a_lost_radio_is_shown_and_watched_again_after_a_while(stage: Stage) -> None:
    supervisor = stage.start()
    await stage.transport.show()
    stage.transport.gone.put_nowait(RadioUnavailable("plug it in", RadioTrouble.NO_ADAPTER))
    await settle()
    (lost,) = supervisor.status().transports
    await stage.pauses.advance(1)
    await stage.transport.show()
    (found,) = supervisor.status().transports

    assert (lost.state, lost.reason, lost.problem) == (
        Watch.UNAVAILABLE,
        RadioTrouble.NO_ADAPTER,
        "plug it in",
    )
    assert (found.state, found.problem) == (Watch.WATCHING, None)
    assert stage.transport.watches == 2


async def test_a_radio_that_failed_is_told_as_it_was_until_it_shows_that_it_works(
    stage: Stage,
) -> None:
    stage.transport.trouble = [RadioUnavailable("unplug it"), RadioUnavailable("plug it in")]
    supervisor = stage.start()
    await settle()
    told = []
    for seconds in (1, 2, 29, 1):
        await stage.pauses.advance(seconds)
        (state,) = supervisor.status().transports
        told.append((state.state, state.problem))

    assert told == [
        (Watch.UNAVAILABLE, "plug it in"),
        (Watch.UNAVAILABLE, "plug it in"),
        (Watch.UNAVAILABLE, "plug it in"),
        (Watch.WATCHING, None),
    ]


@dataclass
class Shared(FakeTransport):
    """A transport of several devices, one of which it cannot show."""

    unseen: RadioUnavailable | None = None


async def test_a_device_that_a_transport_cannot_show_is_told_of_while_others_are_watched(
    stage: Stage,
) -> None:
    stage.transport = usb = Shared("usb", unseen=RadioUnavailable("no", RadioTrouble.DENIED))
    stage.transports = [usb]
    supervisor = stage.start()
    await usb.show()
    (told,) = supervisor.status().transports
    usb.unseen = None
    (well,) = supervisor.status().transports

    assert (told.state, told.reason, told.problem) == (Watch.WATCHING, RadioTrouble.DENIED, "no")
    assert (well.reason, well.problem) == (None, None)
    assert usb.opened == [ADDRESS]


async def test_a_watch_whose_own_wait_was_cancelled_is_begun_again(stage: Stage) -> None:
    supervisor = stage.start()
    await stage.transport.show()
    stage.transport.gone.put_nowait(asyncio.CancelledError())
    await settle()
    (lost,) = supervisor.status().transports
    await stage.pauses.advance(1)

    assert lost.state is Watch.UNAVAILABLE
    assert stage.transport.watches == 2


async def test_a_radio_that_stays_away_is_asked_for_less_and_less_often(stage: Stage) -> None:
    stage.transport.trouble = [RadioUnavailable("no")] * 7
    stage.start()
    await settle()
    for _ in range(7):
        await stage.pauses.advance(30)

    assert stage.pauses.asked == [1, 2, 5, 10, 30, 30, 30]


async def test_a_radio_that_worked_for_long_is_asked_for_soon(stage: Stage) -> None:
    stage.transport.trouble = [RadioUnavailable("no")] * 3
    stage.start()
    await settle()
    for _ in range(3):
        await stage.pauses.advance(30)
    await stage.transport.show()
    stage.clock.advance(60)
    stage.transport.gone.put_nowait(RadioUnavailable("gone"))
    await settle()

    assert stage.pauses.asked == [1, 2, 5, 1]


async def test_a_transport_with_a_mistake_does_not_end_the_others(stage: Stage) -> None:
    broken = FakeTransport("broken", trouble=[ValueError("address 7")])
    stage.transports.append(broken)
    stage.driver.talks = [brings_one]
    supervisor = stage.start()
    await stage.transport.show()

    assert len(stage.journal.readings) == 1
    (state,) = (it for it in supervisor.status().transports if it.name == "broken")
    assert state.state is Watch.UNAVAILABLE
    assert "ValueError at fakes.py" in str(state.problem)
    assert "7" not in str(state.problem).split(":")[0]


async def test_a_driver_that_cannot_look_at_a_device_does_not_end_the_watch(stage: Stage) -> None:
    stage.adopted.clear()
    stage.driver.mistake = ValueError("name of a person")
    supervisor = stage.start()
    await stage.transport.show()

    assert [it.driver for it in supervisor.status().sightings] == [None]
    assert stage.transport.watches == 1


async def test_a_driver_that_is_no_longer_installed_is_told(stage: Stage) -> None:
    stage.adopted[CUFF] = "bp_monitor/removed"
    supervisor = stage.start()
    await stage.transport.show()

    (trouble,) = supervisor.status().troubles
    assert trouble.outcome is Outcome.CONFIG
    assert "bp_monitor/removed" in trouble.problem


async def test_stopping_closes_links_before_the_radio_is_switched_off(stage: Stage) -> None:
    stage.driver.talks = [hangs]
    stage.start()
    await stage.transport.show()
    link = stage.transport.links[0]
    assert stage.running is not None
    stage.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stage.running

    assert link.closed == 1
    assert not stage.transport.watching.is_set()
    assert stage.ends(Outcome.STOPPED) == 1


async def test_it_ends_by_itself_once_every_transport_has(stage: Stage) -> None:
    stage.driver.talks = [brings_one]
    supervisor = stage.start()
    await stage.transport.show()
    stage.transport.gone.put_nowait(None)
    assert stage.running is not None
    await asyncio.wait_for(stage.running, 5)

    assert [it.state for it in supervisor.status().transports] == [Watch.ENDED]
    assert len(stage.journal.readings) == 1


async def test_a_wrapped_link_is_what_the_driver_gets_and_what_is_closed(stage: Stage) -> None:
    wrapped: list[tuple[OpenLink, Device]] = []

    def wrap(link: OpenLink, device: Device) -> OpenLink:
        wrapped.append((link, device))
        return link

    stage.wrap = wrap
    stage.start()
    await stage.transport.show()

    assert [(link, device.id) for link, device in wrapped] == [(stage.transport.links[0], CUFF)]
    assert stage.transport.links[0].closed == 1


async def test_a_capture_that_cannot_begin_leaves_no_link_open(stage: Stage) -> None:
    def wrap(link: OpenLink, device: Device) -> OpenLink:
        raise OSError(28, "no space left")

    stage.wrap = wrap
    stage.start()
    await stage.transport.show()

    assert stage.ends(Outcome.BUG) == 1
    assert stage.transport.links[0].closed == 1
