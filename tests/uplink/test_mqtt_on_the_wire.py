"""The MQTT destination byte by byte, against a broker that answers as it is told.

What a real broker never says on demand: every reason code, and silence. The readings themselves are
sent to a real one in `test_mqtt`.

Spec: MQTT Version 5.0, sections 3.1 (CONNECT), 3.2 (CONNACK), 3.3 (PUBLISH), 3.4 (PUBACK).
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.health_space.certificates import ensure_certificates
from paho.mqtt.client import Client

from gateway.errors import (
    ConfigError,
    OutcomeUnknown,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.testing.clock import ManualClock
from gateway.uplink.broker import BrokerSettings
from gateway.uplink.mqtt import MqttUplink
from gateway.uplink.mqtt_client import MqttConnection
from gateway.uplink.mqtt_session import Incoming, Session
from gateway.uplink.mqtt_settings import MqttSettings
from tests.uplink.brokers import packet, published
from tests.uplink.samples import ALICE, MEASURED, entry, released

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 12, 14
SERVER_KEEP_ALIVE = 0x13
RETAIN_AVAILABLE = 0x25
RECEIVE_MAXIMUM = 0x21
MAXIMUM_QOS = 0x24
SUCCESS = 0x00
MESSAGE_EXPIRY = 0x02


@dataclass
class ToldBroker:
    """Accepts everything, but readings as it was told; None is silence."""

    connects: int | None = SUCCESS
    subscribes: bytes = bytes([SUCCESS])
    """What it says to each of the filters that somebody subscribes to."""
    readings: int | None = SUCCESS
    lists: deque[int] = field(default_factory=deque)
    """What it says to the next lists of revocations; success once these are used up."""
    port: int = 0
    keepalive_s: int | None = None
    """What it wants in place of what we ask for."""
    retains: bool = True
    takes: bytes = b""
    """Further properties of what it takes."""
    ends: int | None = None
    """With what reason it ends every connection, once it was told what was revoked."""
    lasts: asyncio.Event | None = None
    """What it waits for before it ends the first."""
    pinged: asyncio.Event = field(default_factory=asyncio.Event)
    heard: list[tuple[int, bytes]] = field(default_factory=list)
    """Header byte and body of every packet."""
    serving: list[asyncio.Task[Any]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                header, body = await packet(reader)
                self.heard.append((header, body))
                if header >> 4 == CONNECT and self.connects is not None:
                    wants = self.keepalive_s
                    told = b"" if wants is None else bytes([SERVER_KEEP_ALIVE, 0, wants])
                    told += b"" if self.retains else bytes([RETAIN_AVAILABLE, 0])
                    told += self.takes
                    writer.write(bytes([0x20, 3 + len(told), 0, self.connects, len(told)]) + told)
                elif header >> 4 == SUBSCRIBE:
                    told = body[:2] + bytes([0]) + self.subscribes
                    writer.write(bytes([0x90, len(told)]) + told)
                elif header >> 4 == PINGREQ:
                    self.pinged.set()
                    writer.write(bytes([0xD0, 0]))
                elif header >> 4 == PUBLISH:
                    topic, number, *_ = published(body)
                    code = self.readings if topic.endswith("/readings") else SUCCESS
                    if topic.endswith("/revocations") and self.lists:
                        code = self.lists.popleft()
                    if code is not None:
                        writer.write(bytes([0x40, 3]) + number + bytes([code]))
                    if self.ends is not None and topic.endswith("/revocations"):
                        if self.lasts is not None:
                            await self.lasts.wait()
                        writer.write(bytes([DISCONNECT << 4, 1, self.ends]))
                        break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def published(self, end: str) -> tuple[int, bytes]:
        """Return header and properties of the first message on a topic that ends so."""
        return next(
            (header, published(body)[2])
            for header, body in self.heard
            if header >> 4 == PUBLISH and published(body)[0].endswith(end)
        )


@asynccontextmanager
async def told(
    broker: ToldBroker, clock: ManualClock | None = None, **given: Any
) -> AsyncIterator[MqttUplink]:
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    settings = MqttSettings(
        name="home",
        gateway="hub1",
        host="127.0.0.1",
        port=broker.port,
        tls=False,
        **given,
    )
    uplink = MqttUplink(settings, clock or ManualClock(MEASURED))
    async with server:
        try:
            yield uplink
        finally:
            await uplink.close()
            await asyncio.gather(*broker.serving)


def reading() -> Any:
    return released(entry(), destination="home")


async def test_it_is_mqtt_5_with_a_retained_will_of_qos_1() -> None:
    broker = ToldBroker()
    async with told(broker) as uplink:
        await uplink.send(reading())

    connect = broker.heard[0][1]
    name, level, flags = connect[:6], connect[6], connect[7]
    assert (name, level) == (b"\x00\x04MQTT", 5)
    assert flags & 0b0011_1100 == 0b0010_1100  # will, QoS 1, retained
    assert b"healthspace/v1/hub1/status" in connect
    assert bytes([RECEIVE_MAXIMUM, 0, 16]) in connect
    assert b'"online":false' in connect


async def test_a_reading_goes_with_qos_1_unretained_and_with_its_expiry() -> None:
    broker = ToldBroker()
    async with told(broker, message_expiry_s=7200) as uplink:
        await uplink.send(reading())

    header, properties = broker.published("/readings")
    assert (header >> 1 & 0b11, header & 1) == (1, 0)
    assert bytes([MESSAGE_EXPIRY]) + (7200).to_bytes(4) in properties


async def test_birth_and_revocations_are_retained_and_come_before_any_reading() -> None:
    broker = ToldBroker()
    async with told(broker) as uplink:
        await uplink.send(reading())

    topics = [published(body)[0] for header, body in broker.heard if header >> 4 == PUBLISH]
    retained = [broker.published(end)[0] & 1 for end in ("/status", "/revocations")]
    assert [topic.rpartition("/")[2] for topic in topics] == [
        *("status", "revocations", "readings", "status")
    ]
    assert retained == [1, 1]


async def test_no_reading_goes_before_the_broker_has_taken_what_was_withdrawn() -> None:
    """The connection may live for weeks, and with it the list of before."""
    broker = ToldBroker(lists=deque([SUCCESS, 0x97]))  # quota exceeded
    async with told(broker) as uplink:
        await uplink.send(reading())
        with pytest.raises(UplinkUnavailable):
            await uplink.withdrawn(ALICE)
        await uplink.send(reading())

    topics = [published(body)[0] for header, body in broker.heard if header >> 4 == PUBLISH]
    said = [topic.rpartition("/")[2] for topic in topics]
    first, second = (at for at, what in enumerate(said) if what == "readings")
    assert said[first:second] == ["readings", *["revocations"] * 2, "status", "revocations"]


@pytest.mark.parametrize("code", [0x97, 0x99])  # quota exceeded, payload format
async def test_a_connection_on_which_what_was_withdrawn_is_not_taken_is_broken(code: int) -> None:
    broker = ToldBroker(lists=deque([code]))
    async with told(broker) as uplink:
        with pytest.raises(UplinkUnavailable):
            await uplink.send(reading())
        async with asyncio.timeout(10):
            await asyncio.gather(*broker.serving)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x10, UplinkUnavailable),  # no matching subscribers: it forgets the message at once
        (0x80, UplinkUnavailable),  # unspecified
        (0x83, UplinkUnavailable),  # its own reason
        (0x97, UplinkUnavailable),  # quota exceeded
        (0x87, UplinkUnauthorised),  # not authorised
        (0x90, UplinkUnauthorised),  # topic name
        (0x99, UplinkRejected),  # payload format
    ],
)
async def test_an_acknowledgement_is_read_to_its_reason(code: int, error: type[Exception]) -> None:
    async with told(ToldBroker(readings=code)) as uplink:
        with pytest.raises(error):
            await uplink.send(reading())


async def test_a_broker_that_never_acknowledges_leaves_it_unknown() -> None:
    async with told(ToldBroker(readings=None), answer_timeout_s=0.1) as uplink:
        with pytest.raises(OutcomeUnknown):
            await uplink.send(reading())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x80, UplinkUnavailable),  # unspecified
        (0x88, UplinkUnavailable),  # server unavailable
        (0x89, UplinkUnavailable),  # server busy
        (0x97, UplinkUnavailable),  # quota exceeded
        (0x84, UplinkUnauthorised),  # it speaks no MQTT 5
        (0x86, UplinkUnauthorised),  # user or password
        (0x8A, UplinkUnauthorised),  # banned
    ],
)
async def test_a_broker_that_lets_nobody_in_says_who_must_act(
    code: int, error: type[Exception]
) -> None:
    broker = ToldBroker(connects=code)
    async with told(broker) as uplink:
        with pytest.raises(error):
            await uplink.send(reading())

    assert all(header >> 4 in (CONNECT, DISCONNECT) for header, _ in broker.heard)


async def test_a_broker_that_says_nothing_at_all_is_given_up() -> None:
    async with told(ToldBroker(connects=None), answer_timeout_s=0.1) as uplink:
        async with asyncio.timeout(10):
            with pytest.raises(UplinkUnavailable, match="does not answer"):
                await uplink.send(reading())


@pytest.mark.parametrize("code", [0x80, 0x87])  # unspecified, not authorised
async def test_who_may_not_subscribe_to_all_is_told_so(code: int) -> None:
    """A relay would wait for ever, and say that it relays."""
    broker = ToldBroker(subscribes=bytes([SUCCESS, code]))
    async with told(broker):
        settings = BrokerSettings(host="127.0.0.1", port=broker.port, tls=False)
        connection = await MqttConnection.open(settings, Session("relay"))
        try:
            with pytest.raises(UplinkUnauthorised, match="does not let us subscribe"):
                await connection.subscribe("a/+/revocations", "a/+/readings")
        finally:
            connection.abort()


@pytest.mark.parametrize(
    ("reason", "said"),
    [(0x8E, "a name of its own"), (0x89, "MQTT reason 0x89"), (0x00, "does not last")],
)
async def test_a_connection_that_is_ended_again_and_again_is_made_more_and_more_rarely(
    reason: int, said: str
) -> None:
    """Two gateways of one name take the broker from each other, as fast as they can."""
    broker, clock, waited = ToldBroker(ends=reason), ManualClock(MEASURED), list[float]()

    async def timer(_: asyncio.Event, seconds: float) -> None:
        waited.append(seconds)
        clock.advance(seconds)
        if len(waited) == 4:
            raise asyncio.CancelledError

    async with told(broker, clock) as uplink:
        with pytest.raises(asyncio.CancelledError):
            await uplink.stay_connected(timer)

        assert said in (uplink.absence or "")
    assert [header for header, _ in broker.heard].count(CONNECT << 4) == 4
    assert waited[0] >= 1
    assert waited == sorted(waited)
    assert waited[-1] >= 10


async def test_a_broker_that_takes_long_to_say_nothing_did_not_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, waited = ManualClock(MEASURED), list[float]()

    async def away(_: MqttUplink) -> None:
        clock.advance(300)
        raise UplinkUnavailable("The broker does not answer.")

    async def timer(_: asyncio.Event, seconds: float) -> None:
        waited.append(seconds)
        raise asyncio.CancelledError

    async with told(ToldBroker(), clock) as uplink:
        monkeypatch.setattr(MqttUplink, "_alive", away)
        with pytest.raises(asyncio.CancelledError):
            await uplink.stay_connected(timer)

        assert uplink.absence == "The broker does not answer."
    assert len(waited) == 1


async def test_a_connection_that_lasted_is_made_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over, clock, connect = asyncio.Event(), ManualClock(MEASURED), MqttUplink._alive
    broker = ToldBroker(ends=0x8B, lasts=over)

    def end() -> None:
        if not over.is_set():
            clock.advance(60)
            over.set()

    async def lasting(uplink: MqttUplink) -> Any:
        life = await connect(uplink)
        asyncio.get_running_loop().call_soon(end)
        return life

    async def timer(_: asyncio.Event, seconds: float) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(MqttUplink, "_alive", lasting)
    async with told(broker, clock) as uplink:
        with pytest.raises(asyncio.CancelledError):
            await uplink.stay_connected(timer)

    assert [header for header, _ in broker.heard].count(CONNECT << 4) == 2


async def test_a_broker_that_retains_nothing_is_told_no_reading() -> None:
    """Nobody who subscribes later would hear what was withdrawn."""
    broker = ToldBroker(retains=False)
    async with told(broker) as uplink:
        with pytest.raises(UplinkUnauthorised, match="retain"):
            await uplink.send(reading())

    assert not [header for header, _ in broker.heard if header >> 4 == PUBLISH]


async def test_a_connection_that_comes_when_nobody_wants_it_any_more_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, goes_on, ended = asyncio.Event(), threading.Event(), asyncio.Event()
    loop, connect = asyncio.get_running_loop(), Client.connect

    def slow(*given: Any, **more: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        goes_on.wait(10)
        return connect(*given, **more)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(1024):
                pass
        writer.close()
        ended.set()

    monkeypatch.setattr(Client, "connect", slow)
    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        given = BrokerSettings(host="127.0.0.1", port=port, tls=False)
        opening = asyncio.create_task(MqttConnection.open(given, Session("late")))
        await begun.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        goes_on.set()
        await asyncio.wait_for(ended.wait(), 10)


async def test_messages_that_share_a_record_of_the_encryption_are_all_read(tmp_path: Path) -> None:
    """What is decrypted already makes no socket readable."""
    tls = ensure_certificates(tmp_path, datetime.now(UTC))
    heard, all_of_them = list[bytes](), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(bytes([0x20, 3, 0, SUCCESS, 0]))
        _, subscribed = await packet(reader)
        messages = [bytes([PUBLISH << 4, 5, 0, 1]) + b"t" + bytes([0, each]) for each in range(3)]
        writer.write(bytes([0x90, 4]) + subscribed[:2] + bytes([0, 1]) + b"".join(messages))
        await reader.read()
        writer.close()

    def receive(message: Incoming) -> None:
        heard.append(message.payload)
        if len(heard) == 3:
            all_of_them.set()

    async with await asyncio.start_server(serve, "127.0.0.1", ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        given = BrokerSettings(host="127.0.0.1", port=port, ca_file=tmp_path / "ca.pem")
        connection = await MqttConnection.open(given, Session("reader", receive=receive))
        await connection.subscribe("t")
        await asyncio.wait_for(all_of_them.wait(), 5)
        await connection.close()

    assert heard == [b"\x00", b"\x01", b"\x02"]


async def test_a_broker_that_acknowledges_nothing_is_told_no_reading() -> None:
    broker = ToldBroker(takes=bytes([MAXIMUM_QOS, 0]))
    async with told(broker) as uplink:
        with pytest.raises(UplinkUnauthorised, match="acknowledges nothing"):
            await uplink.send(reading())

    assert not [header for header, _ in broker.heard if header >> 4 == PUBLISH]


async def test_a_broker_gets_no_more_at_a_time_than_it_takes() -> None:
    broker = ToldBroker(readings=None, takes=bytes([RECEIVE_MAXIMUM, 0, 1]))
    async with told(broker, answer_timeout_s=0.2) as uplink:
        sends = [uplink.send(reading()) for _ in range(3)]
        ended = await asyncio.gather(*sends, return_exceptions=True)

    topics = [published(body)[0] for header, body in broker.heard if header >> 4 == PUBLISH]
    assert sum(topic.endswith("/readings") for topic in topics) == 1
    assert [type(each) for each in ended].count(OutcomeUnknown) == 1


async def test_a_connection_ends_with_the_first_packet_that_is_none() -> None:
    """Met again and again, it would take all of the processor. Spec: MQTT 5.0, 1.5.4."""
    to_no_utf_8 = bytes.fromhex("32 08  0002 ff fe  0007  00  78")  # PUBLISH, QoS 1

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.read(1)
            writer.write(bytes.fromhex("20 03 00 00 00") + to_no_utf_8)  # after CONNACK, success
            await reader.read()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        broker = BrokerSettings(host="127.0.0.1", port=port, tls=False)
        heard = list[Incoming]()
        connection = await MqttConnection.open(broker, Session("here", receive=heard.append))
        async with asyncio.timeout(20):
            await connection.gone.wait()

    assert heard == []
    assert "no MQTT" in str(connection.ended)


async def test_a_broker_that_wants_to_hear_of_us_more_often_does() -> None:
    """MQTT 5.0, 3.2.2.3.14: it breaks the connection after one and a half times as long."""
    broker = ToldBroker(keepalive_s=1)
    async with told(broker, keepalive_s=60) as uplink:
        await uplink.send(reading())
        await asyncio.wait_for(broker.pinged.wait(), 1.5)


@pytest.mark.parametrize("gone", ["password_file", "ca_file"])
async def test_a_file_that_vanished_keeps_readings_here_and_ends_nothing(
    tmp_path: Path, gone: str
) -> None:
    """Whatever renews it may be at it just now; the daemon that records readings goes on."""
    file = tmp_path / gone
    ensure_certificates(tmp_path, datetime.now(UTC))
    file.write_bytes((tmp_path / "ca.pem").read_bytes())
    given = {"tls": gone == "ca_file", "username": "hub1", gone: file}
    waited: list[float] = []

    async def timer(_: asyncio.Event, seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise asyncio.CancelledError

    uplink = MqttUplink(
        MqttSettings(name="home", gateway="hub1", host="127.0.0.1", port=1, **given),
        ManualClock(MEASURED),
    )
    file.unlink()

    with pytest.raises(UplinkUnavailable, match=gone):
        await uplink.send(released(entry(), destination="home"))
    with pytest.raises(asyncio.CancelledError):
        await uplink.stay_connected(timer)
    assert gone in (uplink.absence or "")


@pytest.mark.parametrize("missing", ["password_file", "ca_file"])
async def test_a_file_that_is_not_there_at_the_start_is_the_operators_mistake(
    tmp_path: Path, missing: str
) -> None:
    given = {"tls": missing == "ca_file", "username": "hub1", missing: tmp_path / "gone"}
    settings = MqttSettings(name="home", gateway="hub1", host="127.0.0.1", port=1, **given)

    with pytest.raises(ConfigError, match=missing):
        MqttUplink(settings, ManualClock(MEASURED))
