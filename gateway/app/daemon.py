"""The daemon: everything that runs side by side, started in order and stopped together."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path

from gateway import log
from gateway.api.auth import token
from gateway.api.browsers import Browsers
from gateway.api.destination_pairing import Pairings
from gateway.api.forgotten import Forgotten
from gateway.api.network import Front, front, serve_network
from gateway.api.serve import address, listening, serve
from gateway.api.server import make_app
from gateway.app.configured_drivers import drivers_of
from gateway.app.garbage import settle
from gateway.app.hub import DaemonHub
from gateway.app.hub_time import hub_clock, watch
from gateway.app.kiosk import watch_kiosk
from gateway.app.making import make_as_due, wanted
from gateway.app.ours import Ours
from gateway.app.pairing import PairingDesk
from gateway.app.parts import (
    capturing,
    described_devices,
    destinations,
    device_settings,
    routes,
    transports,
)
from gateway.app.presence import fleet, presence
from gateway.app.retention import retention_of, watch_retention
from gateway.app.systemd import READY, STOPPING, ServiceManager
from gateway.clock import Clock
from gateway.collect.reports import Reports
from gateway.collect.summaries import Summaries
from gateway.collect.supervisor import Supervisor
from gateway.config import Config
from gateway.errors import ConfigError, JournalBusy, JournalDamaged
from gateway.journal.journal import Journal
from gateway.journal.ownership import refuse_another_users
from gateway.journal.reader import Reader
from gateway.metrics import Metrics
from gateway.uplink.api import Timer
from gateway.uplink.worker import Worker, until_set
from gateway.web.site import make_screens

_COMMAND_S = 10.0
"""How long a command may hold the journal while no daemon runs; most take a tenth of a second."""

_log = logging.getLogger(__name__)


def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT.

    Raises GatewayError if it cannot start, and JournalDamaged when damage is met: the next start
    saves what can be read.
    """
    log.configure(config.hub.log_level)
    refuse_another_users(config.journal)
    asyncio.run(_until_signalled(config))


async def _until_signalled(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with daemon(config):
            settle()
            _log.info("running")
            await stop.wait()
            _log.info("stopping")
    except ExceptionGroup as failed:
        raise _damage_among(failed) or failed from None


def _damage_among(failed: ExceptionGroup[Exception]) -> JournalDamaged | None:
    for error in failed.exceptions:
        found = _damage_among(error) if isinstance(error, ExceptionGroup) else error
        if isinstance(found, JournalDamaged):
            return found
    return None


@asynccontextmanager
async def daemon(
    config: Config, *, clock: Clock | None = None, timer: Timer = until_set
) -> AsyncIterator[DaemonHub]:
    """Run the gateway for as long as the context lasts.

    When damage to the journal is met it ends by itself, with JournalDamaged in an ExceptionGroup.
    `clock` tells the time, and `timer` lets it pass, for tests in which nobody waits.
    """
    manager = ServiceManager()
    _make_private(config.hub.state)
    clock = hub_clock(config, clock)
    metrics = Metrics()
    registry = drivers_of(config)
    pause = _pause_by(timer)
    desk = PairingDesk(clock)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(await _open_journal(config, clock))
        reader = stack.enter_context(Reader.open(config.journal, damage=journal.damage))
        ours = Ours(reader)
        # After the journal: opening it finishes a restore that was cut short, bonds included.
        radios = tuple(transports(config, registry, clock, pause, desk, ours))
        sockets = stack.enter_context(listening(config.socket, config.api.port))
        network = stack.enter_context(_network(config))
        secret = token(config.token)
        forgotten = Forgotten(config.forgotten_browsers)
        for known in described_devices(config):
            await journal.describe(known)
        there = []
        for destination in destinations(config, journal, reader, clock):
            stack.push_async_callback(destination.uplink.close)
            there.append(destination)
        settings = device_settings(config)
        summaries, reports = _computed(config, journal, reader, clock)
        supervisor = Supervisor(
            transports=radios,
            registry=registry,
            journal=journal,
            clock=clock,
            metrics=metrics,
            settings_of=lambda device: settings.get(device, {}),
            adopted=ours,
            number_of=reader.number_of,
            wrap=capturing(config, clock),
            pause=pause,
        )
        worker = Worker(journal, there, clock, metrics, timer=timer)
        told = fleet(config, clock)
        hub = DaemonHub(
            config,
            journal,
            reader,
            clock,
            metrics,
            supervisor,
            worker,
            [destination.uplink for destination in there],
            ours,
            radios,
            desk,
            told,
        )
        beyond = None if network is None else network.address
        browsers = Browsers(secret, forgotten, clock, beyond, address(sockets))
        begun = Pairings(hub)
        app = make_app(hub, browsers, begun)
        stopping = asyncio.Event()
        screens = make_screens(hub, browsers, begun, stopping)
        async with asyncio.TaskGroup() as group:
            parts = [
                group.create_task(part)
                for part in (
                    _until_damaged(journal),
                    supervisor.run(),
                    watch(clock, journal, timer),
                    watch_kiosk(hub, timer, supervisor.expect),
                    watch_retention(retention_of(config), clock, journal, metrics, timer),
                    make_as_due(summaries, reports, timer),
                    worker.run(),
                    manager.stay_alive(journal.answers, timer),
                    *presence(there, told, hub, timer),
                    serve(app, sockets, secret, screens),
                    *(serve_network(screens, at) for at in (network,) if at),
                )
            ]
            manager.tell(READY)
            try:
                yield hub
            finally:
                manager.tell(STOPPING)
                stopping.set()
                await _cancel(parts)


def _computed(
    config: Config, journal: Journal, reader: Reader, clock: Clock
) -> tuple[Summaries, Reports | None]:
    """Make what computes by itself."""
    zone, asked = config.hub.tzinfo, wanted(reader, clock, routes(config))
    kept = retention_of(config).least
    summaries = Summaries(journal, reader, clock, zone, asked, kept)
    if not config.reports.every_days:
        return summaries, None
    reports = Reports(
        journal,
        reader,
        clock,
        zone,
        asked,
        days=config.reports.days,
        every_days=config.reports.every_days,
        language=config.hub.language,
    )
    return summaries, reports


def _network(config: Config) -> AbstractContextManager[Front | None]:
    """Take the port of the household's network, if the configuration wants one."""
    wanted = config.screens
    if wanted is None:
        return nullcontext()
    return front(wanted.listen, wanted.port, wanted.names, wanted.certificate_file, wanted.key_file)


async def _open_journal(config: Config, clock: Clock) -> Journal:
    """Open the journal; a command that is using it at this moment is waited for."""
    deadline = clock.now().monotonic + _COMMAND_S
    while True:
        try:
            return Journal.open(
                config.journal,
                clock=clock,
                zone=config.hub.tzinfo,
                routes=routes(config),
                addresses=config.addresses,
            )
        except JournalBusy:
            if clock.now().monotonic > deadline:
                raise
            await asyncio.sleep(0.1)


def _pause_by(timer: Timer) -> Callable[[float], Awaitable[None]]:
    async def pause(seconds: float) -> None:
        await timer(asyncio.Event(), seconds)

    return pause


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder}: the state folder cannot be made ({error.strerror}): make it, owned by the"
            " gateway's user."
        ) from error


async def _until_damaged(journal: Journal) -> None:
    raise await journal.damage.first()


async def _cancel(parts: Sequence[asyncio.Task[None]]) -> None:
    for part in parts:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)
