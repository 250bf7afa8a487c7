"""The configuration: one TOML file, validated whole before anything else is opened.

Unknown keys are refused with their line and the nearest valid name, so a typing mistake never
silently means a default. `docs/configuration.md` is checked against these classes.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
)

from gateway.config_faults import faults_of
from gateway.config_syntax import syntax_fault
from gateway.errors import ConfigError
from gateway.language.words import Language
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

_STRICT = ConfigDict(frozen=True, extra="forbid")


class HubSettings(BaseModel):
    """The machine the gateway runs on."""

    model_config = _STRICT

    state: Path = Path("/var/lib/healthspace-gateway")
    """Where the journal, the API's socket and its token live; only the daemon's user may enter."""
    zone: str = "Europe/Paris"
    """The time zone the devices around this hub are assumed to show. Where the hub is carried
    along on a journey, it changes only together with their clocks: one that cannot be asked is
    taken at its word, and would be dated hours off."""
    time: Literal["synchronised", "system"] = "synchronised"
    """Whose word the hub's own time needs: `synchronised` waits for a time server, and readings
    wait with it; `system` trusts the system's clock, for machines that have it from their host."""
    language: Language = "fr"
    """What screens, receipts and reports speak, and commands without `--language`; if it does not
    stand here, commands speak the language of the environment (`LANG`) where that is one of these.
    """
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """From which weight on the gateway's own log tells; never anything personal."""
    capture: Path | None = None
    """A folder that receives every frame of every session, for support; off unless set."""

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            if near := difflib.get_close_matches(zone, available_timezones(), n=1):
                raise ValueError(f"there is no time zone '{zone}'; did you mean {near[0]}?")
            raise ValueError("this is no time zone: write one such as Europe/Paris.")
        return zone

    @property
    def tzinfo(self) -> ZoneInfo:
        """The zone as Python knows it."""
        return ZoneInfo(self.zone)


class ReportSettings(BaseModel):
    """The glucose report of one page, made by itself for whoever consented that it be deposited."""

    model_config = _STRICT

    every_days: int = Field(default=14, ge=0, le=90)
    """How many days lie between two; 0: only on demand."""
    days: Literal[7, 14, 30, 90] = 14
    """How many days it reports."""


class ApiSettings(BaseModel):
    """The local interface. The socket always exists; a loopback port only if one is given.

    The screens are on that port.
    """

    model_config = _STRICT

    port: int | None = Field(default=None, ge=0, le=65535, examples=[8470])
    """A port of 127.0.0.1, such as 8470: the screens, and the API with a token. Unset: none."""


class ScreensSettings(BaseModel):
    """The screens on the household's network, over TLS only; without this table on loopback only.

    Their browsers have to trust the certificate, which no public authority gives to a name that is
    known in the house alone: it is for the owner to make, or to get for a domain of their own.
    """

    model_config = _STRICT

    listen: str = "0.0.0.0"  # noqa: S104  every network of the hub; the table is opt-in
    """The address of this machine to listen at; every one of it unless set."""
    port: int = Field(default=8471, ge=0, le=65535)
    """The port to listen at."""
    names: tuple[str, ...] = Field(min_length=1, examples=[["hub.home.arpa"]])
    """What the hub is called in a browser, without port; the first is what `web` prints."""
    certificate_file: Path = Field(examples=["/etc/healthspace-gateway/screens.pem"])
    """PEM certificate for these names."""
    key_file: Path = Field(examples=["/etc/healthspace-gateway/screens.key"])
    """The key to it."""


class KioskSettings(BaseModel):
    """The counter where people take turns; without this table there is no kiosk screen."""

    model_config = _STRICT

    devices: tuple[str, ...] = Field(min_length=1, examples=[["serial:counter-cuff"]])
    """The devices of the counter, by id or address."""
    minutes: int = Field(default=10, ge=1, le=60)
    """How long a turn lasts at most."""
    unattended_seconds: int = Field(default=90, ge=60, le=600)
    """So long after the last touch the screen hides what it shows and asks whether the person is
    still there; what is measured until they answer is nobody's, unless they say that it is theirs.
    """


class RetentionSettings(BaseModel):
    """How long readings are kept here. Unless set, all of them for ever.

    What expires is named in the audit log and shown to its person; it is never sent afterwards.
    """

    model_config = _STRICT

    delivered_days: int | None = Field(default=None, ge=1, examples=[365])
    """Readings that every destination has that was to have them, so many days after they came."""
    undelivered_days: int | None = Field(default=None, ge=90, examples=[730])
    """All others: what a long outage, a missing consent or a missing person held back that long is
    lost. At least 90."""


class DriverSettings(BaseModel):
    """Which drivers may run besides the built-in ones."""

    model_config = _STRICT

    guests: tuple[str, ...] = Field(default=(), examples=[["my-driver"]])
    """Distributions whose drivers are loaded; a guest runs with all the gateway's rights."""


class DeviceSettings(BaseModel):
    """An owner's settings for one device, by the names its driver's manifest lists."""

    model_config = _STRICT

    settings: dict[str, str | int | bool] = Field(default_factory=dict)
    """What the driver's page says it can be told."""


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

    model_config = _STRICT

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
