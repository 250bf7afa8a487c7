"""Oddities below the drivers: pairing, bonds, scanning.

Most tests of these are the transports' own; here is the shortest that stands for each row.
"""

from __future__ import annotations

import pytest

from gateway.collect.patience import REAPPEARED_S, Outcome, Patience
from gateway.drivers.api import Channel
from gateway.errors import PairingNeeded
from gateway.testing.clock import ManualClock
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import Characteristic, Deadlines, GattLink
from tests.transport.ble.test_transport import TableScanner, Watched, clean_tables, watched
from tests.transport.test_gatt_link import TablePeer, refusing

__all__ = ["clean_tables", "watched"]

CHANNEL = Channel("1810/2a35")


OFFERED = [Characteristic(CHANNEL, 1, notifies=False, indicates=True)]


class EarlyPeer(TablePeer):
    """Sends before the answer to its subscription."""

    arrivals: Arrivals

    async def enable(self, handle: int, /, *, indications: bool) -> None:
        self.arrivals.arrived(handle, b"early")


def linked(peer: TablePeer) -> GattLink:
    arrivals = Arrivals(ManualClock())
    if isinstance(peer, EarlyPeer):
        peer.arrivals = arrivals
    return GattLink(peer, arrivals, OFFERED, ManualClock(), Deadlines())


async def test_quirk_26_closing_leaves_subscriptions_as_they_are() -> None:
    peer = TablePeer()
    link = linked(peer)
    await link.subscribe(CHANNEL)
    await link.close()

    assert peer.done == ["enable 1 indications", "disconnect"]


@pytest.mark.parametrize("code", [0x05, 0x0F])
async def test_quirk_27_a_bond_that_another_has_taken_needs_a_person(code: int) -> None:
    with pytest.raises(PairingNeeded):
        await linked(TablePeer(refusing(code, code))).read(CHANNEL)


def test_quirk_30_a_pairing_that_failed_is_tried_again_when_the_device_comes_back() -> None:
    patience = Patience()
    patience.ended(Outcome.PAIRING, 100.0, new_readings=False)

    assert patience.ready(101.0) is False
    assert patience.ready(101.0 + REAPPEARED_S) is True


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
