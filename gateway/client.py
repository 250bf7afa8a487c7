"""How the command reaches the gateway: the running daemon's socket, or the journal itself.

With a daemon running, every request goes through its unix socket, so there is one writer. With
none, the same API is called inside this process: reading opens the journal read-only, writing takes
the journal's lock for the length of the command.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from gateway.config import Config
from gateway.errors import GatewayError, JournalBusy, JournalError
from gateway.journal.ownership import as_owner

_ANSWER_S = 60
"""A withdrawal waits for what is on its way, an export reads all that is there."""
_STARTING_S = 10.0
"""How long the daemon may hold the journal before it serves its socket."""


class Refused(GatewayError):
    """The gateway understood the command and will not do it; the message says why."""


class NoAnswer(GatewayError):
    """The gateway gave no answer that says whether it did what it was asked."""


class Client:
    """Sends requests of the command to `/api/v1`."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def daemon_answers(self) -> bool:
        """Tell whether a daemon serves the socket."""
        return self._over_socket("GET", _target(("status",), {}), b"") is not None

    def get(self, *path: str, **query: str | int | None) -> Any:
        """Read something."""
        return self._request("GET", _target(path, query), None)

    def get_file(self, *path: str, **query: str | int | None) -> bytes:
        """Read something that is not JSON."""
        return self._file("GET", _target(path, query), b"")

    def post_for_file(self, *path: str, **body: object) -> bytes:
        """Have something done whose answer is not JSON."""
        return self._file("POST", _target(path, {}), json.dumps(body).encode())

    def post(self, *path: str, **body: object) -> Any:
        """Have something done."""
        return self._request("POST", _target(path, {}), body)

    def _file(self, method: str, target: str, content: bytes) -> bytes:
        status, answer = self._answer(method, target, content)
        if status >= 400:
            raise Refused(_sentence(_parsed(answer)))
        return answer

    def _request(self, method: str, target: str, body: Mapping[str, object] | None) -> Any:
        content = json.dumps(body).encode() if body is not None else b""
        status, answer = self._answer(method, target, content)
        parsed = _parsed(answer) if answer else None
        if status >= 400:
            raise Refused(_sentence(parsed))
        return parsed

    def _answer(self, method: str, target: str, content: bytes) -> tuple[int, bytes]:
        """Ask the daemon, or the journal; a daemon that is just starting is waited for.

        Also by who only reads: the key may be known to the daemon alone.
        """
        deadline = time.monotonic() + _STARTING_S
        while True:
            answer = self._over_socket(method, target, content)
            if answer is not None:
                return answer
            starting = time.monotonic() < deadline
            try:
                if not (starting and self._is_written()):
                    return self._here(method, target, content)
            except JournalBusy:
                if not starting:
                    raise
            time.sleep(0.1)

    def _is_written(self) -> bool:
        from gateway.journal.lock import is_held

        with as_owner(self._config.journal):
            return is_held(self._config.journal)

    def _over_socket(self, method: str, target: str, content: bytes) -> tuple[int, bytes] | None:
        connection = _UnixConnection(self._config.socket)
        try:
            headers = {"Content-Type": "application/json", "Host": "gateway"}
            connection.request(method, target, body=content, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except PermissionError as error:
            raise JournalError(
                f"{self._config.socket}: not yours to use; run the command as the gateway's user."
            ) from error
        except TimeoutError as error:
            raise NoAnswer(
                f"The gateway has not answered within {_ANSWER_S} s: it may still do what was"
                " asked. Look before you ask again."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(
                "The gateway ended before it answered: it may have done what was asked. Look before"
                " you ask again."
            ) from error
        finally:
            connection.close()

    def _here(self, method: str, target: str, content: bytes) -> tuple[int, bytes]:
        import asyncio  # as what it is for: only where no daemon answers

        return asyncio.run(_inside(self._config, method, target, content))


async def _inside(config: Config, method: str, target: str, content: bytes) -> tuple[int, bytes]:
    """Answer inside this process. Reading takes no lock; writing takes the journal's."""
    # Loaded here: with a daemon running, the command needs neither FastAPI nor the journal.
    from gateway.api.inside import request
    from gateway.api.server import make_app
    from gateway.app import offline_hub

    async with offline_hub(config, writing=method != "GET") as hub:
        return await request(make_app(hub), method, target, content)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("gateway", timeout=_ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with as_owner(self._path):
            self.sock.connect(str(self._path))


def _target(path: tuple[str, ...], query: Mapping[str, str | int | None]) -> str:
    target = "/api/v1/" + "/".join(quote(part, safe="") for part in path)
    given = {key: value for key, value in query.items() if value is not None}
    return f"{target}?{urlencode(given)}" if given else target


def _parsed(answer: bytes) -> Any:
    """Read an answer; what is no JSON is what a server says when its application failed."""
    try:
        return json.loads(answer)
    except ValueError as error:
        raise NoAnswer("The gateway met a fault of its own: its log has the traceback.") from error


def _sentence(answer: object) -> str:
    """Turn the API's answer to a refused request into one sentence."""
    detail = answer.get("detail", answer) if isinstance(answer, dict) else answer
    if isinstance(detail, list):
        faults = (f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in detail)
        return "; ".join(faults)
    return str(detail)
