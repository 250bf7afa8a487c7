"""Makes the parts that a configuration names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path

from gateway.app.revocations import revoked
from gateway.clock import Clock
from gateway.config import Config
from gateway.domain.device import Device, DeviceId, device_meant
from gateway.domain.reading import Kind
from gateway.drivers.api import Driver
from gateway.errors import ConfigError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.transport.api import OpenLink, Transport
from gateway.transport.capture import CaptureWriter, load
from gateway.transport.hci import HciTransport
from gateway.transport.hci.bonds import controller_of
from gateway.transport.hid import HidTransport
from gateway.transport.pairing import Owner
from gateway.transport.replay import ReplayTransport
from gateway.transport.rotating_names import RotatingNames
from gateway.transport.serial import SerialTransport
from gateway.transport.usb import UsbTransport
from gateway.uplink.api import Uplink
from gateway.uplink.documents import DocumentsUplink
from gateway.uplink.documents_fhir import FhirDeposit
from gateway.uplink.documents_folder import FolderDeposit
from gateway.uplink.documents_settings import DocumentsSettings
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.mes import MesUplink
from gateway.uplink.mqtt_settings import MqttSettings
from gateway.uplink.settings import MesSettings
from gateway.uplink.worker import Destination

Settings = Mapping[str, str | int | bool]
ROTATING_NAMES = "rotating-names.json"
"""The file of what paired devices with rotating addresses are called."""


def routes(config: Config) -> dict[str, frozenset[Kind]]:
    """Say which kinds of reading each destination of the configuration takes."""
    return {destination.name: destination.kinds for destination in config.destinations}


def correcting(config: Config) -> frozenset[str]:
    """Say which destinations of the configuration take corrections of what they were sent."""
    taking = (FhirSettings, MqttSettings)
    return frozenset(each.name for each in config.destinations if isinstance(each, taking))


def bonds(config: Config) -> dict[str, Path]:
    """Say where each bare controller's bonds are, by the name they have unless configured.

    Their file notes whose they are, for tables of the configuration come and go. One whose
    controller is configured no longer is the next new one's: a dongle has another port, or was
    replaced, and the devices know us by what is in the file.
    """
    state = config.hub.state
    urls = {controller.url for controller in config.hci}
    noted = {controller_of(path): path.name for path in sorted(state.glob("bonds-*.json"))}
    theirs = {url: name for url, name in noted.items() if url in urls}
    numbered = (f"bonds-{number}.json" for number in count())
    free = (name for name in numbered if name not in theirs.values())
    names = [theirs.get(controller.url) or next(free) for controller in config.hci]
    return {
        name: controller.bonds or state / name
        for name, controller in zip(names, config.hci, strict=True)
    }


def kept_beside(config: Config) -> dict[str, Path]:
    """Say where the files are that go into a backup with the journal, by their names in it."""
    return bonds(config) | {ROTATING_NAMES: config.hub.state / ROTATING_NAMES}


def transports(
    config: Config,
    drivers: Iterable[Driver],
    clock: Clock,
    pause: Callable[[float], Awaitable[None]],
    owner: Owner | None = None,
    adopted: Callable[[DeviceId], str | None] = lambda _: None,
) -> Iterator[Transport]:
    """Make every transport of the configuration. Raises ConfigError.

    `owner` helps to pair; `adopted` names the driver of a device that is ours, None for any other.
    """
    names = RotatingNames(config.hub.state / ROTATING_NAMES, adopted)
    if config.ble is not None:
        from gateway.transport.ble.transport import BleTransport  # bleak only where it is wanted

        yield BleTransport(config.ble, clock, owner=owner, names=names, pause=pause)
    for controller, kept in zip(config.hci, bonds(config).values(), strict=True):
        settings = controller.model_copy(update={"bonds": kept})
        yield HciTransport(settings, clock, owner=owner, names=names, pause=pause)
    for port in config.ports:
        yield SerialTransport(port, clock, pause)
    known = list(drivers)
    for device in config.hid:
        yield HidTransport(device, known, clock, pause)
    if config.usb is not None:
        named = [each.path for each in config.cables]
        yield UsbTransport(known, named, clock, pause)
    for capture in config.replay:
        yield ReplayTransport(capture, pause)


def destinations(
    config: Config, journal: Journal, reader: Reader, clock: Clock
) -> Iterator[Destination]:
    """Make every destination of the configuration, inside the running loop. Raises ConfigError."""
    for settings in config.destinations:
        match settings:
            case MesSettings():
                yield Destination(MesUplink(settings, journal, clock), settings.max_concurrent)
            case FhirSettings():
                yield Destination(FhirUplink(settings, clock), settings.max_concurrent)
            case DocumentsSettings():
                yield Destination(_documents(settings, clock), settings.max_concurrent)
            case MqttSettings():
                yield Destination(_mqtt(settings, reader, clock), settings.max_in_flight)


def _documents(settings: DocumentsSettings, clock: Clock) -> Uplink:
    if settings.folder is not None:
        return DocumentsUplink(settings, FolderDeposit(settings.folder), clock)
    return DocumentsUplink(settings, FhirDeposit(settings, clock), clock)


def _mqtt(settings: MqttSettings, reader: Reader, clock: Clock) -> Uplink:
    from gateway.uplink.mqtt import MqttUplink, Revoked  # paho only where it is wanted

    def told() -> Revoked:
        grants, people = revoked(reader, settings.name, clock.now().utc)
        return Revoked(tuple(grants), tuple(people))

    return MqttUplink(settings, clock, told)


def device_settings(config: Config) -> dict[DeviceId, Settings]:
    """Collect the owner's settings of each device, those of configured cables included."""
    settings: dict[DeviceId, Settings] = {cable.device: cable.settings for cable in config.cables}
    for device, given in config.devices.items():
        settings[device_meant(device)] = given.settings
    return settings


def described_devices(config: Config) -> Iterator[Device]:
    """Say what is known of devices beforehand: from their labels, or from a capture of them."""
    for cable in config.cables:
        if cable.serial is not None:
            yield Device(id=cable.device, driver=cable.driver, serial=cable.serial)
    for capture in config.replay:
        header, _ = load(capture.file)
        yield header.device


def capturing(config: Config, clock: Clock) -> Callable[[OpenLink, Device], OpenLink] | None:
    """Return what puts every conversation on file, if the configuration wants it; else None.

    Raises ConfigError if there is no folder for the files and none can be made.
    """
    folder = config.hub.capture
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder}: the folder for captures cannot be made ({error.strerror}): make it, owned"
            " by the gateway's user, or turn capture off."
        ) from error

    def capture(link: OpenLink, device: Device) -> OpenLink:
        stamp = f"{clock.now().utc:%Y%m%dT%H%M%S%f}"
        name = device.id.replace(":", "-").replace("/", "-")
        return CaptureWriter(link, device, folder / f"{stamp}-{name}.jsonl", clock)

    return capture
