"""Once a request has failed or was cut off, nothing more of it leaves; and unkind servers."""

import asyncio
import gzip
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from ssl import SSLContext

import pytest
from firmware_sims.health_space.certificates import ensure_certificates
from tenacity.wait import wait_none

from gateway.errors import OutcomeUnknown
from gateway.uplink.http_client import HttpClient
from tests.uplink.pairings import settings

BODY = bytes(900_000)
"""Much more than what this server takes in without reading."""


class Slow:
    """A server that reads nothing until it is let, and then all that still comes."""

    def __init__(self) -> None:
        self.port = 0
        self.arrived, self.reads, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.received = 0
        self.was_reset = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received = len(await reader.read(1))
        self.arrived.set()
        await self.reads.wait()
        try:
            while piece := await reader.read(1 << 20):
                self.received += len(piece)
        except ConnectionResetError:
            self.was_reset = True
        writer.transport.abort()
        self.over.set()


@asynccontextmanager
async def slow_server(tls: SSLContext | None) -> AsyncIterator[Slow]:
    slow = Slow()
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server = await asyncio.start_server(slow.serve, sock=sock, ssl=tls, limit=1024)
    slow.port = sock.getsockname()[1]
    try:
        yield slow
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("how", ["cut off", "not answered in time"])
async def test_nothing_leaves_any_more_of_a_request_that_ended_before_its_answer(
    tmp_path: Path, how: str, encrypted: bool
) -> None:
    """A network that is down holds it back, for minutes; the person may have withdrawn by then."""
    tls = ensure_certificates(tmp_path, datetime.now(UTC))
    given = {"ca_file": tmp_path / "ca.pem"}
    if how == "not answered in time":
        given |= {"connect_timeout_s": 5, "answer_timeout_s": 0.2}
    async with slow_server(tls if encrypted else None) as slow:
        url = f"{'https' if encrypted else 'http'}://127.0.0.1:{slow.port}/"
        client = HttpClient(settings(url, **given), wait_none())
        asking = asyncio.create_task(client.ask("POST", url, body=BODY))
        await slow.arrived.wait()
        if how == "cut off":
            asking.cancel()
        with pytest.raises((asyncio.CancelledError, OutcomeUnknown)):
            await asking
        slow.reads.set()
        await asyncio.wait_for(slow.over.wait(), 10)
        await client.close()

    assert slow.was_reset
    assert slow.received < len(BODY) / 2


_OK = b"HTTP/1.1 200 OK\r\n"
_BOMB = gzip.compress(bytes(64 << 20))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", id="a cut chunk"),
        pytest.param(_OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", id="no last chunk"),
        pytest.param(_OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nhello", id="no chunk"),
        pytest.param(
            _OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nhello", id="two lengths"
        ),
        pytest.param(_OK + b"Content-Length: -5\r\n\r\nhello", id="a negative length"),
        pytest.param(
            _OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", id="no gzip"
        ),
        pytest.param(_OK + b"Content-Encoding: gzip\r\n\r\n" + _BOMB, id="a bomb"),
        pytest.param(
            _OK + b"X: " + bytes(1 << 17).hex().encode() + b"\r\n\r\n", id="a long header"
        ),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="another protocol"),
    ],
)
async def test_half_an_answer_or_none_is_an_unknown_outcome_and_fills_no_memory(
    answer: bytes,
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(OutcomeUnknown):
            await asked_of(answer)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 16 << 20


@pytest.mark.parametrize("dropped", [b"", b"\x17\x03\x03\x00\x20" + bytes(32)])
async def test_encryption_that_breaks_within_the_answer_leaves_it_unknown(
    tmp_path: Path, dropped: bytes
) -> None:
    """The other side goes without a word, or something on the way changes what it says."""
    tls = ensure_certificates(tmp_path, datetime.now(UTC))

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_OK + b"Content-Length: 50\r\n\r\nhello")
        await writer.drain()
        os.write(writer.get_extra_info("socket").fileno(), dropped)
        writer.transport.abort()

    async with await asyncio.start_server(half, "127.0.0.1", ssl=tls) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        client = HttpClient(settings(url, ca_file=tmp_path / "ca.pem"), wait_none())
        with pytest.raises(OutcomeUnknown):
            await client.ask("POST", url, body=b"{}")
        await client.close()


async def test_a_server_that_drips_is_left_when_its_time_is_over() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_OK + b"Content-Length: 5000\r\n\r\n")
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.01)

    async with await asyncio.start_server(drip, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        given = {"connect_timeout_s": 0.1, "answer_timeout_s": 0.1}
        client = HttpClient(settings(url, **given), wait_none())
        with pytest.raises(OutcomeUnknown, match="in time"):
            await client.ask("POST", url, body=b"{}")
        await client.close()


async def test_a_kept_connection_that_ends_as_something_is_sent_sends_it_once() -> None:
    asked = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for word in (b"first", b"second"):
            await reader.readuntil(b"\r\n\r\n")
            asked.append(await reader.readexactly(len(word)))
            if word == b"first":
                writer.write(_OK + b"Content-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(once, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        client = HttpClient(settings(url), wait_none())
        await client.ask("POST", url, body=b"first")
        with pytest.raises(OutcomeUnknown):
            await client.ask("POST", url, body=b"second")
        await client.close()

    assert asked == [b"first", b"second"]


async def asked_of(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        client = HttpClient(settings(url), wait_none())
        try:
            await client.ask("POST", url, body=b"{}")
        finally:
            await client.close()


async def test_no_proxy_that_the_environment_names_is_told_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    asked: list[str] = []
    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{host}:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        client = HttpClient(settings(), wait_none())
        answered = await client.ask("GET", f"http://{host}:{port}/fhir")
        await client.close()

    assert answered.status == 204
    assert asked == ["GET /fhir HTTP/1.1\r\n"]  # a proxy is asked for the whole address
