"""A real broker for tests, and a plain client that writes down all that it hears."""

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest

from gateway.uplink.broker import BrokerSettings
from gateway.uplink.mqtt_client import MqttConnection
from gateway.uplink.mqtt_session import Incoming, Session

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Broker:
    """A mosquitto on this machine that can be stopped, killed and started again."""

    folder: Path
    lines: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        config = self.folder / "mosquitto.conf"
        plain = (f"listener {self.port} 127.0.0.1", "allow_anonymous true")
        config.write_text(
            "\n".join((*(self.lines or plain), f"user {getuser()}", "")).replace(
                "{port}", str(self.port)
            )
        )
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", config], stdout=log, stderr=log)
        for _ in range(500):
            with socket.socket() as probe:
                assert self._process.poll() is None, (self.folder / "mosquitto.log").read_text()
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)  # nothing tells that another program listens
        raise AssertionError((self.folder / "mosquitto.log").read_text())

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order: it then writes down what it holds, if it has persistence."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def settings(self, **given: Any) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "tls": False, **given}


@contextmanager
def a_broker(folder: Path, *lines: str) -> Iterator[Broker]:
    broker = Broker(folder, lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@dataclass
class Listener:
    """Everything heard so far, and a way to wait for more."""

    heard: list[Incoming] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: Incoming) -> None:
        self.heard.append(message)
        self._more.set()

    def on(self, end: str) -> list[Any]:
        return [json.loads(m.payload) for m in self.heard if m.topic.endswith(end) and m.payload]

    @property
    def topics(self) -> list[str]:
        return [message.topic for message in self.heard]

    async def until(self, count: int, end: str = "") -> list[Incoming]:
        """Wait for so many messages on topics that end so."""
        async with asyncio.timeout(30):
            while True:
                found = [m for m in self.heard if m.topic.endswith(end)]
                if len(found) >= count:
                    return found
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def listening(broker: Broker, *filters: str, **given: Any) -> AsyncIterator[Listener]:
    listener = Listener()
    connection: MqttConnection

    def receive(message: Incoming) -> None:
        listener.take(message)
        connection.acknowledge(message)

    settings = BrokerSettings(**broker.settings(**given))
    connection = await MqttConnection.open(settings, Session("listener", receive=receive))
    await connection.subscribe(*(filters or ("#",)))
    try:
        yield listener
    finally:
        await connection.close()


async def packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one MQTT packet: a byte of header, the length in groups of seven bits, the body."""
    (header,) = await reader.readexactly(1)
    length, shift = 0, 0
    while True:
        (byte,) = await reader.readexactly(1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return header, await reader.readexactly(length)


def published(body: bytes) -> tuple[str, bytes, bytes, bytes]:
    """Return topic, number, properties (shorter than 128 bytes) and payload of a PUBLISH."""
    end = 2 + int.from_bytes(body[:2])
    payload = end + 3 + body[end + 2]
    return body[2:end].decode(), body[end : end + 2], body[end + 3 : payload], body[payload:]
