"""The MQTT destination against a real broker."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from firmware_sims.health_space.certificates import ensure_certificates

from gateway.consent.correction import ReleasedCorrection
from gateway.domain.correction import Wrong
from gateway.domain.reading import Kind
from gateway.errors import (
    ConfigError,
    JournalError,
    OutcomeUnknown,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.testing.clock import ManualClock
from gateway.uplink.mqtt import MqttUplink, Revoked
from gateway.uplink.mqtt_message import pseudonym
from gateway.uplink.mqtt_settings import MqttSettings
from tests.uplink.brokers import Broker, a_broker, listening, needs_mosquitto, packet
from tests.uplink.samples import ALICE, BOB, MEASURED, SENSOR, entry, released

pytestmark = needs_mosquitto

CONNACK = bytes.fromhex("20 03 00 00 00")  # success, no properties
PUBACK = bytes.fromhex("40 02")  # followed by the number of the message


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with a_broker(tmp_path) as running:
        yield running


def settings(broker: Broker, **given: Any) -> MqttSettings:
    return MqttSettings(**broker.settings(**{"name": "home", "gateway": "hub1", **given}))


@asynccontextmanager
async def uplink_to(broker: Broker, **given: Any) -> AsyncIterator[MqttUplink]:
    revoked = given.pop("revoked", Revoked)
    clock = ManualClock(MEASURED)
    uplink = MqttUplink(settings(broker, **given), clock, revoked)
    try:
        yield uplink
    finally:
        await uplink.close()


def out(what: Any = None) -> Any:
    return released(what, destination="home")


async def test_a_reading_arrives_with_its_digits_between_birth_and_death(broker: Broker) -> None:
    async with listening(broker) as listener:
        async with uplink_to(broker) as uplink:
            receipt = await uplink.send(out(entry(Kind.WEIGHT)))
        await listener.until(2, "/status")

        birth, death = listener.on("/status")
        (message,) = listener.on("/readings")
        raw = next(m.payload for m in listener.heard if m.topic.endswith("/readings"))
        assert b'"value":71.300' in raw
        assert (message["kind"], message["historical"]) == ("weight", False)
        assert (birth["online"], death["online"]) == (True, False)
        assert birth["session"] == death["session"] == message["session"]
        assert receipt.reference == f"{message['session']}/1"


async def test_messages_are_numbered_and_stored_readings_are_historical(broker: Broker) -> None:
    fresh = entry()
    old = entry(record="seq:2", measured_at=MEASURED - timedelta(hours=1))
    stored = entry(record="seq:3")
    reading = stored.reading.model_copy(update={"live": False})
    stored = type(stored)(
        stored.id, reading, stored.timing, stored.subject, stored.attribution, stored.device
    )
    async with listening(broker) as listener, uplink_to(broker) as uplink:
        for each in (fresh, old, stored):
            await uplink.send(out(each))
        await listener.until(3, "/readings")

    messages = listener.on("/readings")
    assert [m["seq"] for m in messages] == [1, 2, 3]
    assert [m["historical"] for m in messages] == [False, True, True]


@pytest.mark.parametrize(
    ("wrong", "status"), [(Wrong.TIME, "amended"), (Wrong.PERSON, "entered-in-error")]
)
async def test_a_correction_bears_the_same_id_and_says_what_it_is(
    broker: Broker, wrong: Wrong, status: str
) -> None:
    async with listening(broker) as listener, uplink_to(broker) as uplink:
        receipt = await uplink.send(out())
        await uplink.correct(ReleasedCorrection(1, wrong, receipt.reference, out()))
        await listener.until(2, "/readings")

    sent, corrected = listener.on("/readings")
    assert "status" not in sent
    assert (corrected["status"], corrected["historical"]) == (status, True)
    assert (corrected["id"], corrected["subject"]) == (sent["id"], sent["subject"])
    assert corrected["seq"] == sent["seq"] + 1


async def test_a_killed_gateway_is_declared_dead_by_its_will(broker: Broker) -> None:
    async with listening(broker) as listener, uplink_to(broker) as uplink:
        await uplink.send(out())
        assert uplink._life is not None
        uplink._life.connection.abort()
        await listener.until(2, "/status")

        assert [status["online"] for status in listener.on("/status")] == [True, False]


async def test_without_a_subscriber_the_reading_is_kept_here(broker: Broker) -> None:
    async with uplink_to(broker) as uplink:
        with pytest.raises(UplinkUnavailable, match="subscribed"):
            await uplink.send(out())


async def test_a_broker_that_died_and_came_back_gets_the_next_attempt(broker: Broker) -> None:
    async with uplink_to(broker) as uplink:
        async with listening(broker):
            await uplink.send(out())
        broker.kill()
        with pytest.raises((UplinkUnavailable, OutcomeUnknown)):
            await uplink.send(out(entry(record="seq:2")))
        broker.start()
        async with listening(broker) as listener:
            await uplink.send(out(entry(record="seq:2")))
            await listener.until(1, "/readings")

            assert listener.on("/status")[-1]["online"]


async def test_a_broker_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async with uplink_to(Broker(tmp_path)) as uplink:
        with pytest.raises(UplinkUnavailable, match="cannot be reached"):
            await uplink.send(out())


async def test_a_broker_that_refuses_the_user_is_told_apart(tmp_path: Path) -> None:
    with a_broker(tmp_path, "listener {port} 127.0.0.1", "allow_anonymous false") as broker:
        async with uplink_to(broker) as uplink:
            with pytest.raises(UplinkUnauthorised, match="0x87"):
                await uplink.send(out())


async def test_a_topic_that_is_not_allowed_is_no_acceptance(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic write healthspace/v1/hub1/status\n")
    lines = ("listener {port} 127.0.0.1", "allow_anonymous true", f"acl_file {acl}")
    with a_broker(tmp_path, *lines) as broker:
        async with uplink_to(broker) as uplink:
            with pytest.raises(UplinkUnauthorised, match="access list"):
                await uplink.send(out())


async def test_a_message_longer_than_the_broker_takes_is_rejected(tmp_path: Path) -> None:
    lines = ("listener {port} 127.0.0.1", "allow_anonymous true", "max_packet_size 700")
    with a_broker(tmp_path, *lines) as broker:
        async with uplink_to(broker) as uplink:
            with pytest.raises(UplinkRejected, match="long"):
                await uplink.send(out())


async def test_a_list_of_revocations_that_the_broker_does_not_take_parks_no_reading(
    tmp_path: Path,
) -> None:
    """It grows with every guest of a kiosk; nothing is wrong with the readings."""
    lines = ("listener {port} 127.0.0.1", "allow_anonymous true", "max_packet_size 3000")
    revoked = Revoked(grants=tuple(f"grant-{number:016}" for number in range(150)))
    with a_broker(tmp_path, *lines) as broker:
        async with uplink_to(broker, revoked=lambda: revoked) as uplink:
            with pytest.raises(UplinkUnavailable, match="longer messages"):
                await uplink.send(out())


@pytest.mark.parametrize(("most", "number"), [(3000, 150), (0, 200_000)])
async def test_a_list_of_revocations_that_is_too_long_leaves_none_in_its_place(
    tmp_path: Path, most: int, number: int
) -> None:
    """The one before would let relays bring what was withdrawn since."""
    lines = ("listener {port} 127.0.0.1", "allow_anonymous true", f"max_packet_size {most}")
    revoked = Revoked()
    with a_broker(tmp_path, *lines[: 3 if most else 2]) as broker:
        async with uplink_to(broker, revoked=lambda: revoked) as uplink:
            await uplink.withdrawn(ALICE)
            revoked = Revoked(grants=tuple(f"grant-{each:016}" for each in range(number)))
            with pytest.raises(UplinkUnavailable if not most else UplinkRejected):
                await uplink.withdrawn(ALICE)
            with pytest.raises(UplinkUnavailable):
                await uplink.send(out())
        async with listening(broker) as listener:
            await listener.until(1, "/status")  # what is retained comes at once

    assert [topic.rpartition("/")[2] for topic in listener.topics] == ["status"]


async def test_while_what_was_withdrawn_cannot_be_read_no_reading_is_sent(broker: Broker) -> None:
    troubles = [JournalError("the disk gave an error")]

    def revoked() -> Revoked:
        if troubles:
            raise troubles.pop()
        return Revoked(("grant-1",))

    async with listening(broker) as listener, uplink_to(broker, revoked=revoked) as uplink:
        with pytest.raises(UplinkUnavailable, match="the disk gave an error"):
            await uplink.send(out())
        await uplink.send(out())
        await listener.until(1, "/readings")

    assert [len(listener.on(end)) for end in ("/revocations", "/readings")] == [1, 1]


async def test_readings_of_many_people_share_a_bounded_window(broker: Broker) -> None:
    async with listening(broker) as listener, uplink_to(broker, max_in_flight=2) as uplink:
        sends = [uplink.send(out(entry(record=f"seq:{n}"))) for n in range(50)]
        receipts = await asyncio.gather(*sends)
        await listener.until(50, "/readings")

    assert len({receipt.reference for receipt in receipts}) == 50
    assert [m["seq"] for m in listener.on("/readings")] == list(range(1, 51))


async def test_nothing_leaves_after_an_attempt_was_cut_off(tmp_path: Path) -> None:
    """A broker that accepts and then hears nothing more: the reading is in a buffer of ours."""
    seen = bytearray()
    welcomed, cut_off = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(CONNACK)
        for _ in ("status", "revocations"):
            _, body = await packet(reader)
            after_topic = 2 + int.from_bytes(body[:2])
            writer.write(PUBACK + body[after_topic : after_topic + 2])
        welcomed.set()
        await cut_off.wait()
        with suppress(ConnectionError):
            while received := await reader.read(65536):
                seen.extend(received)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    broker = Broker(tmp_path, port=server.sockets[0].getsockname()[1])
    async with server, uplink_to(broker) as uplink:
        big = entry(flags=frozenset(f"{n:0>1000000}" for n in range(12)))
        sending = asyncio.create_task(uplink.send(out(big)))
        await asyncio.wait_for(welcomed.wait(), 10)
        await asyncio.wait({sending}, timeout=0.1)  # until the buffers are full
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        cut_off.set()

    assert len(seen) < 12_000_000


async def test_withdrawn_grants_are_told_at_once_and_at_every_birth(broker: Broker) -> None:
    revoked = Revoked()
    async with listening(broker) as listener:
        async with uplink_to(broker, revoked=lambda: revoked) as uplink:
            await uplink.send(out())
            revoked = Revoked(grants=("grant-1",))
            await uplink.withdrawn(ALICE)
            await listener.until(2, "/revocations")
        async with uplink_to(broker, revoked=lambda: revoked) as uplink:
            await uplink.send(out())
            await listener.until(3, "/revocations")

    told = [each["grants"] for each in listener.on("/revocations")]
    assert told == [[], ["grant-1"], ["grant-1"]]


async def test_no_topic_says_who_or_what(broker: Broker) -> None:
    revoked = Revoked()
    kinds = [Kind.WEIGHT, Kind.BLOOD_PRESSURE, Kind.BLOOD_GLUCOSE, Kind.INTERSTITIAL_GLUCOSE]
    async with listening(broker) as listener:
        async with uplink_to(
            broker, discovery_prefix="homeassistant", revoked=lambda: revoked
        ) as uplink:
            for kind in kinds:
                for subject in (ALICE, BOB):
                    await uplink.send(out(entry(kind, subject=subject, device=SENSOR)))
            revoked = Revoked(("grant-1",), (ALICE,))
            await uplink.withdrawn(ALICE)
        await listener.until(2, "/status")

    canaries = {ALICE, BOB, pseudonym(ALICE, "home"), SENSOR.id, "SN-77", "ACME", "CGM1"}
    canaries |= {str(kind) for kind in Kind} | {"glucose", "pressure", "71.300", "142"}
    topics = "\n".join(listener.topics).lower()
    assert len(listener.topics) > 20
    assert [canary for canary in canaries if canary.lower() in topics] == []


async def test_home_assistant_finds_sensors_that_go_with_the_consent(broker: Broker) -> None:
    revoked = Revoked()
    async with (
        listening(broker, "homeassistant/#", "healthspace/#") as listener,
        uplink_to(broker, discovery_prefix="homeassistant", revoked=lambda: revoked) as uplink,
    ):
        await uplink.send(out(entry(Kind.BLOOD_PRESSURE)))
        await uplink.send(out(entry(Kind.BLOOD_PRESSURE, record="seq:2")))
        found = [m for m in await listener.until(2, "/config") if m.payload]
        revoked = Revoked(("grant-1",), (ALICE,))
        await uplink.withdrawn(ALICE)
        await listener.until(1, "/revocations")

        sensors = [json.loads(message.payload) for message in found]
        emptied = {m.topic for m in await listener.until(15, "/config") if not m.payload}
        assert [s["name"] for s in sensors] == ["Systolic pressure", "Diastolic pressure"]
        assert {s["unit_of_measurement"] for s in sensors} == {"mmHg"}
        assert sensors[0]["device"]["manufacturer"] == "ACME"
        assert sensors[0]["state_topic"] == "healthspace/v1/hub1/readings"
        assert {message.topic for message in found} <= emptied

        revoked = Revoked(("grant-1",))  # and they consent again
        await uplink.send(out(entry(Kind.BLOOD_PRESSURE, record="seq:3")))
        await listener.until(3, "/readings")
        last = {m.topic: m.payload for m in listener.heard}
        assert all(last[message.topic] == message.payload for message in found)


async def test_a_client_that_connects_later_finds_the_sensors_of_who_consents(
    broker: Broker,
) -> None:
    """Home Assistant starts anew with nothing but what the broker retains."""
    revoked = Revoked()
    async with uplink_to(
        broker, discovery_prefix="homeassistant", revoked=lambda: revoked
    ) as uplink:
        async with listening(broker) as listener:
            for subject in (ALICE, BOB):
                await uplink.send(out(entry(Kind.WEIGHT, subject=subject)))
                await uplink.send(out(entry(Kind.WEIGHT, subject=subject, record="seq:2")))
            await listener.until(4, "/readings")
        revoked = Revoked(("grant-1",), (ALICE,))
        await uplink.withdrawn(ALICE)
    async with listening(broker) as later:
        await later.until(1, "/revocations")
        await later.until(1, "/config")

    announced = [topic for topic in listener.topics if topic.endswith("/config")]
    found = {topic for topic in later.topics if topic.endswith("/config")}
    assert len(announced) == len(set(announced)) == 2
    assert found == set(announced[1:])  # in the order in which they were sent


async def test_where_no_sensors_are_announced_none_are_removed(broker: Broker) -> None:
    async with (
        listening(broker) as listener,
        uplink_to(broker, revoked=lambda: Revoked(("grant-1",), (ALICE,))) as uplink,
    ):
        await uplink.send(out())
        await listener.until(1, "/readings")

    assert [topic.rpartition("/")[2] for topic in listener.topics[:3]] == [
        *("status", "revocations", "readings")
    ]


async def test_a_reading_for_another_destination_is_not_sent(broker: Broker) -> None:
    async with uplink_to(broker, kinds=[Kind.BLOOD_PRESSURE]) as uplink:
        for stray in (released(entry(Kind.BLOOD_PRESSURE), destination="elsewhere"), out()):
            with pytest.raises(UplinkRejected, match="not meant"):
                await uplink.send(stray)


async def test_a_proof_key_that_is_too_short_is_refused(broker: Broker, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"short")

    with pytest.raises(ConfigError, match="32 bytes"):
        MqttUplink(settings(broker, proof_key_file=key), ManualClock())


async def test_tls_is_checked_and_works_in_both_directions(tmp_path: Path) -> None:
    """A message far longer than one TLS record comes back whole, and a stranger is not trusted."""
    ensure_certificates(tmp_path, datetime.now(UTC))
    ensure_certificates(elsewhere := Path(mkdtemp(dir=tmp_path)), datetime.now(UTC))
    lines = (
        *("listener {port} 127.0.0.1", "allow_anonymous true"),
        *(f"certfile {tmp_path}/server.pem", f"keyfile {tmp_path}/server.pem"),
    )
    long = entry(flags=frozenset({"x" * 100_000}))
    with a_broker(tmp_path, *lines) as broker:
        trusting = {"tls": True, "ca_file": tmp_path / "ca.pem"}
        async with listening(broker, **trusting) as listener:
            async with uplink_to(broker, **trusting) as uplink:
                await uplink.send(out(long))
            (arrived,) = await listener.until(1, "/readings")
        async with uplink_to(broker, tls=True, ca_file=elsewhere / "ca.pem") as stranger:
            with pytest.raises(UplinkUnavailable, match="certificate"):
                await stranger.send(out())

    assert len(arrived.payload) > 100_000
