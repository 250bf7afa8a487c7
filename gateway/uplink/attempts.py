"""One attempt: readings or a correction brought to a destination, and what became of them kept.

    what the uplink says        the delivery          and then
    Receipt                     settled               go on
    UplinkUnavailable           due after the pause   the destination is left alone for a while
    OutcomeUnknown              unsettled, due later  this lane ends
    UplinkRejected              parked                go on
    UplinkRefused               refused               this lane ends
    UplinkUnauthorised          due later             this person is left alone for a while
    anything else (our bug)     unsettled, due later  this lane ends

Corrections of what was sent are made, left to a person if the uplink rejects or refuses them, or
else due later: repeating one is harmless, so none is ever searched for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta

from gateway.clock import Clock
from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.errors import (
    OutcomeUnknown,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.metrics import Metrics
from gateway.uplink.api import Correcting, Gathering, Uplink
from gateway.uplink.keeping import Keeping
from gateway.uplink.lane import Lane, Left
from gateway.uplink.outbox import Outbox
from gateway.uplink.outcomes import Doubts, label, why_unknown
from gateway.uplink.standing import PERSON_PAUSE, Standing

_BEHIND = 8
"""Receipts of a lane that are not on the disk yet: with a full disk nothing more is sent then."""

_log = logging.getLogger(__name__)


class Attempts:
    """The attempts at one destination."""

    def __init__(
        self,
        outbox: Outbox,
        uplink: Uplink,
        clock: Clock,
        metrics: Metrics,
        standing: Standing,
        keeping: Keeping,
    ) -> None:
        self._outbox = outbox
        self._uplink = uplink
        self._name = uplink.name
        self._corrects = uplink if isinstance(uplink, Correcting) else None
        self._gathers = uplink if isinstance(uplink, Gathering) else None
        self._clock = clock
        self._metrics = metrics
        self._standing = standing
        self._keeping = keeping
        self._doubts = Doubts()

    async def bring(self, lane: Lane, batch: list[Released], group: asyncio.TaskGroup) -> None:
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
                await self._keeping.all(self._outbox.retry_at, batch, due_at, str(outcome))
            case UplinkRejected():
                self._standing.answered()
                await self._keeping.all(self._outbox.park, batch, str(outcome))
            case UplinkRefused():
                self._standing.answered()
                lane.ended = True
                await self._keeping.all(self._outbox.refuse, batch)
            case UplinkUnauthorised():
                self._standing.unauthorised(lane.subject, outcome)
                due_at = now + PERSON_PAUSE
                await self._keeping.all(self._outbox.retry_at, batch, due_at, str(outcome))
            case _:
                lane.left = Left(unknown=_ids(batch))
                lane.ended = True
                due_at = now + max(self._doubts.again(reading) for reading in _ids(batch))
                why = why_unknown(outcome)
                await self._keeping.all(self._outbox.unsettle, batch, due_at, why)
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
        await self._keeping.one(self._outbox.settle, released, receipt)
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
            await self._keeping.all(self._outbox.unsettle, batch, due_at, why_unknown(None))
            raise
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001 - the one place: our bug must not stop the rest
            return error
        finally:
            lane.attempt = None
            lane.idle.set()

    async def correct(self, lane: Lane, correction: ReleasedCorrection) -> None:
        """Make one correction there and take down what became of it."""
        if self._corrects is None:
            return  # then none was claimed
        outcome = await self._try_correction(self._corrects, lane, correction)
        now, reading = self._clock.now().utc, correction.released.delivery.entry.id
        match outcome:
            case Receipt():
                self._standing.answered()
                self._doubts.over(reading)
                await self._keeping.one(self._outbox.corrected, correction)
            case UplinkRejected() | UplinkRefused():
                self._standing.answered()
                await self._keeping.one(self._outbox.leave_correction, correction, str(outcome))
            case UplinkUnavailable():
                self._standing.unavailable(outcome)
                due_at = now + timedelta(seconds=self._standing.pause_s)
                await self._keeping.one(self._outbox.correct_at, correction, due_at)
            case UplinkUnauthorised():
                self._standing.unauthorised(lane.subject, outcome)
                await self._keeping.one(self._outbox.correct_at, correction, now + PERSON_PAUSE)
            case _:
                _log.warning("%s: a correction waits: %s", self._name, why_unknown(outcome))
                lane.ended = True
                due_at = now + self._doubts.again(reading)
                await self._keeping.one(self._outbox.correct_at, correction, due_at)
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


def _ids(batch: Iterable[Released]) -> tuple[ReadingId, ...]:
    return tuple(each.delivery.entry.id for each in batch)
