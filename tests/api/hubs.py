"""A hub over a real journal, without a daemon around it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.api.hub import Asking, Authorization, Counter, PairsBy, Part, ShutOut, Sighted, Status
from gateway.api.inside import request
from gateway.api.server import make_app
from gateway.app.export import export
from gateway.app.pairing import PairingDesk, Question, asking
from gateway.collect.sightings import Seen
from gateway.domain.device import DeviceId, device_named
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import ManualClock

ROUTES = {"mes": frozenset({Kind.WEIGHT, Kind.BLOOD_PRESSURE})}
ADDRESSES = {"mes": ("https://space.example/fhir",)}


class JournalHub:
    """Everything but the journal is made up."""

    language = "fr"
    zone = ZoneInfo("Europe/Paris")
    routes: Mapping[str, frozenset[Kind]] = ROUTES
    counter: Counter | None = None
    pairs: PairsBy = PairsBy.SIGNING_IN
    correcting = frozenset[str]()
    addresses: Mapping[str, tuple[str, ...]] = ADDRESSES
    path: Path
    """Where the journal is."""

    def __init__(self, journal: Journal, reader: Reader, clock: ManualClock) -> None:
        self.journal = journal
        self.reader = reader
        self.clock = clock
        self.sat_down = asyncio.Event()
        self.paired: list[tuple[str, str, str]] = []
        self.begun: list[Authorization | None] = []
        self.refusal: Exception | None = None
        self.left = 0
        self.shut_out: dict[tuple[str, str], ShutOut] = {}
        self.parts: list[Part] = []
        """The destinations, as the daemon would say they are."""
        self.stopped: list[tuple[str, bool]] = []
        """Where a person's deliveries were stopped, and whether they were still known then."""
        self.desk = PairingDesk(clock)
        self.bonds: set[str] = set()
        self.in_reach: list[Sighted] = []
        self.hastened: list[DeviceId] = []
        """The devices that somebody wanted to be read now."""

    def status(self) -> Status:
        return Status(version="0", running=True, destinations=self.parts)

    def sightings(self) -> Sequence[Sighted]:
        return self.in_reach

    def resolve(self, device: str) -> DeviceId:
        return device_named(device) or DeviceId(device)

    def driver_for(self, device: DeviceId) -> str | None:
        return "scale/bluetooth_sig" if device == "ble:C0:FF:EE:00:00:01" else None

    async def adopt(self, device: DeviceId, driver: str) -> None:
        await self.journal.adopt(device, driver)

    async def disown(self, device: DeviceId) -> None:
        await self.journal.disown(device)

    def questions(self) -> Sequence[Asking]:
        return [asking(each, left, self._seen(each)) for each, left in self.desk.questions()]

    def _seen(self, question: Question) -> Seen:
        device = DeviceId(f"ble:{question.address}")
        now = self.clock.now()
        return Seen(device, question.address, "Cuff", -60, None, True, "ble", now)

    async def answer(self, asked: Asking, answer: int | bool | None) -> bool:
        return self.desk.answer(asked.number, answer)

    def read_now(self, device: DeviceId) -> None:
        self.hastened.append(device)

    async def forget(self, device: DeviceId) -> bool:
        known = device in self.bonds
        self.bonds.discard(device)
        return known

    def export(self, subject: SubjectId, language: str) -> Iterator[bytes]:
        at = self.clock.now().utc.astimezone(self.zone)
        return export(self.reader, subject, language, at, self.title)

    def metrics(self) -> str:
        return ""

    async def quiesce(self, subject: SubjectId, destination: str) -> int:
        known = subject in {each.id for each in self.reader.subjects()}
        self.stopped.append((destination, known))
        return self.left

    def title(self, destination: str) -> str:
        return "Mon espace santé"

    def shuts_out(self, subject: SubjectId, destination: str) -> ShutOut | None:
        return self.shut_out.get((subject, destination))

    def pairs_by(self, destination: str) -> PairsBy:
        return self.pairs

    def authorize(self, destination: str, redirect_uri: str | None) -> Authorization:
        number = len(self.begun)
        return Authorization(
            f"https://space.example/authorize?state=s{number}",
            redirect_uri or "urn:ietf:wg:oauth:2.0:oob",
            f"s{number}-{redirect_uri is None}",
            "verifier",
        )

    async def pair(
        self, subject: SubjectId, destination: str, code: str, begun: Authorization | None = None
    ) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.paired.append((subject, destination, code))
        self.begun.append(begun)

    async def unpair(self, subject: SubjectId, destination: str) -> bool:
        self.paired = [each for each in self.paired if each[:2] != (subject, destination)]
        await self.journal.delete_pairing(subject, destination)
        return True


class Api:
    """Asks the API as the command does."""

    def __init__(self, hub: JournalHub) -> None:
        self.hub = hub
        self._app = make_app(hub)

    async def get(self, target: str) -> Any:
        return await self._ask("GET", target, b"")

    async def post(self, target: str, **body: object) -> Any:
        return await self._ask("POST", target, json.dumps(body).encode())

    async def _ask(self, method: str, target: str, content: bytes) -> tuple[int, Any]:
        status, answer = await request(self._app, method, f"/api/v1/{target}", content)
        return status, json.loads(answer)


@asynccontextmanager
async def api(folder: Path, routes: Mapping[str, frozenset[Kind]] = ROUTES) -> AsyncIterator[Api]:
    clock = ManualClock()
    path = folder / "state" / "journal.db"
    async with Journal.open(
        path,
        clock=clock,
        zone=ZoneInfo("Europe/Paris"),
        routes=routes,
        addresses=ADDRESSES,
    ) as journal:
        with Reader.open(path) as reader:
            hub = JournalHub(journal, reader, clock)
            hub.routes = routes
            hub.path = path
            yield Api(hub)
