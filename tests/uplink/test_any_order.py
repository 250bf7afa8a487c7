"""Any order of events with the real worker and a real socket: what may leave, leaves, and no more.

The destination counts every byte that arrives, by the person whom it is about. Once a withdrawal or
an erasure has returned, not one more may come, whatever was in flight; nothing that the journal
holds settled is ever asked about again; and whatever answers are lost, nothing is there twice.

Each destination that is searched after a doubt stands here with a little store that answers with
what it has. The generic FHIR server may heed the conditions under which it is to create, or not:
then the search alone keeps a reading from being there twice, as it does for Mon espace santé.
A broker cannot be searched: a reading may come again with its id, but not after its acknowledgement
was heard.
"""

import asyncio
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tenacity.wait import wait_none

from gateway.clock import Clock, Instant
from gateway.domain.entry import Entry
from gateway.domain.subject import Assignment, SubjectId
from gateway.errors import JournalError
from gateway.glucose.computed import report_reading
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.views import EntryView
from gateway.metrics import Metrics
from gateway.testing.clock import START, ManualClock
from gateway.uplink.api import Uplink
from gateway.uplink.documents import DocumentsUplink
from gateway.uplink.documents_fhir import FhirDeposit
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.fhir_identifiers import Sender, own_key
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.mes import MesUplink
from gateway.uplink.mes_pairing import Pairing
from gateway.uplink.mqtt import MqttUplink
from gateway.uplink.mqtt_message import pseudonym
from gateway.uplink.mqtt_settings import MqttSettings
from gateway.uplink.worker import Destination, Worker, until_set
from tests.journal.making import LONG_AGO, SCALE, grant, open_journal, weight, withdrawal
from tests.uplink import documents, pairings
from tests.uplink.little_broker import Broker
from tests.uplink.little_stores import MOODS, DocumentShelf, FhirShelf, MesShelf, Server

NAMES = ("Ada", "Bob")
PATIENTS = "urn:example:patients"
DEVICE = SCALE.model_copy(update={"serial": "SN-1"})
SOON_S = 0.02
"""How long anybody waits here for something to happen by itself."""


class Fhir:
    """A FHIR server that heeds conditions, or does not."""

    def server(self, *, heeds: bool) -> Server | Broker:
        return Server(FhirShelf(heeds))

    def uplink(self, url: str, journal: Journal, clock: Clock) -> Uplink:
        given = FhirSettings(
            name="mes",
            allow_loopback_http=True,
            base_url=url,
            gateway="hub",
            patient_system=PATIENTS,
            answer_timeout_s=1,
        )
        return FhirUplink(given, clock, wait=wait_none())

    async def move_in(self, subject: SubjectId, journal: Journal) -> None:
        """Need nothing: whoever is not named gets a pseudonym."""

    def known_as(self, subject: SubjectId) -> str:
        return pseudonym(subject, "mes")

    async def measure(self, journal: Journal, name: str, _: SubjectId, numbers: range) -> None:
        readings = [weight(n, kg=f"{50 + n}.5", slot=name) for n in numbers]
        await journal.record(DEVICE, readings)


class Mes(Fhir):
    """Mon espace santé."""

    def server(self, *, heeds: bool) -> Server | Broker:
        return Server(MesShelf())

    def uplink(self, url: str, journal: Journal, clock: Clock) -> Uplink:
        given = pairings.settings(base_url=url, answer_timeout_s=1)
        return MesUplink(given, journal, clock, wait=wait_none())

    async def move_in(self, subject: SubjectId, journal: Journal) -> None:
        pairing = Pairing(access_token="a", id_token=pairings.id_token(idPe=f"idpe-{subject}"))
        await journal.set_pairing(subject, "mes", pairing.model_dump_json().encode())

    def known_as(self, subject: SubjectId) -> str:
        return f"idpe-{subject}"


class Documents(Fhir):
    """A FHIR server for documents."""

    def __init__(self) -> None:
        self._patients: dict[SubjectId, str] = {}

    def server(self, *, heeds: bool) -> Server | Broker:
        return Server(DocumentShelf())

    def uplink(self, url: str, journal: Journal, clock: Clock) -> Uplink:
        given = documents.settings(
            name="mes", base_url=url, answer_timeout_s=1, patients=self._patients
        )
        self._patients = given.patients  # whoever moves in is in it from then on
        return DocumentsUplink(given, FhirDeposit(given, clock, wait=wait_none()), clock)

    async def move_in(self, subject: SubjectId, journal: Journal) -> None:
        self._patients[subject] = self.known_as(subject)

    def known_as(self, subject: SubjectId) -> str:
        return f"patient-{subject}"

    async def measure(self, journal: Journal, name: str, whose: SubjectId, numbers: range) -> None:
        received = Instant(START, 1000.0, "test-boot")
        for n in numbers:
            page = documents.PAGE.model_copy(update={"content": b"page %d" % n})
            period = {"days": 14, "samples": 4000, "end": START}
            made = report_reading(DEVICE.id, whose, page, received=received, **period)
            await journal.compute(DEVICE, whose, made)


class Mqtt(Fhir):
    """An MQTT broker."""

    def server(self, *, heeds: bool) -> Server | Broker:
        return Broker()

    def uplink(self, url: str, journal: Journal, clock: Clock) -> Uplink:
        port = urlsplit(url).port
        given = {"host": "127.0.0.1", "port": port, "tls": False, "answer_timeout_s": 1}
        return MqttUplink(MqttSettings(name="mes", gateway="hub", **given), clock)


class Street(RuleBasedStateMachine):
    """Two people, what measures them, and a destination of any mood."""

    there: ClassVar[type[Fhir]] = Fhir

    def __init__(self) -> None:
        super().__init__()
        self.kind = self.there()
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

    @initialize(heeds=st.booleans(), mood=st.sampled_from(MOODS))
    def everything_is_set_up(self, heeds: bool, mood: str) -> None:
        self.run(self._set_up(self.kind.server(heeds=heeds)))
        for name in NAMES:
            self._move_in(name)
            self.consent(name)
            self.measure(name, 2, mood)

    async def _set_up(self, server: Server | Broker) -> None:
        self.server = server
        self.url = await self.server.listen()
        await self._start()

    async def _start(self) -> None:
        self.journal: Journal = open_journal(self.path, self.clock)
        self.reader = Reader.open(self.path)
        self.uplink = self.kind.uplink(self.url, self.journal, self.clock)
        self.worker = Worker(
            self.journal,
            [Destination(self.uplink)],
            self.clock,
            Metrics(),
            timer=lambda event, seconds: until_set(event, min(seconds, SOON_S / 5)),
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
            await self.kind.move_in(self.people[name], self.journal)

        self.run(move_in())

    def _known_as(self, name: str) -> str:
        return self.kind.known_as(self.people[name])

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 4), mood=st.sampled_from(MOODS))
    def measure(self, name: str, count: int, mood: str) -> None:
        async def measure() -> None:
            numbers = range(self.records, self.records + count)
            await self.kind.measure(self.journal, name, self.people[name], numbers)
            await self.server.asked_within(SOON_S)

        self.server.be(mood)
        self.run(measure())
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
        self.run(self.server.asked_within(SOON_S))

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
            if self._is_all_done():
                break
            self.clock.advance(60)
            await self.server.asked_within(SOON_S)
        assert sum(self.reader.summary().deliveries.values()) == self.records - self.erased
        states, stuck = self._states(), {v.deliveries[0].reason for v in self._entries()}
        assert set(states) <= {"settled", "dropped"}, (states, stuck, self.worker.problems())
        assert len(set(self.server.created)) >= states["settled"]

    def _is_all_done(self) -> bool:
        return not set(self._states()) - {"settled", "dropped"}

    def _states(self) -> Counter[str]:
        """Count the deliveries of what is somebody's by their state."""
        return Counter(view.deliveries[0].state for view in self._entries() if view.entry.subject)

    def _entries(self) -> list[EntryView]:
        return self.reader.entries(limit=1000)

    @precondition(lambda self: self.people)
    @invariant()
    def nothing_is_there_twice(self) -> None:
        created = self.server.created
        assert len(created) == len(set(created))

    @precondition(lambda self: self.people)
    @invariant()
    def not_a_byte_more_of_who_withdrew(self) -> None:
        for who, count in self.stopped.items():
            assert self.server.bytes_about(who) == count

    def teardown(self) -> None:
        if self.people:
            self.everything_arrives_in_the_end()
            self.nothing_is_there_twice()
            self.run(self._stop())
            self.run(self.server.close())
        self.runner.close()
        self.folder.cleanup()


class HouseholdStreet(Street):
    """Where readings turn out to be another's, or nobody's, after they have left."""

    @rule(which=st.integers(0, 9), to=st.sampled_from((*NAMES, None)))
    def it_was_somebody_else(self, which: int, to: str | None) -> None:
        entries = [view.entry for view in self.reader.entries(limit=10)]
        if not entries:
            return
        entry = entries[which % len(entries)]

        async def say() -> None:
            if to is None:
                await self.journal.dismiss(entry.id)
            elif entry.subject is None:
                await self.journal.claim_entry(entry.id, self.people[to])
            else:
                await self.journal.reassign(entry.id, self.people[to])
            await self.server.asked_within(SOON_S)

        with suppress(JournalError):  # it is on its way just now
            self.run(say())

    @rule(number=st.sampled_from(NAMES), by=st.sampled_from(NAMES))
    def somebody_else_used_it_for_a_while(self, number: str, by: str) -> None:
        day = timedelta(days=1)
        period = Assignment(
            device=SCALE.id,
            slot=number,
            subject=self.people[by],
            since=START - day,
            until=START + day,
        )

        async def say() -> None:
            await self.journal.hand_over(period)
            await self.server.asked_within(SOON_S)

        self.run(say())

    @rule()
    def everything_arrives_in_the_end(self) -> None:
        self.server.be("takes")
        super().everything_arrives_in_the_end()

    def _is_all_done(self) -> bool:
        return super()._is_all_done() and not self.reader.corrections_owed()

    async def _all_done(self) -> None:
        await super()._all_done()
        standing = self._standing()
        for view in self._entries():
            for subject in self.people.values():
                there = standing.count(self._name_there(view.entry, subject))
                if subject != view.entry.subject:
                    assert there == 0, "it stands in the record of who it is not"
                elif view.deliveries[0].state == "settled":
                    assert there == 1

    def _standing(self) -> list[str]:
        assert isinstance(self.server, Server)
        assert isinstance(self.server.shelf, FhirShelf)
        return self.server.shelf.standing()

    def _name_there(self, entry: Entry, subject: SubjectId) -> str:
        return own_key(entry, Sender(PATIENTS, pseudonym(subject, "mes"), "hub"))[1]

    @precondition(lambda self: self.people)
    @invariant()
    def nothing_is_there_twice(self) -> None:
        standing = self._standing()
        assert len(standing) == len(set(standing))


class MesStreet(Street):
    """Where a repetition is not recognised."""

    there = Mes


class DocumentStreet(Street):
    """Where pages go."""

    there = Documents


class MqttStreet(Street):
    """Where a broker's word is all there is."""

    there = Mqtt

    def __init__(self) -> None:
        super().__init__()
        self.came: dict[str, int] = {}  # what the journal holds settled, and how often it came

    @precondition(lambda self: self.people)
    @invariant()
    def nothing_is_there_twice(self) -> None:
        for reading, times in self.came.items():
            assert self.server.created.count(reading) == times
        for view in self._entries():
            if view.deliveries[0].state == "settled":
                self.came[view.entry.id] = self.server.created.count(view.entry.id)
                assert view.entry.id in self.server.created


TestStreet, TestMesStreet = Street.TestCase, MesStreet.TestCase
TestDocumentStreet, TestMqttStreet = DocumentStreet.TestCase, MqttStreet.TestCase
TestStreet.settings = settings(max_examples=10, stateful_step_count=30, deadline=None)
TestMesStreet.settings = settings(TestStreet.settings, max_examples=8)
TestDocumentStreet.settings = settings(TestStreet.settings, max_examples=4)
TestHouseholdStreet = HouseholdStreet.TestCase
TestHouseholdStreet.settings = settings(TestStreet.settings, max_examples=8)
TestMqttStreet.settings = settings(TestStreet.settings, max_examples=8)
