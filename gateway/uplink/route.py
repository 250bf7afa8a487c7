"""The way to one destination: claim what is due, bring it there, take down what became of it.

Deliveries are claimed in small batches. Within a batch each person has a lane: their readings go
one after another in due order, those of different persons at the same time. While receipts are
being written to the disk the next reading of the lane is under way already, so that one sync serves
several; only so many may be behind. What goes wrong with one reading ends at most its own lane and
its own batch; the rest is given back and claimed anew.

Where the uplink can bring several readings there in one request, those of a lane go together. What
the destination does not take that way goes by itself; so does what is searched for first.

A destination that leaves only doubts (it fails, hangs, drops connections) takes nothing in either:
after five of them with no other word in between it is left alone for a while too.

Corrections of what was sent go along the same lanes, after the readings, where the uplink can make
them. `attempts.py` says what each word of the uplink does to a delivery.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from gateway.clock import Clock
from gateway.consent.correction import ReleasedCorrection
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError, UplinkUnauthorised
from gateway.metrics import Metrics
from gateway.uplink.api import Correcting, Gathering, Timer, Uplink
from gateway.uplink.attempts import Attempts
from gateway.uplink.keeping import JOURNAL_REST_S, Keeping
from gateway.uplink.lane import Lane, Left
from gateway.uplink.outbox import Outbox
from gateway.uplink.standing import Standing

_BATCH_PER_SLOT = 16
"""Every batch costs a claim, synced to the disk; after a crash, each of it costs a search."""
_FRESH_S = 60.0
"""A release is consent as it was when claimed. What has waited longer is decided anew, and so is
what one grant let go that has ended since."""
_LONGEST_REST_S = 300.0  # so that a step of the wall clock is noticed
_SHORTEST_REST_S = 1.0
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
        self._name = uplink.name
        self._clock = clock
        self._timer = timer
        self._corrects = isinstance(uplink, Correcting)
        self._together = uplink.most_together if isinstance(uplink, Gathering) else 1
        self._standing = Standing(self._name, clock, jitter)
        self._keeping = Keeping(self._name, timer)
        self._attempts = Attempts(outbox, uplink, clock, metrics, self._standing, self._keeping)
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
            self._keeping.stuck = f"Nothing can be sent: {error}."
            _log.error("%s: nothing can be sent: %s", self._name, error)
            await self._timer(asyncio.Event(), JOURNAL_REST_S)
            return
        self._keeping.stuck = None
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
        """Leave this person alone no longer; what waits of theirs is to be made due after it."""
        self._standing.resume(subject)

    @property
    def held(self) -> str | None:
        """Why somebody's deliveries wait although it is open; None if nobody's do."""
        return self._standing.held

    def refusal(self, subject: SubjectId) -> UplinkUnauthorised | None:
        """Return why our access is not accepted for this person, whose deliveries wait."""
        return self._standing.refusal(subject)

    @property
    def problem(self) -> str | None:
        """Why nothing goes there for now, in a sentence; None if it does."""
        return self._standing.problem or self._keeping.stuck

    @property
    def _now_s(self) -> float:
        return self._clock.now().monotonic

    async def _rest_s(self) -> float:
        dues = [await self._outbox.next_due(self._name)]
        if self._corrects:
            dues.append(await self._outbox.next_correction_due(self._name))
        known = [due for due in dues if due is not None]
        if not known:
            return _LONGEST_REST_S
        seconds = (min(known) - self._clock.now().utc).total_seconds()
        return min(max(seconds, _SHORTEST_REST_S), _LONGEST_REST_S)

    # --- one batch ------------------------------------------------------------------------------

    async def _deliver_a_batch(self) -> bool:
        async with self._claiming:
            limit = 1 if self._standing.failing else self._batch
            batch = await self._outbox.claim(self._name, limit, self._clock.now().utc)
            for released in batch:
                self._lane(released.subject).readings.append(released)
            try:
                corrections = await self._corrections(limit - len(batch))
            except JournalError as error:
                if not batch:
                    raise
                _log.error("%s: no corrections can be made: %s", self._name, error)
                corrections = []  # what was claimed is not left lying
            for correction in corrections:
                self._lane(correction.released.subject).corrections.append(correction)
        async with asyncio.TaskGroup() as group:
            for lane in list(self._lanes.values()):
                group.create_task(self._go_along(lane, group))
        return bool(batch or corrections)

    def _lane(self, subject: SubjectId) -> Lane:
        return self._lanes.setdefault(subject, Lane(subject, self._now_s))

    async def _corrections(self, limit: int) -> list[ReleasedCorrection]:
        if limit < 1 or not self._corrects:
            return []
        return await self._outbox.claim_corrections(self._name, limit, self._clock.now().utc)

    async def _go_along(self, lane: Lane, group: asyncio.TaskGroup) -> None:
        try:
            while lane.readings or lane.corrections:
                async with self._slots:
                    if self._hold(lane) is not None:
                        break
                    if lane.readings:
                        await self._attempts.bring(lane, lane.take(self._together), group)
                    else:
                        await self._attempts.correct(lane, lane.corrections.popleft())
        finally:
            del self._lanes[lane.subject]
            wait_s, why = self._hold(lane) or (0.0, "The gateway was stopped.")
            due_at = self._clock.now().utc + timedelta(seconds=wait_s)
            await self._keeping.all(self._outbox.retry_at, lane.readings, due_at, why)
            for correction in lane.corrections:
                await self._keeping.one(self._outbox.correct_at, correction, due_at)

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
