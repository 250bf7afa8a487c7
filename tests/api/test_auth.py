"""Who may use the API."""

import asyncio
import socket
import stat
import struct
from pathlib import Path

import pytest
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from gateway.api.auth import TokenGuard, token
from gateway.api.serve import listening, serve
from gateway.errors import ConfigError
from tests.journal.cutting import PowerCuts


async def everything(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"secret": 1})(scope, receive, send)


async def no_secret(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({}, 204)(scope, receive, send)


async def status_of(
    server: object, path: str = "/api/v1/status", *, kind: str = "http", **headers: str
) -> int:
    statuses = []
    scope: Scope = {
        "type": kind,
        "method": "GET",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": None,
        "server": server,
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        statuses.append(message.get("status"))

    await TokenGuard(everything, "right", no_secret)(scope, receive, send)
    status = statuses[0]
    assert isinstance(status, int)
    return status


LOOPBACK = ("127.0.0.1", 8470)
UNIX_SOCKET = ("/run/healthspace-gateway/api.sock", None)


async def test_the_unix_socket_needs_no_token() -> None:
    assert await status_of(UNIX_SOCKET, host="gateway") == 200


async def test_what_came_nobody_knows_how_needs_the_token() -> None:
    assert await status_of(None, host="127.0.0.1:8470") == 401


async def test_who_hangs_up_at_once_needs_the_token_as_well(tmp_path: Path) -> None:
    """A connection that was reset has no address of its other side, as one by a unix socket."""
    heard: list[str] = []

    async def hear(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append(scope["path"])
        await everything(scope, receive, send)

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await hear(scope, receive, send)

    asked = b"POST /api/v1/kiosk/close HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"
    with listening(tmp_path / "socket", 0) as sockets:
        sockets[1].listen()  # they come before the server has a chance to look
        for told in (b"", b"Authorization: Bearer right\r\n"):
            _ask_and_reset(sockets[1].getsockname(), asked % told)
        _ask_and_reset(sockets[1].getsockname(), b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        serving = asyncio.create_task(serve(hear, sockets, "right", page))
        while "/" not in heard:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    assert heard == ["/api/v1/kiosk/close", "/"]


def _ask_and_reset(address: tuple[str, int], request: bytes) -> None:
    """Ask, and be gone before anybody looks."""
    with socket.create_connection(address) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.sendall(request)


async def test_no_other_kind_of_request_passes_by_the_guard() -> None:
    """Ours takes none but HTTP; should it ever, the token is asked for there as well."""
    unknown = await status_of(LOOPBACK, kind="websocket", host="127.0.0.1:8470")
    rebound = await status_of(LOOPBACK, kind="websocket", host="evil.example")

    assert (unknown, rebound) == (401, 421)


async def test_the_port_wants_the_token() -> None:
    assert await status_of(LOOPBACK, host="127.0.0.1:8470") == 401
    assert await status_of(LOOPBACK, host="127.0.0.1:8470", authorization="Bearer wrong") == 401
    assert await status_of(LOOPBACK, host="127.0.0.1:8470", authorization="Bearer right") == 200


@pytest.mark.parametrize("server", [LOOPBACK, UNIX_SOCKET, None])
@pytest.mark.parametrize("path", ["/", "/kiosk", "/apis", "/static/../api/v1/status", "/API/v1"])
async def test_what_is_not_of_the_api_goes_to_the_pages_which_let_in_by_themselves(
    path: str, server: object
) -> None:
    assert await status_of(server, path, host="127.0.0.1:8470") == 204


async def test_a_rebound_name_reaches_no_page_either() -> None:
    assert await status_of(LOOPBACK, "/", host="evil.example") == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:8470", "[::1]:8470"])
async def test_this_machine_is_called_by_any_of_its_own_names(host: str) -> None:
    assert await status_of(LOOPBACK, host=host, authorization="Bearer right") == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8470", ""])
async def test_a_rebound_name_is_refused_even_with_the_token(host: str) -> None:
    assert await status_of(LOOPBACK, host=host, authorization="Bearer right") == 421


def test_the_token_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "api.token"

    first = token(path)

    assert token(path) == first
    assert len(first) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("left", ["", "\n"])
def test_a_file_that_a_power_cut_emptied_is_no_token_that_anybody_could_guess(
    left: str, tmp_path: Path
) -> None:
    path = tmp_path / "api.token"
    path.write_text(left)
    (tmp_path / ".api.token.part").write_text("of a start that was cut short")

    made = token(path)

    assert len(made) >= 32
    assert token(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_token_that_was_told_outlives_a_power_cut(tmp_path: Path) -> None:
    path = tmp_path / "state" / "api.token"
    path.parent.mkdir()
    with PowerCuts(path.parent) as cuts:
        told = token(path)
        cuts.acknowledged()

    for cut in cuts.all:
        cut.lay(path.parent)
        assert token(path) == told or not cut.acknowledged, cut


@pytest.mark.parametrize("left", [b"admin\n", b"a" * 31, b"\xff\xfe\x00"])
def test_a_token_that_could_be_guessed_is_refused(left: bytes, tmp_path: Path) -> None:
    (tmp_path / "api.token").write_bytes(left)

    with pytest.raises(ConfigError, match="delete"):
        token(tmp_path / "api.token")


def test_a_token_of_somebodys_own_is_long_enough_with_32_characters(tmp_path: Path) -> None:
    (tmp_path / "api.token").write_text("a" * 32)

    assert token(tmp_path / "api.token") == "a" * 32


def test_where_no_token_can_be_kept_that_is_the_operators_to_see_to(tmp_path: Path) -> None:
    (tmp_path / "api.token").mkdir()

    with pytest.raises(ConfigError, match="cannot be kept there"):
        token(tmp_path / "api.token")
