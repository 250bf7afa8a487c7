"""A virtual device's end of the air: advertising, one link at a time, values sent over it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from bumble import att, hci, smp
from bumble.device import AdvertisingType
from bumble.gatt import GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR as CONFIGURATION
from bumble.gatt import Descriptor

from firmware_sims.identity import Advertisement, Identity, advertisement, pairing_config

ADVERTISING_INTERVAL_MS = 60  # fast enough that a scan of a tenth of a second sees every device
FAST_FOR_S = 30.0
SLOW_INTERVAL_MS = 1000
"""Whoever goes on advertising after half a minute saves its battery: every 1 to 2.5 s (Blood
Pressure Profile 1.1.1, section 5)."""
_NOTIFY, _INDICATE = 0x01, 0x02


class VirtualDevice(Protocol):
    """What the radio needs from a device."""

    @property
    def identity(self) -> Identity:
        """Who it is."""

    @property
    def advertised(self) -> Sequence[int]:
        """The 16-bit service UUIDs in its advertisements."""

    def services(self) -> Sequence[Any]:
        """Return its GATT services, made once."""

    async def run(self, peripheral: "Peripheral") -> None:
        """Live until cancelled."""


class Peripheral:
    """One device on the radio. At most one link: a connected device does not advertise.

    `pairings` counts how often somebody paired with it.
    Raises ValueError for a name too long to advertise.
    """

    def __init__(self, device: VirtualDevice, stack: Any) -> None:
        self._device = device
        self._stack = stack
        self._call = advertisement(device.identity, device.advertised)
        self.switched_off = 0
        """How often the last collector that connected disabled what it had subscribed to; some
        cuffs forget it then."""
        self._link: Any = None
        self._exchanges: set[asyncio.Future[None]] = set()
        self._pairing = False
        self._heard = 0
        self.pairings = 0
        self._changed = asyncio.Event()
        self._leaving: asyncio.Future[None] | None = None
        self._lost = asyncio.Event()

    async def power_on(self) -> None:
        """Bring the stack up, with the device's services and pairing rules."""
        identity = self._device.identity
        for service in self._device.services():
            self.offer(service)
        self._stack.pairing_config_factory = lambda _: pairing_config(identity)
        self._stack.on("connection", self._on_connection)
        self._stack.on("characteristic_subscription", self._on_subscription)
        self._listen_in()
        await self._stack.power_on()

    def offer(self, service: Any) -> None:
        """Show one more service, from now on; who looked before has not seen it."""
        self._guard_subscriptions(service)
        self._stack.add_service(service)

    async def forget_bonds(self) -> None:
        """Lose the keys of everybody who paired."""
        await self._stack.keystore.delete_all()

    async def power_off(self) -> None:
        """Wait for the HCI exchanges under way; the device's life is over."""
        if self._exchanges:
            await asyncio.wait(self._exchanges)

    @property
    def address(self) -> Any:
        """The address under which it calls at the moment."""
        return self._stack.random_address

    async def rotate(self) -> None:
        """Take another resolvable address, as private devices do every quarter of an hour.

        Raises ValueError while it calls or is connected: a controller refuses it then (Core, Vol 4
        E 7.8.4).
        """
        if self.linked or self.calling:
            raise ValueError("an address is changed between two calls")
        address = hci.Address.generate_private_address(self._stack.irk)
        setting = hci.HCI_LE_Set_Random_Address_Command(random_address=address)
        await self._whole(self._stack.send_sync_command(setting))
        self._stack.random_address = address

    @property
    def linked(self) -> bool:
        """Whether somebody is connected."""
        return self._link is not None

    @property
    def encrypted(self) -> bool:
        """Whether somebody is connected whose link is encrypted."""
        return self._link is not None and bool(self._link.is_encrypted)

    @property
    def calling(self) -> bool:
        """Whether it advertises."""
        return bool(self._stack.is_advertising)

    @property
    def room(self) -> int:
        """The octets that fit one notification or indication (ATT_MTU - 3)."""
        return 20 if self._link is None else int(self._link.att_mtu) - 3

    async def advertise(self, call: Advertisement | None = None, *, slowly: bool = False) -> None:
        """Call for a collector; goes on until one connects or `fall_silent`.

        Without `call` it says what services it has and its name.
        """
        kind = AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE
        every_ms = SLOW_INTERVAL_MS if slowly else ADVERTISING_INTERVAL_MS
        await self._advertise(call or self._call, kind, every_ms)

    async def broadcast(self, call: Advertisement) -> None:
        """Say something to everybody, with no way to connect; goes on until `fall_silent`."""
        await self._advertise(call, AdvertisingType.UNDIRECTED, ADVERTISING_INTERVAL_MS)

    async def _advertise(self, call: Advertisement, kind: AdvertisingType, every_ms: int) -> None:
        await self._whole(
            self._stack.start_advertising(
                advertising_type=kind,
                advertising_data=call.data,
                scan_response_data=call.response,
                advertising_interval_min=every_ms,
                advertising_interval_max=every_ms,
            )
        )
        self._changed.set()

    async def fall_silent(self) -> None:
        """Stop advertising."""
        await self._whole(self._stack.stop_advertising())
        self._changed.set()

    async def disconnect(self) -> None:
        """Hang up; no news when nobody is there, or when the other side was faster."""
        link = self._link
        if link is None:
            return
        try:
            await self._whole(link.disconnect())
        except hci.HCI_Error:
            if self._link is link:
                raise

    def subscribed(self, characteristic: Any) -> bool:
        """Say whether the collector enabled notifications or indications of a characteristic."""
        configured = self._stack.gatt_server.subscribers.get(self._link, {})
        value = configured.get(characteristic.handle, b"\x00\x00")
        return bool(value[0] & (_NOTIFY | _INDICATE))

    async def until(self, condition: Callable[[], bool], within_s: float | None = None) -> bool:
        """Wait until the condition holds, looked at after every link or subscription change.

        Returns whether it held before the time was up.
        """
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return condition()
        return True

    async def until_or_idle(self, condition: Callable[[], bool], idle_s: float) -> bool:
        """Wait until the condition holds, or the collector said nothing for so long.

        Returns whether the condition held. A person who types a passkey is not idle.
        """
        while not condition():
            before = self._heard

            def stirred(before: int = before) -> bool:
                return condition() or self._pairing or self._heard != before

            if not await self.until(stirred, idle_s):
                return False
            await self.until(lambda: condition() or not self._pairing)
        return True

    def stir(self) -> None:
        """Let whoever waits in `until` look again."""
        self._changed.set()

    async def indicate(self, characteristic: Any, value: bytes) -> bool:
        """Send an indication; True once it was confirmed, False when it cannot be.

        A collector that does not confirm within 30 s loses the link (ATT transaction time-out).
        """
        link = self._link
        if link is None or not self.subscribed(characteristic):
            return False
        sending = self._stack.indicate_subscriber(link, characteristic, value)
        try:
            return await self._unless_lost(sending)
        except TimeoutError:
            await self.disconnect()
            return False

    async def notify(self, characteristic: Any, value: bytes) -> bool:
        """Send a notification, and wait until the controller took it."""
        link = self._link
        if link is None or not self.subscribed(characteristic):
            return False

        async def send() -> None:
            await self._stack.notify_subscriber(link, characteristic, value)
            await link.drain()

        return await self._unless_lost(send())

    async def send(self, characteristic: Any, value: bytes) -> bool:
        """Notify or indicate, whichever the characteristic does."""
        if characteristic.properties & characteristic.Properties.INDICATE:
            return await self.indicate(characteristic, value)
        return await self.notify(characteristic, value)

    async def indicate_and_drop(self, characteristic: Any, value: bytes) -> None:
        """Send an indication and hang up without looking at its confirmation."""
        sending = asyncio.ensure_future(self.indicate(characteristic, value))
        # One turn of the loop puts the frame on the air, before the hang-up.
        await asyncio.sleep(0)
        await self.disconnect()
        await sending

    async def _unless_lost(self, sending: Awaitable[None]) -> bool:
        task = asyncio.ensure_future(sending)
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            return task.done() and not lost.done()
        finally:
            task.cancel()
            lost.cancel()

    async def _whole(self, exchange: Coroutine[Any, Any, None]) -> None:
        """Let an HCI exchange finish even when its caller is cancelled.

        bumble awaits an answer with `asyncio.wait_for`, which on Python 3.11 swallows a
        cancellation that meets the answer: the caller would live on.
        """
        task = asyncio.ensure_future(exchange)
        self._exchanges.add(task)
        task.add_done_callback(self._exchanges.discard)
        await asyncio.shield(task)

    def _guard_subscriptions(self, service: Any) -> None:
        """Make the configuration of encrypted characteristics need encryption too."""
        permissions = att.Attribute.Permissions
        for characteristic in service.characteristics:
            secure = characteristic.permissions & permissions.READ_REQUIRES_ENCRYPTION
            pushes = characteristic.properties & (
                characteristic.Properties.NOTIFY | characteristic.Properties.INDICATE
            )
            if secure and pushes:
                descriptor = Descriptor(
                    CONFIGURATION,
                    permissions.READABLE
                    | permissions.WRITEABLE
                    | permissions.WRITE_REQUIRES_ENCRYPTION,
                    self._stack.gatt_server.make_descriptor_value(characteristic),
                )
                characteristic.descriptors = [*characteristic.descriptors, descriptor]

    def _listen_in(self) -> None:
        """Count what the collector says, on its way to the stack."""
        channels = self._stack.l2cap_channel_manager
        handlers = ((att.ATT_CID, self._stack.on_gatt_pdu), (smp.SMP_CID, self._stack.on_smp_pdu))
        for channel, handler in handlers:

            def hear(link: Any, pdu: bytes, handler: Callable[..., None] = handler) -> None:
                self._heard += 1
                self._changed.set()
                handler(link, pdu)

            channels.register_fixed_channel(channel, hear)

    def leave_while_pairing(self, *, after: int) -> None:
        """Hang up in the middle of a pairing: no more than so many packets of it are heard.

        A code takes twenty rounds of two packets from each side.
        """
        left = iter(range(after))

        def hear(link: Any, pdu: bytes) -> None:
            if next(left, None) is None:
                self._leaving = asyncio.ensure_future(self.disconnect())
            else:
                self._stack.on_smp_pdu(link, pdu)

        self._stack.l2cap_channel_manager.register_fixed_channel(smp.SMP_CID, hear)

    def answer_unasked(self) -> None:
        """Answer what nobody asked, which no device may: a collector ends the connection then."""
        answer = att.ATT_Error_Response(
            request_opcode_in_error=att.Opcode.ATT_WRITE_REQUEST,
            attribute_handle_in_error=1,
            error_code=att.ErrorCode.UNLIKELY_ERROR,
        )
        self._link.send_l2cap_pdu(att.ATT_CID, bytes(answer))

    def _on_subscription(self, _link: Any, _value: Any, notifies: bool, indicates: bool) -> None:
        if not (notifies or indicates):
            self.switched_off += 1
        self._changed.set()

    def _on_connection(self, link: Any) -> None:
        self._link = link
        self.switched_off = 0
        self._lost.clear()
        link.once("disconnection", self._on_disconnection)
        link.on("pairing_start", lambda: self._on_pairing(True))
        link.on("pairing", lambda _keys: self._on_paired())
        link.on("pairing_failure", lambda _reason: self._on_pairing(False))
        self._changed.set()

    def _on_pairing(self, under_way: bool) -> None:
        self._pairing = under_way
        self._changed.set()

    def _on_paired(self) -> None:
        self.pairings += 1
        self._on_pairing(False)

    def _on_disconnection(self, _reason: int) -> None:
        self._link = None
        self._lost.set()
        self._on_pairing(False)
