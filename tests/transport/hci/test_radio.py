"""A controller at its worst: it connects too late, falls silent, or does not answer any more."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import usb1
from bumble import hci
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from gateway.errors import LinkTimeout, RadioTrouble, RadioUnavailable
from gateway.testing.clock import ManualClock
from gateway.transport.arrivals import Arrivals
from gateway.transport.gatt_link import Deadlines
from gateway.transport.hci.bonds import Bonds
from gateway.transport.hci.peer import BumblePeer
from gateway.transport.hci.radio import SCAN_ANEW_EVERY, SILENCE_S, Radio, powered
from gateway.transport.pairing import Interview
from gateway.transport.rotating_names import RotatingNames

ADDRESS = hci.Address("C0:FF:EE:00:00:01")


class Connection:
    def __init__(self) -> None:
        self.gatt_client = Client()
        self.peer_address = self.peer_resolvable_address = ADDRESS
        self.ended = asyncio.Event()

    def on(self, event: str, heard: Callable[..., None]) -> None:
        pass

    once = on

    async def disconnect(self) -> None:
        self.ended.set()


class Client:
    def send_confirmation(self, *_: Any) -> None:
        pass


class Device:
    """A host of bumble's, of which the controller connects while the attempt is given up."""

    def __init__(self, connects: Connection | None = None) -> None:
        self.heard: dict[str, Callable[..., None]] = {}
        self.connections: dict[int, Any] = {}
        self.host = SimpleNamespace(
            connections={}, on_hci_number_of_completed_packets_event=lambda _: None
        )
        self.connects = connects
        self.advertisement_accumulators: dict[Any, Any] = {}
        self.asked: list[str] = []
        self.answers = True
        self.refuses = False
        """To scan anew: it is busy with something else."""

    def on(self, event: str, heard: Callable[..., None]) -> None:
        self.heard[event] = heard

    async def connect(self, address: Any, **_how: Any) -> Any:
        await asyncio.Event().wait()

    async def send_sync_command(self, command: Any) -> None:
        self.asked.append(type(command).__name__)
        if not self.answers:
            await asyncio.Event().wait()
        if self.connects is not None:
            self.heard["connection"](self.connects)

    async def power_on(self) -> None:
        self.asked.append("power_on")

    async def get_connection_rssi(self, connection: Connection) -> int:
        if connection.peer_address is None:
            raise hci.HCI_Error(hci.HCI_UNKNOWN_CONNECTION_IDENTIFIER_ERROR)
        return -50

    async def start_scanning(self, *, active: bool) -> None:
        self.asked.append("start_scanning")
        if self.refuses and self.asked.count("start_scanning") > 1:
            raise hci.HCI_Error(hci.HCI_COMMAND_DISALLOWED_ERROR)

    async def stop_scanning(self) -> None:
        self.asked.append("stop_scanning")
        if not self.answers:
            await asyncio.Event().wait()


class Port:
    def __init__(self) -> None:
        self.source = self
        self.terminated: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()


def peer_of(deadlines: Deadlines) -> Callable[..., BumblePeer]:
    return partial(
        BumblePeer,
        bonds=Bonds(None),
        names=RotatingNames(),
        deadlines=deadlines,
        interview=Interview(None),
    )


def radio_with(device: Device) -> tuple[Radio, Port]:
    port = Port()
    deadlines = Deadlines(connect=0.01)
    return Radio(device, port, peer_of(deadlines), deadlines), port


async def test_a_connection_that_comes_as_its_attempt_is_given_up_is_ended() -> None:
    late = Connection()
    radio, _ = radio_with(Device(late))

    with pytest.raises(LinkTimeout):
        await radio.connect(ADDRESS, Arrivals(ManualClock()))

    async with asyncio.timeout(5):
        await late.ended.wait()


async def test_so_is_one_whose_caller_was_cancelled() -> None:
    late = Connection()
    radio, _ = radio_with(Device(late))
    connecting = asyncio.ensure_future(radio.connect(ADDRESS, Arrivals(ManualClock())))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting

    async with asyncio.timeout(5):
        await late.ended.wait()


class Silence:
    """Time that passes at once, until the test has had enough of it: so many minutes."""

    def __init__(self, port: Port, minutes: int) -> None:
        self.port = port
        self.left = minutes * SCAN_ANEW_EVERY
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.left -= 1
        if self.left < 0:
            self.port.terminated.set_result(ConnectionError())
            await asyncio.Event().wait()


async def test_a_scan_that_hears_nothing_is_begun_anew_until_the_controller_is_gone() -> None:
    device = Device()
    radio, port = radio_with(device)
    pause = Silence(port, minutes=2)

    await radio.scan(lambda heard: None, pause)

    a_minute = ["HCI_Read_BD_ADDR_Command"] * SCAN_ANEW_EVERY
    anew = ["stop_scanning", "start_scanning", *a_minute, "power_on", "start_scanning"]
    assert device.asked == ["start_scanning", *a_minute, *anew]
    assert set(pause.asked) == {SILENCE_S}


@pytest.mark.parametrize(("linked", "switched_on_anew"), [(ADDRESS, 0), (None, 2)])
async def test_a_silent_controller_is_not_begun_anew_while_it_holds_a_link(
    linked: Any, switched_on_anew: int
) -> None:
    device = Device()
    device.connections[0x40] = connection = Connection()
    connection.peer_address = linked
    radio, port = radio_with(device)

    await radio.scan(lambda heard: None, Silence(port, minutes=9))

    assert device.asked.count("power_on") == switched_on_anew


async def test_a_scan_that_hears_something_goes_on() -> None:
    device = Device()
    radio, port = radio_with(device)

    class Busy(Silence):
        async def __call__(self, seconds: float) -> None:
            device.heard["advertisement"](Advertisement())
            await super().__call__(seconds)

    await radio.scan(lambda heard: None, Busy(port, minutes=3))

    assert device.asked == ["start_scanning"]


async def test_a_controller_that_will_not_scan_now_keeps_its_links_and_is_asked_again() -> None:
    device = Device()
    device.refuses = True
    device.connections[0x40] = Connection()
    radio, port = radio_with(device)

    await radio.scan(lambda heard: None, Silence(port, minutes=2))

    assert device.asked.count("stop_scanning") == 2


async def test_a_connection_that_is_being_made_is_not_disturbed() -> None:
    device = Device()
    radio, port = radio_with(device)
    connecting = asyncio.ensure_future(radio.connect(ADDRESS, Arrivals(ManualClock())))
    await asyncio.sleep(0)

    await radio.scan(lambda heard: None, Silence(port, minutes=2))
    connecting.cancel()
    with suppress(asyncio.CancelledError):
        await connecting

    assert "stop_scanning" not in device.asked


class Advertisement:
    address = ADDRESS
    rssi = -50
    data = b""
    sid = 0
    is_complete, is_truncated = True, False


async def test_a_controller_that_answers_nothing_any_more_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.transport.hci.radio.ANSWER_S", 0.01)
    device = Device()
    radio, port = radio_with(device)

    class Stalls(Silence):
        async def __call__(self, seconds: float) -> None:
            device.answers = False

    with pytest.raises(RadioUnavailable, match="unplug it and plug it in again") as trouble:
        await radio.scan(lambda heard: None, Stalls(port, minutes=1))
    assert trouble.value.reason is RadioTrouble.UNKNOWN


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (usb1.USBErrorAccess(-3), RadioTrouble.DENIED, "give its user access"),
        (usb1.USBErrorBusy(-6), RadioTrouble.BUSY, r"use \[ble\]"),
        (usb1.USBErrorNoDevice(-4), RadioTrouble.NO_ADAPTER, "plug it in"),
        (PermissionError(), RadioTrouble.DENIED, "give its user access"),
        (OSError(errno.EBUSY, "busy"), RadioTrouble.BUSY, "in use"),
        (Exception("sockets not supported"), RadioTrouble.NO_ADAPTER, "not supported"),
        (InvalidStatus(Response(404, "Not Found", Headers())), RadioTrouble.NO_ADAPTER, "url"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_controller_that_cannot_be_opened_tells_why(
    error: Exception, reason: RadioTrouble, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_url: str) -> None:
        raise error

    monkeypatch.setattr("gateway.transport.hci.radio.open_transport", fail)
    names, interview = RotatingNames(), Interview(None)
    with pytest.raises(RadioUnavailable, match=said) as trouble:
        async with powered("usb:0", Bonds(None), names, None, Deadlines(), interview):
            pass
    assert trouble.value.reason is reason
