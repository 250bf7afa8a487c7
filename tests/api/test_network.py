"""The port of the household's network: by the hub's names only, and over TLS only."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from firmware_sims.health_space.certificates import CA_FILE, SERVER_FILE, ensure_certificates
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from gateway.api.network import NameGuard, front, serve_network
from gateway.errors import ConfigError

page = PlainTextResponse("a page")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a certificate for localhost, with its key in the same file."""
    folder = tmp_path_factory.mktemp("certificates")
    ensure_certificates(folder, datetime.now(UTC))
    return folder


async def status_of(host: str | None, *names: str) -> int:
    """Return how a hub of these names answers a request that names `host`."""
    statuses = []
    headers = [] if host is None else [(b"host", host.encode())]
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        statuses.append(message.get("status"))

    await NameGuard(page, names)(scope, receive, send)
    status = statuses[0]
    assert isinstance(status, int)
    return status


@pytest.mark.parametrize(
    "host",
    [
        *("hub.home.arpa", "hub.home.arpa:8471", "HUB.home.Arpa:8471"),
        *("192.0.2.7:8471", "[2001:db8::7]", "[2001:db8::7]:8471"),
    ],
)
async def test_each_name_of_the_hub_reaches_it_with_a_port_or_without_however_it_is_written(
    host: str,
) -> None:
    assert await status_of(host, "Hub.Home.arpa", "192.0.2.7", "[2001:DB8::7]") == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8471", "hub.home.arpa.evil.example", "evil.hub.home.arpa"),
        *("hub.home.arpa:8471.evil.example", "hub.home.arpa:", ":8471", "", None),
    ],
)
async def test_no_other_name_reaches_the_hub(host: str | None) -> None:
    assert await status_of(host, "hub.home.arpa") == 421


async def test_it_answers_over_tls_with_its_certificate_and_never_in_the_clear(
    certificates: Path,
) -> None:
    server = certificates / SERVER_FILE
    trust = ssl.create_default_context(cafile=certificates / CA_FILE)
    with front("127.0.0.1", 0, ["localhost", "127.0.0.1"], server, server) as at:
        number, shown = at.socket.getsockname()[1], at.address
        at.socket.listen()  # who comes before the server looks is waited for
        serving = asyncio.create_task(serve_network(page, at))
        answered = await _asked(number, ssl=trust, server_hostname="localhost")
        rebound = await _asked(number, "evil.example", ssl=trust, server_hostname="localhost")
        in_the_clear = await _asked(number)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    assert shown == f"https://localhost:{number}"
    assert answered.startswith(b"HTTP/1.1 200")
    assert answered.endswith(b"a page")
    assert rebound.startswith(b"HTTP/1.1 421")
    assert in_the_clear == b""


async def _asked(number: int, host: str = "localhost", **how: object) -> bytes:
    """Ask for a page, and return all that comes; nothing from who hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number, **how)  # type: ignore[arg-type]
    writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_it_speaks_no_old_tls_whatever_the_machines_python_would(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's Python begins at the oldest version that OpenSSL was built with."""
    server = certificates / SERVER_FILE
    as_debian_makes_it = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    as_debian_makes_it.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    theirs = SimpleNamespace(**{**vars(ssl), "SSLContext": lambda _: as_debian_makes_it})
    monkeypatch.setattr("gateway.api.network.ssl", theirs)

    with front("127.0.0.1", 0, ["localhost"], server, server) as at:
        assert at.trust.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("left", [None, b"", b"no PEM"])
def test_a_certificate_that_is_no_good_is_the_operators_to_change(
    left: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "screens.pem"
    if left is not None:
        path.write_bytes(left)

    with (
        pytest.raises(ConfigError, match="certificate_file or key_file"),
        front("127.0.0.1", 0, ["localhost"], path, path),
    ):
        pass


def test_a_port_that_is_taken_is_the_operators_to_change(certificates: Path) -> None:
    server = certificates / SERVER_FILE
    with ExitStack() as stack:
        first = stack.enter_context(front("127.0.0.1", 0, ["localhost"], server, server))
        first.socket.listen()
        number = first.socket.getsockname()[1]

        with pytest.raises(ConfigError, match=rf"Port {number} of 127\.0\.0\.1 cannot be taken"):
            stack.enter_context(front("127.0.0.1", number, ["localhost"], server, server))
