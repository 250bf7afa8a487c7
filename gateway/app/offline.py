"""The hub of a command that runs while no daemon does: the journal, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from gateway import __version__
from gateway.api.hub import Asking, Authorization, Counter, PairsBy, ShutOut, Sighted, Status
from gateway.app.parts import correcting, routes
from gateway.clock import Clock, SystemClock
from gateway.config import Config
from gateway.domain.device import DeviceId, device_meant
from gateway.domain.subject import SubjectId
from gateway.drivers.registry import installed
from gateway.errors import JournalError, NotRunning
from gateway.journal.journal import Journal
from gateway.journal.ownership import as_owner
from gateway.journal.reader import Reader


class OfflineHub:
    """A hub without radio, ports and destinations."""

    def __init__(self, config: Config, journal: Journal | None, clock: Clock) -> None:
        self.clock = clock
        self.language = config.hub.language
        self.zone = config.hub.tzinfo
        self.routes = routes(config)
        self.counter: Counter | None = None
        self.sat_down = asyncio.Event()
        self.correcting = correcting(config)
        self._config = config
        self._titles = config.titles
        self.addresses = config.addresses
        self._journal = journal
        self._reader: Reader | None = None

    @property
    def journal(self) -> Journal:
        """The journal, if the command changes something."""
        if self._journal is None:
            raise JournalError("This was opened for reading only.")
        return self._journal

    @property
    def reader(self) -> Reader:
        """A view of the journal; raises JournalError if there is none yet."""
        if self._reader is None:
            self._reader = Reader.open(self._config.journal)
        return self._reader

    def close(self) -> None:
        """Let the view go."""
        if self._reader is not None:
            self._reader.close()

    def title(self, destination: str) -> str:
        """Return what people call a destination; one that is gone has its name only."""
        return self._titles.get(destination, destination)

    def status(self) -> Status:
        """Say that no daemon runs."""
        return Status(version=__version__, running=False)

    def sightings(self) -> Sequence[Sighted]:
        """Refuse: nobody is looking."""
        raise NotRunning

    def resolve(self, device: str) -> DeviceId:
        """Turn an id or a Bluetooth address into the id; there are no sightings to look in."""
        return device_meant(device)

    def driver_for(self, device: DeviceId) -> str | None:
        """Return None: nothing was seen."""
        return None

    async def adopt(self, device: DeviceId, driver: str) -> None:
        """Make the device ours; the daemon finds it so when it starts."""
        installed(self._config.drivers.guests, {driver}).named(driver)
        await self.journal.adopt(device, driver)

    async def disown(self, device: DeviceId) -> None:
        """Let the device be ours no more; the daemon leaves it alone when it starts."""
        await self.journal.disown(device)

    def questions(self) -> Sequence[Asking]:
        """Refuse: no device is being paired."""
        raise NotRunning

    async def answer(self, asked: Asking, answer: int | bool | None) -> bool:
        """Refuse: no device is being paired."""
        raise NotRunning

    def read_now(self, device: DeviceId) -> None:
        """Refuse: nobody is looking."""
        raise NotRunning

    async def forget(self, device: DeviceId) -> bool:
        """Refuse: the daemon's radio has the bonds."""
        raise NotRunning

    def export(self, subject: SubjectId, language: str) -> Iterator[bytes]:
        """Yield a ZIP file of all that is here of a person."""
        from gateway.app.export import export  # only where it is wanted

        at = self.clock.now().utc.astimezone(self.zone)
        return export(self.reader, subject, language, at, self.title)

    def metrics(self) -> str:
        """Return no counters: they are the daemon's."""
        return ""

    async def quiesce(self, subject: SubjectId, destination: str) -> int:
        """Return 0: without a daemon nothing is on its way."""
        return 0

    def shuts_out(self, subject: SubjectId, destination: str) -> ShutOut | None:
        """Return None: nobody was told otherwise."""
        return None

    def pairs_by(self, destination: str) -> PairsBy:
        """Refuse: pairing speaks with the destination."""
        raise NotRunning

    def authorize(self, destination: str, redirect_uri: str | None) -> Authorization:
        """Refuse: pairing speaks with the destination."""
        raise NotRunning

    async def pair(
        self, subject: SubjectId, destination: str, code: str, begun: Authorization | None = None
    ) -> None:
        """Refuse: pairing speaks with the destination."""
        raise NotRunning

    async def unpair(self, subject: SubjectId, destination: str) -> bool:
        """Forget the credentials; the destination is not told, for that needs the daemon."""
        await self.journal.delete_pairing(subject, destination)
        return False


@asynccontextmanager
async def offline_hub(config: Config, *, writing: bool) -> AsyncIterator[OfflineHub]:
    """Open the journal for one command: read-only, or as its writer with its lock."""
    clock = SystemClock()
    journal = None
    with as_owner(config.journal):
        if writing:
            journal = Journal.open(
                config.journal,
                clock=clock,
                zone=config.hub.tzinfo,
                routes=routes(config),
                addresses=config.addresses,
            )
        hub = OfflineHub(config, journal, clock)
        try:
            yield hub
        finally:
            hub.close()
            if journal is not None:
                await journal.close()
