"""Bluetooth through bleak: bleak's own front, a backend made of tables, and its real errors."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from dbus_fast.aio import MessageBus

from gateway.clock import SystemClock
from gateway.domain.device import DeviceId
from gateway.drivers.api import Manifest, Reach, Sighting, gatt
from gateway.errors import (
    LinkLost,
    LinkRefused,
    LinkTimeout,
    PairingNeeded,
    RadioTrouble,
    RadioUnavailable,
)
from gateway.transport.ble import BleSettings, peer
from gateway.transport.ble.adapter import named
from gateway.transport.ble.bus import call
from gateway.transport.ble.transport import BleTransport
from gateway.transport.ble.trouble import link_trouble, radio_trouble
from gateway.transport.gatt_link import Deadlines
from gateway.transport.rotating_names import RotatingNames

CUFF = "C0:FF:EE:00:00:01"
BASE = "0000{}-0000-1000-8000-00805f9b34fb"
STORED = gatt("1810", "2a35")
MANIFEST = Manifest("test/cuff", "Cuff", Reach.BLE, frozenset(), "none", ())
SOON_S = 5.0


class TableScanner(BaseBleakScanner):
    """A scanner that finds what the test put into `devices`; `starts` may raise."""

    devices: ClassVar[list[tuple[BLEDevice, AdvertisementData]]] = []
    starts: ClassVar[list[Exception | None]] = []
    log: ClassVar[list[str]] = []

    def __init__(self, detection_callback: Any, service_uuids: Any, *_: Any, **__: Any) -> None:
        super().__init__(detection_callback, service_uuids)

    async def start(self) -> None:
        self.log.append("start")
        if self.starts and (error := self.starts.pop(0)):
            raise error
        for device, advertisement in self.devices:
            self.call_detection_callbacks(device, advertisement)

    async def stop(self) -> None:
        self.log.append("stop")


class TableClient(BaseBleakClient):
    """A device with one characteristic; the test chooses what it answers."""

    reads: ClassVar[list[bytes | Exception]] = []
    connects: ClassVar[list[Exception]] = []
    bare: ClassVar[int] = 0
    log: ClassVar[list[str]] = []
    sends_at_once: ClassVar[bytes | None] = None
    last: ClassVar[Any] = None

    def __init__(self, device: BLEDevice, **kwargs: Any) -> None:
        super().__init__(device, disconnected_callback=kwargs["disconnected_callback"], timeout=1)
        type(self).last = self
        self.up = False
        self.callback: Callable[[bytearray], None] | None = None

    async def connect(self, pair: bool, **_: Any) -> None:
        assert not pair  # bleak's own connecting and pairing in one loses services now and then
        if self.connects:
            raise self.connects.pop(0)
        self.up = True
        service = BleakGATTService(None, 1, BASE.format("1810"))
        self.services = BleakGATTServiceCollection()
        if self.bare:
            type(self).bare -= 1
            return
        self.services.add_service(service)
        stored = BleakGATTCharacteristic(
            None, 2, BASE.format("2a35"), ["indicate", "write"], lambda: 20, service
        )
        self.services.add_characteristic(stored)

    async def disconnect(self) -> None:
        self.log.append("disconnect")
        self.up = False

    async def pair(self, *_: Any, **__: Any) -> None:
        self.log.append("pair")

    async def unpair(self) -> None:
        self.log.append("unpair")

    @property
    def name(self) -> str:
        return "cuff"

    @property
    def mtu_size(self) -> int:
        return 23

    @property
    def is_connected(self) -> bool:
        return self.up

    async def read_gatt_char(self, characteristic: Any, **_: Any) -> bytearray:
        answer = self.reads.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bytearray(answer)

    async def read_gatt_descriptor(self, descriptor: Any, **_: Any) -> bytearray:
        raise NotImplementedError

    async def write_gatt_char(self, characteristic: Any, data: Any, response: bool) -> None:
        self.log.append(f"write {bytes(data)!r} {response}")

    async def write_gatt_descriptor(self, descriptor: Any, data: Any) -> None:
        raise NotImplementedError

    async def start_notify(self, characteristic: Any, callback: Any, **_: Any) -> None:
        self.callback = callback
        if self.sends_at_once is not None:
            callback(bytearray(self.sends_at_once))

    async def stop_notify(self, characteristic: Any) -> None:
        self.log.append("disable")


def advertised(
    address: str = CUFF, path: str | None = None, **properties: Any
) -> tuple[BLEDevice, AdvertisementData]:
    path = path or f"/org/bluez/hci0/dev_{address.replace(':', '_')}"
    properties = {"Address": address, "AddressType": "random", **properties}
    device = BLEDevice(address, "cuff", {"path": path, "props": properties})
    data = AdvertisementData(
        "cuff",
        {0x020E: b"\1"},
        {BASE.format("181d"): b"\2"},
        [BASE.format("1810")],
        None,
        -60,
        (path, properties),
    )
    return device, data


@pytest.fixture(autouse=True)
def clean_tables() -> None:
    for table in (TableScanner.starts, TableScanner.log):
        table.clear()
    for table in (TableClient.reads, TableClient.connects, TableClient.log):
        table.clear()
    TableScanner.devices[:] = [advertised()]


class Watched:
    """A transport that is being watched; its silences last until the test says so."""

    def __init__(self, names: RotatingNames | None = None) -> None:
        self.silence: asyncio.Queue[None] = asyncio.Queue()
        self.seen: asyncio.Queue[Sighting] = asyncio.Queue()
        self.transport = BleTransport(
            BleSettings(),
            SystemClock(),
            Deadlines(),
            names=names,
            pause=self._pause,
            scanner=TableScanner,
            client=TableClient,
        )
        self.watching = asyncio.ensure_future(self.transport.watch(self.seen.put_nowait))

    async def _pause(self, _seconds: float) -> None:
        await self.silence.get()

    async def sighting(self) -> Sighting:
        return await asyncio.wait_for(self.seen.get(), SOON_S)

    async def open(self) -> Any:
        return await self.transport.open(await self.sighting(), MANIFEST)


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    yield made
    made.watching.cancel()
    with suppress(asyncio.CancelledError, RadioUnavailable):
        await made.watching


async def test_a_device_is_seen_with_what_it_advertises(watched: Watched) -> None:
    seen = await watched.sighting()

    assert seen == Sighting(
        CUFF,
        Reach.BLE,
        name="cuff",
        services=frozenset({"1810"}),
        service_data={"181d": b"\2"},
        manufacturer_data={0x020E: b"\1"},
        rssi_dbm=-60,
    )


@pytest.mark.parametrize(
    ("address", "properties", "name"),
    [
        (CUFF, {}, "ble"),
        ("00:FF:EE:00:00:01", {"AddressType": "public"}, "ble"),
        ("7A:FF:EE:00:00:01", {}, "ble-rotating"),
        ("7A:FF:EE:00:00:01", {"Paired": True}, "ble"),
    ],
)
async def test_only_lasting_addresses_name_a_device_for_good(
    address: str, properties: dict[str, Any], name: str
) -> None:
    TableScanner.devices[:] = [advertised(address, **properties)]
    watched = Watched()
    seen = await watched.sighting()
    watched.watching.cancel()

    assert watched.transport.device_id(seen) == f"{name}:{address}"


async def test_a_rotating_address_names_a_paired_device_as_bluetoothd_first_called_it() -> None:
    path = "/org/bluez/hci0/dev_7A_FF_EE_00_00_01"
    TableScanner.devices[:] = [advertised(CUFF, path, Paired=True)]
    watched = Watched()
    seen = await watched.sighting()
    device = watched.transport.device_id(seen)
    watched.watching.cancel()

    assert (seen.address, device) == (CUFF, "ble-rotating:7A:FF:EE:00:00:01")
    assert watched.transport.is_bonded(device)


async def test_a_device_that_was_forgotten_is_called_as_it_was_adopted_anew_as_soon_as_it_is_paired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def forget(_identity: str) -> bool:
        return True

    monkeypatch.setattr("gateway.transport.ble.transport.forget", forget)
    names = RotatingNames()
    names.call(CUFF, "7A:FF:EE:00:00:01")
    watched = Watched(names)
    TableScanner.devices[:] = [
        advertised(CUFF, "/org/bluez/hci0/dev_7A_FF_EE_00_00_02", Paired=True)
    ]
    before = watched.transport.device_id(await watched.sighting())
    await watched.transport.forget(before)
    watched.silence.put_nowait(None)
    after = watched.transport.device_id(await watched.sighting())
    watched.watching.cancel()

    assert (before, after) == ("ble-rotating:7A:FF:EE:00:00:01", "ble-rotating:7A:FF:EE:00:00:02")


async def test_who_claims_to_be_an_adopted_device_is_not_heard_and_has_its_bond_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped: asyncio.Queue[str] = asyncio.Queue()

    async def forget(identity: str) -> bool:
        dropped.put_nowait(identity)
        return True

    monkeypatch.setattr("gateway.transport.ble.transport.forget", forget)
    claimed = advertised(CUFF, "/org/bluez/hci0/dev_7A_FF_EE_00_00_01", Paired=True)
    TableScanner.devices[:] = [claimed, claimed, advertised()]
    watched = Watched(RotatingNames(adopted={DeviceId(f"ble:{CUFF}"): "scale/test"}.get))
    seen = await watched.sighting()
    await asyncio.wait_for(dropped.get(), SOON_S)
    watched.watching.cancel()

    assert watched.transport.device_id(seen) == f"ble:{CUFF}"
    assert not watched.transport.is_bonded(DeviceId(f"ble:{CUFF}"))
    assert (watched.seen.empty(), dropped.empty()) == (True, True)


async def test_a_silent_scanner_is_started_anew(watched: Watched) -> None:
    await watched.sighting()
    watched.silence.put_nowait(None)
    await watched.sighting()

    assert TableScanner.log == ["start", "stop", "start"]


async def test_a_radio_that_is_gone_when_scanning_starts_anew_is_reported(watched: Watched) -> None:
    await watched.sighting()
    TableScanner.starts[:] = [
        BleakBluetoothNotAvailableError("", BleakBluetoothNotAvailableReason.NO_BLUETOOTH)
    ]
    watched.silence.put_nowait(None)

    with pytest.raises(RadioUnavailable) as trouble:
        await asyncio.wait_for(watched.watching, SOON_S)
    assert trouble.value.reason is RadioTrouble.NO_ADAPTER


async def test_a_device_is_read_written_and_listened_to(watched: Watched) -> None:
    TableClient.reads[:] = [b"value"]
    link = await watched.open()
    inbox = await link.subscribe(STORED)
    TableClient.last.callback(bytearray(b"record"))
    record = await inbox.get(within=1)
    value = await link.read(STORED)
    await link.write(STORED, b"\1")
    await link.write(STORED, b"\2", acknowledged=False)
    await link.close()

    assert (set(link.channels), record.data, value.data) == ({STORED}, b"record", b"value")
    assert TableClient.log == ["write b'\\x01' True", "write b'\\x02' False", "disconnect"]


async def test_what_a_device_sends_while_it_is_subscribed_to_is_not_lost(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TableClient, "sends_at_once", b"record")
    link = await watched.open()
    inbox = await link.subscribe(STORED)

    assert (await inbox.get(within=0)).data == b"record"


async def test_closing_leaves_subscriptions_on(watched: Watched) -> None:
    link = await watched.open()
    await link.subscribe(STORED)
    await link.close()

    assert TableClient.log == ["disconnect"]


async def test_a_closed_value_is_paired_for(watched: Watched) -> None:
    not_paired = BleakDBusError("org.bluez.Error.NotPermitted", ["Not paired"])
    TableClient.reads[:] = [not_paired, b"value"]
    link = await watched.open()
    value = await link.read(STORED)
    await link.close()

    assert value.data == b"value"
    assert TableClient.log == ["pair", "disconnect"]


async def test_a_device_that_is_to_be_bonded_first_is_paired_before_anything_else(
    watched: Watched,
) -> None:
    first = replace(MANIFEST, bonds_first=frozenset({"1810"}))
    link = await watched.transport.open(await watched.sighting(), first)
    await link.close()

    assert TableClient.log == ["pair", "disconnect"]


async def test_a_device_that_hides_a_service_until_it_is_bonded_is_connected_once_more(
    watched: Watched,
) -> None:
    shy = replace(MANIFEST, services=frozenset({"fe4a"}), bonds_first=frozenset({"fe4a"}))
    seen = replace(await watched.sighting(), services=frozenset({"fe4a", "1810"}))
    link = await watched.transport.open(seen, shy)
    await link.close()

    assert TableClient.log == ["pair", "disconnect", "disconnect"]


async def test_a_device_without_its_services_is_connected_once_more(watched: Watched) -> None:
    TableClient.bare = 1
    link = await watched.open()
    await link.close()

    assert set(link.channels) == {STORED}
    assert TableClient.log == ["disconnect", "disconnect"]


async def test_a_device_that_stays_without_its_services_is_left_to_the_driver(
    watched: Watched,
) -> None:
    TableClient.bare = 2
    link = await watched.open()
    await link.close()

    assert not link.channels


async def test_a_disconnection_reaches_whoever_waits(watched: Watched) -> None:
    link = await watched.open()
    inbox = await link.subscribe(STORED)
    TableClient.last._disconnected_callback()

    with pytest.raises(LinkLost):
        await inbox.get(within=SOON_S)
    await link.close()


async def test_an_unlikely_error_that_was_the_end_of_the_connection_is_a_lost_link(
    watched: Watched,
) -> None:
    TableClient.reads[:] = [BleakGATTProtocolError(0x0E)]
    link = await watched.open()
    asyncio.get_running_loop().call_later(0.01, TableClient.last._disconnected_callback)

    with pytest.raises(LinkLost):
        await link.read(STORED)
    await link.close()


async def test_an_unlikely_error_of_a_device_that_stays_is_a_refusal(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "WHY_WITHIN_S", 0.0)
    TableClient.reads[:] = [BleakGATTProtocolError(0x0E)]
    link = await watched.open()

    with pytest.raises(LinkRefused):
        await link.read(STORED)
    await link.close()


async def test_a_failed_connection_is_cleaned_up(watched: Watched) -> None:
    TableClient.connects[:] = [TimeoutError()]

    with pytest.raises(LinkTimeout):
        await watched.open()
    assert TableClient.log == ["disconnect"]


@pytest.mark.parametrize(("paired", "expected"), [(True, PairingNeeded), (False, LinkLost)])
async def test_a_bond_that_the_device_lost_needs_a_person(
    paired: bool, expected: type[Exception]
) -> None:
    TableScanner.devices[:] = [advertised(Paired=paired)]
    TableClient.connects[:] = [BleakDBusError("org.bluez.Error.Failed", ["br-connection-canceled"])]
    watched = Watched()
    with pytest.raises(expected):
        await watched.open()
    watched.watching.cancel()


async def test_what_was_never_seen_cannot_be_opened(watched: Watched) -> None:
    with pytest.raises(LinkLost, match="not been seen"):
        await watched.transport.open(Sighting("C0:00:00:00:00:09", Reach.BLE), MANIFEST)


def unavailable(reason: BleakBluetoothNotAvailableReason) -> Exception:
    return BleakBluetoothNotAvailableError("text", reason)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (unavailable(BleakBluetoothNotAvailableReason.NO_BLUETOOTH), RadioTrouble.NO_ADAPTER),
        (
            unavailable(BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE),
            RadioTrouble.NO_ADAPTER,
        ),
        (unavailable(BleakBluetoothNotAvailableReason.POWERED_OFF), RadioTrouble.POWERED_OFF),
        (unavailable(BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM), RadioTrouble.DENIED),
        (unavailable(BleakBluetoothNotAvailableReason.DENIED_BY_USER), RadioTrouble.DENIED),
        (unavailable(BleakBluetoothNotAvailableReason.UNKNOWN), RadioTrouble.UNKNOWN),
        (BleakDBusError("org.bluez.Error.InProgress", []), RadioTrouble.BUSY),
        (BleakDBusError("org.bluez.Error.NotReady", []), RadioTrouble.POWERED_OFF),
        (
            BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", []),
            RadioTrouble.NO_SERVICE,
        ),
        (BleakDBusError("org.example.New", []), RadioTrouble.UNKNOWN),
        (FileNotFoundError(2, "no D-Bus"), RadioTrouble.NO_SERVICE),
        (PermissionError(13, "no"), RadioTrouble.DENIED),
        (EOFError(), RadioTrouble.NO_SERVICE),
        (BleakError("something"), RadioTrouble.UNKNOWN),
    ],
)
def test_an_error_of_the_radio_says_who_must_act(error: Exception, reason: RadioTrouble) -> None:
    assert radio_trouble(error).reason is reason


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BleakGATTProtocolError(0x80), LinkRefused),
        (BleakCharacteristicNotFoundError(3), LinkRefused),
        (BleakDBusError("org.bluez.Error.NotPermitted", ["Not paired"]), LinkRefused),
        (BleakDBusError("org.bluez.Error.AuthenticationFailed", []), PairingNeeded),
        (BleakDBusError("org.bluez.Error.AuthenticationTimeout", []), PairingNeeded),
        (BleakDBusError("org.bluez.Error.Failed", ["le-connection-abort-by-local"]), LinkLost),
        (BleakDeviceNotFoundError(CUFF), LinkLost),
        (unavailable(BleakBluetoothNotAvailableReason.POWERED_OFF), RadioUnavailable),
        (BleakError("Not connected"), LinkLost),
        (AssertionError(), LinkLost),
        (EOFError(), LinkLost),
        (TimeoutError(), LinkTimeout),
    ],
)
def test_an_error_of_a_connection_is_translated(
    error: Exception, expected: type[Exception]
) -> None:
    assert type(link_trouble(error, "reading")) is expected


def test_a_refusal_keeps_its_code_whether_known_or_not() -> None:
    codes = [link_trouble(BleakGATTProtocolError(code), "reading") for code in (0x05, 0xFE, 0xA3)]

    assert [getattr(refusal, "code", None) for refusal in codes] == [0x05, 0xFE, 0xA3]


async def test_a_connection_to_the_bus_that_ended_is_not_written_to() -> None:
    ended = MessageBus(bus_address="tcp:host=127.0.0.1,port=1")

    with pytest.raises(RadioUnavailable) as trouble:
        await call(ended, "org.bluez", "/", "org.bluez.AgentManager1", "RegisterAgent", "", [])
    assert trouble.value.reason is RadioTrouble.NO_SERVICE


async def test_without_a_system_bus_the_service_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")

    for settings in (BleSettings(), BleSettings(adapter="C0:00:00:00:00:01")):
        with pytest.raises(RadioUnavailable) as trouble:
            await BleTransport(settings, SystemClock()).watch(lambda _: None)
        assert trouble.value.reason is RadioTrouble.NO_SERVICE


class Variant:
    def __init__(self, value: object) -> None:
        self.value = value


OBJECTS = {
    "/org/bluez": {},
    "/org/bluez/hci0": {"org.bluez.Adapter1": {"Address": Variant("00:00:00:00:00:01")}},
    "/org/bluez/hci1": {"org.bluez.Adapter1": {"Address": Variant("AA:00:00:00:00:02")}},
    "/org/bluez/hci1/dev_1": {"org.bluez.Device1": {}},
}


def test_an_adapter_is_found_by_its_address() -> None:
    assert named("aa:00:00:00:00:02", OBJECTS) == "hci1"


def test_a_missing_adapter_is_reported_with_those_there_are() -> None:
    with pytest.raises(RadioUnavailable, match="those there are: 00:00:00:00:00:01, AA:"):
        named("AA:00:00:00:00:09", OBJECTS)
    with pytest.raises(RadioUnavailable, match=r"There is no Bluetooth adapter: plug one in\."):
        named("AA:00:00:00:00:09", {})
