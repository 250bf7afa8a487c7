"""The hub of the running daemon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.api.context import person
from gateway.api.hub import Asking, Authorization, Counter, PairsBy, Part, ShutOut, Sighted, Status
from gateway.app.ours import Ours
from gateway.app.pairing import PairingDesk, asking
from gateway.app.parts import correcting, routes
from gateway.clock import Clock
from gateway.collect.supervisor import Supervisor
from gateway.config import Config
from gateway.domain.device import DeviceId, device_meant
from gateway.domain.subject import SubjectId
from gateway.drivers.registry import installed
from gateway.errors import ConfigError, PairingOver, UplinkError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.metrics import Metrics
from gateway.transport.api import Bonding, Transport
from gateway.uplink.api import Present, Uplink
from gateway.uplink.fleet_health import Health
from gateway.uplink.mes import MesUplink
from gateway.uplink.worker import Worker

if TYPE_CHECKING:
    from gateway.uplink.fleet import Fleet

_log = logging.getLogger(__name__)

_TELL_S = 2.0
"""How long a person who withdraws waits for a broker to be told."""


class DaemonHub:
    """What the API shows and changes of a running daemon; see `api.hub.Hub`."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        reader: Reader,
        clock: Clock,
        metrics: Metrics,
        supervisor: Supervisor,
        worker: Worker,
        uplinks: Sequence[Uplink],
        ours: Ours,
        radios: Sequence[Transport],
        desk: PairingDesk,
        fleet: Fleet | None,
    ) -> None:
        self.journal = journal
        self.reader = reader
        self.clock = clock
        self.language = config.hub.language
        self.zone = config.hub.tzinfo
        self.routes = routes(config)
        self.correcting = correcting(config)
        self.addresses = config.addresses
        self.counter = _counter(config)
        self.sat_down = asyncio.Event()
        self._guests = config.drivers.guests
        self._titles = config.titles
        self._cables = {str(cable.device): cable for cable in config.cables}
        self._metrics = metrics
        self._supervisor = supervisor
        self._worker = worker
        self._uplinks = {uplink.name: uplink for uplink in uplinks}
        self._present = {uplink.name: uplink for uplink in uplinks if isinstance(uplink, Present)}
        self._ours = ours
        self._bonding = [radio for radio in radios if isinstance(radio, Bonding)]
        self._desk = desk
        self._fleet = fleet
        self._started_s = clock.now().monotonic

    def title(self, destination: str) -> str:
        """Return what people call a destination; one that is gone has its name only."""
        return self._titles.get(destination, destination)

    def status(self) -> Status:
        """Say how the transports, the destinations and the devices are."""
        collected = self._supervisor.status()
        return Status(
            version=__version__,
            running=True,
            clock_trusted=self.clock.now().trusted,
            transports=[
                Part(
                    name=each.name,
                    state=each.state,
                    problem=each.problem or self._absent(each.name),
                    reason=each.reason,
                )
                for each in collected.transports
            ],
            destinations=[
                _sent_to(name, problem, self._worker.held(name))
                for name, problem in self._destinations().items()
            ],
            fleet=_sent_to("fleet", self._fleet.absence) if self._fleet else None,
            sessions=[session.device for session in collected.sessions],
            problems={trouble.device: trouble.problem for trouble in collected.troubles},
            outcomes={trouble.device: trouble.outcome for trouble in collected.troubles},
        )

    def _destinations(self) -> dict[str, str | None]:
        """Say of each destination why nothing goes there for now; None if it does, or would."""
        away = {name: uplink.absence for name, uplink in self._present.items()}
        return {name: told or away.get(name) for name, told in self._worker.problems().items()}

    def _absent(self, transport: str) -> str | None:
        cable = self._cables.get(transport)
        return cable.absence() if cable is not None else None

    def sightings(self) -> Sequence[Sighted]:
        """List the devices in reach, those heard last first."""
        return [
            Sighted(
                address=seen.address,
                device=seen.device,
                name=seen.name,
                driver=seen.driver,
                rssi_dbm=seen.rssi_dbm,
                adopted=seen.adopted,
                seen_at=seen.at.utc,
            )
            for seen in self._supervisor.status().sightings
        ]

    def resolve(self, device: str) -> DeviceId:
        """Turn an id or an address into the id, as last seen if it was."""
        for seen in self._supervisor.status().sightings:
            if device.upper() == seen.address.upper():
                return seen.device
        return device_meant(device)

    def driver_for(self, device: DeviceId) -> str | None:
        """Name the driver that fits the device as it was last seen."""
        for seen in self._supervisor.status().sightings:
            if seen.device == device:
                return seen.driver
        return None

    async def adopt(self, device: DeviceId, driver: str) -> None:
        """Make the device ours: it is talked with from its next sighting on."""
        installed(self._guests, {driver}).named(driver)
        await self.journal.adopt(device, driver)
        self._ours.add(device, driver)
        self._supervisor.retry(device)

    async def disown(self, device: DeviceId) -> None:
        """Talk with the device no more; a conversation that goes on is ended."""
        await self.journal.disown(device)
        self._ours.remove(device)
        self._supervisor.leave(device)

    def questions(self) -> Sequence[Asking]:
        """List what devices that are being paired ask."""
        seen = {it.address: it for it in self._supervisor.status().sightings}
        return [asking(each, left, seen.get(each.address)) for each, left in self._desk.questions()]

    async def answer(self, asked: Asking, answer: int | bool | None) -> bool:
        """Give the code, yes, or None to refuse; the audit chain tells which."""
        if not self._desk.answer(asked.number, answer):
            return False
        if answer is not None and answer is not False:
            self._supervisor.retry(asked.device)  # if it fails all the same, not for long
        how = "refused" if answer is None else "agreed" if answer is True else "code"
        await self.journal.pairing_answered(asked.device, how)
        return True

    def read_now(self, device: DeviceId) -> None:
        """Talk with a device as soon as it is seen."""
        self._supervisor.retry(device)

    async def forget(self, device: DeviceId) -> bool:
        """Drop the bond with a device on every radio; the next conversation pairs it anew."""
        bonded = [await radio.forget(device) for radio in self._bonding]
        await self.journal.bond_forgotten(device)
        self._supervisor.retry(device)
        return any(bonded)

    def export(self, subject: SubjectId, language: str) -> Iterator[bytes]:
        """Yield a ZIP file of all that is here of a person."""
        from gateway.app.export import export  # only where it is wanted

        at = self.clock.now().utc.astimezone(self.zone)
        return export(self.reader, subject, language, at, self.title)

    def metrics(self) -> str:
        """Render the counters."""
        return self._metrics.render()

    async def quiesce(self, subject: SubjectId, destination: str) -> int:
        """Stop what is on its way there; returns how many readings left or may have left."""
        left = await self._worker.quiesce(subject, destination)
        uplink = self._uplinks.get(destination)
        if isinstance(uplink, MesUplink):
            uplink.tokens.forget(subject)
        present = self._present.get(destination)
        if present is not None:
            await _tell(present, subject)
        return len(left.arrived) + len(left.unknown)

    def health(self) -> Health:
        """Say how this gateway is, in numbers that tell nothing about anyone."""
        collected = self._supervisor.status()
        problems = self._destinations()
        now = self.clock.now()
        return Health(
            software=__version__,
            uptime_s=round(now.monotonic - self._started_s),
            clock_trusted=now.trusted,
            transports=len(collected.transports),
            transports_in_trouble=sum(each.problem is not None for each in collected.transports),
            destinations=len(problems),
            destinations_paused=sum(problem is not None for problem in problems.values()),
            sessions=len(collected.sessions),
            deliveries={
                str(state): count for state, count in self.reader.summary().deliveries.items()
            },
            counters=self._metrics.totals(),
        )

    def shuts_out(self, subject: SubjectId, destination: str) -> ShutOut | None:
        """Say whose matter it is that our access for a person is not accepted; None if it is."""
        refusal = self._worker.refusal(subject, destination)
        if refusal is None:
            return None
        return ShutOut.PAIRING if isinstance(refusal, PairingOver) else ShutOut.GATEWAY

    def pairs_by(self, destination: str) -> PairsBy:
        """Say how people are paired there."""
        uplink = self._uplink(destination)
        if not isinstance(uplink, MesUplink):
            return PairsBy.NOTHING
        return PairsBy.SIGNING_IN if uplink.tokens.in_a_browser else PairsBy.CODE

    def authorize(self, destination: str, redirect_uri: str | None) -> Authorization:
        """Begin a pairing in a browser."""
        asked = self._paired(destination).tokens.authorization(redirect_uri)
        return Authorization(asked.url, asked.redirect_uri, asked.state, asked.verifier)

    async def pair(
        self, subject: SubjectId, destination: str, code: str, begun: Authorization | None = None
    ) -> None:
        """Exchange a code for lasting credentials; of nobody who is not here."""
        if person(self, subject) is None:
            raise ConfigError("There is no such person here: see 'people list'.")
        tokens, others = self._paired(destination).tokens, self._others(subject)
        if begun is None:
            await tokens.exchange(subject, code, others=others)
        else:
            await tokens.exchange(
                *(subject, code, begun.verifier, begun.redirect_uri), others=others
            )
        self._worker.resume(subject, destination)
        await self.journal.hasten(subject, destination)

    async def unpair(self, subject: SubjectId, destination: str) -> bool:
        """Forget the credentials, and revoke them; returns whether the destination took them back.

        Stop what is on its way before.
        """
        return await self._paired(destination).tokens.end(subject)

    def _others(self, subject: SubjectId) -> list[SubjectId]:
        """List whose account a person cannot have.

        Whoever is at the kiosk is a new person there each time, and signs in with a telephone of
        their own.
        """
        session = self.reader.kiosk()
        at_kiosk = None if session is None else session.subject
        if subject == at_kiosk:
            return []
        known = [each.id for each in self.reader.subjects()]
        return [each for each in known if each not in (subject, at_kiosk)]

    def _paired(self, destination: str) -> MesUplink:
        uplink = self._uplink(destination)
        if not isinstance(uplink, MesUplink):
            raise ConfigError(f"Nobody pairs with {destination!r}: consent alone is enough there.")
        return uplink

    def _uplink(self, destination: str) -> Uplink:
        uplink = self._uplinks.get(destination)
        if uplink is None:
            raise ConfigError(f"There is no destination {destination!r} in the configuration.")
        return uplink


def _sent_to(name: str, problem: str | None, held: str | None = None) -> Part:
    state = "paused" if problem else "open"
    return Part(name=name, state=state, problem=problem, held=held)


def _counter(config: Config) -> Counter | None:
    kiosk = config.kiosk
    if kiosk is None:
        return None
    return Counter(
        kiosk.devices,
        lasts=timedelta(minutes=kiosk.minutes),
        unattended=timedelta(seconds=kiosk.unattended_seconds),
    )


async def _tell(present: Present, subject: SubjectId) -> None:
    """Tell a destination of a withdrawal; if that fails, it is told when it is next reached."""
    try:
        async with asyncio.timeout(_TELL_S):
            await present.withdrawn(subject)
    except (UplinkError, TimeoutError):
        _log.info("a destination could not be told of a withdrawal yet")
