"""Answers what bluetoothd asks while it pairs (`org.bluez.Agent1`); bleak brings nobody who would.

Without an agent no pairing succeeds, not even one without a code, and a read that needs a pairing
is never answered. Only devices the gateway is connected to get an answer, and it connects only to
those its owner adopted: nobody pairs with the hub from outside.

The agent says that it has a keyboard and a display. Then a device that shows a code has it typed
here, one with keys has a code of ours typed there, and one without either pairs without a code.
Where both could show a number, Bluetooth has a person compare two of them; who agrees without
looking is not protected then. So the number of the device is typed here too, and compared by us.
"""

# No `from __future__ import annotations`: dbus-fast reads the signatures, and stumbles over "None".
import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from typing import Any, TypeVar

from dbus_fast import DBusError
from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt16, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method

from gateway.transport.pairing import Owner

PATH = "/org/healthspace/gateway/agent"
CAPABILITY = "KeyboardDisplay"
ANSWER_WITHIN_S = 28.0
"""The Security Manager gives up after 30 s (Core 5.4, Vol 3, Part H, 3.4); a little before that we
still know why."""

T = TypeVar("T")


class WithoutCode(StrEnum):
    """What becomes of an adopted device that pairs without a code, which protects nobody well."""

    ACCEPT = "accept"
    ASK = "ask"
    REFUSE = "refuse"


class Agent(ServiceInterface):
    """The pairing agent of one transport. `owner` None: there is no one to ask."""

    def __init__(self, owner: Owner | None, without_code: WithoutCode = WithoutCode.ACCEPT) -> None:
        super().__init__("org.bluez.Agent1")
        self._owner = owner
        self._without_code = without_code
        self._connected: set[str] = set()
        self._failures: dict[str, str] = {}
        self._asking: set[asyncio.Task[Any]] = set()
        self._shown: dict[str, asyncio.Task[None]] = {}

    def admit(self, address: str) -> None:
        """Answer for this device from now on."""
        self._connected.add(address.upper())
        self.worked(address)

    def dismiss(self, address: str) -> None:
        """Answer no longer; nothing happens if we did not."""
        self._connected.discard(address.upper())
        self.worked(address)

    def worked(self, address: str) -> None:
        """Take note that the device answers: whatever was asked of the owner, it was right."""
        self._failures.pop(address.upper(), None)
        self._stop_showing(address.upper())

    def failure(self, address: str) -> str | None:
        """Say why a pairing with this device fails, if one does: what has to be done better."""
        return self._failures.get(address.upper())

    async def agrees(self, address: str) -> bool:
        """Say whether a device may pair without a code; `failure` says why not.

        Asked by bluetoothd, and by whoever has it pair: that it takes for the agreement.
        """
        address = address.upper()
        match self._without_code:
            case WithoutCode.ACCEPT:
                return True
            case WithoutCode.REFUSE:
                self._failures[address] = "the device has no code, and pairing without is off"
                return False
        try:
            owner = self._person(address, "the device has no code, and there is no one to ask")
            agreed = await self._answer(address, owner.confirm(address, ANSWER_WITHIN_S))
        except DBusError:
            return False
        if not agreed:
            self._failures[address] = "the owner did not agree to pair without a code"
        return agreed

    @dbus_method("RequestPasskey")
    async def request_passkey(self, device: DBusObjectPath) -> DBusUInt32:
        """Return the code that the device shows."""
        address = self._admitted(device)
        typed = await self._typed(address)
        self._failures[address] = "the device did not accept the code"
        return typed

    @dbus_method("RequestConfirmation")
    async def request_confirmation(self, device: DBusObjectPath, shown: DBusUInt32) -> None:
        """Agree if the device shows the number that bluetoothd has."""
        address = self._admitted(device)
        if await self._typed(address) != shown:
            raise self._refuse(address, "the code was not the one that the device shows")

    @dbus_method("DisplayPasskey")
    async def display_passkey(
        self, device: DBusObjectPath, passkey: DBusUInt32, _entered: DBusUInt16
    ) -> None:
        """Show the code that is to be typed on the device; asked again for each digit typed."""
        address = self._admitted(device)
        if address not in self._shown:
            owner = self._person(address, "the device wants a code shown, and nobody is there")
            self._failures[address] = "the code that is shown here was not typed on the device"
            self._shown[address] = self._ask(self._show(owner, address, passkey))

    @dbus_method("RequestAuthorization")
    async def request_authorization(self, device: DBusObjectPath) -> None:
        """Agree to pair without a code, as `WithoutCode` says."""
        address = self._admitted(device)
        if not await self.agrees(address):
            raise DBusError("org.bluez.Error.Rejected", self.failure(address) or "refused")

    @dbus_method("AuthorizeService")
    async def authorize_service(self, device: DBusObjectPath, _uuid: DBusStr) -> None:
        """Agree that the device uses a service of this machine; BlueZ asks of every new device."""
        self._admitted(device)

    @dbus_method("RequestPinCode")
    async def request_pin_code(self, device: DBusObjectPath) -> DBusStr:
        """Refuse: PIN codes are classic Bluetooth's."""
        raise self._refuse(self._admitted(device), "the device wants a PIN of classic Bluetooth")

    @dbus_method("Cancel")
    async def cancel(self) -> None:
        """Ask no longer: the device has hung up or given up."""
        self._stop_asking()

    @dbus_method("Release")
    async def release(self) -> None:
        """Ask no longer: bluetoothd has let go of the agent."""
        self._stop_asking()

    def _stop_asking(self) -> None:
        for asking in self._asking:
            asking.cancel()

    def _stop_showing(self, address: str) -> None:
        if (showing := self._shown.pop(address, None)) is not None:
            showing.cancel()

    async def _show(self, owner: Owner, address: str, code: int) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await owner.show_code(address, code, ANSWER_WITHIN_S)
        finally:
            self._shown.pop(address, None)

    async def _typed(self, address: str) -> int:
        owner = self._person(address, "the device shows a code, and there is no one to type it")
        typed = await self._answer(address, owner.type_code(address, ANSWER_WITHIN_S))
        if typed is None:
            raise self._refuse(address, "the code that the device shows was not given")
        return typed

    async def _answer(self, address: str, question: Coroutine[object, object, T]) -> T:
        """Await the owner; raises DBusError when they take too long, or are no longer wanted."""
        asking = self._ask(question)
        try:
            await asyncio.wait({asking}, timeout=ANSWER_WITHIN_S)
            if not asking.done():
                raise self._refuse(address, "nobody answered in time what the device asks")
            if asking.cancelled():
                raise DBusError("org.bluez.Error.Canceled", "no longer wanted")
            return asking.result()
        finally:
            asking.cancel()

    def _ask(self, question: Coroutine[object, object, T]) -> asyncio.Task[T]:
        asking = asyncio.ensure_future(question)
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        return asking

    def _person(self, address: str, without: str) -> Owner:
        if self._owner is None:
            raise self._refuse(address, without)
        return self._owner

    def _admitted(self, path: str) -> str:
        """Return the address in `/org/bluez/hci0/dev_C0_FF_EE_00_00_01`, if it may pair."""
        address = path.rpartition("/dev_")[2].replace("_", ":").upper()
        if address not in self._connected:
            raise DBusError("org.bluez.Error.Rejected", "the gateway is not pairing this device")
        return address

    def _refuse(self, address: str, why: str) -> DBusError:
        self._failures[address] = why
        return DBusError("org.bluez.Error.Rejected", why)
