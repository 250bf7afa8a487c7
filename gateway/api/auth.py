"""Who may use the API. The socket is guarded by file permissions, the loopback port by a token."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import durable
from gateway.errors import ConfigError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SHORTEST = 32
"""Characters of a token. Ours have 43."""


class TokenGuard:
    """Lets a request over TCP pass only with the token, and only if it names this machine.

    What does not go to the API goes to `pages`, without the token: they know their visitors by a
    cookie. The check of the Host header keeps a web page in somebody's browser
    from reaching the port through a name that it points at 127.0.0.1 (DNS rebinding). What came by
    the unix socket its file permissions have let in.
    """

    def __init__(self, app: ASGIApp, token: str, pages: ASGIApp) -> None:
        self._app = app
        self._token = token
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the refusal."""
        wanted = self._app if _of_the_api(scope) else self._pages
        if not _by_unix_socket(scope):
            headers = Headers(scope=scope)
            refusal = self._elsewhere(headers)
            if refusal is None and wanted is self._app:
                refusal = self._without_token(headers)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await wanted(scope, receive, send)

    def _elsewhere(self, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "").rsplit(":", 1)[0]
        if host not in LOOPBACK_HOSTS:
            return JSONResponse({"detail": "This port answers to 127.0.0.1 only."}, 421)
        return None

    def _without_token(self, headers: Headers) -> JSONResponse | None:
        offered = headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(offered.encode(), self._token.encode()):
            return JSONResponse(
                {"detail": "Send the token of the state folder's api.token as a Bearer."},
                401,
                {"WWW-Authenticate": "Bearer"},
            )
        return None


def _by_unix_socket(scope: Scope) -> bool:
    """Tell by which of our own sockets it came: a unix socket has a path, and no port.

    Not by the client's address: who hangs up with a reset, as soon as all is sent, has none either.
    Spec: ASGI 3.0, HTTP connection scope, `server`.
    """
    server = scope.get("server")
    return server is not None and server[1] is None


def _of_the_api(scope: Scope) -> bool:
    path: str = scope.get("path", "")
    return path.startswith("/api/")


def token(path: Path) -> str:
    """Return the API's token, made at the first start; its file is readable by the owner alone.

    Cookies are sealed with it, so one that could be guessed would let anybody in: a file that is
    empty, as a power cut may leave one, gets a new token. Raises ConfigError.
    """
    try:
        found = path.read_text().strip() if path.exists() else ""
        made = found or _made(path)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is no token: delete it, and start again.") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: the API's token cannot be kept there ({error.strerror}): see to the folder."
        ) from error
    if len(made) < _SHORTEST:
        raise ConfigError(
            f"{path}: a token of fewer than {_SHORTEST} characters could be guessed: delete the"
            " file, and the next start makes one."
        )
    return made


def _made(path: Path) -> str:
    made = secrets.token_urlsafe(32)
    durable.write(path, f"{made}\n".encode())
    return made
