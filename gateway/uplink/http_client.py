"""HTTP, the only file that knows aiohttp: one request, one complete answer, or a clear error.

aiohttp is loaded with the first client: a hub without a destination over HTTP does without it.

What matters to whoever sends is whether the request may have arrived. So there are two errors:
UplinkUnavailable if no connection was made, hence not a byte of the request left; OutcomeUnknown
for everything that goes wrong from the first byte on, up to a truncated answer.

A request that ended before its answer, or was cut off, leaves nothing behind that could still
leave: its person may withdraw, and a network that is down holds it back for minutes. So its
connection is broken with a reset, which takes back what the kernel has not sent.

No redirect is followed and no cookie kept: both would carry one person's requests elsewhere.
Errors have no cause attached, because aiohttp's name the URL, and that of a search names a person.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential

from gateway.errors import ConfigError, OutcomeUnknown, UplinkUnavailable

if TYPE_CHECKING:
    import aiohttp

MAX_ANSWER_BYTES = 1 << 20
"""An answer holds one receipt or one page of a search: a few kilobytes. A megabyte is no answer."""
_CONNECT_ATTEMPTS = 3
_WAIT_S = wait_random_exponential(multiplier=0.5, max=4)
"""Between attempts to connect: seconds, for a router that restarts. The outbox waits for hours."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Connecting(Protocol):
    """What the settings of a destination say of connections."""

    @property
    def name(self) -> str:
        """The destination's name."""
        ...

    @property
    def ca_file(self) -> Path | None:
        """PEM certificates to trust instead of the system's."""
        ...

    @property
    def certificate_file(self) -> Path | None:
        """PEM certificate of the gateway."""
        ...

    @property
    def key_file(self) -> Path | None:
        """The key to it."""
        ...

    @property
    def connect_timeout_s(self) -> float:
        """How long connecting may take."""
        ...

    @property
    def answer_timeout_s(self) -> float:
        """How long the answer may take."""
        ...


class _NotConnected(UplinkUnavailable):
    """No connection was made: worth trying again at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


_given: ContextVar[list[asyncio.Transport]] = ContextVar("given")
"""The connections that the request under way was given."""
_wanted: ContextVar[Callable[[], bool]] = ContextVar("wanted")
"""Whether the request under way is wanted still, now that there is a connection."""


class HttpClient:
    """Connections to one destination. Make it inside the running loop; `close` it."""

    def __init__(self, settings: Connecting, wait: wait_base | None = None) -> None:
        import aiohttp

        self._wait = _WAIT_S if wait is None else wait
        self._session = aiohttp.ClientSession(
            # The worker bounds how many requests run at a time.
            connector=_connector(settings),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=settings.connect_timeout_s + settings.answer_timeout_s,
                connect=settings.connect_timeout_s,
                sock_read=settings.answer_timeout_s,
            ),
            headers={"User-Agent": "healthspace-gateway"},
        )

    async def ask(
        self,
        method: str,
        url: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Answer:
        """Send one request and return its complete answer, whatever its status.

        `wanted` is asked once there is a connection: if not, nothing leaves. Tries a few times, for
        seconds, to get a connection; sends at most once. Raises UplinkUnavailable if nothing left,
        OutcomeUnknown if no complete answer came back.
        """
        _wanted.set(wanted)
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(_CONNECT_ATTEMPTS),
            wait=self._wait,
            retry=retry_if_exception_type(_NotConnected),
            reraise=True,
        ):
            with attempt:
                return await self._once(method, url, query, headers, body)
        raise AssertionError("tenacity either returns or raises")

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _once(
        self,
        method: str,
        url: str,
        query: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        import aiohttp

        asking = self._session.request(
            method, url, params=query or None, headers=headers, data=body, allow_redirects=False
        )
        try:
            with _resetting():
                async with asking as response:
                    content = await _read(response)
        except aiohttp.ClientConnectorCertificateError:
            raise _NotConnected(
                "The server's certificate is not trusted: check ca_file and the hub's clock."
            ) from None
        except aiohttp.ClientSSLError:
            raise _NotConnected(
                "No encrypted connection could be agreed: check ca_file and the certificate."
            ) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise _NotConnected(
                "The server cannot be reached: check the network; the gateway tries again."
            ) from None
        except TimeoutError:
            raise OutcomeUnknown(
                "The server did not answer in time: the gateway finds out whether it arrived."
            ) from None
        except aiohttp.ClientError:
            raise OutcomeUnknown(
                "The connection broke before the answer was complete: the gateway finds out "
                "whether it arrived."
            ) from None
        lower = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, lower, content)


def _connector(settings: Connecting) -> aiohttp.TCPConnector:
    """Make a connector that tells which connection a request is given."""
    import aiohttp

    class Telling(aiohttp.TCPConnector):
        async def connect(self, *asked: Any, **more: Any) -> aiohttp.connector.Connection:
            connection = await super().connect(*asked, **more)
            if not _wanted.get()():
                connection.close()
                raise UplinkUnavailable("It was given up before anything of it was sent.")
            if connection.transport is not None:
                _given.get().append(connection.transport)
            return connection

    return Telling(ssl=_trust(settings), limit=0)


@contextmanager
def _resetting() -> Iterator[None]:
    """Break the connection of the request inside with a reset if it ends before its answer."""
    given: list[asyncio.Transport] = []
    _given.set(given)
    try:
        yield
    except BaseException:
        for transport in given:
            _reset(transport)
        raise


def _reset(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise OutcomeUnknown(
                "The answer is far too long to be one: check base_url; the gateway finds out "
                "whether it arrived."
            )
    return bytes(content)


def _trust(settings: Connecting) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"{settings.name}: ca_file, certificate_file or key_file cannot be used "
            f"({error.strerror}): check that they are PEM files the gateway's user may read."
        ) from error
    return context
