"""Controllers that misbehave, over real HCI: what a cheap dongle does to its host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from bumble import hci, ll

from gateway.drivers.api import gatt
from gateway.errors import LinkLost, LinkTimeout, PairingNeeded, RadioTrouble, RadioUnavailable
from tests.transport.hci.virtual_air import CUFF, Air, CancellableController, Cuff, open_air
from tests.transport.hci.watched import MANIFEST, SOON_S, Watched, soon, watch

LIVE = gatt("1810", "2a36")
SECRET = gatt("1810", "2a9d")
NAME = gatt("1800", "2a00")
LATE = 0x0E00
OTHER = "C0:FF:EE:00:00:02"


class Unreliable(CancellableController):
    """A controller that does what the test has it do wrong."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.deaf = False
        """It answers no command any more, and goes on telling what it hears."""
        self.slow_s = 0.0
        """It answers so late, and in order."""
        self.answering = 0
        self.ignores_cancelling = False
        self.encrypting_fails: Callable[[int], Any] | None = None
        """What it tells of this connection instead of encrypting it."""
        self.powered_down = False
        self.takes_nothing_along = False
        """It tells of no packet that it was sent."""
        self.keeps_links = False
        """It begins to end a connection when asked, and never comes to an end with it."""
        self.does_one_thing_at_a_time = False
        """It connects to nobody while it scans, and does not scan while it is connected."""
        self.late: str | None = None
        """It connects to this one after it was told to cancel, and before it does to another."""

    def on_hci_command_packet(self, command: Any) -> None:
        if self.slow_s:
            self.answering += 1
            asyncio.get_running_loop().call_later(self.slow_s, self._answer, command)
        elif not self.deaf:
            super().on_hci_command_packet(command)

    def _answer(self, command: Any) -> None:
        self.answering -= 1
        super().on_hci_command_packet(command)

    def on_hci_le_create_connection_cancel_command(self, command: Any) -> Any:
        if self.ignores_cancelling:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        return super().on_hci_le_create_connection_cancel_command(command)

    def on_hci_le_enable_encryption_command(self, command: Any) -> None:
        if self.encrypting_fails is None:
            super().on_hci_le_enable_encryption_command(command)
            return
        self._send_hci_command_status(hci.HCI_COMMAND_STATUS_PENDING, command.op_code)
        self.send_hci_packet(self.encrypting_fails(command.connection_handle))

    def on_hci_disconnect_command(self, command: Any) -> None:
        if self.keeps_links:
            self._send_hci_command_status(hci.HCI_COMMAND_STATUS_PENDING, command.op_code)
            return
        super().on_hci_disconnect_command(command)
        if command.connection_handle == LATE:
            ended = hci.HCI_Disconnection_Complete_Event(
                status=hci.HCI_SUCCESS, connection_handle=LATE, reason=command.reason
            )
            self.send_hci_packet(ended)

    def on_hci_reset_command(self, command: Any) -> Any:
        self.powered_down = False
        self.lose_its_links()
        return super().on_hci_reset_command(command)

    def send_hci_packet(self, packet: Any) -> None:
        """Without its event masks a controller tells of nothing but what it was asked."""
        stuck = self.takes_nothing_along
        if stuck and isinstance(packet, hci.HCI_Number_Of_Completed_Packets_Event):
            return
        if not (self.powered_down and isinstance(packet, hci.HCI_LE_Meta_Event)):
            super().send_hci_packet(packet)

    def reset_itself(self) -> None:
        """Forget what it was told to do, and its links; they end as if out of range."""
        self.powered_down = True
        self.le_scan_enable = False
        self.lose_its_links()

    def lose_its_links(self) -> None:
        for connection in list(self.le_connections.values()):
            connection.send_ll_control_pdu(ll.TerminateInd(0x08))
        self.le_connections.clear()

    def on_hci_read_rssi_command(self, command: Any) -> Any:
        known = self.find_le_connection_by_handle(command.handle) is not None
        return hci.HCI_Read_RSSI_ReturnParameters(
            status=hci.HCI_SUCCESS if known else hci.HCI_UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            handle=command.handle,
            rssi=-50,
        )

    def on_hci_le_extended_create_connection_command(self, command: Any) -> None:
        self._to_connect(command, super().on_hci_le_extended_create_connection_command)

    def on_hci_le_create_connection_command(self, command: Any) -> None:
        self._to_connect(command, super().on_hci_le_create_connection_command)

    def on_hci_le_set_scan_enable_command(self, command: Any) -> Any:
        if self.does_one_thing_at_a_time and command.le_scan_enable and self.le_connections:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        return super().on_hci_le_set_scan_enable_command(command)

    def _to_connect(self, command: Any, connect: Any) -> None:
        if self.does_one_thing_at_a_time and self.le_scan_enable:
            self._send_hci_command_status(hci.HCI_COMMAND_DISALLOWED_ERROR, command.op_code)
            return
        connect(command)
        if self.late is not None and str(command.peer_address) != self.late:
            self._connect_late(hci.Address(self.late))

    def _connect_late(self, address: Any) -> None:
        self.late = None
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_SUCCESS,
                connection_handle=LATE,
                role=hci.Role.CENTRAL,
                peer_address_type=address.address_type,
                peer_address=address,
                connection_interval=24,
                peripheral_latency=0,
                supervision_timeout=72,
                central_clock_accuracy=0,
            )
        )


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    async with open_air(Unreliable) as opened:
        yield opened


async def sightings(watched: Watched, count: int) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    while len(seen) < count:
        sighting = await watched.next()
        seen[sighting.address] = sighting
    return seen


async def test_a_connection_that_comes_late_is_not_taken_for_that_of_the_next_device(
    air: Air, cuff: Cuff
) -> None:
    other = Cuff(air.link, OTHER)
    await other.advertise()
    async with watch(air, connect=1) as watched:
        seen = await sightings(watched, 2)
        air.controller.late = CUFF
        with pytest.raises(LinkLost):
            await watched.transport.open(seen[OTHER], MANIFEST)
        link = await watched.transport.open(seen[OTHER], MANIFEST)
        await link.close()


@pytest.mark.parametrize("patience", [1, 20])
async def test_a_controller_that_answers_no_command_while_it_hears_is_begun_anew(
    air: Air, cuff: Cuff, patience: float
) -> None:
    async with watch(air, connect=patience) as watched:
        seen = await watched.sighting()
        await cuff.device.stop_advertising()  # so that time can jump
        air.controller.deaf = True
        with pytest.raises(LinkTimeout):
            await watched.transport.open(seen, MANIFEST)
        with pytest.raises(RadioUnavailable, match="does not answer"):
            await asyncio.wait_for(watched.watching, 4 * SOON_S)
        air.controller.deaf = False
        await cuff.advertise()
        again = Watched(watched.transport)
        link = await again.open()
        await link.close()
        again.watching.cancel()


async def test_a_controller_that_fell_silent_altogether_is_told_within_half_a_minute(
    air: Air, cuff: Cuff
) -> None:
    clock = asyncio.get_running_loop()
    async with watch(air) as watched:
        await (await watched.open()).read(NAME)
        await cuff.device.stop_advertising()  # so that time can jump
        air.controller.deaf = True
        since = clock.time()
        with pytest.raises(RadioUnavailable, match="unplug it and plug it in") as trouble:
            await watched.watching

    assert clock.time() - since < 30
    assert trouble.value.reason is RadioTrouble.UNKNOWN, "not that there is no adapter"


async def test_a_controller_that_answers_is_not_begun_anew_for_silence_of_half_a_minute(
    air: Air, cuff: Cuff
) -> None:
    clock = asyncio.get_running_loop()
    async with watch(air) as watched:
        await watched.sighting()
        await cuff.device.stop_advertising()
        until = clock.time() + 50
        while clock.time() < until:
            await asyncio.wait({watched.watching}, timeout=10)

        assert not watched.watching.done()
        assert air.controller.le_scan_enable


async def test_a_controller_that_answers_late_costs_one_attempt(air: Air, cuff: Cuff) -> None:
    async with watch(air, connect=0.3) as watched:
        seen = await watched.sighting()
        air.controller.slow_s = 0.5
        with pytest.raises(LinkTimeout):
            await watched.transport.open(seen, MANIFEST)
        air.controller.slow_s = 0.0
        await soon(lambda: not air.controller.answering)
        link = await watched.open()
        name = await link.read(NAME)
        await link.close()

        assert name.data == b"cuff"


async def test_a_connection_that_comes_after_its_attempt_was_given_up_is_ended(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air, connect=0.3) as watched:
        seen = await watched.sighting()
        air.controller.ignores_cancelling = True
        await cuff.device.stop_advertising()
        with pytest.raises(LinkTimeout):
            await watched.transport.open(seen, MANIFEST)
        await cuff.advertise()
        connection = await asyncio.wait_for(cuff.connections.get(), SOON_S)
        ended = asyncio.Event()
        connection.on("disconnection", lambda _reason: ended.set())
        await asyncio.wait_for(ended.wait(), SOON_S)


async def test_a_controller_that_never_ends_a_connection_is_begun_anew(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        air.controller.keeps_links = True
        await link.close()
        with pytest.raises(RadioUnavailable, match="does not answer"):
            await asyncio.wait_for(watched.watching, 40)
        air.controller.keeps_links = False
        again = Watched(watched.transport)
        link = await again.open()
        await link.close()
        again.watching.cancel()


async def test_a_controller_that_takes_nothing_along_any_more_is_begun_anew(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        air.controller.takes_nothing_along = True
        watched.transport._radio._device.host.le_acl_packet_queue.max_in_flight = 0
        with pytest.raises(LinkTimeout):
            await link.read(NAME)
        await link.close()
        for _ in range(2):
            with pytest.raises(LinkTimeout, match="asking what the device offers"):
                await watched.open()
        with pytest.raises(RadioUnavailable, match="does not answer"):
            await asyncio.wait_for(watched.watching, 4 * SOON_S)


async def test_a_device_that_leaves_again_and_again_says_nothing_about_its_controller(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        air.controller.takes_nothing_along = True
        for _ in range(5):
            link = await watched.open()
            await (await cuff.connections.get()).disconnect()
            with pytest.raises(LinkLost):
                await link.read(NAME)
            await link.close()

        assert not watched.watching.done()


async def test_a_controller_that_reports_a_fault_is_begun_anew(air: Air, cuff: Cuff) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        inbox = await link.subscribe(LIVE)
        waiting = asyncio.ensure_future(inbox.get(within=60))
        air.controller.host.on_packet(bytes([0x04, 0x10, 0x01, 0x42]))  # Hardware Error
        with pytest.raises(RadioUnavailable, match="reports a fault of its own"):
            await asyncio.wait_for(watched.watching, SOON_S)
        with pytest.raises(LinkLost):
            await waiting
        await link.close()


async def test_a_controller_that_reset_itself_is_noticed_when_it_hears_nothing(
    air: Air, cuff: Cuff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.transport.hci.radio.SILENCE_S", 0.05)
    async with watch(air) as watched:
        link = await watched.open()
        inbox = await link.subscribe(LIVE)
        air.controller.reset_itself()
        with pytest.raises(LinkLost):
            await inbox.get(within=SOON_S)
        await link.close()

        assert await watched.sighting()


async def test_a_controller_that_cannot_scan_and_connect_at_once_does_one_after_the_other(
    air: Air, cuff: Cuff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.transport.hci.radio.SILENCE_S", 0.05)
    air.controller.does_one_thing_at_a_time = True
    async with watch(air) as watched:
        for _ in range(2):
            link = await watched.open()
            name = await link.read(NAME)
            await link.close()

        assert name.data == b"cuff"


async def test_a_controller_that_is_still_connecting_to_another_device_scans_on(
    air: Air, cuff: Cuff
) -> None:
    async with watch(air) as watched:
        seen = await watched.sighting()
        air.controller.pending_le_connection = object()
        with pytest.raises(LinkLost, match="DISALLOWED"):
            await watched.transport.open(seen, MANIFEST)
        air.controller.pending_le_connection = None

        assert await watched.sighting()


async def test_a_long_advertisement_that_is_told_in_pieces_is_one_sighting(air: Air) -> None:
    payload = bytes.fromhex("02 01 06") + bytes([241, 0xFF, 0x0E, 0x02, *238 * [3]])
    payload += bytes.fromhex("03 03 10 18  05 09 63 75 66 66")
    async with watch(air) as watched:
        await soon(lambda: air.controller.le_scan_enable)
        for piece, status in ((payload[:229], MORE_TO_COME), (payload[229:], 0)):
            air.controller.send_hci_packet(extended_report(piece, status))
        seen = await watched.next()

    assert (seen.name, seen.services) == ("cuff", {"1810"})
    assert seen.manufacturer_data == {0x020E: bytes(238 * [3])}


async def test_of_a_long_advertisement_that_is_cut_off_the_beginning_is_read(air: Air) -> None:
    report = extended_report(bytes.fromhex("03 03 10 18"), CUT_OFF)
    report.reports[0].rssi = NOT_AVAILABLE
    async with watch(air) as watched:
        await soon(lambda: air.controller.le_scan_enable)
        air.controller.send_hci_packet(report)
        seen = await watched.next()

    assert (seen.services, seen.rssi_dbm) == ({"1810"}, None)


MORE_TO_COME, CUT_OFF = 0x20, 0x40
NOT_AVAILABLE = 127


def extended_report(data: bytes, status: int) -> Any:
    report = hci.HCI_LE_Extended_Advertising_Report_Event.Report(
        event_type=status | 0x01,  # connectable
        address_type=hci.Address.RANDOM_DEVICE_ADDRESS,
        address=hci.Address(CUFF),
        primary_phy=1,
        secondary_phy=1,
        advertising_sid=3,
        tx_power=127,
        rssi=-50,
        periodic_advertising_interval=0,
        direct_address_type=0,
        direct_address=hci.Address.ANY,
        data=data,
    )
    return hci.HCI_LE_Extended_Advertising_Report_Event([report])


def not_encrypted(status: int) -> Callable[[int], Any]:
    return lambda handle: hci.HCI_Encryption_Change_Event(
        status=status, connection_handle=handle, encryption_enabled=0
    )


def ended(reason: int) -> Callable[[int], Any]:
    return lambda handle: hci.HCI_Disconnection_Complete_Event(
        status=hci.HCI_SUCCESS, connection_handle=handle, reason=reason
    )


@pytest.mark.parametrize(
    ("tells", "raised"),
    [
        (not_encrypted(hci.HCI_PIN_OR_KEY_MISSING_ERROR), PairingNeeded),
        (ended(hci.HCI_CONNECTION_TERMINATED_DUE_TO_MIC_FAILURE_ERROR), PairingNeeded),
        (ended(hci.HCI_AUTHENTICATION_FAILURE_ERROR), PairingNeeded),
        (not_encrypted(hci.HCI_LMP_OR_LL_RESPONSE_TIMEOUT_ERROR), LinkLost),
        (not_encrypted(hci.HCI_CONNECTION_TIMEOUT_ERROR), LinkLost),
        (ended(hci.HCI_CONNECTION_TIMEOUT_ERROR), LinkLost),
        (ended(hci.HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR), LinkLost),
    ],
    ids=["no key", "another key", "refuses it", "no answer", "not reached", "gone", "hung up"],
)
async def test_only_a_device_that_has_another_key_or_none_is_to_be_paired_anew(
    air: Air, cuff: Cuff, tells: Callable[[int], Any], raised: type[Exception]
) -> None:
    async with watch(air) as watched:
        link = await watched.open()
        await link.read(SECRET)
        await link.close()
        air.controller.encrypting_fails = tells
        with pytest.raises(raised):
            await watched.open()
        air.controller.encrypting_fails = None
