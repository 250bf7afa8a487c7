"""What the routes need of the daemon. `gateway/app` provides it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel

from gateway.clock import Clock
from gateway.domain.device import DeviceId
from gateway.domain.kiosk import UNATTENDED
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader


class Part(BaseModel):
    """A transport or a destination: how it is, and what a person can do about it."""

    name: str
    state: str
    problem: str | None = None
    reason: str | None = None
    """Of a transport's problem, one of `RadioTrouble`."""
    held: str | None = None
    """Why what is some person's waits at a destination that is open to others."""


class Status(BaseModel):
    """How the daemon is."""

    version: str
    running: bool
    clock_trusted: bool = True
    """Whether the hub knows the time; until it does nothing leaves."""
    transports: list[Part] = []
    destinations: list[Part] = []
    fleet: Part | None = None
    """The broker that is told how this gateway is, if the configuration names one."""
    sessions: list[DeviceId] = []
    """Devices that are being talked with now."""
    problems: dict[str, str] = {}
    """The last trouble of a device, by its id, in one sentence."""
    outcomes: dict[str, str] = {}
    """How the conversation ended that it came of, by the device's id."""


class Sighted(BaseModel):
    """A device in reach, ours or not."""

    address: str
    device: DeviceId
    name: str | None
    driver: str | None
    rssi_dbm: int | None
    adopted: bool
    seen_at: datetime


class Asked(StrEnum):
    """What a person is asked while a device pairs."""

    TYPE_CODE = "type_code"
    """The device shows six digits: type them here."""
    SHOW_CODE = "show_code"
    """Type the six digits shown here on the device."""
    CONFIRM = "confirm"
    """The device has no code: may it pair?"""


class Asking(BaseModel):
    """A question of a device that is being paired."""

    number: int
    device: DeviceId
    name: str | None
    """What the device calls itself."""
    asks: Asked
    code: str | None
    """Six digits, where the person is to type them on the device."""
    seconds_left: int
    """For how long an answer is worth anything."""


class PairsBy(StrEnum):
    """How a person is paired with a destination."""

    NOTHING = "nothing"
    """Nobody pairs there: consent alone is enough."""
    CODE = "code"
    """By a code alone: the configuration does not say where people sign in."""
    SIGNING_IN = "signing_in"
    """In a browser, at the destination, which hands a code back or shows it."""


class ShutOut(StrEnum):
    """Who can change that a destination does not accept our access for a person."""

    PAIRING = "pairing"
    """The person: they pair, for the first time or again."""
    GATEWAY = "gateway"
    """Who installed the gateway: its own credentials, settings or rights there are refused."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """Where to send a person's browser, and what must come back with the code (RFC 6749, 7636)."""

    url: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counter:
    """The kiosk's counter: its devices, and how long a turn lasts at most.

    So long after the last touch, `unattended`, its person may have gone and another come.
    """

    devices: Sequence[str]
    """As the configuration names them, by id or address; `counted` has their ids."""
    lasts: timedelta
    unattended: timedelta = UNATTENDED


class Hub(Protocol):
    """The daemon, or the journal alone while no daemon runs."""

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        ...

    @property
    def language(self) -> str:
        """The language of the household, `fr` or `en`."""
        ...

    @property
    def zone(self) -> tzinfo:
        """The time zone of the household."""
        ...

    @property
    def routes(self) -> Mapping[str, frozenset[Kind]]:
        """The destinations of the configuration, and the kinds each takes."""
        ...

    @property
    def sat_down(self) -> asyncio.Event:
        """Set when a session at the kiosk was opened, for who looks after it and sleeps else."""
        ...

    @property
    def counter(self) -> Counter | None:
        """The kiosk's counter, if the configuration has one."""
        ...

    def title(self, destination: str) -> str:
        """Return what people call a destination."""
        ...

    @property
    def addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Where each destination is, and after that where it was before if it is the same."""
        ...

    @property
    def correcting(self) -> frozenset[str]:
        """The destinations that take corrections of what they were sent."""
        ...

    @property
    def reader(self) -> Reader:
        """For questions."""
        ...

    @property
    def journal(self) -> Journal:
        """For changes; raises JournalError if this hub was opened for reading only."""
        ...

    def status(self) -> Status:
        """Say how the daemon is."""
        ...

    def sightings(self) -> Sequence[Sighted]:
        """List the devices in reach."""
        ...

    def resolve(self, device: str) -> DeviceId:
        """Turn what a person typed, a device's id or its address, into the id."""
        ...

    def driver_for(self, device: DeviceId) -> str | None:
        """Name the driver that fits the device as it was last seen; None if it was not."""
        ...

    async def adopt(self, device: DeviceId, driver: str) -> None:
        """Make the device ours. Raises ConfigError if there is no such driver."""
        ...

    async def disown(self, device: DeviceId) -> None:
        """Let the device be ours no more: nobody talks with it until it is adopted again."""
        ...

    def questions(self) -> Sequence[Asking]:
        """List what devices that are being paired ask."""
        ...

    async def answer(self, asked: Asking, answer: int | bool | None) -> bool:
        """Give the code, yes, or None to refuse; False if it is not asked any more."""
        ...

    def read_now(self, device: DeviceId) -> None:
        """Talk with a device as soon as it is seen, however long it was to be left alone."""
        ...

    async def forget(self, device: DeviceId) -> bool:
        """Drop the bond with a device on every radio; returns whether there was one."""
        ...

    def export(self, subject: SubjectId, language: str) -> Iterator[bytes]:
        """Yield a ZIP file of all that is here of a person; run it outside the event loop."""
        ...

    def metrics(self) -> str:
        """Render the counters."""
        ...

    async def quiesce(self, subject: SubjectId, destination: str) -> int:
        """Wait until nothing of the subject is on its way there; returns how many had left."""
        ...

    def shuts_out(self, subject: SubjectId, destination: str) -> ShutOut | None:
        """Say whose matter it is that our access for a person was not accepted there lately.

        None if it was, or the destination was not asked.
        """
        ...

    def pairs_by(self, destination: str) -> PairsBy:
        """Say how people are paired there. Raises ConfigError for an unknown destination."""
        ...

    def authorize(self, destination: str, redirect_uri: str | None) -> Authorization:
        """Begin a pairing in a browser, which is sent back to the address or, if None, nowhere.

        The address of the configuration goes before the one given. Raises ConfigError.
        """
        ...

    async def pair(
        self, subject: SubjectId, destination: str, code: str, begun: Authorization | None = None
    ) -> None:
        """Exchange the code for lasting credentials; `begun` is what led to it, if we know."""
        ...

    async def unpair(self, subject: SubjectId, destination: str) -> bool:
        """Forget the credentials; returns whether the destination took them back."""
        ...


def unattended(hub: Hub) -> timedelta:
    """Return how long after their last touch somebody is taken to be at the kiosk's screen."""
    return UNATTENDED if hub.counter is None else hub.counter.unattended


def counted(hub: Hub) -> list[DeviceId]:
    """Return the ids of the counter's devices, in the configuration's order; none without one."""
    return [] if hub.counter is None else [hub.resolve(each) for each in hub.counter.devices]
