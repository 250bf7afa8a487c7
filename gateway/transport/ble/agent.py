"""Answers what bluetoothd asks while it pairs (`org.bluez.Agent1`); bleak brings nobody who would.

Without an agent no pairing succeeds, not even one without a code, and a read that needs a pairing
is never answered. Only devices the gateway is connected to get an answer: nobody pairs with the hub
from outside.

The agent says that it has a keyboard and no display. Then a device with a display shows a code that
its owner types, and one without pairs without a code. If we had a display too, some devices would
have their owner compare two numbers instead, and who agrees without looking is not protected.
"""

# No `from __future__ import annotations`: dbus-fast reads the signatures, and stumbles over "None".
import asyncio
from collections.abc import Awaitable, Callable

from dbus_fast import DBusError
from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt16, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method

PATH = "/org/healthspace/gateway/agent"
CAPABILITY = "KeyboardOnly"
PASSKEY_WITHIN_S = 28.0
"""The Security Manager gives up after 30 s (Core 5.4, Vol 3, Part H, 3.4); a little before that we
still know why."""

AskPasskey = Callable[[str], Awaitable[int | None]]
"""Has the owner type the six digits that the device with this address shows; None if they refuse.
It is cancelled when they are no longer wanted."""


class Agent(ServiceInterface):
    """The pairing agent of one transport. `ask` None: there is no one to type a code."""

    def __init__(self, ask: AskPasskey | None) -> None:
        super().__init__("org.bluez.Agent1")
        self._ask = ask
        self._connected: set[str] = set()
        self._failures: dict[str, str] = {}
        self._asking: set[asyncio.Task[int]] = set()

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

    def failure(self, address: str) -> str | None:
        """Say why a pairing with this device fails, if one does: what has to be done better."""
        return self._failures.get(address.upper())

    @dbus_method("RequestPasskey")
    async def request_passkey(self, device: DBusObjectPath) -> DBusUInt32:
        """Return the code that the device shows."""
        address = self._admitted(device)
        asking = asyncio.ensure_future(self._passkey(address))
        self._asking.add(asking)
        try:
            await asyncio.wait({asking})
            if asking.cancelled():
                raise DBusError("org.bluez.Error.Canceled", "no longer wanted")
            return asking.result()
        finally:
            self._asking.discard(asking)
            asking.cancel()

    @dbus_method("RequestAuthorization")
    async def request_authorization(self, device: DBusObjectPath) -> None:
        """Agree to pair without a code."""
        self._admitted(device)

    @dbus_method("AuthorizeService")
    async def authorize_service(self, device: DBusObjectPath, _uuid: DBusStr) -> None:
        """Agree that the device uses a service of this machine; BlueZ asks of every new device."""
        self._admitted(device)

    @dbus_method("RequestConfirmation")
    async def request_confirmation(self, device: DBusObjectPath, _shown: DBusUInt32) -> None:
        """Refuse: nobody compares two numbers. BlueZ does not ask a keyboard without a display."""
        raise self._refuse(self._admitted(device), "the device wants two numbers compared")

    @dbus_method("RequestPinCode")
    async def request_pin_code(self, device: DBusObjectPath) -> DBusStr:
        """Refuse: PIN codes are classic Bluetooth's."""
        raise self._refuse(self._admitted(device), "the device wants a PIN of classic Bluetooth")

    @dbus_method("DisplayPasskey")
    async def display_passkey(
        self, device: DBusObjectPath, _passkey: DBusUInt32, _entered: DBusUInt16
    ) -> None:
        """Refuse: there is no display."""
        raise self._refuse(self._admitted(device), "the device wants a number shown")

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

    async def _passkey(self, address: str) -> int:
        if self._ask is None:
            raise self._refuse(address, "the device shows a code, and there is no one to type it")
        try:
            async with asyncio.timeout(PASSKEY_WITHIN_S):
                passkey = await self._ask(address)
        except TimeoutError:
            raise self._refuse(address, "nobody typed the code that the device shows") from None
        if passkey is None:
            raise self._refuse(address, "the code that the device shows was not given")
        self._failures[address] = "the device did not accept the code"
        return passkey

    def _admitted(self, path: str) -> str:
        """Return the address in `/org/bluez/hci0/dev_C0_FF_EE_00_00_01`, if it may pair."""
        address = path.rpartition("/dev_")[2].replace("_", ":").upper()
        if address not in self._connected:
            raise DBusError("org.bluez.Error.Rejected", "the gateway is not pairing this device")
        return address

    def _refuse(self, address: str, why: str) -> DBusError:
        self._failures[address] = why
        return DBusError("org.bluez.Error.Rejected", why)
