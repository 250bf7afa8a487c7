"""Relays between a real broker and a real FHIR server."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released, decide
from gateway.domain.correction import Wrong
from gateway.domain.reading import Kind
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import (
    ConfigError,
    OutcomeUnknown,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.testing.clock import ManualClock
from gateway.uplink.api import Timer
from gateway.uplink.backoff import STEPS_S
from gateway.uplink.broker import BrokerSettings
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.fhir_identifiers import Sender, identifiers
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.mqtt import MqttUplink, Revoked
from gateway.uplink.mqtt_client import MqttConnection
from gateway.uplink.mqtt_message import from_json, proof, pseudonym, reading_message, to_json
from gateway.uplink.mqtt_session import Outgoing, Session
from gateway.uplink.mqtt_settings import MqttSettings
from gateway.uplink.relay import Relay
from gateway.uplink.relay_lists import lists
from gateway.uplink.relay_settings import RelaySettings
from gateway.uplink.relayed import released as let_go
from gateway.uplink.relayed import revoked_in
from tests.uplink.brokers import Broker, a_broker, listening, needs_mosquitto
from tests.uplink.doubles import CorrectingUplink, ScriptedUplink
from tests.uplink.fhir_server import held, stamped
from tests.uplink.samples import ALICE, MEASURED, entry, released

pytestmark = needs_mosquitto

KEY = bytes(range(32))
READINGS = 40
"""The server looks through everything it holds before it creates anything: more take minutes."""
DESTINATION: dict[str, Any] = {
    "name": "clinic",
    "allow_loopback_http": True,
    "base_url": "http://127.0.0.1:1/fhir",
    "gateway": "relay",
    "patient_system": "urn:example:relayed",
}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    return path


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with a_broker(tmp_path) as running:
        yield running


def gateway_of(broker: Broker, key: Path, revoked: Any = Revoked) -> MqttUplink:
    given = broker.settings(name="chain", gateway="hub1", proof_key_file=key)
    return MqttUplink(MqttSettings(**given), ManualClock(MEASURED), revoked)


def relay_settings(broker: Broker, key: Path, **more: Any) -> RelaySettings:
    given = {"proof_key_file": key, "destination": DESTINATION}
    return RelaySettings(**broker.settings(**given, **more))


async def until_set(event: asyncio.Event, seconds: float) -> None:
    await asyncio.sleep(0.01)


@asynccontextmanager
async def relaying(
    broker: Broker,
    key: Path,
    uplink: Any,
    timer: Timer = until_set,
    tell: Callable[[str], None] = lambda _: None,
    clock: ManualClock | None = None,
    **more: Any,
) -> AsyncIterator[None]:
    settings = relay_settings(broker, key, name="r1", **more)
    clock = clock or ManualClock(MEASURED)
    relay = Relay(settings, uplink, clock, jitter=lambda: 0.0, tell=tell)
    running = asyncio.create_task(relay.run(timer))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def out(number: int) -> Any:
    return released(entry(record=f"seq:{number}"), destination="chain")


async def until(holds: Callable[[], object]) -> None:
    """Return once it holds; looks again now and then, because processes of others do the work."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("missing", ["password_file", "proof_key_file"])
def test_a_file_that_is_not_there_at_the_start_is_the_operators_mistake(
    key: Path, tmp_path: Path, missing: str
) -> None:
    given = {"host": "127.0.0.1", "tls": False, "username": "relay", "destination": DESTINATION}
    settings = RelaySettings(**{**given, "proof_key_file": key, missing: tmp_path / "gone"})

    with pytest.raises(ConfigError, match=missing):
        Relay(settings, ScriptedUplink("clinic"), ManualClock(MEASURED))


async def test_a_reading_goes_on_and_only_then_leaves_the_broker(broker: Broker, key: Path) -> None:
    there = ScriptedUplink("clinic")
    reading = out(1)
    there.does(reading.delivery.entry, OutcomeUnknown("lost"))
    gateway = gateway_of(broker, key)
    async with relaying(broker, key, there):
        await delivered(gateway, reading)
        await until(lambda: there.there)
    await gateway.close()

    assert there.sent == [reading.delivery.entry.id] * 2


async def test_a_correction_goes_on_as_one(broker: Broker, key: Path) -> None:
    there = CorrectingUplink("clinic")
    gateway = gateway_of(broker, key)
    async with relaying(broker, key, there):
        await delivered(gateway, out(1))
        await gateway.correct(ReleasedCorrection(1, Wrong.TIME, None, out(1)))
        await gateway.correct(ReleasedCorrection(2, Wrong.PERSON, None, out(1)))
        await until(lambda: len(there.corrected) == 2)
    await gateway.close()

    reading = out(1).delivery.entry.id
    assert there.sent == [reading]
    assert sorted(there.corrected) == [(Wrong.PERSON, reading), (Wrong.TIME, reading)]


async def test_a_retraction_without_a_number_finds_its_reading_at_the_server(
    broker: Broker, key: Path, server: str
) -> None:
    system = "urn:example:retracted"
    given = DESTINATION | {"base_url": server, "patient_system": system}
    there = FhirUplink(FhirSettings(**given), ManualClock(MEASURED))
    gateway = gateway_of(broker, key)

    async def becomes(status: str, *, with_number: bool) -> None:
        async with asyncio.timeout(30):
            while [  # noqa: ASYNC110
                (each["status"], "valueQuantity" in each)
                for each in await relayed_to(server, system)
            ] != [(status, with_number)]:
                await asyncio.sleep(0.05)

    async with relaying(broker, key, there):
        await delivered(gateway, out(1))
        await becomes("final", with_number=True)
        await gateway.correct(ReleasedCorrection(1, Wrong.PERSON, None, out(1)))
        await becomes("entered-in-error", with_number=False)
    await gateway.close()
    await there.close()


async def test_a_retraction_that_overtakes_its_reading_waits_for_it(
    broker: Broker, key: Path
) -> None:
    """Another relay has the reading and is slower; were nothing retracted, it would stay there."""
    there = CorrectingUplink("clinic")
    gateway = gateway_of(broker, key)
    retraction = Wrong.PERSON, out(1).delivery.entry.id

    async def timer(_: asyncio.Event, __: float) -> None:
        await until(lambda: len(there.there) == 2)

    async with relaying(broker, key, there, timer=timer):
        await delivered(gateway, out(2))  # and so the relay is there
        await gateway.correct(ReleasedCorrection(1, Wrong.PERSON, None, out(1)))
        await until(lambda: there.corrected)
        await delivered(gateway, out(1))
        await until(lambda: len(there.there) == 2)
        await until(lambda: len(there.corrected) == 2)
    await gateway.close()

    assert there.corrected == [retraction] * 2


async def test_a_retraction_of_what_never_comes_is_done_in_the_end(
    broker: Broker, key: Path
) -> None:
    there = CorrectingUplink("clinic")
    gateway = gateway_of(broker, key)
    async with relaying(broker, key, there):
        await delivered(gateway, out(2))
        await gateway.correct(ReleasedCorrection(1, Wrong.PERSON, None, out(1)))
        await until(lambda: len(there.corrected) > len(STEPS_S))
    async with relaying(broker, key, there):  # had it not been done, the broker would bring it
        await delivered(gateway, out(3))
        await until(lambda: len(there.there) == 2)
    await gateway.close()

    assert len(there.corrected) == len(STEPS_S) + 1


async def test_a_correction_that_a_destination_cannot_take_is_shown_to_a_person(
    broker: Broker, key: Path
) -> None:
    gateway = gateway_of(broker, key)
    async with relaying(broker, key, ScriptedUplink("clinic")):
        await delivered(gateway, out(1))  # and so the relay is there: nobody else takes it
        async with listening(broker) as listener:
            await gateway.correct(ReleasedCorrection(1, Wrong.PERSON, None, out(1)))
            await listener.until(1, "/undeliverable")
    await gateway.close()

    (shown,) = listener.on("/undeliverable")
    assert shown["status"] == "entered-in-error"


async def test_a_gateway_without_a_list_holds_up_no_other(broker: Broker, key: Path) -> None:
    """Its readings go to the end of another line, and from there as soon as the list is known."""
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    async with relaying(broker, key, there, max_in_flight=2):
        await delivered(gateway, out(1))  # and so the relay is there
        for number in range(2, 7):
            await connection.publish(measured_by("hub2", out(number)))
        await delivered(gateway, out(7))
        await until(lambda: len(there.there) == 2)
        meanwhile = list(there.sent)
        await connection.publish(told("hub2", b'{"version":1,"grants":[]}'))
        await until(lambda: len(there.there) == 7)
    await connection.close()
    await gateway.close()

    assert meanwhile == [out(number).delivery.entry.id for number in (1, 7)]


async def test_what_a_list_too_long_for_a_relay_says_is_not_brought_by_the_one_before(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker says nothing of a message that is longer than a client takes."""
    there, revoked = ScriptedUplink("clinic"), Revoked()
    gateway = gateway_of(broker, key, lambda: revoked)
    there.does(out(1).delivery.entry, *[UplinkUnavailable("down")] * 20)
    async with relaying(broker, key, there):
        await delivered(gateway, out(1))
        await until(lambda: there.sent)
        revoked = Revoked(grants=("grant-1", *(f"grant-{each:016}" for each in range(200_000))))
        with pytest.raises(UplinkUnavailable):
            await gateway.withdrawn(out(1).subject)
        await until(lambda: "hub1 is not known" in caplog.text or "hub1 revoked" in caplog.text)
    await gateway.close()

    assert there.there == []


async def test_what_a_broker_lets_nobody_put_off_waits_where_it_is(
    tmp_path: Path, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    acl, topics = tmp_path / "acl", "topic readwrite healthspace/v1/+"
    acl.write_text(
        f"{topics}/readings\n{topics}/revocations\ntopic read healthspace/v1/+/waiting/#\n"
    )
    there, said = ScriptedUplink("clinic"), list[str]()
    lines = ("listener {port} 127.0.0.1", "allow_anonymous true", f"acl_file {acl}")
    with a_broker(tmp_path, *lines) as broker:
        stranger = await MqttConnection.open(
            BrokerSettings(**broker.settings()), Session("stranger")
        )
        async with relaying(broker, key, there, tell=said.append):
            await until(lambda: said)
            await stranger.publish(measured_by("hub2", out(1)))
            await until(lambda: "holds up others" in caplog.text)
            await stranger.publish(told("hub2", b'{"version":1,"grants":[]}'))
            await until(lambda: there.there)
        await stranger.close()

    assert there.sent == [out(1).delivery.entry.id]


async def test_what_was_put_off_is_brought_by_a_relay_that_comes_later(
    broker: Broker, key: Path
) -> None:
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    async with listening(broker, "healthspace/v1/+/waiting/relay") as listener:
        async with relaying(broker, key, there):
            await delivered(gateway, out(1))
            await connection.publish(measured_by("hub2", out(2)))
            await listener.until(1)
        await connection.publish(told("hub2", b'{"version":1,"grants":[]}'))
        async with relaying(broker, key, there):
            await until(lambda: len(there.there) == 2)
    await connection.close()
    await gateway.close()


async def test_what_is_put_off_expires_when_it_would_have(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there, gateway, clock = ScriptedUplink("clinic"), gateway_of(broker, key), ManualClock(MEASURED)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))

    async def timer(_: asyncio.Event, seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0.01)

    async with (
        listening(broker, "healthspace/v1/+/waiting/relay") as listener,
        relaying(broker, key, there, timer, clock=clock),
    ):
        await delivered(gateway, out(1))
        await connection.publish(measured_by("hub2", out(2), expires_s=150))
        await until(lambda: "expired" in caplog.text)
        await connection.publish(told("hub2", b'{"version":1,"grants":[]}'))
        await delivered(gateway, out(3))
        await until(lambda: len(there.there) == 2)
    await connection.close()
    await gateway.close()

    left = [message.expires_s or 0 for message in listener.heard]
    assert [0 < each <= most for each, most in zip(left, (90, 30), strict=True)] == [True, True]
    assert out(2).delivery.entry.id not in there.sent


async def test_what_nobody_looks_at_holds_up_no_other(broker: Broker, key: Path) -> None:
    """Readings of a gateway with another key, and nobody is subscribed to what they become."""
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    async with relaying(broker, key, there, max_in_flight=2):
        await delivered(gateway, out(1))
        for number in range(2, 6):
            await connection.publish(measured_by("hub2", out(number), key=KEY[::-1]))
        await delivered(gateway, out(6))
        await until(lambda: len(there.there) == 2)
        async with listening(broker, "healthspace/v1/+/undeliverable") as listener:
            await listener.until(4)
    await connection.close()
    await gateway.close()


async def test_a_reading_that_alone_fails_holds_up_no_other(broker: Broker, key: Path) -> None:
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    stuck = out(2).delivery.entry
    there.does(stuck, *[OutcomeUnknown("the server failed (500)")] * 90)
    async with relaying(broker, key, there, max_in_flight=1):
        await delivered(gateway, out(1))
        await delivered(gateway, out(2))
        await delivered(gateway, out(3))
        await until(lambda: len(there.there) == 3)
    await gateway.close()

    assert there.there[-1] == stuck.id


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param([OutcomeUnknown("the server failed (500)")] * 20, id="fails for a moment"),
        pytest.param([UplinkUnavailable("down")] * 90, id="cannot be reached"),
        pytest.param([UplinkUnauthorised("no token")] * 90, id="does not let the relay in"),
    ],
)
async def test_a_reading_that_waits_for_the_destination_keeps_its_place(
    broker: Broker, key: Path, trouble: list[Exception]
) -> None:
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    there.does(out(1).delivery.entry, *trouble)
    async with (
        listening(broker, "healthspace/v1/+/waiting/relay") as listener,
        relaying(broker, key, there),
    ):
        await delivered(gateway, out(1))
        await until(lambda: there.there)
    await gateway.close()

    assert listener.heard == []


def measured_by(
    gateway: str, reading: Any, expires_s: int | None = None, key: bytes = KEY
) -> Outgoing:
    """What a gateway publishes of which nobody has seen a list."""
    message = to_json(reading_message(reading, "s", MEASURED, key))
    return Outgoing(f"healthspace/v1/{gateway}/readings", message, expires_s=expires_s)


async def test_what_was_withdrawn_meanwhile_is_dropped(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    there, revoked = ScriptedUplink("clinic"), Revoked()
    gateway = gateway_of(broker, key, lambda: revoked)
    async with relaying(broker, key, there):
        await delivered(gateway, out(1))
        await until(lambda: there.there)
        revoked = Revoked(grants=("grant-1",))
        await gateway.withdrawn(out(1).subject)
        await delivered(gateway, out(2))
        await until(lambda: "is dropped" in caplog.text)
        revoked = Revoked()
        await gateway.withdrawn(out(1).subject)
        await delivered(gateway, out(3))
        await until(lambda: len(there.there) == 2)
    await gateway.close()

    assert caplog.text.count("is dropped") == 1
    assert there.sent == [out(number).delivery.entry.id for number in (1, 3)]


async def test_what_is_withdrawn_while_a_relay_has_its_hands_full_is_dropped(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker gives it no further message then, but for what it must not miss."""
    caplog.set_level(logging.INFO)
    there, revoked = ScriptedUplink("clinic"), Revoked()
    gateway = gateway_of(broker, key, lambda: revoked)
    there.does(out(1).delivery.entry, *[UplinkUnavailable("down")] * 5000)
    async with relaying(broker, key, there, max_in_flight=1):
        await delivered(gateway, out(1))
        await until(lambda: there.sent)
        revoked = Revoked(grants=("grant-1",))
        await gateway.withdrawn(out(1).subject)
        await until(lambda: "is dropped" in caplog.text)
    await gateway.close()

    assert there.there == []


async def test_a_relay_that_was_killed_with_its_hands_full_goes_on(
    broker: Broker, key: Path
) -> None:
    """What it had not finished comes before anything else, and fills its hands again."""
    gateway, stuck, there = gateway_of(broker, key), ScriptedUplink("clinic"), ScriptedUplink()
    stuck.gates[out(1).delivery.entry.id] = asyncio.Event()
    async with relaying(broker, key, stuck, max_in_flight=1):
        await delivered(gateway, out(1))
        await until(lambda: stuck.sent)
    async with relaying(broker, key, there, max_in_flight=1):
        await until(lambda: there.there)
    await gateway.close()

    assert stuck.there == []
    assert there.there == [out(1).delivery.entry.id]


async def test_what_is_not_finished_stays_with_the_broker_though_what_came_later_is(
    broker: Broker, key: Path
) -> None:
    gateway, stuck, there = gateway_of(broker, key), ScriptedUplink("clinic"), ScriptedUplink()
    stuck.gates[out(1).delivery.entry.id] = asyncio.Event()
    async with relaying(broker, key, stuck):
        await delivered(gateway, out(1))
        await delivered(gateway, out(2))
        await until(lambda: stuck.there)
    async with relaying(broker, key, there):
        await until(lambda: out(1).delivery.entry.id in there.there)
    await gateway.close()

    assert stuck.there == [out(2).delivery.entry.id]


async def test_a_relay_that_starts_later_knows_what_was_withdrawn_before(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    there = ScriptedUplink("clinic")
    gateway = gateway_of(broker, key, lambda: Revoked(grants=("grant-1",)))
    await gateway.withdrawn(out(1).subject)  # retained by the broker
    async with relaying(broker, key, there):
        await delivered(gateway, out(1))
        await until(lambda: "is dropped" in caplog.text)
    await gateway.close()

    assert there.calls == []


async def test_readings_wait_while_nobody_knows_what_their_gateway_revoked(
    broker: Broker, key: Path
) -> None:
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    message = reading_message(out(1), "s", MEASURED, KEY)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    async with relaying(broker, key, there):
        await delivered(gateway, out(2))  # of another gateway, whose list is known
        await until(lambda: there.there)
        async with listening(broker, "#") as listener:
            await connection.publish(Outgoing("healthspace/v1/hub2/readings", to_json(message)))
            await listener.until(1, "/readings")
        before = list(there.sent)
        told = Outgoing("healthspace/v1/hub2/revocations", b'{"version":1,"grants":[]}')
        await connection.publish(told)
        await until(lambda: len(there.there) == 2)
    await connection.close()
    await gateway.close()

    assert before == [out(2).delivery.entry.id]


async def test_what_is_far_too_long_does_not_come_through(broker: Broker, key: Path) -> None:
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    connection = await MqttConnection.open(BrokerSettings(**broker.settings()), Session("stranger"))
    async with (
        listening(broker, "healthspace/v1/+/undeliverable") as listener,
        relaying(broker, key, there),
    ):
        await delivered(gateway, out(1))
        await connection.publish(Outgoing("healthspace/v1/hub1/readings", bytes(5 * 2**20)))
        await connection.publish(Outgoing("healthspace/v1/hub1/readings", b"no reading"))
        await listener.until(1, "/undeliverable")
        await delivered(gateway, out(2))
        await until(lambda: len(there.there) == 2)
    await connection.close()
    await gateway.close()

    assert [message.payload for message in listener.heard] == [b"no reading"]


async def test_a_list_of_revocations_that_cannot_be_read_is_no_list(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What it would say, nobody knows: the one before must not go on in its place."""
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    message = to_json(reading_message(out(3), "s", MEASURED, KEY))
    async with relaying(broker, key, there):
        await delivered(gateway, out(1))
        await until(lambda: there.there)
        await connection.publish(told("hub1", b'{"version":1,"gra'))
        await until(lambda: "cannot be read" in caplog.text)
        await delivered(gateway, out(2))
        await connection.publish(told("hub2", b'{"version":1,"grants":[]}'))
        await connection.publish(Outgoing("healthspace/v1/hub2/readings", message))
        await until(lambda: len(there.there) == 2)
        meanwhile = list(there.sent)
        await connection.publish(told("hub1", b'{"version":1,"grants":[]}'))
        await until(lambda: len(there.there) == 3)
    await connection.close()
    await gateway.close()

    assert meanwhile == [out(number).delivery.entry.id for number in (1, 3)]


@pytest.mark.parametrize(
    "written",
    [
        b'{"version":1,"gra',
        b'{"version":1}',
        b'{"version":2,"grants":["grant-1"]}',
        b'{"version":1,"grants":"grant-1"}',
        b'{"version":1,"grants":{"grant-1":true}}',
        b'{"version":1,"grants":[1]}',
        b"[" * 100_000,
        b"[1]",
    ],
)
def test_what_is_no_list_of_revocations_is_not_taken_for_one(written: bytes) -> None:
    assert revoked_in(written) is None


async def test_a_list_of_endless_brackets_stops_no_relay(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    async with (
        listening(broker, "healthspace/v1/+/undeliverable") as listener,
        relaying(broker, key, there),
    ):
        await connection.publish(told("hub2", b"[" * 100_000))
        await until(lambda: "hub2 cannot be read" in caplog.text)
        await delivered(gateway, out(1))
        await connection.publish(Outgoing("healthspace/v1/hub2/readings", b"[" * 100_000))
        await listener.until(1, "/undeliverable")
        await until(lambda: there.there)
    await connection.close()
    await gateway.close()


async def test_a_name_that_turns_a_line_around_does_not_turn_one_of_the_log(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Mosquitto takes any topic but for the signs that MQTT 5.0 forbids (1.5.4)."""
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    async with relaying(broker, key, ScriptedUplink("clinic")):
        await connection.publish(told("hub\u202e2", b"nonsense"))
        await until(lambda: "cannot be read" in caplog.text)
    await connection.close()

    assert "revocations of hub\N{REPLACEMENT CHARACTER}2 cannot be read" in caplog.text


async def test_relays_of_one_name_leave_the_broker_alone_longer_each_time(
    broker: Broker, key: Path
) -> None:
    """They take it from each other, and would as fast as they can."""
    said, waits = list[str](), asyncio.Event()

    async def timer(_: asyncio.Event, __: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    async with relaying(broker, key, ScriptedUplink("clinic"), timer=timer, tell=said.append):
        await until(lambda: said)
        async with relaying(broker, key, ScriptedUplink("clinic")):
            await asyncio.wait_for(waits.wait(), 30)

    assert said[0] == "Relaying."
    assert "another client bears the same name" in said[1]


async def test_a_relay_leaves_its_broker_alone_longer_each_time_until_a_connection_has_lasted(
    broker: Broker, key: Path
) -> None:
    clock, said, waits = ManualClock(MEASURED), list[str](), list[float]()

    async def timer(_: asyncio.Event, seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)
        await asyncio.sleep(0.01)

    broker.kill()
    async with relaying(broker, key, ScriptedUplink("clinic"), timer, said.append, clock):
        await until(lambda: len(waits) > 2)
        broker.start()
        await until(lambda: said[-1] == "Relaying.")
        before = list(waits)
        clock.advance(60)
        same_name = Session("hsg-relay-relay-r1")
        another = await MqttConnection.open(BrokerSettings(**broker.settings()), same_name)
        await until(lambda: said[-2:] == ["Relaying."] * 2)
        at_once = list(waits)
        broker.kill()
        await until(lambda: len(waits) > len(at_once))
    another.abort()

    assert before[:3] == [1, 2, 5]
    assert "cannot be reached" in said[0]
    assert at_once == before
    assert waits[len(at_once)] == 1


async def test_a_reading_goes_on_as_soon_as_its_gateways_list_comes(
    broker: Broker, key: Path
) -> None:
    there, waits = ScriptedUplink("clinic"), asyncio.Event()
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    message = to_json(reading_message(out(1), "s", MEASURED, KEY))

    async def timer(event: asyncio.Event, seconds: float) -> None:
        assert seconds > 30  # longer than the test waits
        waits.set()
        await event.wait()

    async with relaying(broker, key, there, timer):
        while not waits.is_set():
            with suppress(UplinkUnavailable):  # nobody subscribes yet
                await connection.publish(Outgoing("healthspace/v1/hub2/readings", message))
                await waits.wait()
        await connection.publish(told("hub2", b'{"version":1,"grants":[]}'))
        await until(lambda: there.there)
    await connection.close()


async def test_what_goes_nowhere_waits_for_no_list(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger may publish under a name of which nobody ever publishes a list."""
    caplog.set_level(logging.INFO)
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    expired = out(3).grant.model_copy(update={"expires": MEASURED})
    over = to_json(reading_message(replace(out(3), grant=expired), "s", MEASURED, KEY))
    unproven = to_json(reading_message(out(2), "s", MEASURED, KEY[::-1]))
    async with (
        listening(broker, "healthspace/v1/+/undeliverable") as listener,
        relaying(broker, key, there, max_in_flight=2),
    ):
        await delivered(gateway, out(1))
        for message in (unproven, over):
            await connection.publish(Outgoing("healthspace/v1/hub2/readings", message))
        await listener.until(1, "/undeliverable")
        await until(lambda: "is dropped" in caplog.text)
    await connection.close()
    await gateway.close()

    assert there.sent == [out(1).delivery.entry.id]


async def test_a_relay_says_for_whose_list_it_waits_and_that_it_has_come(
    broker: Broker, key: Path
) -> None:
    there, said = ScriptedUplink("clinic"), list[str]()
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    message = to_json(reading_message(out(1), "s", MEASURED, KEY))

    async with relaying(broker, key, there, tell=said.append):
        await until(lambda: said)
        await connection.publish(Outgoing("healthspace/v1/hub2/readings", message))
        await until(lambda: len(said) == 2)
        before = await lists(relay_settings(broker, key), quiet_s=0.2)
        await connection.publish(told("hub2", b'{"version":1,"grants":[]}'))
        await until(lambda: there.there)
        after = await lists(relay_settings(broker, key), quiet_s=0.2)
    await connection.close()

    assert said[0] == said[2] == "Relaying."
    assert "no list of revocations of hub2" in said[1]
    assert (before, after) == ({}, {"hub2": True})


async def test_a_broker_tells_which_gateways_have_no_list_that_can_be_read(
    broker: Broker, key: Path
) -> None:
    gateway = gateway_of(broker, key)
    stranger = BrokerSettings(**broker.settings())
    connection = await MqttConnection.open(stranger, Session("stranger"))
    await gateway.withdrawn(out(1).subject)
    await connection.publish(told("hub2", b"nonsense"))
    await connection.publish(Outgoing("healthspace/v1/hub3/status", b"{}", retain=True))

    found = await lists(relay_settings(broker, key), quiet_s=0.2)
    await connection.close()
    await gateway.close()

    assert found == {"hub1": True, "hub2": False, "hub3": False}


def told(gateway: str, revocations: bytes) -> Outgoing:
    return Outgoing(f"healthspace/v1/{gateway}/revocations", revocations, retain=True)


async def test_our_own_bug_keeps_one_reading_waiting_and_not_the_others(
    broker: Broker, key: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there, gateway = ScriptedUplink("clinic"), gateway_of(broker, key)
    there.does(out(1).delivery.entry, KeyError("canary 71.3 kg"))
    async with relaying(broker, key, there):
        await delivered(gateway, out(1))
        await delivered(gateway, out(2))
        await until(lambda: len(there.there) == 2)
    await gateway.close()

    assert "KeyError" in caplog.text
    assert "canary" not in caplog.text


async def test_what_nothing_proves_is_shown_to_a_person(
    broker: Broker, key: Path, tmp_path: Path
) -> None:
    there = ScriptedUplink("clinic")
    other = tmp_path / "other"
    other.write_bytes(KEY[::-1])
    gateway = gateway_of(broker, other)
    async with (
        listening(broker, "healthspace/v1/+/undeliverable") as listener,
        relaying(broker, key, there),
    ):
        await delivered(gateway, out(1))
        await listener.until(1, "/undeliverable")
    await gateway.close()

    assert there.calls == []


def test_the_gate_decides_by_the_grant_that_came_along() -> None:
    reading = out(1)
    message = reading_message(reading, "s", MEASURED, KEY)
    grant = reading.grant.model_copy(update={"expires": MEASURED + timedelta(hours=1)})
    expiring = reading_message(replace_grant(reading, grant), "s", MEASURED, KEY)
    earlier = reading.grant.model_copy(update={"covers_until": MEASURED - timedelta(hours=1)})
    uncovered = reading_message(replace(reading, grant=earlier), "s", MEASURED, KEY)

    assert let_go(message, KEY, set(), "clinic", MEASURED) is not None
    assert let_go(message, KEY, {"grant-1"}, "clinic", MEASURED) is None
    assert let_go(expiring, KEY, set(), "clinic", MEASURED + timedelta(hours=2)) is None
    assert let_go(uncovered, KEY, set(), "clinic", MEASURED) is None
    with pytest.raises(UplinkRejected, match="proof_key_file"):
        let_go(message, KEY[::-1], set(), "clinic", MEASURED)


def test_a_relayed_reading_is_known_by_what_its_device_said_as_on_the_hub() -> None:
    told = stamped(Kind.BLOOD_PRESSURE, utc_offset=timedelta(hours=1))
    message = reading_message(released(told, destination="chain"), "s", MEASURED, KEY)
    sender = Sender("urn:example:patients", "somebody", "hub1")

    going = let_go(message, KEY, frozenset(), "clinic", MEASURED)

    assert going is not None
    assert identifiers(going.delivery.entry, sender)[0] == identifiers(told, sender)[0]


def test_what_no_grant_covers_may_be_retracted_and_never_brought() -> None:
    """A retraction tells nothing of what was measured: no time of it counts, as at the hub."""
    reading = out(1)
    later = reading.grant.model_copy(update={"covers_from": MEASURED + timedelta(hours=1)})
    message = reading_message(replace(reading, grant=later), "s", MEASURED, KEY)
    wrong = message.model_copy(update={"status": "entered-in-error"})
    consent = wrong.consent.model_copy(update={"proof": proof(wrong, KEY)})
    retraction = wrong.model_copy(update={"consent": consent})

    assert let_go(message, KEY, set(), "clinic", MEASURED) is None
    assert let_go(retraction, KEY, set(), "clinic", MEASURED) is not None


def test_what_was_surely_taken_before_the_end_goes_on_after_it() -> None:
    """The gateway knew when it was here; of its time the relay knows no more than is told."""
    reading = out(1)
    entry = reading.delivery.entry
    timing = replace(entry.timing, uncertainty=timedelta(minutes=2))
    delivery = replace(reading.delivery, entry=replace(entry, timing=timing))
    ends = {"covers_until": MEASURED + timedelta(seconds=1)}
    here = decide(delivery, (reading.grant.model_copy(update=ends),), MEASURED)
    assert isinstance(here, Released)

    message = reading_message(here, "s", MEASURED, KEY)

    assert let_go(message, KEY, set(), "clinic", MEASURED + timedelta(hours=2)) is not None


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("proof", "\u00e9" * 64),
        ("proof", "\ud800"),
        ("grant", "\ud800"),
        ("uncertainty_s", 10**30),
    ],
    ids=ascii,
)
def test_what_cannot_be_proven_is_rejected_and_waits_for_nothing(name: str, odd: object) -> None:
    """What waited for ever would take a place from the readings of all other gateways."""
    told = json.loads(to_json(reading_message(out(1), "s", MEASURED, KEY)))
    place = told["consent"] if name in told["consent"] else told
    place[name] = odd

    with pytest.raises(UplinkRejected, match="proof_key_file"):
        let_go(from_json(json.dumps(told).encode()), KEY, set(), "clinic", MEASURED)


def test_a_time_that_cannot_be_is_rejected_though_it_is_proven() -> None:
    message = reading_message(out(1), "s", MEASURED, KEY)
    message = message.model_copy(update={"period_s": -(10**18)})
    proven = message.consent.model_copy(update={"proof": proof(message, KEY)})

    with pytest.raises(UplinkRejected, match="cannot be"):
        let_go(message.model_copy(update={"consent": proven}), KEY, set(), "clinic", MEASURED)


def replace_grant(reading: Any, grant: Any) -> Any:
    return decide(reading.delivery, (grant,), MEASURED)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_four_relays_and_a_kill_deliver_everything_once(
    broker: Broker, key: Path, tmp_path: Path, server: str
) -> None:
    """Processes of their own; one is killed in the middle of its work and comes back."""
    config = tmp_path / "relay.toml"
    destination = DESTINATION | {"base_url": server}
    config.write_text(
        f'[relay]\nhost = "127.0.0.1"\nport = {broker.port}\ntls = false\nmax_in_flight = 4\n'
        f'proof_key_file = "{key}"\n[relay.destination]\n'
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in destination.items())
    )
    gateway = gateway_of(broker, key)

    def start(name: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", "--config", config, "relay", "--name", name],
            text=True,
        )

    relays = {name: start(name) for name in ("r1", "r2", "r3", "r4")}
    try:
        receipts: list[Receipt] = []
        for number in range(READINGS):
            receipts.append(await delivered(gateway, out(number)))
            if number == READINGS // 2:
                relays["r2"].kill()
                relays["r2"].wait()
        relays["r2"] = start("r2")
        while len(found := await relayed_to(server)) < READINGS:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    finally:
        for relay in relays.values():
            relay.terminate()
        for relay in relays.values():
            relay.wait()
        await gateway.close()

    assert len(found) == READINGS
    assert len({each["identifier"][0]["value"] for each in found}) == READINGS
    ends = {name: relay.returncode for name, relay in relays.items()}
    anew = ends.pop("r2")
    assert set(ends.values()) == {0}
    assert anew in (0, -signal.SIGTERM)  # it may still have been starting when it was told to end


async def delivered(gateway: MqttUplink, reading: Any) -> Receipt:
    """Send as the worker does: again while nobody is subscribed yet."""
    while True:
        try:
            return await gateway.send(reading)
        except UplinkUnavailable:
            await asyncio.sleep(0.1)


async def relayed_to(
    server: str, system: str = DESTINATION["patient_system"]
) -> list[dict[str, Any]]:
    """Return what the server holds of Alice, whom it knows by a pseudonym of her pseudonym."""
    name = pseudonym(SubjectId(pseudonym(ALICE, "chain")), "clinic")
    people = await held(server, f"Patient?identifier={system}|{name}")
    assert len(people) <= 1
    if not people:
        return []
    return await held(server, f"Observation?subject=Patient/{people[0]['id']}&_count=100")
