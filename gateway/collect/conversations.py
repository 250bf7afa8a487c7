"""Holds one conversation with a device from connecting to closing, and judges how it ended."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import Clock
from gateway.collect.patience import Manner, Outcome, manner_of
from gateway.collect.session import JournalPort, LiveSession, Settings, is_stopping
from gateway.domain.device import Device, DeviceId
from gateway.drivers.api import Driver, Manifest, Reach, Sighting
from gateway.errors import (
    ConfigError,
    DriverError,
    JournalError,
    LinkError,
    LinkLost,
    PairingNeeded,
)
from gateway.metrics import Metrics
from gateway.transport.api import OpenLink, Transport

LONGEST_S = 300.0
"""A conversation with a device that measures now and then. Emptying a full memory of 200 records
over a slow connection takes about two minutes; what takes longer hangs, and keeps a radio busy."""

LET_GO_S = 5.0
"""For a driver to put its things in order after its conversation was ended."""

_logger = logging.getLogger(__name__)

Wrap = Callable[[OpenLink, Device], OpenLink]
"""Puts something around a link, such as a capture."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a conversation ended; `problem` is a sentence for people, None if there is none."""

    outcome: Outcome
    problem: str | None = None
    recorded: int | None = None
    """New readings; None where nobody counted to the end."""


@dataclass(frozen=True, slots=True)
class Conversations:
    """What every conversation is lent."""

    journal: JournalPort
    clock: Clock
    metrics: Metrics
    settings_of: Callable[[DeviceId], Settings]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    wrap: Wrap | None = None
    longest_s: float = LONGEST_S
    talking: dict[DeviceId, LiveSession] = field(default_factory=dict)
    """The conversations whose link is open now."""

    async def hold(
        self, transport: Transport, sighting: Sighting, driver: Driver, device: DeviceId
    ) -> Ended:
        """Connect, let the driver talk, close. Raises nothing but the caller's cancellation."""
        known = Device(
            id=device,
            driver=driver.manifest.name,
            name=sighting.name,
            address=sighting.address if device == f"ble:{sighting.address}" else None,
        )
        session: LiveSession | None = None
        too_long = asyncio.timeout(self._limit_s(driver.manifest))
        try:
            async with too_long:
                # First of all, so that a full journal leaves the device alone.
                known = await self.journal.describe(known)
                link = await transport.open(sighting, driver.manifest)
                try:
                    if self.wrap is not None:
                        link = self.wrap(link, known)
                    session = self._session(driver, link, known, sighting)
                    self.talking[device] = session
                    await _listen(driver, session)
                finally:
                    self.talking.pop(device, None)
                    await link.close()
        except asyncio.CancelledError as error:
            if is_stopping():
                raise
            return _judged(error, session)  # of something that the driver waited for
        except BaseException as error:  # noqa: BLE001  # a driver's mistake costs its session only
            if too_long.expired() and isinstance(error, TimeoutError):
                problem = f"The conversation took longer than {self.longest_s:g} s."
                return _ended(Outcome.TOO_LONG, problem, session)
            return _judged(error, session)
        return _completed(session)

    def _session(
        self, driver: Driver, link: OpenLink, device: Device, sighting: Sighting
    ) -> LiveSession:
        return LiveSession(
            driver,
            link,
            device,
            sighting,
            self.settings_of(device.id),
            self.journal,
            self.clock,
            self.metrics,
            self.pause,
        )

    def _limit_s(self, manifest: Manifest) -> float | None:
        """Only a visit has an end of its own; anything else is listened to without one."""
        return self.longest_s if manner_of(manifest) is Manner.VISITED else None


async def _listen(driver: Driver, session: LiveSession) -> None:
    """Let the driver talk; raises what it raises.

    One that goes on although it was cancelled is left behind: without its link it does no harm, and
    neither another device nor the end of the gateway waits for it.
    """

    async def talk() -> BaseException | None:
        try:
            await driver.converse(session)
        except BaseException as error:  # noqa: BLE001  # one that ends programs would end this one
            return error
        return None

    talking = asyncio.create_task(talk())
    try:
        await asyncio.wait({talking})
    except asyncio.CancelledError:
        talking.cancel()
        await asyncio.wait({talking}, timeout=LET_GO_S)
        if not talking.done():
            name = session.device.driver
            _logger.error("driver=%s goes on although its conversation was ended", name)
        raise
    failed = talking.result()
    if failed is not None:
        raise failed


def place_of(error: BaseException) -> str:
    """Say what was raised and where, without its text: that may hold a measured value."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


_OUTCOMES: tuple[tuple[type[Exception], Outcome], ...] = (
    (PairingNeeded, Outcome.PAIRING),
    (DriverError, Outcome.PROTOCOL),
    (LinkError, Outcome.LINK),
    (JournalError, Outcome.JOURNAL),
    (ConfigError, Outcome.CONFIG),
)


def _judged(error: BaseException, session: LiveSession | None) -> Ended:
    while isinstance(error, BaseExceptionGroup):  # of a driver that does several things at once
        error = error.exceptions[0]
    if isinstance(error, LinkLost) and session is not None and session.kept:
        # Devices hang up when they have nothing more to say.
        return _completed(session)
    for kind, outcome in _OUTCOMES:
        if isinstance(error, kind):
            return _ended(outcome, str(error), session)
    return _ended(Outcome.BUG, f"The conversation failed: {place_of(error)}.", session)


def _completed(session: LiveSession | None) -> Ended:
    """Judge a conversation that came to its end; one that only brought riddles is no success."""
    if session is not None and reads_nothing(session) and session.reach is Reach.BLE:
        return _ended(Outcome.UNREADABLE, riddle(session), session)
    return _ended(Outcome.COMPLETE, None, session)


def reads_nothing(session: LiveSession) -> bool:
    """Say whether all that the device sent as measurements had to be set aside."""
    return session.unreadable > 0 and session.understood == 0


def riddle(session: LiveSession) -> str:
    """Say, of a device whose every measurement was set aside, what a person can do."""
    firmware = session.device.firmware
    version = f"firmware {firmware}" if firmware else "its firmware"
    return (
        f"None of the {session.unreadable} measurement(s) that the device sent can be read; they"
        f" are kept. Perhaps {version} is newer than the driver {session.device.driver}: look for a"
        " newer gateway, or name another driver."
    )


def _ended(outcome: Outcome, problem: str | None, session: LiveSession | None) -> Ended:
    return Ended(outcome, problem, session.recorded if session is not None else 0)
