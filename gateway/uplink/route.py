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

Where the uplink can bring several readings there in one request, those of a lane go together. What
the destination does not take that way goes by itself; so does what is searched for first.

A destination that leaves only doubts (it fails, hangs, drops connections) takes nothing in either:
after five of them with no other word in between it is left alone for a while too.

Corrections of what was sent go along the same lanes, after the readings, where the uplink can make
them. They are made, left to a person if the uplink rejects or refuses them, or else due later:
repeating one is harmless, so none is ever searched for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Concatenate, ParamSpec, TypeVar

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
from gateway.uplink.api import Correcting, Gathering, Timer, Uplink
from gateway.uplink.lane import Lane, Left
from gateway.uplink.outbox import Outbox
from gateway.uplink.outcomes import Doubts, label, why_unknown
from gateway.uplink.standing import PERSON_PAUSE, Standing

_P = ParamSpec("_P")
_What = TypeVar("_What")

_BATCH_PER_SLOT = 16
"""Every batch costs a claim, synced to the disk; after a crash, each of it costs a search."""
_BEHIND = 8
"""Receipts of a lane that are not on the disk yet: with a full disk nothing more is sent then."""
_FRESH_S = 60.0
"""A release is consent as it was when claimed. What has waited longer is decided anew, and so is
what one grant let go that has ended since."""
_LONGEST_REST_S = 300.0  # so that a step of the wall clock is noticed
_SHORTEST_REST_S = 1.0
_JOURNAL_REST_S = 10.0
_TIMELESS_REST_S = 10.0

_log = logging.getLogger(__name__)


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
        self._gathers = uplink if isinstance(uplink, Gathering) else None
        self._together = 1 if self._gathers is None else self._gathers.most_together
        self._name = uplink.name
        self._clock = clock
        self._metrics = metrics
        self._timer = timer
        self._standing = Standing(self._name, clock, jitter)
        self._doubts = Doubts()
        self._why_stuck: str | None = None
        self._batch = max_concurrent * max(_BATCH_PER_SLOT, self._together)
        self._slots = asyncio.Semaphore(max_concurrent)
        self._claiming = asyncio.Lock()
        self._lanes: dict[SubjectId, Lane] = {}
        self._due = asyncio.Event()
        outbox.when_due(self._name, self._due.set)

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self.round()

    async def round(self) -> None:
        """Bring one batch there; if there is nothing to do, wait until there may be.

        Nothing goes while the hub does not know the time: a consent may have ended meanwhile.
        """
        if not self._clock.now().trusted:
            await self._timer(asyncio.Event(), _TIMELESS_REST_S)
            return
        pause_s = self._standing.pause_s
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
        self._standing.resume(subject)
        self._due.set()

    def refuses(self, subject: SubjectId) -> bool:
        """Tell whether this person's deliveries wait because our access is not accepted."""
        return self._standing.refuses(subject)

    @property
    def problem(self) -> str | None:
        """Why nothing goes there for now, in a sentence; None if it does."""
        return self._standing.problem or self._why_stuck

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
            limit = 1 if self._standing.failing else self._batch
            batch = await self._outbox.claim(self._name, limit, self._clock.now().utc)
            for released in batch:
                self._lane(released.subject).readings.append(released)
            corrections = await self._corrections(limit - len(batch))
            for correction in corrections:
                self._lane(correction.released.subject).corrections.append(correction)
        async with asyncio.TaskGroup() as group:
            for lane in list(self._lanes.values()):
                group.create_task(self._go_along(lane, group))
        return bool(batch or corrections)

    def _lane(self, subject: SubjectId) -> Lane:
        return self._lanes.setdefault(subject, Lane(subject, self._now_s))

    async def _corrections(self, limit: int) -> list[ReleasedCorrection]:
        if limit < 1 or self._corrects is None:
            return []
        return await self._outbox.claim_corrections(self._name, limit, self._clock.now().utc)

    async def _go_along(self, lane: Lane, group: asyncio.TaskGroup) -> None:
        try:
            while lane.readings or lane.corrections:
                async with self._slots:
                    if self._hold(lane) is not None:
                        break
                    if lane.readings:
                        await self._attempt(lane, lane.take(self._together), group)
                    else:
                        await self._attempt_correction(lane, lane.corrections.popleft())
        finally:
            del self._lanes[lane.subject]
            wait_s, why = self._hold(lane) or (0.0, "The gateway was stopped.")
            due_at = self._clock.now().utc + timedelta(seconds=wait_s)
            await self._keep_all(self._outbox.retry_at, lane.readings, due_at, why)
            for correction in lane.corrections:
                await self._keep(self._outbox.correct_at, correction, due_at)

    def _hold(self, lane: Lane) -> tuple[float, str] | None:
        """Say why nothing of this lane may go now, and for how many seconds; None if it may."""
        held = self._standing.hold(lane.subject)
        if held is not None:
            return held
        now, ends = self._clock.now(), lane.good_until()
        is_stale = now.monotonic - lane.claimed_s > _FRESH_S or not now.trusted
        if lane.ended or is_stale or (ends is not None and now.utc >= ends):
            return 0.0, "It waits for the next turn."
        return None

    # --- one attempt ----------------------------------------------------------------------------

    async def _attempt(self, lane: Lane, batch: list[Released], group: asyncio.TaskGroup) -> None:
        """Bring one reading there, or several at once, and take down what became of them."""
        outcome = await self._try(lane, batch)
        lane.left = Left()
        now = self._clock.now().utc
        match outcome:  # the table above
            case list():
                self._standing.answered()
                await self._settle_all(lane, batch, outcome, group)
                return
            case UplinkUnavailable():
                self._standing.unavailable(outcome)
                due_at = now + timedelta(seconds=self._standing.pause_s)
                await self._keep_all(self._outbox.retry_at, batch, due_at, str(outcome))
            case UplinkRejected():
                self._standing.answered()
                await self._keep_all(self._outbox.park, batch, str(outcome))
            case UplinkRefused():
                self._standing.answered()
                lane.ended = True
                await self._keep_all(self._outbox.refuse, batch)
            case UplinkUnauthorised():
                self._standing.unauthorised(lane.subject, str(outcome))
                due_at = now + PERSON_PAUSE
                await self._keep_all(self._outbox.retry_at, batch, due_at, str(outcome))
            case _:
                lane.left = Left(unknown=_ids(batch))
                lane.ended = True
                due_at = now + max(self._doubts.again(reading) for reading in _ids(batch))
                why = why_unknown(outcome)
                await self._keep_all(self._outbox.unsettle, batch, due_at, why)
                if isinstance(outcome, OutcomeUnknown):
                    self._standing.doubted(outcome)
        for _ in batch:
            self._count(outcome)

    async def _settle_all(
        self,
        lane: Lane,
        batch: list[Released],
        receipts: list[Receipt | None],
        group: asyncio.TaskGroup,
    ) -> None:
        """Have receipts written down; what has none goes next, by itself."""
        told = list(zip(batch, receipts, strict=True))
        lane.put_back_alone([each for each, receipt in told if receipt is None])
        arrived = [(each, receipt) for each, receipt in told if receipt is not None]
        lane.left = Left(arrived=_ids(each for each, _ in arrived))
        for released, receipt in arrived:
            self._doubts.over(released.delivery.entry.id)
            lane.settling.append(group.create_task(self._settle(released, receipt)))
        while len(lane.settling) > _BEHIND:
            await lane.settling.popleft()

    async def _settle(self, released: Released, receipt: Receipt) -> None:
        await self._keep(self._outbox.settle, released, receipt)
        self._count(receipt)

    def _count(self, outcome: Receipt | Exception | None) -> None:
        self._metrics.count("deliveries_total", destination=self._name, outcome=label(outcome))

    async def _try(
        self, lane: Lane, batch: list[Released]
    ) -> list[Receipt | None] | Exception | None:
        """Bring them there, searching first for one that may be there already.

        Errors are values; None means it was cut off.
        """
        lane.idle.clear()
        try:
            async with asyncio.timeout(None) as lane.attempt:
                if self._gathers is not None and len(batch) > 1:
                    return await self._gathers.send_together(batch)
                (released,) = batch
                found = None
                if released.delivery.unsettled:
                    found = await self._uplink.find(released)
                return [found or await self._uplink.send(released)]
        except asyncio.CancelledError:
            due_at = self._clock.now().utc
            await self._keep_all(self._outbox.unsettle, batch, due_at, why_unknown(None))
            raise
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001 - the one place: our bug must not stop the rest
            return error
        finally:
            lane.attempt = None
            lane.idle.set()

    # --- one correction -------------------------------------------------------------------------

    async def _attempt_correction(self, lane: Lane, correction: ReleasedCorrection) -> None:
        """Make one correction there and take down what became of it."""
        if self._corrects is None:
            return  # then none was claimed
        outcome = await self._try_correction(self._corrects, lane, correction)
        now, reading = self._clock.now().utc, correction.released.delivery.entry.id
        match outcome:
            case Receipt():
                self._standing.answered()
                self._doubts.over(reading)
                await self._keep(self._outbox.corrected, correction)
            case UplinkRejected() | UplinkRefused():
                self._standing.answered()
                await self._keep(self._outbox.leave_correction, correction, str(outcome))
            case UplinkUnavailable():
                self._standing.unavailable(outcome)
                due_at = now + timedelta(seconds=self._standing.pause_s)
                await self._keep(self._outbox.correct_at, correction, due_at)
            case UplinkUnauthorised():
                self._standing.unauthorised(lane.subject, str(outcome))
                await self._keep(self._outbox.correct_at, correction, now + PERSON_PAUSE)
            case _:
                _log.warning("%s: a correction waits: %s", self._name, why_unknown(outcome))
                lane.ended = True
                due_at = now + self._doubts.again(reading)
                await self._keep(self._outbox.correct_at, correction, due_at)
        self._metrics.count("corrections_total", destination=self._name, outcome=label(outcome))

    async def _try_correction(
        self, corrects: Correcting, lane: Lane, correction: ReleasedCorrection
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

    # --- keeping what became of it --------------------------------------------------------------

    async def _keep_all(
        self,
        write: Callable[Concatenate[_What, _P], Awaitable[None]],
        what: Iterable[_What],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> None:
        """Keep the same of each, in one sync of the disk if there is one."""
        await asyncio.gather(*(self._keep(write, each, *args, **kwargs) for each in what))

    async def _keep(
        self, write: Callable[_P, Awaitable[None]], *args: _P.args, **kwargs: _P.kwargs
    ) -> None:
        """Have the outbox keep an outcome; with a full disk, wait: sending more would lose more."""
        while True:
            try:
                return await write(*args, **kwargs)
            except JournalFull as error:
                stuck = f"What was sent cannot be kept yet: {error}."
                if stuck != self._why_stuck:  # once, and not for each of many that wait
                    _log.error("%s: what was sent cannot be kept yet: %s", self._name, error)
                self._why_stuck = stuck
                await self._timer(asyncio.Event(), _JOURNAL_REST_S)
            except JournalError as error:
                # It stays "on its way", so the next start searches for it.
                _log.error("%s: what was sent cannot be kept: %s", self._name, error)
                return None


def _ids(batch: Iterable[Released]) -> tuple[ReadingId, ...]:
    return tuple(each.delivery.entry.id for each in batch)
