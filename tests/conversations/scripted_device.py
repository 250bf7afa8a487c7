"""A Bluetooth device that holds one published dialogue, on bumble, for the virtual radio."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from bumble import att, gatt, hci
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink

Step = Mapping[str, Any]

P, C = gatt.Characteristic.Properties, gatt.Characteristic
CAN = {
    "subscribe": P.NOTIFY,
    "notify": P.NOTIFY,
    "indicate": P.INDICATE,
    "write": P.WRITE,
    "read": P.READ,
}
COUNT, NOT_SUPPORTED = 4, bytes.fromhex("06000402")


class ScriptedDevice:
    """Sends what follows a write in the dialogue; then, at its end, disconnects.

    `services` says which service each characteristic is in; with `until`, it stays until that one
    was read. A count that the dialogue does not
    foresee is answered with "not supported", as many meters do.
    """

    def __init__(
        self,
        link: LocalLink,
        address: str,
        steps: Iterable[Step],
        services: Mapping[str, str],
        until: str | None = None,
    ) -> None:
        controller = Controller("scripted", link=link)
        config = DeviceConfiguration(name="scripted", address=hci.Address(address))
        self.device = Device(config=config, host=Host(controller, AsyncPipeSink(controller)))
        self._steps = [step for step in steps if "char" in step]
        self._services = services
        self._characteristics: dict[str, Any] = {}
        self._at = 0
        self._awaited = {s["char"] for s in self._steps if s["dir"] in ("notify", "indicate")}
        self._sending: asyncio.Queue[None] = asyncio.Queue()
        self._answering: asyncio.Future[None] | None = None
        self.written: list[tuple[str, bytes]] = []
        self.asked: list[str] = []
        """What was read, in order."""
        self._until = until
        self._may_leave = asyncio.Event()
        if until is None:
            self._may_leave.set()
        self.subscribed: list[str] = []
        """Whose descriptor was written, in order."""

    async def run(self) -> None:
        """Advertise, and hold the dialogue with whoever connects."""
        for service in sorted(set(self._services.values())):
            inside = [name for name, its in self._services.items() if its == service]
            made = [self._characteristic(name) for name in inside]
            self.device.add_service(gatt.Service(UUID(service), made))
        await self.device.power_on()
        name = [(AdvertisingData.COMPLETE_LOCAL_NAME, b"scripted")]
        self.device.advertising_data = bytes(AdvertisingData(name))
        await self.device.start_advertising(
            advertising_interval_min=20, advertising_interval_max=20
        )
        while True:
            await self._sending.get()
            await self._send()

    def _characteristic(self, name: str) -> Any:
        mine = [step for step in self._steps if step["char"] == name]
        can = P(0)
        for step in mine:
            can |= CAN.get(step["dir"], P(0))
        if can & P.INDICATE:
            can &= ~P.NOTIFY
        elif not can & P.NOTIFY:
            can |= P.INDICATE  # subscribed to, though the dialogue sends nothing there
        reads = [bytes.fromhex(step["hex"]) for step in mine if step["dir"] == "read"]
        value = gatt.CharacteristicValue(
            read=lambda _: self._read(name, reads[0]),
            write=lambda _, data: self._write(name, bytes(data)),
        )
        # A dialogue writes to A&D's characteristic by the beginning of its name.
        uuid = name if len(name) == 4 else f"{name}-5a34-1b6d-975c-000d5690abe4"
        made = C(UUID(uuid), can, C.READABLE | C.WRITEABLE, value)
        made.on("subscription", lambda *_: self._subscribed(name))
        self._characteristics[name] = made
        return made

    def _read(self, name: str, data: bytes) -> bytes:
        self.asked.append(name)
        if name == self._until:
            self._may_leave.set()
        return data

    def _subscribed(self, name: str) -> None:
        self.subscribed.append(name)
        self._awaited.discard(name)
        begins = self._steps and not any(s["dir"] in ("write", "att_error") for s in self._before())
        if not self._awaited and begins:
            self._sending.put_nowait(None)

    def _before(self) -> list[Step]:
        """What comes before the first thing that the device sends."""
        sends = [n for n, s in enumerate(self._steps) if s["dir"] in ("notify", "indicate")]
        return self._steps[: sends[0]] if sends else self._steps

    def _write(self, name: str, data: bytes) -> None:
        self.written.append((name, data))
        for number, step in enumerate(self._steps[self._at :], self._at):
            if (step["char"], step["dir"]) != (name, "write"):
                continue
            if bytes.fromhex(step["hex"])[:1] == data[:1] and self._is_next(number, data):
                self._at = number + 1
                self._refuse_or_answer()
                return
        if data[:1] == bytes((COUNT,)):
            self._answering = asyncio.ensure_future(self._say(name, NOT_SUPPORTED))

    def _is_next(self, number: int, data: bytes) -> bool:
        """Say whether no later write of the dialogue is nearer to this one: another operator."""
        nearer = [s for s in self._steps[number + 1 :] if s["dir"] == "write"]
        wanted = bytes.fromhex(self._steps[number]["hex"])
        return wanted[:2] == data[:2] or not nearer

    def _refuse_or_answer(self) -> None:
        following = self._steps[self._at :][:1]
        if following and following[0]["dir"] == "att_error":
            raise att.ATT_Error(att.ErrorCode(int(following[0]["code"], 16)))
        self._sending.put_nowait(None)

    async def _send(self) -> None:
        while self._at < len(self._steps):
            step = self._steps[self._at]
            if step["dir"] == "write":
                return
            self._at += 1
            if step["dir"] in ("notify", "indicate"):
                await self._say(step["char"], bytes.fromhex(step["hex"]), step["dir"])
        await self._may_leave.wait()
        for connection in list(self.device.connections.values()):
            await connection.disconnect()

    async def _say(self, name: str, data: bytes, way: str = "indicate") -> None:
        send = (
            self.device.notify_subscribers if way == "notify" else self.device.indicate_subscribers
        )
        await send(self._characteristics[name], data)
