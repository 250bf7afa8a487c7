"""One connection to an MQTT 5 broker, the only file that knows paho.

paho resends by itself whatever was not acknowledged, after any outage. A reading whose person
withdrew meanwhile must not leave, so a connection here lives once: when it is lost, what was
waiting on it is an unknown outcome and the outbox alone decides what is sent again.

What the broker answers to a PUBLISH is read to its reason code: "quota exceeded" or "not
authorised" comes in a PUBACK too, and is no acceptance. Neither is "no matching subscribers",
after which a broker forgets the message at once.

Spec: MQTT Version 5.0; `mqtt_reasons` says what its reason codes mean.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.errors import (
    ConfigError,
    OutcomeUnknown,
    UplinkError,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.uplink.broker import BrokerSettings
from gateway.uplink.broker_trust import trust
from gateway.uplink.mqtt_reasons import FAILURE, check_puback, ended, refused
from gateway.uplink.mqtt_session import Incoming, Outgoing, Session

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

OVERHEAD_BYTES = 256
"""A generous bound for the header and properties of a PUBLISH."""
LARGEST_BYTES = 4 * 2**20
"""What a broker may send us: a list of revocations with 150,000 grants. paho takes any length, and
of what is longer a broker says nothing."""
_TICKS_PER_KEEPALIVE = 4
_GOODBYE_S = 5.0


class MqttConnection:
    """A connection that lives once. `open` it inside the running loop; `close` or `abort` it."""

    def __init__(self, broker: BrokerSettings, session: Session) -> None:
        """Use `MqttConnection.open`."""
        self._broker = broker
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._client = client = _client(broker, session)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_answer
        client.on_subscribe = self._on_answer
        client.on_message = self._on_message
        self._connected: asyncio.Future[Properties | None] = self._loop.create_future()
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._window = asyncio.Semaphore(broker.max_in_flight)
        self._largest_bytes: int | None = None
        self._tick: asyncio.TimerHandle | None = None
        self.gone = asyncio.Event()
        """Set once the connection is over, however it ended."""
        self.ended: UplinkError | None = None
        """What the broker said when it ended the connection, if it said something."""

    @classmethod
    async def open(cls, broker: BrokerSettings, session: Session) -> MqttConnection:
        """Connect and be accepted.

        Raises UplinkUnavailable, also while a file of the configuration cannot be read, or
        UplinkUnauthorised if the broker knows us not.
        """
        try:
            connection = cls(broker, session)
        except ConfigError as error:
            raise UplinkUnavailable(str(error)) from error
        try:
            await connection._connect()
        except BaseException:
            connection.abort()
            raise
        return connection

    async def publish(self, message: Outgoing) -> None:
        """Publish; returns once the broker acknowledged that it has the message.

        Raises UplinkUnavailable (the broker has it not), OutcomeUnknown (it may), UplinkRejected or
        UplinkUnauthorised. Cancelled, it breaks the connection: not a byte leaves afterwards.
        """
        async with self._window:
            if self.gone.is_set():
                raise UplinkUnavailable("The connection to the broker was lost.")
            size = len(message.topic) + len(message.payload) + OVERHEAD_BYTES
            if self._largest_bytes is not None and size > self._largest_bytes:
                raise UplinkRejected("The broker takes no message as long as this one.")
            info = self._client.publish(
                message.topic,
                message.payload,
                qos=1,
                retain=message.retain,
                properties=_publish_properties(message),
            )
            if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise UplinkUnavailable("The connection to the broker was lost.")
            check_puback(await self._answer(info.mid), retained=message.retain)

    async def subscribe(self, *filters: str) -> None:
        """Have matching messages delivered, QoS 1. Raises UplinkUnavailable or ..Unauthorised."""
        code, mid = self._client.subscribe([(each, 1) for each in filters])
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise UplinkUnavailable("The connection to the broker was lost.")
        if await self._answer(mid) >= FAILURE:
            raise UplinkUnauthorised("The broker does not let us subscribe: check its access list.")

    def acknowledge(self, message: Incoming) -> None:
        """Tell the broker that a message of QoS 1 is safe elsewhere: it forgets it."""
        if message.qos and not self.gone.is_set():
            self._client.ack(message.mid, message.qos)

    async def close(self) -> None:
        """Say goodbye: the broker then does not publish the will."""
        if not self.gone.is_set():
            self._client.disconnect()
            try:
                async with asyncio.timeout(_GOODBYE_S):
                    await self.gone.wait()
            except TimeoutError:
                pass
        self.abort()

    def abort(self) -> None:
        """Break the connection at once: nothing that is still buffered here leaves."""
        sock = self._client.socket()
        if sock is not None and sock.fileno() >= 0:
            self._client.on_socket_close = None
            self._client.on_socket_unregister_write = None
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
            # A reset instead of an orderly end, which would first send what the kernel still has.
            _reset_on_close(sock.fileno())
            sock.close()
        self._over()

    # --- connecting -----------------------------------------------------------------------------

    async def _connect(self) -> None:
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = self._session.kept_s
        properties.ReceiveMaximum = self._broker.max_in_flight
        properties.MaximumPacketSize = LARGEST_BYTES
        # A thread, because it blocks while it looks up the name and agrees on encryption.
        connecting = asyncio.ensure_future(
            asyncio.to_thread(
                self._client.connect,
                self._broker.host,
                self._broker.port,
                self._broker.keepalive_s,
                clean_start=self._session.kept_s == 0,
                properties=properties,
            )
        )
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(self._too_late)
            raise
        except ssl.SSLError:
            raise UplinkUnavailable(
                "The broker's certificate is not trusted, or no encryption could be agreed: check "
                "ca_file and the hub's clock."
            ) from None
        except (OSError, ValueError):
            raise UplinkUnavailable(
                "The broker cannot be reached: check the network; the gateway tries again."
            ) from None
        self._listen()
        try:
            async with asyncio.timeout(self._broker.answer_timeout_s):
                properties_there = await self._connected
        except TimeoutError:
            raise UplinkUnavailable("The broker does not answer.") from None
        self._respect(properties_there)
        self._keep_alive()  # by now the broker has said how often

    def _listen(self) -> None:
        client, loop = self._client, self._loop
        sock = client.socket()
        if sock is None:
            raise UplinkUnavailable("The broker ended the connection at once.")
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_written
        loop.add_reader(sock, self._read)
        if client.want_write():
            loop.add_writer(sock, client.loop_write)
        self._keep_alive()

    def _respect(self, there: Properties | None) -> None:
        """Keep to the limits that the broker stated."""
        if there is None:
            return
        self._largest_bytes = getattr(there, "MaximumPacketSize", None)
        allowed = min(self._broker.max_in_flight, getattr(there, "ReceiveMaximum", 65535))
        self._window = asyncio.Semaphore(allowed)
        if getattr(there, "RetainAvailable", 1) == 0:
            raise UplinkUnauthorised(
                "The broker retains no messages: what was withdrawn would not be known to who "
                "connects later."
            )
        if getattr(there, "MaximumQoS", 2) == 0:
            raise UplinkUnauthorised(
                "The broker acknowledges nothing (QoS 0 only): readings would be lost unseen."
            )

    # --- what paho calls, always on the event loop ----------------------------------------------

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        _flags: ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._connected.done():
            return
        if code.value < FAILURE:
            self._connected.set_result(properties)
        else:
            self._connected.set_exception(refused(code.value, "does not let the gateway in"))

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server and code.value >= FAILURE:
            self.ended = ended(code.value)
        self._over()

    def _on_answer(
        self,
        _client: Client,
        _data: object,
        mid: int,
        code: ReasonCode | list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            worst = max(each.value for each in code) if isinstance(code, list) else code.value
            answer.set_result(worst)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if self._session.receive is not None:
            self._session.receive(
                Incoming(
                    message.topic,
                    bytes(message.payload),
                    message.retain,
                    message.qos,
                    message.mid,
                    getattr(message.properties, "MessageExpiryInterval", None),
                )
            )

    def _on_socket_close(self, _client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.remove_reader(sock.fileno())

    def _on_want_write(self, client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.add_writer(sock.fileno(), client.loop_write)

    def _on_written(self, _client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.remove_writer(sock.fileno())

    # --- inside ---------------------------------------------------------------------------------

    async def _answer(self, mid: int) -> int:
        answer: asyncio.Future[int] = self._loop.create_future()
        self._answers[mid] = answer
        try:
            async with asyncio.timeout(self._broker.answer_timeout_s):
                return await answer
        except TimeoutError:
            self.abort()
            raise OutcomeUnknown("The broker did not acknowledge in time.") from None
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            del self._answers[mid]

    def _too_late(self, connecting: asyncio.Future[MQTTErrorCode]) -> None:
        """Let go of a connection that came about after nobody wanted it any more."""
        if not connecting.cancelled() and connecting.exception() is None:
            self.abort()

    def _read(self) -> None:
        while True:
            try:
                self._client.loop_read()
            except (LookupError, MQTTException, ValueError, struct.error):
                # paho keeps the packet, and would meet it again as fast as the loop turns.
                self.ended = UplinkUnavailable(
                    "The broker sends what is no MQTT: look at its log, and bring it up to date."
                )
                self.abort()
                return
            sock = self._client.socket()
            # What TLS has decrypted already makes no socket readable.
            if sock is None or not getattr(sock, "pending", int)():
                return

    def _keep_alive(self) -> None:
        self._client.loop_misc()
        if self._tick is not None:
            self._tick.cancel()
        if not self.gone.is_set():
            often_s = min(self._client.keepalive or math.inf, self._broker.keepalive_s)
            self._tick = self._loop.call_later(often_s / _TICKS_PER_KEEPALIVE, self._keep_alive)

    def _over(self) -> None:
        self.gone.set()
        if self._tick is not None:
            self._tick.cancel()
        if not self._connected.done():
            self._connected.set_exception(UplinkUnavailable("The broker ended the connection."))
            self._connected.exception()  # nobody may be waiting for it
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(
                    OutcomeUnknown("The connection broke before the broker acknowledged.")
                )


def _client(broker: BrokerSettings, session: Session) -> Client:
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=session.client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
        manual_ack=session.receive is not None,
    )
    client.connect_timeout = broker.connect_timeout_s
    client.max_inflight_messages_set(65535)  # the window here is the bound
    if broker.tls:
        client.tls_set_context(trust(broker))
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.read_password())
    if session.will is not None:
        properties = _properties(PacketTypes.WILLMESSAGE)
        properties.ContentType = "application/json"
        client.will_set(
            session.will.topic, session.will.payload, 1, session.will.retain, properties
        )
    return client


def _properties(packet: int) -> Any:
    return Properties(packet)  # type: ignore[no-untyped-call]


def _reset_on_close(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _publish_properties(message: Outgoing) -> Any:
    properties = _properties(PacketTypes.PUBLISH)
    properties.PayloadFormatIndicator = 1
    properties.ContentType = "application/json"
    if message.expires_s is not None:
        properties.MessageExpiryInterval = message.expires_s
    return properties
