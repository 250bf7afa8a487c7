"""The driver interface: all that a driver author, of this project or not, needs to know.

A driver is stateless knowledge of one family of devices. It says which devices it knows (`match`),
what their bytes mean (`decode`), and how to talk with one of them (`converse`). Everything with a
side effect is lent to it by its `Session`. Drivers do no I/O, start no task and keep no state.

Register a driver as an entry point of the group `gateway.drivers`: docs/write-a-driver.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import NewType, Protocol, runtime_checkable

from gateway.clock import Instant
from gateway.domain.device import Device
from gateway.domain.reading import Kind, Reading
from gateway.errors import DecodeError
from gateway.frozen import frozen

API = 1
"""The version of this interface. A driver whose manifest names another is refused at start."""

Channel = NewType("Channel", str)
"""Where a frame came from on its link.

`181f/2aa7` is a GATT service and characteristic (16-bit UUIDs as 4 hex digits, others in full,
lower case); `serial` is a byte stream; `hid` is reports, each whole; `advertisement/181d` is
service data in an advertisement.
"""

SERIAL = Channel("serial")
HID = Channel("hid")


def gatt(service: str, characteristic: str) -> Channel:
    """Name a GATT characteristic within its service; UUIDs in any case, short or long."""
    return Channel(f"{short_uuid(service)}/{short_uuid(characteristic)}")


def service_of(channel: Channel) -> str:
    """Return the UUID of the service that a GATT characteristic is in, as `gatt` writes it."""
    return channel.partition("/")[0]


def short_uuid(uuid: str) -> str:
    """Write a UUID the way channels do: `2a35`, or in full when it is not a Bluetooth SIG one."""
    uuid = uuid.lower()
    if len(uuid) == 36 and uuid.startswith("0000") and uuid.endswith(_SIG_BASE):
        return uuid[4:8]
    return uuid


_SIG_BASE = "-0000-1000-8000-00805f9b34fb"


@frozen
class Frame:
    """These bytes, on this channel, at this time.

    `hints` carries what the bytes alone cannot say, where `decode` is asked outside a session
    (such as `{"e2e_crc": True}`); in a session the driver already knows.
    """

    channel: Channel
    data: bytes
    received: Instant
    hints: Mapping[str, object] = field(default_factory=dict)


class Reach(StrEnum):
    """How a driver's devices are reached."""

    BLE = "ble"
    ADVERTISEMENT = "advertisement"
    """Listen to advertisements only; the device is never connected."""
    SERIAL = "serial"
    HID = "hid"
    """USB devices that speak in reports of at most 64 octets and are no serial port."""


CABLES = {Reach.SERIAL: SERIAL, Reach.HID: HID}
"""How devices on a cable are reached, and the one channel of such a link."""


class Fit(IntEnum):
    """How well a driver fits a sighting. The highest wins; a tie above NONE is an error."""

    NONE = 0
    PROFILE = 1
    """It offers a standard service this driver speaks."""
    FAMILY = 2
    """A known family of devices, with their oddities."""
    MODEL = 3
    """This very model, or the owner's configuration names this driver."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device noticed before anyone spoke to it.

    `services` holds advertised service UUIDs (short form); `service_data` and `manufacturer_data`
    the advertised bytes by UUID and company id. On a cable, `driver` is the configured one and
    `usb` is (vendor id, product id) if there are such.
    """

    address: str
    """A Bluetooth address in upper case, or the path or URL of a port or an HID device."""
    reach: Reach
    name: str | None = None
    services: frozenset[str] = frozenset()
    service_data: Mapping[str, bytes] = field(default_factory=dict)
    manufacturer_data: Mapping[int, bytes] = field(default_factory=dict)
    rssi_dbm: int | None = None
    driver: str | None = None
    usb: tuple[int, int] | None = None
    plugging: str | None = None
    """Which plugging in of a device on USB it is, if the system counts them."""


@dataclass(frozen=True, slots=True)
class Model:
    """A device the driver is meant for, and how good the evidence is."""

    name: str
    evidence: str
    """Such as "simulated", "checked against public captures", "from the maker's manual"."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a serial port is set, unless the owner's configuration says otherwise."""

    baud: int = 9600
    data_bits: int = 8
    parity: str = "N"
    stop_bits: float = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting an owner can give a device of this driver in the configuration."""

    name: str
    help: str
    default: str | int | bool | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a driver says of itself, as data: the registry and the documentation read it."""

    name: str
    """`<kind of device>/<family>`, such as `bp_monitor/bluetooth_sig`; its name everywhere."""
    title: str
    reach: Reach
    emits: frozenset[Kind]
    spec: str
    """The specification the driver follows, by name and version."""
    models: tuple[Model, ...]
    services: frozenset[str] = frozenset()
    """The GATT services it speaks (short UUIDs)."""
    bonds_first: frozenset[str] = frozenset()
    """Services of devices that show or do nothing before they are bonded: one that has such a
    service, or advertises it, is paired as soon as it is connected, before it is asked anything."""
    usb: frozenset[tuple[int, int]] = frozenset()
    """The USB ids (vendor, product) that tell its devices for sure. An HID device that no driver
    names here is never listed, opened or read: keyboards are HID devices too."""
    line: Line | None = None
    settings: tuple[Setting, ...] = ()
    decodes: Mapping[str, Channel] = field(default_factory=dict)
    """Names by which `healthspace-gateway decode` reaches this driver, to their channels.

    Every channel that `decode` knows has one; the first driver of a name has it.
    """
    api: int = API


class Inbox(Protocol):
    """Frames of one subscribed channel, in the order they came.

    Going on says that what was taken is safe. A device that waits for our confirmation (a GATT
    indication) forgets the record once it has it; so the link confirms a frame only when the driver
    next asks any inbox of this link for a frame, or writes to the device. Record a frame, set it
    aside or remark on it before either. Reading a value is not going on. What is not confirmed when
    the link ends comes again with the next connection, and identity makes that harmless.

    `hci` does so; over BlueZ the operating system has confirmed before the gateway hears of it.
    """

    async def get(self, *, within: float) -> Frame:
        """Wait for the next frame, at most `within` seconds; raises LinkTimeout, LinkLost.

        Frames that came before the link was lost are still given out first.
        """
        ...


class Link(Protocol):
    """A live connection to one device. Every method raises LinkLost once the connection is gone."""

    @property
    def channels(self) -> Collection[Channel]:
        """The channels this device offers; a cable has exactly one, `serial` or `hid`."""
        ...

    async def read(self, channel: Channel, /) -> Frame:
        """Ask for the present value; raises LinkTimeout, LinkRefused, PairingNeeded."""
        ...

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Send bytes; with `acknowledged`, returns once the device confirmed them.

        What decides over a therapy or destroys a device's memory is refused with ValueError. On an
        HID link this is one output report as the device defines it, padding included and without
        a report number: 1 to 64 octets, else ValueError.
        """
        ...

    async def subscribe(self, channel: Channel, /) -> Inbox:
        """Have the device send this channel by itself, and collect it from the first byte on.

        On a serial link this is how the stream is read: each frame is a chunk, cut anywhere. On an
        HID link each frame is one whole input report as the device sent it, padding included and
        without a report number.
        """
        ...


class Session(Protocol):
    """One conversation over one link, as the driver sees it."""

    @property
    def link(self) -> Link:
        """The connection to the device."""
        ...

    @property
    def device(self) -> Device:
        """The device as known so far; `device.id` goes into every reading."""
        ...

    @property
    def sighting(self) -> Sighting:
        """How the device was noticed."""
        ...

    def now(self) -> Instant:
        """Return the present moment."""
        ...

    async def pause(self, seconds: float, /) -> None:
        """Let time pass; on a cable, no more once it is pulled."""
        ...

    def setting(self, name: str, /) -> str | int | bool | None:
        """Return the owner's setting of that name, or the manifest's default."""
        ...

    async def describe(self, device: Device, /) -> None:
        """Tell what the device said of itself (maker, model, serial number, EUI-64, ...).

        What is known already is no news: it may be told as often as it is read.
        """
        ...

    async def bookmark(self) -> str | None:
        """Return what this driver last set for this device, or None."""
        ...

    async def record(self, *readings: Reading, bookmark: str | None = None) -> int:
        """Make the readings durable, and with them, in the same transaction, the bookmark.

        Returns how many of them were new, only when they survive a power cut; only then may a
        driver acknowledge them to the device or let it forget them. Give one burst in one call: one
        call is at most one fsync. Raises JournalFull; nothing of the call was then written. Where
        the device is not connected by radio it returns only once there is space again.
        """
        ...

    async def set_bookmark(self, bookmark: str, /) -> None:
        """Move the bookmark where no reading stands for it."""
        ...

    async def set_aside(self, frame: Frame, error: DecodeError, /) -> None:
        """Keep a frame that could not be read: stored, counted, shown; the conversation goes on."""
        ...

    async def remark(self, event: str, frame: Frame | None = None, /) -> None:
        """Keep an event that is no reading: a failed measurement, a device's error code."""
        ...


@runtime_checkable
class Driver(Protocol):
    """Stateless knowledge of one family of devices."""

    @property
    def manifest(self) -> Manifest:
        """What the driver says of itself."""
        ...

    def match(self, sighting: Sighting, /) -> Fit:
        """Say how well this driver fits what was seen. Pure."""
        ...

    def decode(self, frame: Frame, /) -> object:
        """Say what the bytes mean: a dataclass, or raise DecodeError. Pure; no other error."""
        ...

    async def converse(self, session: Session, /) -> None:
        """Talk with the device from connect to the end: ask, record, acknowledge.

        Returns when there is nothing more to hear; a device that measures all the time is listened
        to until LinkLost. Raises DriverError or lets LinkError pass: the session is tried again.
        """
        ...


@runtime_checkable
class Numbered(Driver, Protocol):
    """A driver of devices on USB that say their serial number only when they are asked.

    Its devices are named by that number for good, whatever socket they are plugged into.
    """

    async def number(self, session: Session, /) -> str:
        """Ask for the number and for nothing else; nothing can be recorded in this session.

        Raises DriverError if the device tells none, as a conversation with it then does too; lets
        LinkError pass.
        """
        ...


EPISODIC_IDLE = timedelta(seconds=10)
"""How long an episodic device may stay silent before a conversation with it ends."""
