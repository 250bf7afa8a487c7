"""Reads what a device has stored, through its Record Access Control Point.

Glucose meters and CGM sensors answer a request by notifying their records and then indicating, on
the control point, how it ended. The answer is what is waited for: records gather in their inboxes
and are handed over in bursts, so that a long memory costs few commits and yet little of it is lost
when the link is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway.drivers.api import Channel, Frame, Inbox, Link
from gateway.errors import DecodeError, LinkLost, LinkRefused, LinkTimeout, ProtocolError
from gateway.wire import racp

TIMEOUT_S = 30.0
"""A request without record or answer for so long has failed (the ATT transaction time-out)."""

Meanwhile = Callable[[], Awaitable[None]]

_TURN_S = 2.0  # how much of a running report a lost link or a power cut may cost
_TURNS = int(TIMEOUT_S / _TURN_S)
_OVERTAKEN_S = 0.2  # guess: an answer may overtake the last records on its way through a host stack

_WITHOUT_FILTER = frozenset(
    {
        racp.Code.OP_CODE_NOT_SUPPORTED,
        racp.Code.INVALID_OPERATOR,
        racp.Code.OPERATOR_NOT_SUPPORTED,
        racp.Code.INVALID_OPERAND,
        racp.Code.OPERAND_NOT_SUPPORTED,
    }
)
"""Answers of devices that cannot tell old records from new: they are asked for all of them."""

_ALREADY_BUSY = frozenset({0x80, 0xFE})
"""ATT errors for "procedure already in progress": the Glucose Service's own, and the common one."""


class StoredRecords:
    """The stored records of one device: its control point, and the inboxes they arrive in.

    One request at a time: call `report`, then `burst` until it returns None; `count` in between.
    """

    def __init__(
        self,
        link: Link,
        control: Channel,
        answers: Inbox,
        *records: Inbox,
        by: int = racp.BY_NUMBER,
        record_within_s: float = 0.0,
        meanwhile: Meanwhile | None = None,
    ) -> None:
        """Take a control point, and the filter `by` which its records are numbered.

        Records that are indicated come only once the one before is confirmed, that is, asked past:
        `record_within_s` is how long that may take. Where something else may be indicated at any
        time, a count comes only once that is confirmed: `meanwhile` takes it in and records it.
        """
        self._meanwhile = meanwhile
        self._by = by
        self._record_within_s = record_within_s
        self._link = link
        self._control = control
        self._answers = answers
        self._records = records
        self._since: int | None = None
        self._finished = True
        self._none_found = False
        self._failed: ProtocolError | None = None
        self.silent = False
        """A request went unanswered: nothing more may be asked on this link."""

    @property
    def finished(self) -> bool:
        """Whether the last burst of the present report was handed over."""
        return self._finished

    async def report(self, since: int | None = None) -> None:
        """Ask for the records from number `since` on, or for all.

        Raises ProtocolError if the device is busy with a request of before: disconnecting ends it.
        """
        self._since = since
        await self._begin(racp.report(since, self._by))

    async def last(self) -> list[Frame]:
        """Return the record that was stored last, and what belongs to it; [] if it does not say."""
        self._since = None
        frames: list[Frame] = []
        with suppress(ProtocolError, LinkRefused):
            await self._begin(racp.report_last())
            while (burst := await self.burst()) is not None:
                frames += burst
        return frames

    async def burst(self) -> list[Frame] | None:
        """Return what came since the last call, or None once everything has been handed over.

        May return an empty list. Falls back to all records where the device knows no filter. Raises
        ProtocolError if the device is busy, breaks off, or falls silent (TIMEOUT_S after the last
        record). Records that came before any of that, or before LinkLost, are returned first.
        """
        if self._failed is not None:
            raise self._failed
        for _ in range(_TURNS):
            if self._finished:
                return None
            try:
                answer = await self._answer()
            except ProtocolError as error:
                return await self._end_with(error)
            except LinkLost:
                if frames := await self._drained(within=0):
                    return frames
                raise
            if answer is None and (frames := await self._drained(within=self._record_within_s)):
                return frames
            if isinstance(answer, racp.Response) and answer.request_op == racp.Op.REPORT:
                return await self._end(answer)
        self.silent = True
        raise ProtocolError("The device began to report its records and fell silent.")

    async def count(self, since: int | None = None) -> int | None:
        """Ask how many records there are from number `since` on; None if the device does not say.

        Records that come meanwhile stay in their inboxes, or are taken in by `meanwhile`.
        """
        await self._ask(racp.count(since, self._by))
        for _ in range(_TURNS):
            answer = await self._answer()
            if isinstance(answer, racp.Count):
                return answer.count
            if answer is not None and answer.request_op == racp.Op.COUNT:
                return 0 if answer.response_code == racp.Code.NO_RECORDS_FOUND else None
            if answer is None and self._meanwhile is not None:
                await self._meanwhile()
        self.silent = True
        return None

    async def confirms(self, since: int | None, seen: int, *, twice: bool) -> bool:
        """Say whether `seen` records are all there are from number `since` on.

        By the device's own count; of a device that cannot count, the same must have been reported
        `twice`, or it said that it has none; of one that leaves the question unanswered, its word
        that it has reported them.
        """
        count = await self.count(since)
        if count is None:
            return twice or self.silent or (self._none_found and not seen)
        return count <= seen

    async def begin_with(self, first: int) -> bool:
        """Say whether the device has no record before number `first`, by its own count."""
        if (whole := await self.count()) is None:
            return False
        since = await self.count(first)
        return since is not None and whole <= since

    async def _begin(self, request: bytes) -> None:
        self._finished, self._failed = False, None
        await self._ask(request)

    async def _ask(self, request: bytes) -> None:
        if self.silent:
            raise ProtocolError("The device left a request unanswered: it must be reconnected.")
        try:
            await self._link.write(self._control, request)
        except LinkRefused as error:
            if error.code in _ALREADY_BUSY:
                raise ProtocolError("The device is still busy with an earlier request.") from error
            raise

    async def _answer(self) -> racp.Count | racp.Response | None:
        try:
            frame = await self._answers.get(within=_TURN_S)
        except LinkTimeout:
            return None
        try:
            return racp.decode_answer(frame.data)
        except DecodeError as error:
            raise ProtocolError("The device's answer on record access cannot be read.") from error

    async def _end(self, answer: racp.Response) -> list[Frame]:
        if answer.response_code in _WITHOUT_FILTER and self._since is not None:
            await self.report()
            return await self._drained(within=0)
        if answer.response_code not in (racp.Code.SUCCESS, racp.Code.NO_RECORDS_FOUND):
            failed = f"The device did not report its records: {answer.response}."
            return await self._end_with(ProtocolError(failed))
        self._finished = True
        self._none_found = answer.response_code == racp.Code.NO_RECORDS_FOUND
        return await self._drained(within=_OVERTAKEN_S)

    async def _end_with(self, error: ProtocolError) -> list[Frame]:
        """Hand over what came before it went wrong, to be told at the next call."""
        if not (frames := await self._drained(within=_OVERTAKEN_S)):
            raise error
        self._failed = error
        return frames

    async def _drained(self, *, within: float) -> list[Frame]:
        """Take what waits, and what comes `within` s of the one before."""
        frames = []
        for inbox in self._records:
            try:
                while True:
                    frames.append(await inbox.get(within=within))
            except (LinkTimeout, LinkLost):
                continue
        return frames
