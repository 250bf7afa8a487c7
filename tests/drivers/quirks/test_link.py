"""Oddities below the drivers: pairing, bonds, scanning.

Most tests of these are the transports' own; here is the shortest that stands for each row.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.collect.patience import Outcome
from gateway.collect.supervisor import ALARMING
from gateway.drivers.api import Channel, Frame, Manifest, Reach, Session, Sighting, gatt
from gateway.drivers.bp_monitor.omron_ble import DRIVER as OMRON
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER as METER
from gateway.drivers.glucose_meter.bluetooth_sig import contour
from gateway.errors import DecodeError, LinkRefused, PairingNeeded
from gateway.testing.clock import ManualClock
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import Characteristic, Deadlines, GattLink, bonded_first
from tests.collect.fakes import CUFF
from tests.collect.stage import Stage, brings_one, fails, hangs, stage
from tests.collect.test_passive_devices import STANDING, heard
from tests.transport.ble.test_transport import TableScanner, Watched, clean_tables, watched
from tests.transport.hci import test_transport as over_hci
from tests.transport.hci.conftest import air, cuff
from tests.transport.hci.virtual_air import Air, Cuff
from tests.transport.test_gatt_link import TablePeer, refusing

__all__ = ["air", "clean_tables", "cuff", "stage", "watched"]

CHANNEL = Channel("1810/2a35")
NAMED = gatt("1800", "2a00")
OMRON_MEMORY = gatt("fe4a", "db5b55e0-aee7-11e1-965e-0002a5d5c51b")


class EarlyPeer(TablePeer):
    """Sends before the answer to its subscription."""

    arrivals: Arrivals

    async def enable(self, handle: int, /, *, indications: bool) -> None:
        self.arrivals.arrived(handle, b"early")


class ClosedPeer(TablePeer):
    """Lets nobody subscribe who is not paired."""

    async def enable(self, handle: int, /, *, indications: bool) -> None:
        if "pair" not in self.done:
            raise LinkRefused("refused", 0x05)
        await super().enable(handle, indications=indications)


def linked(peer: TablePeer, *channels: Channel) -> GattLink:
    arrivals = Arrivals(ManualClock())
    if isinstance(peer, EarlyPeer):
        peer.arrivals = arrivals
    offered = [
        Characteristic(channel, handle, notifies=False, indicates=True)
        for handle, channel in enumerate(channels or (CHANNEL,), 1)
    ]
    return GattLink(peer, arrivals, offered, ManualClock(), Deadlines())


async def handed_over(first: GattLink, then: GattLink, manifest: Manifest, *seen: str) -> GattLink:
    """What a driver gets of a device that shows itself so at first, and so when connected anew."""

    async def connect() -> GattLink:
        return then

    sighting = Sighting("x", Reach.BLE, services=frozenset(seen))
    return await bonded_first(first, sighting, manifest, connect)


async def test_quirk_23_a_cuff_that_lets_only_partners_subscribe_is_paired_and_asked_again() -> (
    None
):
    peer = ClosedPeer()
    await linked(peer).subscribe(CHANNEL)

    assert peer.done == ["pair", "enable 1 indications"]


async def test_quirk_25_a_service_hidden_until_bonded_is_paired_for_and_discovered_anew() -> None:
    peer = TablePeer()
    hidden, shown = linked(peer, NAMED), linked(TablePeer(), NAMED, OMRON_MEMORY)

    link = await handed_over(hidden, shown, OMRON.manifest, "fe4a")

    assert OMRON_MEMORY in link.channels
    assert peer.done == ["pair", "discover", "disconnect"]


async def test_quirk_25_one_that_appears_with_the_bond_costs_no_second_connection() -> None:
    peer = TablePeer(shows=[Characteristic(OMRON_MEMORY, 2, notifies=True, indicates=False)])
    hidden = linked(peer, NAMED)

    link = await handed_over(hidden, hidden, OMRON.manifest, "fe4a")
    await link.subscribe(OMRON_MEMORY)

    assert peer.done == ["pair", "discover", "enable 2 notifications"]


async def test_quirk_26_over_the_air_nothing_is_switched_off_at_the_end(
    air: Air, cuff: Cuff
) -> None:
    switched: list[tuple[bool, bool]] = []
    cuff.stored.on("subscription", lambda _, *switches: switched.append(switches))
    async with over_hci.watch(air) as radio:
        link = await radio.open()
        await link.subscribe(over_hci.STORED)
        await link.close()

    assert switched == [(False, True)]


async def test_quirk_26_closing_leaves_subscriptions_as_they_are() -> None:
    peer = TablePeer()
    link = linked(peer)
    await link.subscribe(CHANNEL)
    await link.close()

    assert peer.done == ["enable 1 indications", "disconnect"]


@pytest.mark.parametrize("code", [0x05, 0x0F])
async def test_quirk_27_a_bond_that_another_has_taken_is_a_task_for_a_person(
    stage: Stage, code: int
) -> None:
    async def asks(_session: Session) -> None:
        await linked(TablePeer(refusing(code, code))).read(CHANNEL)

    stage.driver.talks = [asks]
    supervisor = stage.start()
    await stage.transport.show()

    (task,) = supervisor.status().troubles
    assert (task.device, task.outcome) == (CUFF, Outcome.PAIRING)
    assert "pair the device" in task.problem


async def test_quirk_30_a_pairing_that_failed_is_tried_once_more_while_the_device_is_there(
    stage: Stage,
) -> None:
    stage.driver.talks = [fails(PairingNeeded("failed")), brings_one]
    stage.start()
    for _ in range(3):  # it advertises all the time, as it does in its pairing mode
        await stage.transport.show()
        stage.clock.advance(1)

    assert len(stage.journal.readings) == 1


async def test_quirk_30_but_not_over_and_over(stage: Stage) -> None:
    stage.driver.talks = [fails(PairingNeeded("failed"))]
    stage.start()
    for _ in range(30):
        await stage.transport.show()
        stage.clock.advance(1)

    assert len(stage.transport.opened) == 2


async def test_quirk_32_a_contour_is_bonded_before_anyone_subscribes() -> None:
    peer = TablePeer()
    meter = linked(peer, gatt("1808", "2a18"), contour.CLOCK)

    link = await handed_over(meter, meter, METER.manifest, "1808")
    await link.subscribe(gatt("1808", "2a18"))

    assert peer.done == ["pair", "enable 1 indications"]


async def test_quirk_32_another_meter_is_not_paired_unless_it_asks() -> None:
    peer = TablePeer()
    meter = linked(peer, gatt("1808", "2a18"))

    await handed_over(meter, meter, METER.manifest, "1808")

    assert peer.done == []


async def test_quirk_46_a_scanner_that_fell_silent_is_started_anew(watched: Watched) -> None:
    await watched.sighting()
    watched.silence.put_nowait(None)
    await watched.sighting()

    assert TableScanner.log == ["start", "stop", "start"]


async def test_quirk_47_what_comes_before_the_subscription_is_answered_is_kept() -> None:
    inbox = await linked(EarlyPeer()).subscribe(CHANNEL)

    assert (await inbox.get(within=0)).data == b"early"


async def test_quirk_48_a_request_refused_for_its_bond_is_paired_for_once() -> None:
    peer = TablePeer(refusing(0x05))

    assert (await linked(peer).read(CHANNEL)).data == b"value"
    assert peer.done == ["read 1", "pair", "read 1"]


async def test_quirk_48_a_stale_bond_is_told_forgotten_and_made_anew(
    air: Air, cuff: Cuff, tmp_path: Path
) -> None:
    await over_hci.test_a_device_that_forgot_its_bond_needs_a_person_and_is_paired_anew_after_forgetting(  # noqa: E501
        air, cuff, tmp_path
    )


async def test_quirk_49_a_scale_that_only_advertises_is_heard_and_never_connected() -> None:
    radio, journal = await heard(STANDING, adopted="scale/xiaomi")

    assert len(journal.readings) == 1
    assert radio.opened == []


async def sends_riddles(session: Session) -> None:
    device = session.device.model_copy(update={"firmware": "2.1"})
    await session.describe(device)
    for _ in range(ALARMING):
        await session.set_aside(Frame(CHANNEL, b"?", session.now()), DecodeError("unknown"))


async def test_quirk_52_a_firmware_that_nobody_knows_is_told_until_something_can_be_read(
    stage: Stage,
) -> None:
    stage.driver.talks = [sends_riddles, brings_one]
    supervisor = stage.start()
    await stage.transport.show()
    (told,) = supervisor.status().troubles
    stage.clock.advance(5)
    await stage.transport.show()

    assert told.outcome is Outcome.UNREADABLE
    assert "firmware 2.1" in told.problem
    assert supervisor.status().troubles == ()


async def test_quirk_52_it_is_told_also_while_the_conversation_lasts(stage: Stage) -> None:
    async def sends_riddles_for_weeks(session: Session) -> None:
        await sends_riddles(session)
        await hangs(session)

    stage.driver.talks = [sends_riddles_for_weeks]
    supervisor = stage.start()
    await stage.transport.show()

    assert [it.outcome for it in supervisor.status().troubles] == [Outcome.UNREADABLE]
