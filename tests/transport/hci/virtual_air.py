"""Small GATT devices and a controller over TCP, on bumble's local link, for the tests of `hci`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bumble import att, gatt, hci, ll
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink
from bumble.transport.tcp_server import open_tcp_server_transport_with_socket

SERVICE_CHANGED = 0x2A05
CUFF = "C0:FF:EE:00:00:01"
SERVICE, LIVE, STORED, SECRET, FAILING, SILENT = 0x1810, 0x2A36, 0x2A35, 0x2A9D, 0x2A52, 0x2A9E

P, R = gatt.Characteristic.Properties, gatt.Characteristic.READABLE
W, LOCKED = gatt.Characteristic.WRITEABLE, gatt.Characteristic.READ_REQUIRES_ENCRYPTION


class CancellableController(Controller):  # type: ignore[misc]  # bumble carries no types
    """bumble's own goes on connecting after it was told to cancel."""

    pending_le_connection: Any

    def on_hci_le_create_connection_cancel_command(self, command: Any) -> Any:
        self.pending_le_connection = None
        return super().on_hci_le_create_connection_cancel_command(command)


class Cuff:
    """A device with one characteristic of each sort. `confirmed` counts what it may forget."""

    def __init__(self, link: LocalLink, address: str = CUFF, *, private: bool = False) -> None:
        controller = Controller("cuff", link=link)
        self.device = Device(
            config=DeviceConfiguration(
                name="cuff",
                address=hci.Address(address),
                irk=bytes(range(16)),
                identity_address_type=1,
                le_privacy_enabled=private,
            ),
            host=Host(controller, AsyncPipeSink(controller)),
        )
        self.written: list[bytes] = []
        self.confirmed = 0
        self.connections: asyncio.Queue[Any] = asyncio.Queue()
        self.never = asyncio.Event()
        self.live = _characteristic(LIVE, P.NOTIFY, R)
        self.stored = _characteristic(STORED, P.INDICATE, R)
        self.device.add_service(
            gatt.Service(
                UUID.from_16_bits(SERVICE),
                [
                    self.live,
                    self.stored,
                    _characteristic(SECRET, P.READ, R | LOCKED, b"secret"),
                    _characteristic(
                        FAILING, P.READ | P.WRITE, R | W, _value(self._refuse, self._write)
                    ),
                    _characteristic(SILENT, P.READ, R, _value(self._hang)),
                ],
            )
        )
        self.device.on("connection", self.connections.put_nowait)

    def _refuse(self, _connection: Any) -> bytes:
        raise att.ATT_Error(att.ErrorCode(0xFE))

    def _write(self, _connection: Any, value: bytes) -> None:
        self.written.append(bytes(value))

    async def _hang(self, _connection: Any) -> bytes:
        await self.never.wait()
        return b""

    async def advertise(self) -> None:
        await self.device.power_on()
        parts: list[tuple[int, bytes]] = [
            (AdvertisingData.FLAGS, b"\x06"),
            (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, b"\x10\x18"),
            (AdvertisingData.COMPLETE_LOCAL_NAME, b"cuff"),
            (AdvertisingData.MANUFACTURER_SPECIFIC_DATA, b"\x0e\x02\x01"),
        ]
        self.device.advertising_data = bytes(AdvertisingData(parts))
        await self.device.start_advertising(
            auto_restart=True, advertising_interval_min=20, advertising_interval_max=20
        )

    def shows_once_bonded(self, service: str) -> None:
        """Have a service appear in the table of attributes with the next bond."""

        def show(*_: object) -> None:
            secret = _characteristic(SECRET, P.READ, R | LOCKED, b"hidden")
            self.device.add_service(gatt.Service(UUID(service), [secret]))

        self.device.on("connection", lambda connection: connection.on("pairing", show))

    async def indicate(self, data: bytes) -> None:
        """Return once the record may be forgotten."""
        await self.device.indicate_subscribers(self.stored, data)
        self.confirmed += 1

    async def changes_its_services(self) -> None:
        """Tell that they changed; return once that is confirmed, which all others wait for."""
        connection = self.connections.get_nowait()
        attributes = self.device.gatt_server.attributes
        changed = next(it for it in attributes if it.type == UUID.from_16_bits(SERVICE_CHANGED))
        await self.device.indicate_subscriber(connection, changed, b"\1\0\xff\xff", force=True)

    async def notify(self, data: bytes) -> None:
        await self.device.notify_subscribers(self.live, data)


def _value(read: Any, write: Any = None) -> Any:
    return gatt.CharacteristicValue(read=read, write=write)


def _characteristic(uuid: int, properties: Any, permissions: Any, value: Any = b"") -> Any:
    return gatt.Characteristic(UUID.from_16_bits(uuid), properties, permissions, value)


@dataclass
class Air:
    """What can hear each other, and the controller that is served to the gateway."""

    link: LocalLink = field(default_factory=LocalLink)
    port: int = 0
    served: Any = None
    controller: Any = None
    make: type[Controller] = CancellableController

    @property
    def url(self) -> str:
        return f"tcp-client:127.0.0.1:{self.port}"

    async def plug_in(self) -> None:
        # asyncio sends small packets at once only where the protocol is named.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        self.served = await open_tcp_server_transport_with_socket(listening)
        self.controller = self.make(
            "served", host_source=self.served.source, host_sink=self.served.sink, link=self.link
        )

    async def unplug(self) -> None:
        """Take the controller away; whoever was connected to it notices."""
        for connection in list(self.controller.le_connections.values()):
            connection.send_ll_control_pdu(ll.TerminateInd(0x08))
        if self.served.sink.transport is not None:
            self.served.sink.transport.abort()
        self.served.server.close()
        await self.served.server.wait_closed()
        self.controller.host = None
        self.link.remove_controller(self.controller)


@asynccontextmanager
async def open_air(make: type[Controller] = CancellableController) -> AsyncIterator[Air]:
    air = Air(make=make)
    await air.plug_in()
    try:
        yield air
    finally:
        await air.unplug()
