"""The configuration: one TOML file, validated whole before anything else is opened.

Unknown keys are refused with their line and the nearest valid name, so a typing mistake never
silently means a default. `docs/configuration.md` is checked against these classes.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
)

from gateway.config_faults import faults_of
from gateway.config_syntax import syntax_fault
from gateway.config_tables import (
    STRICT,
    ApiSettings,
    DeviceSettings,
    DriverSettings,
    HubSettings,
    KioskSettings,
    ReportSettings,
    RetentionSettings,
    ScreensSettings,
)
from gateway.errors import ConfigError
from gateway.transport.ble import BleSettings
from gateway.transport.settings import (
    HciSettings,
    HidSettings,
    PortSettings,
    ReplaySettings,
    UsbSettings,
)
from gateway.uplink.documents_settings import DocumentsSettings
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.fleet_settings import FleetSettings
from gateway.uplink.mqtt_settings import MqttSettings
from gateway.uplink.relay_settings import RelaySettings
from gateway.uplink.settings import MesSettings

_BOM = "\N{BYTE ORDER MARK}"
"""Some editors begin a file with it."""

_LANGUAGE = re.compile(r"""^\s*(?:hub\.)?language\s*=\s*["'](fr|en)["']""", re.MULTILINE)

VARIABLE = "HEALTHSPACE_GATEWAY_CONFIG"
PLACES = (
    Path("/etc/healthspace-gateway/gateway.toml"),
    Path("~/.config/healthspace-gateway/gateway.toml"),
)

DESTINATIONS: Mapping[str, type[BaseModel]] = {
    "mes": MesSettings,
    "mqtt": MqttSettings,
    "fhir": FhirSettings,
    "documents": DocumentsSettings,
}
"""The types of destination, and what each is told."""


def _type_of(destination: object) -> object:
    if isinstance(destination, dict):
        return destination.get("type", "mes")
    return getattr(destination, "type", None)


DestinationSettings = Annotated[
    Annotated[MesSettings, Tag("mes")]
    | Annotated[MqttSettings, Tag("mqtt")]
    | Annotated[FhirSettings, Tag("fhir")]
    | Annotated[DocumentsSettings, Tag("documents")],
    Discriminator(_type_of),
]


Cable = TypeVar("Cable", PortSettings, HidSettings)


class Config(BaseModel):
    """The whole file."""

    model_config = STRICT

    hub: HubSettings = HubSettings()
    api: ApiSettings = ApiSettings()
    reports: ReportSettings = ReportSettings()
    screens: ScreensSettings | None = None
    kiosk: KioskSettings | None = None
    retention: RetentionSettings = RetentionSettings()
    drivers: DriverSettings = DriverSettings()
    ble: BleSettings | None = None
    """Bluetooth through the operating system (BlueZ); an empty table turns it on."""
    hci: tuple[HciSettings, ...] = ()
    """Bare Bluetooth controllers, driven by the gateway itself."""
    ports: tuple[PortSettings, ...] = ()
    hid: tuple[HidSettings, ...] = ()
    usb: UsbSettings | None = None
    """Devices on USB that need no name; an empty table turns it on."""
    replay: tuple[ReplaySettings, ...] = ()
    devices: dict[str, DeviceSettings] = Field(default_factory=dict)
    destinations: tuple[DestinationSettings, ...] = ()
    fleet: FleetSettings | None = None
    """Where the health of this gateway is told to whoever runs many; off unless set."""

    relay: RelaySettings | None = None
    """Only for the command `relay`."""

    @property
    def titles(self) -> dict[str, str]:
        """What people call each destination, by its name."""
        return {each.name: each.title or each.name for each in self.destinations}

    @property
    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Where each destination is, and after that where it was before."""
        return {each.name: each.addresses for each in self.destinations}

    @field_validator("destinations")
    @classmethod
    def _told_apart(
        cls, destinations: tuple[DestinationSettings, ...]
    ) -> tuple[DestinationSettings, ...]:
        names = [destination.name for destination in destinations]
        if len(set(names)) < len(names):
            raise ValueError(
                "two destinations have one name, which grants could not tell apart: rename one."
            )
        topics = [each.topics for each in destinations if isinstance(each, MqttSettings)]
        if len(set(topics)) < len(topics):  # the list of what was withdrawn for one, among others
            raise ValueError(
                "two destinations write to the same topics of a broker, one over the other: give "
                "one another gateway or prefix."
            )
        spaces = [each for each in destinations if isinstance(each, MesSettings)]
        for one, another in combinations(spaces, 2):
            if one.addresses[0] == another.addresses[0] and one.kinds & another.kinds:
                raise ValueError(
                    "two destinations bring the same kinds of readings to one health space, which "
                    "would hold each twice: take one of the two out, or these kinds out of one."
                )
        return destinations

    @field_validator("ports", "hid")
    @classmethod
    def _one_each(cls, cables: tuple[Cable, ...]) -> tuple[Cable, ...]:
        if len({cable.name for cable in cables}) < len(cables):
            raise ValueError(
                "two devices have one name, and the readings of both would be one's: rename one."
            )
        if len({cable.path for cable in cables}) < len(cables):
            raise ValueError("two devices are said to be behind one path: take one out.")
        return cables

    @field_validator("hci")
    @classmethod
    def _kept_apart(cls, controllers: tuple[HciSettings, ...]) -> tuple[HciSettings, ...]:
        if len({controller.url for controller in controllers}) < len(controllers):
            raise ValueError("two controllers have one url: take one out.")
        bonds = [controller.bonds for controller in controllers if controller.bonds is not None]
        if len(set(bonds)) < len(bonds):
            raise ValueError(
                "two controllers keep their bonds in one file, one over the other's: give one"
                " another file."
            )
        return controllers

    @property
    def cables(self) -> tuple[PortSettings | HidSettings, ...]:
        """The devices on cables that have a name here."""
        return (*self.ports, *self.hid)

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.hub.state / "journal.db"

    @property
    def socket(self) -> Path:
        """The API's unix socket."""
        return self.hub.state / "api.sock"

    @property
    def token(self) -> Path:
        """The file with the token that the API's loopback port asks for."""
        return self.hub.state / "api.token"

    @property
    def forgotten_browsers(self) -> Path:
        """The file that says which browsers are let in no longer."""
        return self.hub.state / "forgotten-browsers.json"


def find(given: Path | None) -> Path:
    """Return the file to read: the given one, the environment's, or the first that exists."""
    if given is not None:
        return given
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    for place in PLACES:
        if place.expanduser().is_file():
            return place.expanduser()
    ours, own = PLACES
    raise ConfigError(f"No configuration found: write {ours} or {own}, or name one with --config.")


def load(path: Path) -> Config:
    """Read and validate a file. Raises ConfigError with one line per fault."""
    try:
        text = path.read_bytes().decode().removeprefix(_BOM)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8.") from error
    return parse(text, str(path))


def stated_language(given: Path | None) -> str | None:
    """Return the language that the file states, however faulty it is; None if none can be seen."""
    try:
        text = find(given).read_text(encoding="utf-8", errors="replace")
    except (ConfigError, OSError):
        return None
    stated = _LANGUAGE.search(text)
    return stated[1] if stated is not None else None


def parse(text: str, source: str = "gateway.toml") -> Config:
    """Validate the text of a configuration; `source` is named in messages."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, column, said = syntax_fault(error, text)
        raise ConfigError(
            f"{source}: not valid TOML, line {line}, column {column}: {said}"
        ) from error
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        faults = faults_of(error, text, source, Config, DESTINATIONS)
        raise ConfigError("\n".join(faults)) from error
