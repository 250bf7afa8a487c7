"""The tables of the configuration that are about the gateway itself."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.language.words import Language

STRICT = ConfigDict(frozen=True, extra="forbid")


class HubSettings(BaseModel):
    """The machine the gateway runs on."""

    model_config = STRICT

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

    model_config = STRICT

    every_days: int = Field(default=14, ge=0, le=90)
    """How many days lie between two; 0: only on demand."""
    days: Literal[7, 14, 30, 90] = 14
    """How many days it reports."""


class ApiSettings(BaseModel):
    """The local interface. The socket always exists; a loopback port only if one is given.

    The screens are on that port.
    """

    model_config = STRICT

    port: int | None = Field(default=None, ge=0, le=65535, examples=[8470])
    """A port of 127.0.0.1, such as 8470: the screens, and the API with a token. Unset: none."""


class ScreensSettings(BaseModel):
    """The screens on the household's network, over TLS only; without this table on loopback only.

    Their browsers have to trust the certificate, which no public authority gives to a name that is
    known in the house alone: it is for the owner to make, or to get for a domain of their own.
    """

    model_config = STRICT

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

    model_config = STRICT

    devices: tuple[str, ...] = Field(min_length=1, examples=[["serial:counter-cuff"]])
    """The devices of the counter, by id or address."""
    minutes: int = Field(default=10, ge=1, le=60)
    """How long a turn lasts at most."""
    unattended_seconds: int = Field(default=90, ge=60, le=600)
    """So long after the last touch the screen hides what it shows and asks whether the person is
    still there; what is measured until they answer is nobody's, unless they say that it is theirs.
    """
    unclaimed_days: int = Field(default=7, ge=1, le=90)
    """Readings of the counter's devices that are nobody's are kept so many days after they came,
    for the staff to say whose they are; then they are erased, whatever `[retention]` says."""


class RetentionSettings(BaseModel):
    """How long readings are kept here. Unless set, for ever; see `[kiosk]` for nobody's.

    What expires is named in the audit log and shown to its person; it is never sent afterwards.
    """

    model_config = STRICT

    delivered_days: int | None = Field(default=None, ge=1, examples=[365])
    """Readings that every destination has that was to have them, so many days after they came."""
    undelivered_days: int | None = Field(default=None, ge=90, examples=[730])
    """All others: what a long outage, a missing consent or a missing person held back that long is
    lost. At least 90."""


class DriverSettings(BaseModel):
    """Which drivers may run besides the built-in ones."""

    model_config = STRICT

    guests: tuple[str, ...] = Field(default=(), examples=[["my-driver"]])
    """Distributions whose drivers are loaded; a guest runs with all the gateway's rights."""


class DeviceSettings(BaseModel):
    """An owner's settings for one device, by the names its driver's manifest lists."""

    model_config = STRICT

    settings: dict[str, str | int | bool] = Field(default_factory=dict)
    """What the driver's page says it can be told."""
