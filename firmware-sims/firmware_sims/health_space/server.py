"""The sandbox itself: an HTTPS server to send to, and a control port that is never cut."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Self

from aiohttp import web

from firmware_sims.health_space.certificates import CA_FILE, ensure_certificates
from firmware_sims.health_space.clock import SandboxClock, utc_now
from firmware_sims.health_space.control import control_application
from firmware_sims.health_space.delivery import deliver, read_body, received
from firmware_sims.health_space.eventlog import EventLog
from firmware_sims.health_space.exact_json import JsonObject
from firmware_sims.health_space.faults import Fault, Faults, Kind
from firmware_sims.health_space.link import Link
from firmware_sims.health_space.messages import Answer, Received
from firmware_sims.health_space.people import Person
from firmware_sims.health_space.service import Service, operation_of
from firmware_sims.health_space.settings import Settings

_LOG_FILE = "events.jsonl"
# Connections are aborted before the servers stop, so nothing is left to wait for.
_SHUTDOWN_S = 1.0


class HealthSpace:
    """A running sandbox; enter it with `async with`.

    `folder` keeps its certificates and memory, so that the same folder (and settings) resumes
    after a kill; without one everything is forgotten. Port 0 takes any free port. `now` and
    `monotonic` are its clocks.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        folder: Path | None = None,
        port: int = 0,
        control_port: int = 0,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or Settings()
        self.clock = SandboxClock(now)
        self.faults = Faults(monotonic)
        self._folder = folder
        self._port = port
        self._control_port = control_port
        self._stack = AsyncExitStack()
        self._handled = asyncio.Event()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if self._folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                log = stack.enter_context(EventLog(None))
            else:
                folder = self._folder
                folder.mkdir(parents=True, exist_ok=True)
                log = stack.enter_context(EventLog(folder / _LOG_FILE))
            self.ca_path = folder / CA_FILE
            self.service = Service(self.settings, self.clock.now, log)
            # TLS goes by the machine's own clock, whatever time the sandbox lives by.
            context = ensure_certificates(folder, datetime.now(UTC))
            server = web.Server(self._serve, handler_cancellation=True, access_log=None)
            stack.push_async_callback(server.shutdown, _SHUTDOWN_S)
            self.link = Link(server, context, self._port)
            stack.push_async_callback(self.link.close)
            await self.link.open()
            self.base_url = f"https://127.0.0.1:{self.link.port}"
            self.control_url = await self._open_control(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def add_person(self, name: str, *, consent: bool = True) -> str:
        """Add a person if new; return an authorization code to exchange at `/token`."""
        person = self.service.add_person(name, consent=consent)
        return self.service.tokens.new_code(person.id_pe)

    def person(self, name: str) -> Person:
        """Return a person and their counts; KeyError when unknown."""
        found = self.service.people.named(name)
        if found is None:
            raise KeyError(name)
        return found

    def set_consent(self, name: str, *, given: bool) -> None:
        """Give or withdraw a person's consent at this end."""
        self.service.set_consent(self.person(name), given=given)

    def issue_tokens(self, name: str) -> JsonObject:
        """Return a token response for a person, as if they had just paired."""
        tokens = self.service.tokens
        return tokens.exchange(tokens.new_code(self.person(name).id_pe), None, None)

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force."""
        self.faults.add(fault)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once `holds()` is true, asking again after every request."""
        while not holds():
            self._handled.clear()
            await self._handled.wait()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = bytearray()
        try:
            complete = await read_body(request, body, self.settings.body_limit_bytes)
        except asyncio.CancelledError:
            # Hung up inside the body: what did arrive about somebody still counts.
            self._handle(received(request, bytes(body), complete=False), None)
            raise
        whole = received(request, bytes(body), complete=complete)
        fault = self.faults.take(operation_of(whole)) if complete else None
        if fault is not None and fault.kind is Kind.EXPIRED_TOKEN:
            self.service.tokens.expire(whole.bearer())
        answer = self._handle(whole, fault)
        date = format_datetime(self.clock.now(), usegmt=True)
        return await deliver(request, answer, fault, date)

    def _handle(self, whole: Received, fault: Fault | None) -> Answer:
        answer = self.service.handle(whole, fault)
        self._handled.set()
        return answer

    async def _open_control(self, stack: AsyncExitStack) -> str:
        runner = web.AppRunner(
            control_application(self.service, self.faults, self.link, self.clock),
            access_log=None,
            shutdown_timeout=_SHUTDOWN_S,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", self._control_port)
        await site.start()
        port = runner.addresses[0][1]
        return f"http://127.0.0.1:{port}"
