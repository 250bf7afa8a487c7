"""Watches every transport and holds one conversation at a time with each device that is ours.

A device that nobody adopted is noted and never connected: a cuff hands its memory to whoever asks
first, and it may be the neighbour's.

With `conversations`, this is one of the two places that catch every exception: a driver with a
mistake costs its own session, never the daemon.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial

from gateway.clock import Clock
from gateway.collect.conversations import (
    LONGEST_S,
    Conversations,
    Ended,
    Wrap,
    place_of,
    reads_nothing,
    riddle,
)
from gateway.collect.patience import Outcome, Patience, manner_of
from gateway.collect.session import JournalPort, Settings, is_stopping
from gateway.collect.sightings import Seen, Sightings
from gateway.collect.status import CollectStatus, SessionStatus, Trouble
from gateway.collect.watches import Watches
from gateway.domain.device import DeviceId
from gateway.drivers.api import Driver, Sighting
from gateway.drivers.registry import Registry
from gateway.errors import ConfigError, JournalError, RadioTrouble, RadioUnavailable
from gateway.metrics import Metrics
from gateway.transport.advertisements import Advertisements
from gateway.transport.api import Transport

RADIO_WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Before a transport that failed is tried again; the last value stays."""
STEADY_S = 60.0
"""A transport that worked for so long was well: its next failure is the first of a new series."""
ALARMING = 10
"""So many unreadable frames and no reading are no accident of a line; a sensor's conversation, with
which this begins, may last for weeks."""

_logger = logging.getLogger(__name__)


class Supervisor:
    """Runs until cancelled; then every link has been closed.

    `adopted` names the driver for which the owner accepted a device, None if it is not ours; it is
    asked at every sighting, so adoption takes effect at once. A configured port is ours by being
    configured. `wrap` may put itself around a link, such as a capture. `number_of` says what the
    log calls a device, for its id would tell whose it is; None if it has no number yet.
    """

    def __init__(
        self,
        transports: Sequence[Transport],
        registry: Registry,
        journal: JournalPort,
        clock: Clock,
        metrics: Metrics,
        *,
        settings_of: Callable[[DeviceId], Settings],
        adopted: Callable[[DeviceId], str | None],
        number_of: Callable[[DeviceId], int | None],
        wrap: Wrap | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._transports = tuple(Advertisements(it, clock) for it in transports)
        self._registry = registry
        self._clock = clock
        self._metrics = metrics
        self._adopted = adopted
        self._number_of = number_of
        self._pause = pause
        self._conversations = Conversations(
            journal, clock, metrics, settings_of, pause, wrap, longest_s
        )
        self._watches = Watches((it.name for it in transports), clock)
        self._sightings = Sightings()
        self._sessions: dict[DeviceId, SessionStatus] = {}
        self._talks: dict[DeviceId, asyncio.Task[None]] = {}
        self._patience: dict[DeviceId, Patience] = {}
        self._troubles: dict[DeviceId, Trouble] = {}
        self._tried: dict[str, DeviceId] = {}
        """The doubtful device that was tried last, by transport."""
        self._talking: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Watch and converse; returns by itself only if every transport ended."""
        # The inner group is left first: conversations end while their radios still work.
        async with asyncio.TaskGroup() as watching, asyncio.TaskGroup() as talking:
            self._talking = talking
            try:
                watches = [watching.create_task(self._watch(it)) for it in self._transports]
                if watches:
                    await asyncio.wait(watches)
            finally:
                self._talking = None

    def status(self) -> CollectStatus:
        """Say how everything is now."""
        return CollectStatus(
            tuple(map(self._watches.told, self._transports)),
            tuple(self._sessions.values()),
            tuple(self._sightings.all()),
            (
                *(it for it in self._troubles.values() if not self._is_over(it)),
                *self._lasting(),
            ),
        )

    def retry(self, device: DeviceId) -> None:
        """Do not wait any longer with this device: a person did something about its trouble."""
        if device in self._patience:
            self._patience[device].retry()

    def expect(self, devices: Iterable[DeviceId], within_s: float) -> None:
        """Do not wait long with these devices for so long: a person sits at them."""
        now = self._clock.now().monotonic
        for device in devices:
            if device in self._patience:  # any other is talked with at its first sighting
                self._patience[device].expect(now, now + within_s)

    def leave(self, device: DeviceId) -> None:
        """End the conversation with a device that is ours no more, and forget its trouble."""
        self._troubles.pop(device, None)
        if device in self._talks:
            self._talks[device].cancel()

    def _is_over(self, trouble: Trouble) -> bool:
        """Whether a conversation that goes on, for months perhaps, shows that it is."""
        session = self._conversations.talking.get(trouble.device)
        return session is not None and (trouble.outcome is Outcome.LINK or session.kept > 0)

    def _lasting(self) -> Iterator[Trouble]:
        """Name the open conversations of which nothing is kept: all unreadable, or a full disk."""
        now = self._clock.now()
        for device, session in self._conversations.talking.items():
            if session.refused is not None:
                yield Trouble(device, Outcome.JOURNAL, session.refused, now)
            elif session.unreadable >= ALARMING and reads_nothing(session):
                yield Trouble(device, Outcome.UNREADABLE, riddle(session), now)

    async def _watch(self, transport: Advertisements) -> None:
        failures = 0
        while True:
            self._watches.begin(transport.name)
            try:
                await transport.watch(partial(self._seen, transport))
            except asyncio.CancelledError:
                if is_stopping():
                    raise
                reason, problem = RadioTrouble.UNKNOWN, "It failed: what it waited for was ended."
            except RadioUnavailable as error:
                reason, problem = error.reason, str(error)
            except Exception as error:  # noqa: BLE001  # the other transports go on
                reason, problem = RadioTrouble.UNKNOWN, f"It failed: {place_of(error)}."
            else:
                self._watches.end(transport.name)
                return
            was_well = self._watches.lasted_s(transport.name) >= STEADY_S
            failures = 1 if was_well else failures + 1
            wait_s = RADIO_WAITS_S[min(failures, len(RADIO_WAITS_S)) - 1]
            self._watches.fail(transport.name, reason, problem)
            _logger.warning(
                "transport=%s reason=%s retry_in_s=%g: %s", transport.name, reason, wait_s, problem
            )
            await self._pause(wait_s)

    def _seen(self, transport: Advertisements, sighting: Sighting) -> None:
        now = self._clock.now()
        self._watches.show(transport.name)
        device = transport.device_id(sighting)
        chosen = sighting.driver or self._adopted(device)
        driver = self._driver(sighting, device, chosen)
        self._sightings.note(
            Seen(
                device,
                sighting.address,
                sighting.name,
                sighting.rssi_dbm,
                driver.manifest.name if driver is not None else None,
                chosen is not None,
                transport.name,
                now,
            )
        )
        if chosen is None or driver is None or self._talking is None or device in self._sessions:
            return
        if self._is_for_another(transport, device):
            return
        if device not in self._patience:
            self._patience[device] = Patience()
        patience = self._patience[device]
        patience.manner = manner_of(driver.manifest)
        if patience.ready(sighting, now.monotonic) and self._may_try(transport, device, patience):
            self._sessions[device] = SessionStatus(device, driver.manifest.name, now)
            talk = self._talking.create_task(self._talk(transport, sighting, driver, device))
            self._talks[device] = talk
            talk.add_done_callback(partial(self._hung_up, device))

    def _is_for_another(self, transport: Advertisements, device: DeviceId) -> bool:
        """Leave a device to the radio that it is bonded with, as long as that one works.

        Many devices have one bond: paired with a second radio, they would forget the first.
        """
        return not transport.is_bonded(device) and any(
            other.is_bonded(device) and self._watches.is_watching(other.name)
            for other in self._transports
            if other is not transport
        )

    def _may_try(self, transport: Transport, device: DeviceId, patience: Patience) -> bool:
        """Let one doubtful device at a time occupy a radio.

        A radio connects to one device after the other, and gives up on each after 20 s: several
        that are out of reach would keep it from a cuff that advertises for half a minute.
        """
        if not patience.is_doubtful:
            return True
        before = self._tried.get(transport.name)
        if before in self._sessions and before not in self._conversations.talking:
            return False
        self._tried[transport.name] = device
        return True

    def _driver(self, sighting: Sighting, device: DeviceId, chosen: str | None) -> Driver | None:
        """Return the driver the owner chose, or else the one that fits best."""
        try:
            return self._registry.best(sighting) if chosen is None else self._registry.named(chosen)
        except ConfigError as error:
            if chosen is not None:
                self._note_trouble(device, Ended(Outcome.CONFIG, str(error)))
        return None

    async def _talk(
        self, transport: Transport, sighting: Sighting, driver: Driver, device: DeviceId
    ) -> None:
        began = self._clock.now().monotonic
        ended = Ended(Outcome.STOPPED)
        try:
            ended = await self._conversations.hold(transport, sighting, driver, device)
        finally:
            self._hung_up(device, self._talks[device])  # whoever hears of the end may ask
            now = self._clock.now().monotonic
            patience = self._patience[device]
            patience.ended(
                ended.outcome, now, new_readings=bool(ended.recorded), lasted_s=now - began
            )
            self._note_trouble(device, ended)
            name = driver.manifest.name
            self._metrics.count("sessions_total", driver=name, outcome=ended.outcome)
            _logger.log(
                logging.WARNING if ended.problem else logging.INFO,
                "session device=%s driver=%s outcome=%s new_readings=%s seconds=%.1f wait_s=%g%s",
                self._called(device),
                name,
                ended.outcome,
                "?" if ended.recorded is None else ended.recorded,
                now - began,
                patience.not_before - now,
                f": {ended.problem}" if ended.problem else "",
            )

    def _hung_up(self, device: DeviceId, talk: asyncio.Task[None]) -> None:
        """Let it be talked with again; a talk that was cancelled may never have begun."""
        if self._talks.get(device) is talk:
            del self._sessions[device], self._talks[device]

    def _called(self, device: DeviceId) -> str:
        """Return what the log calls a device; a journal that cannot be read ends no daemon here."""
        try:
            return str(self._number_of(device) or "?")
        except JournalError:
            return "?"

    def _note_trouble(self, device: DeviceId, ended: Ended) -> None:
        if ended.problem is not None:
            now = self._clock.now()
            self._troubles[device] = Trouble(device, ended.outcome, ended.problem, now)
        else:
            self._troubles.pop(device, None)
