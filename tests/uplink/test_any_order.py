"""Any order of events with the real worker and a real socket: what may leave, leaves, and no more.

The destination counts every byte that arrives, by the person whom it is about. Once a withdrawal or
an erasure has returned, not one more may come, whatever was in flight; and nothing that the journal
holds settled is ever asked about again.
"""

import asyncio
import json
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tenacity.wait import wait_none

from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.mqtt_message import pseudonym
from gateway.uplink.worker import Destination, Worker, until_set
from tests.journal.making import LONG_AGO, SCALE, grant, open_journal, weight, withdrawal

NAMES = ("Ada", "Bob")
DEVICE = SCALE.model_copy(update={"serial": "SN-1"})
MOODS = ("takes", "takes", "is silent", "hangs up", "is busy", "rejects")
SOON_S = 0.004
"""How long anybody waits here for something to happen by itself."""


class Server:
    """Takes FHIR transactions, or does something else with them, and forgets no byte."""

    def __init__(self) -> None:
        self.mood = "takes"
        self.taken: list[str] = []
        """The identifiers of Observations, in the order in which they were created."""
        self.asked: list[str] = []
        """The same of every request, answered or not."""
        self._received: list[bytearray] = []
        self._silent = asyncio.Event()
        """Set once a silent destination hangs up on everybody."""
        self._talks: set[asyncio.StreamWriter] = set()

    async def listen(self) -> str:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/fhir"

    async def close(self) -> None:
        self._silent.set()
        self._server.close()
        for writer in self._talks:
            writer.transport.abort()
        await self._server.wait_closed()

    def be(self, mood: str) -> None:
        """Change the mood; who was left without an answer is hung up on."""
        self.mood = mood
        self._silent.set()

    def bytes_about(self, who: str) -> int:
        """Count what came over every connection on which this person was spoken of."""
        return sum(len(each) for each in self._received if who.encode() in each)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(writer)
        try:
            while True:
                received = bytearray()
                self._received.append(received)
                while (body := _body(received)) is None:
                    piece = await reader.read(65536)
                    if not piece:
                        return
                    received += piece
                asked = self._answer(json.loads(body), writer) if body else self._searched(writer)
                if not await asked:
                    return
        except ConnectionError:
            pass
        finally:
            self._talks.discard(writer)
            writer.transport.abort()

    async def _answer(
        self, bundle: dict[str, list[dict[str, dict[str, object]]]], to: asyncio.StreamWriter
    ) -> bool:
        *_, observation = [entry["resource"] for entry in bundle["entry"]]
        identifier = json.dumps(observation["identifier"])
        self.asked.append(identifier)
        if self.mood == "is silent":
            self._silent.clear()
            await self._silent.wait()
            return False
        if self.mood == "is busy":
            to.write(b"HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
        elif self.mood == "rejects":
            to.write(b"HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n")
        else:
            new = identifier not in self.taken
            if new:
                self.taken.append(identifier)
            if self.mood == "hangs up":
                return False
            status = "201" if new else "200"
            entries = [
                {
                    "response": {"status": status, "location": f"X/{nth}"},
                    "resource": entry["resource"],
                }
                for nth, entry in enumerate(bundle["entry"])
            ]
            answer = json.dumps({"resourceType": "Bundle", "entry": entries}).encode()
            to.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        await to.drain()
        return True

    async def _searched(self, to: asyncio.StreamWriter) -> bool:
        """Find nothing: an index may be behind, and sending again is harmless."""
        if self.mood == "is silent":
            self._silent.clear()
            await self._silent.wait()
        if self.mood in {"is silent", "hangs up"}:
            return False
        if self.mood == "is busy":
            to.write(b"HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
        else:
            found = b'{"resourceType": "Bundle", "type": "searchset"}'
            to.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(found) + found)
        await to.drain()
        return True


def _body(received: bytearray) -> bytes | None:
    """Return the body of a request, once all of it is there."""
    head, end, body = bytes(received).partition(b"\r\n\r\n")
    if not end:
        return None
    length = sum(
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    return body if len(body) >= length else None


class Street(RuleBasedStateMachine):
    """Two people, a scale, and a destination of any mood."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "state" / "journal.db"
        self.clock = ManualClock()
        self.runner = asyncio.Runner()
        self.people: dict[str, SubjectId] = {}
        self.stopped: dict[str, int] = {}  # pseudonym -> bytes when the withdrawal returned
        self.names = 0
        self.records = 0
        self.erased = 0

    def run(self, awaitable):  # type: ignore[no-untyped-def]
        return self.runner.run(awaitable)

    @initialize()
    def everything_is_set_up(self) -> None:
        self.run(self._set_up())
        for name in NAMES:
            self._move_in(name)

    async def _set_up(self) -> None:
        self.server = Server()
        self.url = await self.server.listen()
        await self._start()

    async def _start(self) -> None:
        self.journal: Journal = open_journal(self.path, self.clock)
        self.reader = Reader.open(self.path)
        self.uplink = FhirUplink(
            FhirSettings(
                name="mes",
                allow_loopback_http=True,
                base_url=self.url,
                gateway="hub",
                patient_system="urn:example:patients",
                answer_timeout_s=1,
            ),
            self.clock,
            wait=wait_none(),
        )
        self.worker = Worker(
            self.journal,
            [Destination(self.uplink)],
            self.clock,
            Metrics(),
            timer=lambda event, seconds: until_set(event, min(seconds, SOON_S)),
            jitter=lambda: 0.0,
        )
        self.working = asyncio.create_task(self.worker.run())

    async def _stop(self) -> None:
        self.working.cancel()
        await asyncio.gather(self.working, return_exceptions=True)
        await self.uplink.close()
        self.reader.close()
        await self.journal.close()

    def _move_in(self, name: str) -> None:
        async def move_in() -> None:
            self.people[name] = (await self.journal.add_subject(name)).id
            await self.journal.adopt(SCALE.id, SCALE.driver)
            await self.journal.assign(SCALE.id, name, self.people[name], LONG_AGO)

        self.run(move_in())

    def _known_as(self, name: str) -> str:
        return pseudonym(self.people[name], "mes")

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 4))
    def weigh(self, name: str, count: int) -> None:
        async def weigh() -> None:
            readings = [weight(self.records + n, slot=name) for n in range(count)]
            await self.journal.record(DEVICE, readings)
            await asyncio.sleep(SOON_S)

        self.run(weigh())
        self.records += count

    @rule(name=st.sampled_from(NAMES))
    def consent(self, name: str) -> None:
        self.names += 1
        self.stopped.pop(self._known_as(name), None)
        self.run(self.journal.record_grant(grant(self.people[name], f"g{self.names}")))

    @rule(mood=st.sampled_from(MOODS), seconds=st.integers(0, 90))
    def the_destination_is_of_another_mood(self, mood: str, seconds: int) -> None:
        self.server.be(mood)
        self.clock.advance(seconds)
        self.run(asyncio.sleep(SOON_S))

    @rule(name=st.sampled_from(NAMES), within_ms=st.integers(0, 5))
    def withdraw(self, name: str, within_ms: int) -> None:
        self.names += 1
        self.run(self._withdraw(name, timedelta(milliseconds=within_ms)))

    async def _withdraw(self, name: str, within: timedelta) -> None:
        subject = self.people[name]
        await self.journal.record_withdrawal(withdrawal(subject, f"w{self.names}"))
        await self.worker.quiesce(subject, "mes", within)
        for _ in range(5):  # what the kernel had by then reaches the other side
            await asyncio.sleep(0.001)
        self.stopped[self._known_as(name)] = self.server.bytes_about(self._known_as(name))

    @rule(name=st.sampled_from(NAMES))
    def erase(self, name: str) -> None:
        self.names += 1
        self.run(self._withdraw(name, timedelta()))
        self.erased += self.run(self.journal.erase(self.people[name]))
        self._move_in(name)

    @rule(days=st.sampled_from((-400, -1, 1, 400)))
    def the_hubs_clock_jumps(self, days: int) -> None:
        self.clock.step(timedelta(days=days))

    @rule()
    def restart(self) -> None:
        self.run(self._stop())
        self.run(self._start())

    @rule()
    def everything_arrives_in_the_end(self) -> None:
        """Everybody consents, the destination takes everything, and nothing is left to do."""
        for name in NAMES:
            self.consent(name)
        self.server.be("takes")
        self.clock.step(timedelta(days=10_000))
        self.run(self._all_done())

    async def _all_done(self) -> None:
        for _ in range(500):
            await self.journal.retry_parked()  # what was rejected before the change of mood
            if not set(self.reader.summary().deliveries) - {"settled", "dropped"}:
                break
            self.clock.advance(60)
            await asyncio.sleep(SOON_S)
        states = self.reader.summary().deliveries
        assert sum(states.values()) == self.records - self.erased
        stuck = [v.deliveries[0].reason for v in self.reader.entries(limit=1000)]
        assert set(states) <= {"settled", "dropped"}, (states, set(stuck), self.worker.problems())
        assert len(self.server.taken) == len(set(self.server.taken)) >= states.get("settled", 0)

    @precondition(lambda self: self.people)
    @invariant()
    def not_a_byte_more_of_who_withdrew(self) -> None:
        for who, count in self.stopped.items():
            assert self.server.bytes_about(who) == count

    def teardown(self) -> None:
        if self.people:
            self.run(self._stop())
            self.run(self.server.close())
        self.runner.close()
        self.folder.cleanup()


TestStreet = Street.TestCase
TestStreet.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
