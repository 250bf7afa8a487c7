"""What every Bluetooth stack must do alike, tried on a stack made of tables."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gateway.drivers.api import Channel, gatt
from gateway.errors import LinkLost, LinkRefused, LinkTimeout, PairingNeeded, RadioUnavailable
from gateway.testing.clock import ManualClock
from gateway.transport import gatt_link
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import Characteristic, Deadlines, GattLink

READABLE, NOTIFIES, INDICATES, BOTH = (gatt("1810", f"2a0{n}") for n in range(4))
CHANGED = gatt("1801", "2a05")
OFFERED = [
    Characteristic(READABLE, 1, False, False),
    Characteristic(NOTIFIES, 2, True, False),
    Characteristic(INDICATES, 3, False, True),
    Characteristic(BOTH, 4, True, True),
    Characteristic(CHANGED, 5, False, True),
    Characteristic(READABLE, 6, False, False),
]
SHORT = Deadlines(read=0.01, request=0.01, pair=0.01)


@dataclass
class TablePeer:
    """A stack whose answers the test chooses."""

    answer: Callable[[], bytes] = lambda: b"value"
    pairing: Callable[[], None] = lambda: None
    failed: str | None = None
    shows: list[Characteristic] = field(default_factory=list)
    """What it discovers when asked once more."""
    done: list[str] = field(default_factory=list)

    async def read(self, handle: int, /) -> bytes:
        self.done.append(f"read {handle}")
        return self.answer()

    async def write(self, handle: int, data: bytes, /, *, acknowledged: bool) -> None:
        self.done.append(f"write {handle} {data!r} {acknowledged}")

    async def enable(self, handle: int, /, *, indications: bool) -> None:
        self.done.append(f"enable {handle} {'indications' if indications else 'notifications'}")

    async def discover(self) -> list[Characteristic]:
        self.done.append("discover")
        return self.shows

    async def pair(self) -> None:
        self.done.append("pair")
        self.pairing()

    def pairing_problem(self) -> str | None:
        return self.failed

    async def disconnect(self) -> None:
        self.done.append("disconnect")


class SilentPeer(TablePeer):
    """A stack that never answers."""

    async def read(self, handle: int, /) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def disconnect(self) -> None:
        self.done.append("disconnect")
        raise LinkLost("already")


class CancellingPeer(TablePeer):
    """A stack that cancels whoever waits when a connection ends."""

    async def read(self, handle: int, /) -> bytes:
        raise asyncio.CancelledError


def refusing(*codes: int) -> Callable[[], bytes]:
    left = list(codes)

    def answer() -> bytes:
        if left:
            raise LinkRefused("refused", left.pop(0))
        return b"value"

    return answer


def linked(peer: TablePeer, deadlines: Deadlines = SHORT) -> tuple[GattLink, Arrivals]:
    arrivals = Arrivals(ManualClock())
    return GattLink(peer, arrivals, OFFERED, ManualClock(), deadlines), arrivals


async def test_the_first_of_two_equal_characteristics_is_used() -> None:
    peer = TablePeer()
    link, _ = linked(peer)

    frame = await link.read(READABLE)

    assert (frame.channel, frame.data, peer.done) == (READABLE, b"value", ["read 1"])


@pytest.mark.parametrize(
    ("channel", "asked"),
    [
        (NOTIFIES, "enable 2 notifications"),
        (INDICATES, "enable 3 indications"),
        (BOTH, "enable 4 notifications"),
    ],
)
async def test_a_subscription_asks_for_what_the_characteristic_can(
    channel: Channel, asked: str
) -> None:
    peer = TablePeer()
    link, _ = linked(peer)
    first = await link.subscribe(channel)

    again = await link.subscribe(channel)

    assert peer.done == [asked]
    assert again is first


async def test_what_does_not_send_by_itself_refuses_a_subscription() -> None:
    link, _ = linked(TablePeer())

    with pytest.raises(LinkRefused, match="does not send") as refusal:
        await link.subscribe(READABLE)
    assert refusal.value.code == 0x06


async def test_what_is_not_there_is_refused_as_not_found() -> None:
    link, _ = linked(TablePeer())

    with pytest.raises(LinkRefused, match="has no 1810/2aff") as refusal:
        await link.read(gatt("1810", "2aff"))
    assert refusal.value.code == 0x0A


async def test_a_write_confirms_the_frame_that_was_taken() -> None:
    confirmed: list[bool] = []
    link, arrivals = linked(TablePeer())
    inbox = await link.subscribe(INDICATES)
    arrivals.arrived(3, b"record", lambda: confirmed.append(True))
    await inbox.get(within=1)
    await link.read(READABLE)
    after_read = list(confirmed)
    await link.write(READABLE, b"next")

    assert (after_read, confirmed) == ([], [True])


async def test_a_service_changed_that_came_early_is_confirmed_at_once() -> None:
    confirmed: list[bool] = []
    arrivals = Arrivals(ManualClock())
    arrivals.arrived(5, b"\1\0\xff\xff", lambda: confirmed.append(True))

    GattLink(TablePeer(), arrivals, OFFERED, ManualClock(), SHORT)

    assert confirmed == [True]


@pytest.mark.parametrize("code", [0x05, 0x0C, 0x0F])
async def test_a_closed_value_is_asked_for_again_after_pairing(code: int) -> None:
    peer = TablePeer(refusing(code))
    link, _ = linked(peer)

    frame = await link.read(READABLE)

    assert frame.data == b"value"
    assert peer.done == ["read 1", "pair", "read 1"]


async def test_a_value_that_stays_closed_after_pairing_needs_a_person() -> None:
    peer = TablePeer(refusing(0x05, 0x05, 0x05, 0x05))
    link, _ = linked(peer)

    for _ in range(2):
        with pytest.raises(PairingNeeded, match="pair the device with its code"):
            await link.read(READABLE)
    assert peer.done.count("pair") == 1


async def test_a_request_that_fails_over_a_pairing_needs_a_person() -> None:
    link, _ = linked(SilentPeer(failed="Pairing failed: the code was wrong."))

    with pytest.raises(PairingNeeded, match="the code was wrong"):
        await link.read(READABLE)


async def test_another_error_is_given_to_the_driver_with_its_code() -> None:
    peer = TablePeer(refusing(0x80))
    link, _ = linked(peer)

    with pytest.raises(LinkRefused) as refusal:
        await link.read(READABLE)
    assert refusal.value.code == 0x80
    assert "pair" not in peer.done


async def test_another_error_after_pairing_is_given_to_the_driver_too() -> None:
    link, _ = linked(TablePeer(refusing(0x0F, 0x02)))

    with pytest.raises(LinkRefused) as refusal:
        await link.read(READABLE)
    assert refusal.value.code == 0x02


async def test_after_an_unanswered_request_the_link_is_given_up_and_still_disconnected() -> None:
    peer = SilentPeer()
    link, _ = linked(peer)
    with pytest.raises(LinkTimeout, match=r"longer than 0\.01 s"):
        await link.read(READABLE)
    with pytest.raises(LinkLost, match="unanswered"):
        await link.write(READABLE, b"")
    await link.close()
    await link.close()

    assert peer.done == ["disconnect"]


class LatePeer(TablePeer):
    """A stack that tells how a pairing went when the test has it tell."""

    def __init__(self) -> None:
        super().__init__()
        self.tells: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def pair(self) -> None:
        await self.tells


async def test_why_a_pairing_failed_may_be_told_after_its_link_was_lost() -> None:
    peer = LatePeer()
    link, arrivals = linked(peer, Deadlines())
    pairing = asyncio.ensure_future(link.pair())
    await asyncio.wait({pairing}, timeout=0.001)
    arrivals.lose("hung up")
    await asyncio.wait({pairing}, timeout=0.001)
    peer.tells.set_exception(PairingNeeded("the code was wrong"))

    with pytest.raises(PairingNeeded, match="the code was wrong"):
        await pairing


async def test_a_pairing_whose_link_was_lost_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gatt_link, "WHY_WITHIN_S", 0.001)
    link, arrivals = linked(LatePeer(), Deadlines())
    arrivals.lose("out of range")

    with pytest.raises(LinkLost, match="out of range"):
        await link.pair()


async def test_a_loss_ends_a_request_at_once() -> None:
    link, arrivals = linked(SilentPeer(), Deadlines())
    reading = asyncio.ensure_future(link.read(READABLE))
    await asyncio.wait({reading}, timeout=0.001)
    arrivals.lose("out of range")

    with pytest.raises(LinkLost, match="out of range"):
        await reading


async def test_a_stack_that_cancels_a_request_looks_like_a_lost_link() -> None:
    link, _ = linked(CancellingPeer())

    with pytest.raises(LinkLost, match="ended while"):
        await link.read(READABLE)


async def test_our_own_cancellation_passes() -> None:
    link, _ = linked(SilentPeer(), Deadlines())
    reading = asyncio.ensure_future(link.read(READABLE))
    await asyncio.wait({reading}, timeout=0.001)
    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize(
    "trouble",
    [LinkRefused("no", 0x05), RadioUnavailable("gone"), PairingNeeded("again"), LinkLost("gone")],
    ids=lambda error: type(error).__name__,
)
async def test_closing_never_raises(trouble: Exception) -> None:
    class Stubborn(TablePeer):
        async def disconnect(self) -> None:
            raise trouble

    link, arrivals = linked(Stubborn())

    await link.close()

    assert arrivals.lost.done()


async def test_nothing_works_after_closing() -> None:
    link, _ = linked(TablePeer())
    inbox = await link.subscribe(NOTIFIES)
    await link.close()

    with pytest.raises(LinkLost, match="the gateway ended"):
        await inbox.get(within=1)
    with pytest.raises(LinkLost, match="the gateway ended"):
        await link.read(READABLE)
