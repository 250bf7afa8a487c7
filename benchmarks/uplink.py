"""Accepted readings per second to the sandbox over HTTPS and to Mosquitto, beside bare loops.

    .venv/bin/python benchmarks/uplink.py [mes] [mqtt] [fhir]

Both sides talk to the same server process, send the same bytes, wait for every answer and have as
many requests in flight. They take turns, and the median of the ratios is told. On a machine that
has other work, read the processor time of this side for each reading, which that work does not
touch. What is measured:

    https, sent      MesUplink.send: mapping, tokens, one bundle, one answer read
    https, the way   everything from the journal and back: claim, gate, send, settle, on disk
    mqtt, sent       MqttUplink.send; the uplink makes each message, the bare loop has it made

And what a hub with one person's backlog gains by telling a FHIR server several readings at once:

    fhir, the way    everything from the journal and back, transactions of 100 entries beside 5
"""

import asyncio
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import aiohttp
import aiomqtt

from gateway.clock import Instant, SystemClock
from gateway.consent.gate import Released
from gateway.demo.processes import Process
from gateway.domain.device import Device, DeviceId
from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.domain.subject import SubjectId
from gateway.journal.journal import Journal
from gateway.metrics import Metrics
from gateway.testing.clock import ManualClock
from gateway.uplink.api import Uplink
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.mes import MesUplink
from gateway.uplink.mes_mapping import encode, to_bundle
from gateway.uplink.mes_pairing import Pairing, patient_of
from gateway.uplink.mqtt import MqttUplink
from gateway.uplink.mqtt_message import reading_message, to_json
from gateway.uplink.mqtt_settings import MqttSettings
from gateway.uplink.route import Route
from gateway.uplink.settings import MesSettings
from gateway.uplink.worker import until_set
from tests.journal.making import grant
from tests.uplink.brokers import Broker, a_broker, listening
from tests.uplink.samples import MEASURED, entry, released

ROUNDS = 15
MESSAGES = 500
BUNDLES = 160
AT_LEAST = 0.6
BACK_THEN = datetime(2026, 3, 2, tzinfo=UTC)

One = Callable[[int], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How one turn went."""

    per_s: float
    cpu_ms: float
    """Processor time of this process, all its threads, for each reading."""


class Stopwatch:
    """Measures one turn of so many readings."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> Pace:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Pace(self._count / wall, 1000 * cpu / self._count)


async def rate(count: int, window: int, one: One) -> Pace:
    """Call `one` for every number, so many at a time."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    watch = Stopwatch(count)
    await asyncio.gather(*(worker() for _ in range(window)))
    return watch.read()


def told(
    what: str, window: int, ours: Sequence[Pace], bare: Sequence[Pace], beside: str = "bare"
) -> bool:
    """Print the medians; return whether the median of the ratios is enough."""
    ratio = statistics.median(a.per_s / b.per_s for a, b in zip(ours, bare, strict=True))
    sides = [
        f"{statistics.median(each.per_s for each in side):6.0f}/s"
        f" {statistics.median(each.cpu_ms for each in side):5.2f} ms cpu"
        for side in (ours, bare)
    ]
    print(f"{what:15} {window:3} at once: {sides[0]}   {beside} {sides[1]}   ratio {ratio:.2f}")
    return ratio >= AT_LEAST


# --- HTTPS ------------------------------------------------------------------------------------


@dataclass
class Household:
    """People with a scale each, paired and consenting, in a journal of their own."""

    journal: Journal
    people: list[SubjectId]
    weighings: int = 0

    async def weigh(self, count: int) -> list[Entry]:
        """Let everybody stand on their scale, `count` times in all."""
        entries = []
        for number, subject in enumerate(self.people):
            readings = []
            for _ in range(count // len(self.people)):
                self.weighings += 1
                at = BACK_THEN + timedelta(seconds=self.weighings)
                kg = Quantity(value=Decimal(self.weighings % 900 + 300) / 10, unit=Unit.KILOGRAM)
                readings.append(
                    Reading(
                        device=scale(number).id,
                        kind=Kind.WEIGHT,
                        values={Measure.WEIGHT: kg},
                        received=Instant(at, 1000.0, "bench"),
                        record=f"seq:{self.weighings}",
                    )
                )
            entries += await self.journal.record(scale(number), readings)
            assert all(each.subject == subject for each in entries[-len(readings) :])
        return entries


def scale(number: int) -> Device:
    return Device(
        id=DeviceId(f"ble:A4:C1:38:00:01:{number:02X}"),
        driver="scale/bluetooth_sig",
        manufacturer="Imaginary",
        model="S1",
        system_id=f"A4-C1-38-FF-FE-00-01-{number:02X}",
    )


async def a_household(
    stack: AsyncExitStack, folder: Path, names: Sequence[str], destination: str
) -> Household:
    routes = {destination: frozenset({Kind.WEIGHT})}
    opened = Journal.open(folder / "journal.db", clock=SystemClock(), zone=UTC, routes=routes)
    journal = await stack.enter_async_context(opened)
    people = []
    for number, name in enumerate(names):
        subject = (await journal.add_subject(name)).id
        await journal.describe(scale(number))
        await journal.assign(scale(number).id, None, subject, BACK_THEN - timedelta(days=1))
        await journal.record_grant(grant(subject, f"grant-{number}", destination=destination))
        people.append(subject)
    return Household(journal, people)


def mes_settings(space: dict[str, Any]) -> MesSettings:
    return MesSettings.model_validate(
        {
            "base_url": f"{space['base_url']}/fhir",
            "token_url": f"{space['base_url']}/token",
            "ca_file": space["ca"],
            "client_id": space["client_id"],
            "client_secret": space["client_secret"],
            "id_token_header": space["id_token_header"],
            "solution_oid": space["oid"],
        }
    )


async def whole_way(household: Household, uplink: Uplink, window: int, count: int) -> Pace:
    """Deliver all that is due."""
    metrics = Metrics()
    route = Route(
        household.journal,
        uplink,
        SystemClock(),
        metrics,
        max_concurrent=window,
        timer=until_set,
        jitter=lambda: 0.0,
    )
    watch = Stopwatch(count)
    while metrics.value("deliveries_total", destination=uplink.name, outcome="settled") < count:
        await route.round()
    return watch.read()


@contextmanager
def a_sandbox(folder: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    sandbox = Process(
        "sandbox",
        [
            *("firmware_sims", "health-space", "--state", str(folder / "space")),
            *("--token-lifetime", "86400", *(f"--person={name}" for name in names)),
        ],
        folder,
    )
    try:
        yield dict(sandbox.start())
    finally:
        sandbox.stop()


async def over_https(window: int) -> bool:
    names = [f"Person{number}" for number in range(window)]
    with tempfile.TemporaryDirectory() as made, a_sandbox(Path(made), names) as space:
        async with AsyncExitStack() as stack:
            household = await a_household(stack, Path(made), names, "mes")
            uplink = MesUplink(mes_settings(space), household.journal, SystemClock())
            stack.push_async_callback(uplink.close)
            for name, subject in zip(names, household.people, strict=True):
                await uplink.tokens.exchange(subject, space["people"][name])
            return await compare_https(stack, household, uplink, mes_settings(space), window)


async def compare_https(
    stack: AsyncExitStack,
    household: Household,
    uplink: MesUplink,
    settings: MesSettings,
    window: int,
) -> bool:
    pairings = {who: await uplink.tokens.pairing(who) for who in household.people}
    trust = ssl.create_default_context(cafile=settings.ca_file)
    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    bare = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
    sent, way, theirs = [], [], []
    for _ in range(ROUNDS):
        entries = await household.weigh(BUNDLES)
        bodies = [body(each, pairings, settings) for each in entries]
        grants = [let_go(each) for each in entries]

        async def post(number: int, bodies: list[Any] = bodies) -> None:
            headers, content = bodies[number]
            async with bare.post(settings.base_url, data=content, headers=headers) as answer:
                await answer.read()
                assert answer.status == 200, answer.status

        async def send(number: int, grants: list[Released] = grants) -> None:
            await uplink.send(grants[number])

        theirs.append(await rate(len(bodies), window, post))
        sent.append(await rate(len(grants), window, send))
        way.append(await whole_way(household, uplink, window, len(entries)))
    return all([told("https, sent", window, sent, theirs), told("https, way", window, way, theirs)])


def body(
    what: Entry, pairings: dict[SubjectId, Pairing], settings: MesSettings
) -> tuple[dict[str, str], bytes]:
    assert what.subject is not None
    pairing = pairings[what.subject]
    patient = patient_of(pairing.id_token, settings)
    headers = {
        "Authorization": f"Bearer {pairing.access_token}",
        settings.id_token_header: pairing.id_token,
        "Content-Type": settings.content_type,
    }
    return headers, encode(to_bundle(what, patient, settings.dialect))


def let_go(what: Entry) -> Released:
    return released(what)


# --- FHIR -------------------------------------------------------------------------------------


async def backlog() -> None:
    """Bring one person's backlog to a FHIR server, several readings at once and one by one."""
    with tempfile.TemporaryDirectory() as made, a_sandbox(Path(made), ["Person0"]) as space:
        async with AsyncExitStack() as stack:
            household = await a_household(stack, Path(made), ["Person0"], "clinic")
            paces: dict[int, list[Pace]] = {100: [], 5: []}
            for _ in range(ROUNDS):
                for most, pace in paces.items():
                    settings = FhirSettings(
                        name="clinic",
                        base_url=f"{space['base_url']}/r4",
                        ca_file=space["ca"],
                        gateway="hub1",
                        patient_system="urn:example:patients",
                        max_entries=most,
                    )
                    uplink = FhirUplink(settings, SystemClock())
                    entries = await household.weigh(BUNDLES)
                    pace.append(await whole_way(household, uplink, 4, len(entries)))
                    await uplink.close()
    told("fhir, way", 4, paces[100], paces[5], beside="one by one")


# --- MQTT -------------------------------------------------------------------------------------


async def over_mqtt(broker: Broker, window: int) -> bool:
    readings = [released(entry(record=f"seq:{n}"), destination="home") for n in range(MESSAGES)]
    payload = to_json(reading_message(readings[0], "session", MEASURED, None))
    settings = MqttSettings(**broker.settings(name="home", gateway="hub1", max_in_flight=window))
    uplink = MqttUplink(settings, ManualClock(MEASURED))
    bare = aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5)
    ours, theirs = [], []
    async with listening(broker, "healthspace/#"), bare:
        bare.pending_calls_threshold = MESSAGES
        for _ in range(ROUNDS):
            ours.append(await rate(MESSAGES, window, lambda n: uplink.send(readings[n])))
            theirs.append(
                await rate(
                    MESSAGES, window, lambda _: bare.publish("healthspace/bare", payload, qos=1)
                )
            )
        await uplink.close()
    return told("mqtt, sent", window, ours, theirs)


async def main(asked: Sequence[str]) -> int:
    enough = []
    if not asked or "mes" in asked:
        enough += [await over_https(window) for window in (1, 8)]
    if not asked or "mqtt" in asked:
        with tempfile.TemporaryDirectory() as folder, a_broker(Path(folder)) as broker:
            enough += [await over_mqtt(broker, window) for window in (1, 20)]
    if not asked or "fhir" in asked:
        await backlog()
    return 0 if all(enough) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
