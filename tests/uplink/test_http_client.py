"""Once a request has failed or was cut off, nothing more of it leaves."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
