"""The way to one destination: claim what is due, bring it there, take down what became of it.

Deliveries are claimed in small batches. Within a batch each person has a lane: their readings go
one after another in due order, those of different persons at the same time. While receipts are
being written to the disk the next reading of the lane is under way already, so that one sync serves
several; only so many may be behind. What goes wrong with one reading ends at most its own lane and
its own batch; the rest is given back and claimed anew.

    what the uplink says        the delivery          and then
    Receipt                     settled               go on
    UplinkUnavailable           due after the pause   the destination is left alone for a while
    OutcomeUnknown              unsettled, due later  this lane ends
    UplinkRejected              parked                go on
    UplinkRefused               refused               this lane ends
    UplinkUnauthorised          due later             this person is left alone for a while
    anything else (our bug)     unsettled, due later  this lane ends

A destination that leaves only doubts (it fails, hangs, drops connections) takes nothing in either:
after five of them with no other word in between it is left alone for a while too.

Corrections of what was sent go along the same lanes, after the readings, where the uplink can make
them. They are made, left to a person if the uplink rejects or refuses them, or else due later:
repeating one is harmless, so none is ever searched for.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ParamSpec

from gateway.clock import Clock
from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import (
    JournalError,
    JournalFull,
    OutcomeUnknown,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.metrics import Metrics
from gateway.uplink.api import Correcting, Timer, Uplink
from gateway.uplink.backoff import Backoff
from gateway.uplink.outbox import Outbox
from gateway.uplink.outcomes import Doubts, label, why_unknown

_P = ParamSpec("_P")

_BATCH_PER_SLOT = 16
"""Every batch costs a claim, synced to the disk; after a crash, each of it costs a search."""
_BEHIND = 8
"""Receipts of a lane that are not on the disk yet: with a full disk nothing more is sent then."""
_FRESH_S = 60.0
"""A release is consent as it was when claimed. What has waited longer is decided anew."""
_PERSON_PAUSE = timedelta(minutes=15)  # long enough not to hammer, short enough after re-pairing
_LONGEST_REST_S = 300.0  # so that a step of the wall clock is noticed
_SHORTEST_REST_S = 1.0
_JOURNAL_REST_S = 10.0
_DOUBTS_IN_A_ROW = 5  # more than one batch of four people can leave at once, less than a backlog

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Left:
    """What was on its way to a destination when its person's deliveries were stopped."""

    arrived: tuple[ReadingId, ...] = ()
    unknown: tuple[ReadingId, ...] = ()
    """Cut off: they may have arrived."""


@dataclass(slots=True)
class _Lane:
    """The deliveries of one person in one batch."""

    subject: SubjectId
    claimed_s: float
    waiting: deque[Released | ReleasedCorrection] = field(default_factory=deque)
    ended: bool = False
    attempt: asyncio.Timeout | None = None
    """Around the attempt under way, if there is one."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever an attempt has ended."""
    left: Left = field(default_factory=Left)
    """What became of the latest attempt."""
    settling: deque[asyncio.Task[None]] = field(default_factory=deque)
    """Each writes down a receipt."""


class Route:
    """The deliveries of one destination. `run` it in a task; `quiesce` from any other."""

    def __init__(
        self,
        outbox: Outbox,
        uplink: Uplink,
        clock: Clock,
        metrics: Metrics,
        *,
        max_concurrent: int,
        timer: Timer,
        jitter: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._uplink = uplink
        self._corrects = uplink if isinstance(uplink, Correcting) else None
        self._name = uplink.name
        self._clock = clock
        self._metrics = metrics
        self._timer = timer
        self._backoff = Backoff(jitter)
        self._doubts = Doubts()
        self._doubts_in_a_row = 0
        self._why_paused = ""
        self._why_stuck: str | None = None
        self._batch = max_concurrent * _BATCH_PER_SLOT
        self._slots = asyncio.Semaphore(max_concurrent)
        self._claiming = asyncio.Lock()
        self._lanes: dict[SubjectId, _Lane] = {}
        self._paused: dict[SubjectId, tuple[float, str]] = {}
        self._due = asyncio.Event()
        outbox.when_due(self._name, self._due.set)

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self.round()

    async def round(self) -> None:
        """Bring one batch there; if there is nothing to do, wait until there may be."""
        pause_s = self._backoff.remaining(self._now_s)
        if pause_s:
            await self._timer(asyncio.Event(), min(pause_s, _LONGEST_REST_S))
            return
        self._due.clear()
        try:
            claimed = await self._deliver_a_batch()
            rest_s = 0.0 if claimed else await self._rest_s()
        except JournalError as error:
            self._why_stuck = f"Nothing can be sent: {error}."
            _log.error("%s: nothing can be sent: %s", self._name, error)
            await self._timer(asyncio.Event(), _JOURNAL_REST_S)
            return
        self._why_stuck = None
        if rest_s:
            await self._timer(self._due, rest_s)

    async def quiesce(self, subject: SubjectId, within: timedelta) -> Left:
        """Stop sending for this person: once this returns, not a byte of theirs leaves any more.

        An attempt under way may end within the given time, else it is cut off. Call it after the
        withdrawal is durable: deliveries claimed before that are given back, and the next claim
        finds none.
        """
        async with self._claiming:  # a claim under way opens its lanes before it lets go
            lane = self._lanes.get(subject)
        if lane is None:
            return Left()
        if lane.attempt is None:
            lane.ended = True
            return Left()
        if not lane.ended:
            lane.ended = True
            lane.attempt.reschedule(asyncio.get_running_loop().time() + within.total_seconds())
        await lane.idle.wait()
        return lane.left

    def resume(self, subject: SubjectId) -> None:
        """Leave this person alone no longer: they have been paired anew."""
        self._paused.pop(subject, None)
        self._due.set()

    @property
    def problem(self) -> str | None:
        """Why nothing goes there for now, in a sentence; None if it does."""
        return self._why_paused if self._backoff.failing else self._why_stuck

    @property
    def _now_s(self) -> float:
        return self._clock.now().monotonic

    async def _rest_s(self) -> float:
        dues = [await self._outbox.next_due(self._name)]
        if self._corrects is not None:
            dues.append(await self._outbox.next_correction_due(self._name))
        known = [due for due in dues if due is not None]
        if not known:
            return _LONGEST_REST_S
        seconds = (min(known) - self._clock.now().utc).total_seconds()
        return min(max(seconds, _SHORTEST_REST_S), _LONGEST_REST_S)

    # --- one batch ------------------------------------------------------------------------------

    async def _deliver_a_batch(self) -> bool:
        async with self._claiming:
            self._lanes.clear()
            limit = 1 if self._backoff.failing else self._batch
            batch = await self._outbox.claim(self._name, limit, self._clock.now().utc)
            for released in batch:
                self._lane(released.subject).waiting.append(released)
            corrections = await self._corrections(limit - len(batch))
            for correction in corrections:
                self._lane(correction.released.subject).waiting.append(correction)
        async with asyncio.TaskGroup() as group:
            for lane in list(self._lanes.values()):
                group.create_task(self._go_along(lane, group))
        return bool(batch or corrections)

    def _lane(self, subject: SubjectId) -> _Lane:
        return self._lanes.setdefault(subject, _Lane(subject, self._now_s))

    async def _corrections(self, limit: int) -> list[ReleasedCorrection]:
        if limit < 1 or self._corrects is None:
            return []
        return await self._outbox.claim_corrections(self._name, limit, self._clock.now().utc)

    async def _go_along(self, lane: _Lane, group: asyncio.TaskGroup) -> None:
        try:
            while lane.waiting:
                async with self._slots:
                    if self._hold(lane) is not None:
                        break
                    match lane.waiting.popleft():
                        case ReleasedCorrection() as correction:
                            await self._attempt_correction(lane, correction)
                        case released:
                            await self._attempt(lane, released, group)
        finally:
            del self._lanes[lane.subject]
            wait_s, why = self._hold(lane) or (0.0, "The gateway was stopped.")
            due_at = self._clock.now().utc + timedelta(seconds=wait_s)
            for waiting in lane.waiting:
                if isinstance(waiting, ReleasedCorrection):
                    await self._keep(self._outbox.correct_at, waiting, due_at)
                else:
                    await self._keep(self._outbox.retry_at, waiting, due_at, why)

    def _hold(self, lane: _Lane) -> tuple[float, str] | None:
        """Say why nothing of this lane may go now, and for how many seconds; None if it may."""
        now_s = self._now_s
        pause_s = self._backoff.remaining(now_s)
        if pause_s:
            return pause_s, self._why_paused
        until_s, why = self._paused.get(lane.subject, (0.0, ""))
        if until_s > now_s:
            return until_s - now_s, why
        self._paused.pop(lane.subject, None)
        if lane.ended or now_s - lane.claimed_s > _FRESH_S:
            return 0.0, "It waits for the next turn."
        return None

    # --- one delivery ---------------------------------------------------------------------------

    async def _attempt(self, lane: _Lane, released: Released, group: asyncio.TaskGroup) -> None:
        """Bring one delivery there and take down what became of it."""
        reading = released.delivery.entry.id
        outcome = await self._try(lane, released)
        lane.left = Left()
        match outcome:  # the table above
            case Receipt():
                self._doubts.over(reading)
                lane.left = Left(arrived=(reading,))
                self._answered()
                if len(lane.settling) == _BEHIND:
                    await lane.settling.popleft()
                lane.settling.append(group.create_task(self._settle(released, outcome)))
                return
            case UplinkUnavailable():
                self._pause_all(outcome)
                due_at = self._clock.now().utc + timedelta(
                    seconds=self._backoff.remaining(self._now_s)
                )
                await self._keep(self._outbox.retry_at, released, due_at, str(outcome))
            case UplinkRejected():
                self._answered()
                await self._keep(self._outbox.park, released, str(outcome))
            case UplinkRefused():
                self._answered()
                lane.ended = True
                await self._keep(self._outbox.refuse, released)
            case UplinkUnauthorised():
                self._pause_person(lane.subject, str(outcome))
                due_at = self._clock.now().utc + _PERSON_PAUSE
                await self._keep(self._outbox.retry_at, released, due_at, str(outcome))
            case _:
                lane.left = Left(unknown=(reading,))
                lane.ended = True
                due_at = self._clock.now().utc + self._doubts.again(reading)
                await self._keep(self._outbox.unsettle, released, due_at, why_unknown(outcome))
                if isinstance(outcome, OutcomeUnknown):
                    self._doubted(outcome)
        self._count(outcome)

    async def _settle(self, released: Released, receipt: Receipt) -> None:
        await self._keep(self._outbox.settle, released, receipt)
        self._count(receipt)

    def _count(self, outcome: Receipt | Exception | None) -> None:
        self._metrics.count("deliveries_total", destination=self._name, outcome=label(outcome))

    async def _try(self, lane: _Lane, released: Released) -> Receipt | Exception | None:
        """Search if it may be there, else send. Errors are values; None means it was cut off."""
        lane.idle.clear()
        try:
            async with asyncio.timeout(None) as lane.attempt:
                if released.delivery.unsettled:
                    found = await self._uplink.find(released)
                    if found is not None:
                        return found
                return await self._uplink.send(released)
        except asyncio.CancelledError:
            due_at = self._clock.now().utc
            await self._keep(self._outbox.unsettle, released, due_at, why_unknown(None))
            raise
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001 - the one place: our bug must not stop the rest
            return error
        finally:
            lane.attempt = None
            lane.idle.set()

    def _doubted(self, error: OutcomeUnknown) -> None:
        self._doubts_in_a_row += 1
        if self._doubts_in_a_row >= _DOUBTS_IN_A_ROW:
            self._pause_all(UplinkUnavailable(str(error)))

    # --- one correction -------------------------------------------------------------------------

    async def _attempt_correction(self, lane: _Lane, correction: ReleasedCorrection) -> None:
        """Make one correction there and take down what became of it."""
        if self._corrects is None:
            return  # then none was claimed
        outcome = await self._try_correction(self._corrects, lane, correction)
        now, reading = self._clock.now().utc, correction.released.delivery.entry.id
        match outcome:
            case Receipt():
                self._answered()
                self._doubts.over(reading)
                await self._keep(self._outbox.corrected, correction)
            case UplinkRejected() | UplinkRefused():
                self._answered()
                await self._keep(self._outbox.leave_correction, correction, str(outcome))
            case UplinkUnavailable():
                self._pause_all(outcome)
                due_at = now + timedelta(seconds=self._backoff.remaining(self._now_s))
                await self._keep(self._outbox.correct_at, correction, due_at)
            case UplinkUnauthorised():
                self._pause_person(lane.subject, str(outcome))
                await self._keep(self._outbox.correct_at, correction, now + _PERSON_PAUSE)
            case _:
                _log.warning("%s: a correction waits: %s", self._name, why_unknown(outcome))
                lane.ended = True
                due_at = now + self._doubts.again(reading)
                await self._keep(self._outbox.correct_at, correction, due_at)
        self._metrics.count("corrections_total", destination=self._name, outcome=label(outcome))

    async def _try_correction(
        self, corrects: Correcting, lane: _Lane, correction: ReleasedCorrection
    ) -> Receipt | Exception | None:
        """Make it. Errors are values; None means it was cut off."""
        lane.idle.clear()
        try:
            async with asyncio.timeout(None) as lane.attempt:
                return await corrects.correct(correction)
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001 - as for a delivery
            return error
        finally:
            lane.attempt = None
            lane.idle.set()

    def _answered(self) -> None:
        self._doubts_in_a_row = 0
        if self._backoff.failing:
            _log.info("%s: it answers again", self._name)
        self._backoff.answered()

    def _pause_all(self, error: UplinkUnavailable) -> None:
        pause_s = self._backoff.failed(self._now_s, error.retry_after)
        self._why_paused = str(error)
        _log.warning("%s: left alone for %.0f s: %s", self._name, pause_s, error)

    def _pause_person(self, subject: SubjectId, why: str) -> None:
        self._paused[subject] = (self._now_s + _PERSON_PAUSE.total_seconds(), why)
        _log.warning("%s: one person's deliveries wait: %s", self._name, why)

    async def _keep(
        self, write: Callable[_P, Awaitable[None]], *args: _P.args, **kwargs: _P.kwargs
    ) -> None:
        """Have the outbox keep an outcome; with a full disk, wait: sending more would lose more."""
        while True:
            try:
                return await write(*args, **kwargs)
            except JournalFull as error:
                self._why_stuck = f"What was sent cannot be kept yet: {error}."
                _log.error("%s: what was sent cannot be kept yet: %s", self._name, error)
                await self._timer(asyncio.Event(), _JOURNAL_REST_S)
            except JournalError as error:
                # It stays "on its way", so the next start searches for it.
                _log.error("%s: what was sent cannot be kept: %s", self._name, error)
                return None
