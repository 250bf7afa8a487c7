"""A radio made of software: every virtual device hears every other, and one more host may join.

Devices are real stacks (GATT, ATT, L2CAP, SMP) over bumble controllers joined by one link. For a
host in another process, one more controller is served over HCI/TCP; for a test in this process,
`central()` gives a stack that can scan and connect.

    async with VirtualRadio() as radio:
        await radio.add(device)
        address = await radio.serve("127.0.0.1", 0)
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from bumble import hci, ll
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.link import LocalLink
from bumble.pairing import PairingConfig
from bumble.transport.common import AsyncPipeSink

from firmware_sims.controller import RadioController
from firmware_sims.hci_server import HciServer
from firmware_sims.peripheral import Peripheral, VirtualDevice

SERVED_PUBLIC_ADDRESS = "02:00:00:00:00:01"
CENTRAL_ADDRESS = "C0:00:00:00:00:02"

_GONE_WITHIN_S = 10.0


class Link(LocalLink):  # type: ignore[misc]  # bumble carries no types
    """The air. Unlike bumble's, packets to a station that is gone are lost, as they are in air."""

    def send_acl_data(
        self, sender_controller: Any, destination_address: Any, transport: Any, data: bytes
    ) -> None:
        """Deliver data under the address its connection uses, which may be the public one."""
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self.find_le_controller(destination_address)
        if connection is not None and receiver is not None:
            source = connection.self_address
            loop = asyncio.get_running_loop()
            loop.call_soon(receiver.on_link_acl_data, source, transport, data)

    def send_ll_control_pdu(
        self, sender_address: Any, receiver_address: Any, packet: ll.ControlPdu
    ) -> None:
        """Deliver a control PDU, unless its receiver is gone."""
        if self.find_le_controller(receiver_address) is not None:
            super().send_ll_control_pdu(sender_address, receiver_address, packet)

    def send_advertising_pdu(self, sender_controller: Any, packet: ll.AdvertisingPdu) -> None:
        """Deliver an advertisement; a connect request at once, so that both ends agree on it."""
        if not isinstance(packet, ll.ConnectInd):
            super().send_advertising_pdu(sender_controller, packet)
            return
        for controller in list(self.controllers):
            if controller is not sender_controller:
                controller.on_ll_advertising_pdu(packet)

    def is_advertising(self, address: Any) -> bool:
        """Say whether a connect request to this address would be heard."""
        return any(
            controller.accepts_connections and controller.le_legacy_advertiser.address == address
            for controller in self.controllers
        )


class VirtualRadio:
    """Everything within earshot of each other."""

    def __init__(self) -> None:
        self._link = Link()
        self._servers: list[HciServer] = []
        self._present: dict[VirtualDevice, tuple[Peripheral, asyncio.Task[None]]] = {}
        self._served = 0
        self._hosted: set[RadioController] = set()

    async def __aenter__(self) -> Self:
        """Open the radio; devices and servers added to it end with it."""
        self._group = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close servers, end devices, silence every controller."""
        for server in self._servers:
            await server.close()
        for _, life in self._present.values():
            life.cancel()
        try:
            if not isinstance(error, asyncio.CancelledError):
                kind = error = trace = None
            # A cancellation is perhaps the group's own doing, as a device failed: it says so.
            await self._group.__aexit__(kind, error, trace)
        finally:
            await self._silence()

    async def _silence(self) -> None:
        for peripheral, _ in self._present.values():
            await peripheral.power_off()
        for controller in list(self._link.controllers):
            controller.drop_everything(hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR)
            controller.host = None
            self._link.remove_controller(controller)

    async def add(self, device: VirtualDevice) -> Peripheral:
        """Power a device on; it lives until the radio closes, or until it is removed."""
        who = device.identity
        peripheral = Peripheral(device, self._stack(who.name, who.address, private=who.private))
        await peripheral.power_on()
        self._present[device] = peripheral, self._group.create_task(device.run(peripheral))
        return peripheral

    def pairings(self, device: VirtualDevice) -> int:
        """Return how often somebody paired with a device since it was powered on."""
        return self._present[device][0].pairings

    async def remove(self, device: VirtualDevice) -> None:
        """Take a device out of earshot: its link times out, and its bonds are forgotten.

        Its own stack may wait for what never comes any more; it is not waited for long.
        """
        peripheral, life = self._present.pop(device)
        life.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GONE_WITHIN_S):
                await asyncio.wait({life})
                await peripheral.power_off()
        self._retire(self._link.find_le_controller(peripheral.address))

    async def central(self) -> Any:
        """Return a powered-on bumble Device that can scan and connect."""
        central = self._stack("central", CENTRAL_ADDRESS)
        await central.power_on()
        return central

    async def serve(self, host: str, port: int) -> str:
        """Serve one controller over HCI/TCP; return "host:port", the real port when 0 was asked.

        One host at a time. A host whose connection ends, or is replaced by a newer one, leaves a
        controller that is thrown away: its peers see a disconnection, the next host a new one.
        """
        server = HciServer(self._served_controller, self._retire)
        self._servers.append(server)
        return await server.open(host, port)

    def cut_power(self) -> None:
        """Let the served controller fall silent, to its host too, until that resets it."""
        for controller in self._hosted:
            controller.drop_everything(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    def refuse_to_stop_scanning(self) -> None:
        """Let the served controller fail the next command to stop its scan."""
        for controller in self._hosted:
            controller.scan_stops_refused = True

    def _served_controller(self, sink: Any) -> RadioController:
        self._served += 1
        controller = RadioController(
            f"served-{self._served}",
            host_sink=sink,
            link=self._link,
            public_address=SERVED_PUBLIC_ADDRESS,
        )
        self._hosted.add(controller)
        return controller

    def _retire(self, controller: RadioController) -> None:
        self._hosted.discard(controller)
        controller.host = None
        controller.drop_everything(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        self._link.remove_controller(controller)

    def _stack(self, name: str, address: str, *, private: bool = False) -> Any:
        controller = RadioController(name, link=self._link)
        host = Host(controller, AsyncPipeSink(controller))
        configuration = DeviceConfiguration(
            name=name,
            address=hci.Address(address),
            # Not a secret: a virtual device proves nothing by its identity key.
            irk=(bytes.fromhex(address.replace(":", "")) * 3)[:16],
            # Without this the bond is stored under the public address, which these devices lack.
            identity_address_type=PairingConfig.AddressType.RANDOM,
            le_privacy_enabled=private,
            le_rpa_timeout=0,  # the device itself says when
        )
        return Device(config=configuration, host=host)
