from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import serial
from serial.rfc2217 import PortManager

from gateway.drivers.api import SERIAL, Manifest, Reach, Sighting
from gateway.errors import LinkLost, LinkRefused
from gateway.testing.clock import ManualClock
from gateway.transport.api import Cabled, OpenLink
from gateway.transport.chunks import CHUNKS
from gateway.transport.serial import SerialTransport
from gateway.transport.settings import PortSettings
from gateway.transport.threaded import ThreadedLink

SOON = 5.0  # s

pytestmark = pytest.mark.filterwarnings(  # pyserial 3.5 names its own threads the old way
    "ignore:set(Daemon|Name):DeprecationWarning"
)


class PortServer:
    """Serves one port to one client over RFC 2217, as a network serial adapter does."""

    def __init__(self) -> None:
        self._port = serial.serial_for_url("loop://", timeout=SOON)  # hears what was sent to it
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name="port server")
        self._thread.start()
        self._client: socket.socket | None = None

    def send(self, data: bytes) -> None:
        assert self._client is not None
        self._client.sendall(b"".join(self._manager.escape(data)))

    def hang_up(self) -> None:
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        self._port.close()

    def heard(self, count: int) -> bytes:
        return bytes(self._port.read(count))

    def _serve(self) -> None:
        client, _ = self._server.accept()
        with client:
            self._client = client
            self._manager = PortManager(self._port, _Connection(client))  # type: ignore[arg-type]
            while data := client.recv(1024):
                self._port.write(b"".join(self._manager.filter(data)))


class _Connection:
    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._client.sendall(data)


@pytest.fixture
def server() -> Iterator[PortServer]:
    server = PortServer()
    yield server
    server.hang_up()


async def opened(url: str) -> OpenLink:
    port = PortSettings(name="kiosk", path=url, driver="test/port")
    manifest = Manifest("test/port", "A port", Reach.SERIAL, frozenset(), spec="none", models=())
    return await SerialTransport(port, ManualClock()).open(Sighting(url, Reach.SERIAL), manifest)


async def test_a_port_without_a_descriptor_is_read_and_written(server: PortServer) -> None:
    link = await opened(server.url)
    inbox = await link.subscribe(SERIAL)

    server.send(b"reading")
    first = await inbox.get(within=SOON)
    got = first.data
    while len(got) < 7:
        got += (await inbox.get(within=SOON)).data
    await link.write(SERIAL, b"thanks")
    heard = await asyncio.to_thread(server.heard, 6)
    await link.close()

    assert isinstance(link, ThreadedLink)
    assert (got, heard) == (b"reading", b"thanks")
    assert first.received == ManualClock().now()


async def test_its_thread_ends_with_the_link(server: PortServer) -> None:
    link = await opened(server.url)
    running = {thread.name for thread in threading.enumerate()}

    await link.close()
    await link.close()

    assert "serial:kiosk" in running
    assert "serial:kiosk" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(LinkLost):
        await link.write(SERIAL, b"x")


async def test_the_end_of_the_server_is_the_end_of_the_link(server: PortServer) -> None:
    link = await opened(server.url)
    inbox = await link.subscribe(SERIAL)

    await asyncio.to_thread(server.hang_up)

    with pytest.raises(LinkLost):
        await inbox.get(within=SOON)
    assert isinstance(link, Cabled)
    assert link.pulled.is_set()
    await link.close()


async def test_a_stream_has_no_value_to_read() -> None:
    link = ThreadedLink(Fountain(b""), "fountain", ManualClock())

    with pytest.raises(LinkRefused):
        await link.read(SERIAL)
    await link.close()

    assert set(link.channels) == {SERIAL}


async def test_a_driver_that_is_slow_to_read_holds_the_port_back() -> None:
    fountain = Fountain(b"drop")
    link = ThreadedLink(fountain, "fountain", ManualClock())
    inbox = await link.subscribe(SERIAL)

    async with asyncio.timeout(SOON):
        while not link._inbox.full:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0)
    is_held_back = not link._room.is_set()
    for _ in range(2 * CHUNKS):
        await inbox.get(within=SOON)
    await link.close()

    assert is_held_back
    assert fountain.closed


async def test_a_port_that_fails_in_a_way_nobody_foresaw_ends_the_link() -> None:
    link = ThreadedLink(Broken(), "broken", ManualClock())
    inbox = await link.subscribe(SERIAL)

    with pytest.raises(LinkLost) as caught:
        await inbox.get(within=SOON)
    await link.close()

    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_port_of_a_server_that_lost_its_power_is_missed(server: PortServer) -> None:
    link = await opened(server.url)
    assert isinstance(link, ThreadedLink)

    connection: socket.socket = link._port._socket  # type: ignore[attr-defined]
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    await link.close()


class Broken:
    """A port whose library stumbles over its own feet."""

    in_waiting = 0

    def read(self, size: int, /) -> bytes:
        raise ValueError("a negative count")

    def write(self, data: bytes, /) -> int | None:
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class Fountain:
    """A port that always has something to say, or never."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self.closed = False

    @property
    def in_waiting(self) -> int:
        return len(self._says)

    def read(self, size: int, /) -> bytes:
        if not self._says:
            threading.Event().wait(0.01)
        return self._says

    def write(self, data: bytes, /) -> int | None:
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
