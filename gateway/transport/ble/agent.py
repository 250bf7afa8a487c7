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
from dbus_fast import DBusError
from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt16, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method

from gateway.transport.pairing import Interview, Owner
from gateway.transport.settings import WithoutCode

PATH = "/org/healthspace/gateway/agent"
CAPABILITY = "KeyboardDisplay"


class Agent(ServiceInterface):
    """The pairing agent of one transport. `owner` None: there is no one to ask."""

    def __init__(self, owner: Owner | None, without_code: WithoutCode = WithoutCode.ACCEPT) -> None:
        super().__init__("org.bluez.Agent1")
        self._interview = Interview(owner, without_code)
        self._connected: set[str] = set()

    def admit(self, address: str) -> None:
        """Answer for this device from now on."""
        self._connected.add(address.upper())
        self.worked(address)

    def dismiss(self, address: str) -> None:
        """Answer no longer; nothing happens if we did not."""
        self._connected.discard(address.upper())
        self._interview.leave(address.upper())

    def worked(self, address: str) -> None:
        """Take note that the device answers: whatever was asked of the owner, it was right."""
        self._interview.worked(address.upper())

    def denied(self, address: str) -> None:
        """Take note that bluetoothd says that the pairing was refused."""
        self._interview.denied(address.upper())

    def failure(self, address: str) -> str | None:
        """Say why a pairing with this device fails, if one does: what has to be done better."""
        return self._interview.failure(address.upper())

    async def agrees(self, address: str) -> bool:
        """Say whether a device may pair without a code; `failure` says why not.

        Asked by bluetoothd, and by whoever has it pair: that it takes for the agreement.
        """
        return await self._interview.agrees(address.upper())

    @dbus_method("RequestPasskey")
    async def request_passkey(self, device: DBusObjectPath) -> DBusUInt32:
        """Return the code that the device shows."""
        address = self._admitted(device)
        if (code := await self._interview.typed(address)) is None:
            raise self._refusal(address)
        return code

    @dbus_method("RequestConfirmation")
    async def request_confirmation(self, device: DBusObjectPath, shown: DBusUInt32) -> None:
        """Agree if the device shows the number that bluetoothd has."""
        address = self._admitted(device)
        code = await self._interview.typed(address)
        if code is not None and code != shown:
            self._interview.fails(address, "the code was not the one that the device shows")
        if code != shown:
            raise self._refusal(address)

    @dbus_method("DisplayPasskey")
    async def display_passkey(
        self, device: DBusObjectPath, passkey: DBusUInt32, _entered: DBusUInt16
    ) -> None:
        """Show the code that is to be typed on the device; asked again for each digit typed."""
        address = self._admitted(device)
        if not self._interview.show(address, passkey):
            raise self._refusal(address)

    @dbus_method("RequestAuthorization")
    async def request_authorization(self, device: DBusObjectPath) -> None:
        """Agree to pair without a code, as `WithoutCode` says."""
        address = self._admitted(device)
        if not await self.agrees(address):
            raise self._refusal(address)

    @dbus_method("AuthorizeService")
    async def authorize_service(self, device: DBusObjectPath, _uuid: DBusStr) -> None:
        """Agree that the device uses a service of this machine; BlueZ asks of every new device."""
        self._admitted(device)

    @dbus_method("RequestPinCode")
    async def request_pin_code(self, device: DBusObjectPath) -> DBusStr:
        """Refuse: PIN codes are classic Bluetooth's."""
        address = self._admitted(device)
        self._interview.fails(address, "the device wants a PIN of classic Bluetooth")
        raise self._refusal(address)

    @dbus_method("Cancel")
    async def cancel(self) -> None:
        """Ask no longer: the device has hung up or given up."""
        self._interview.stop()

    @dbus_method("Release")
    async def release(self) -> None:
        """Ask no longer: bluetoothd has let go of the agent."""
        self._interview.stop()

    def _admitted(self, path: str) -> str:
        """Return the address in `/org/bluez/hci0/dev_C0_FF_EE_00_00_01`, if it may pair."""
        address = path.rpartition("/dev_")[2].replace("_", ":").upper()
        if address not in self._connected:
            raise DBusError("org.bluez.Error.Rejected", "the gateway is not pairing this device")
        return address

    def _refusal(self, address: str) -> DBusError:
        return DBusError("org.bluez.Error.Rejected", self.failure(address) or "refused")
