"""Whichever write of whichever call fails, the call is done or it is not: never half."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from gateway.consent.gate import Released
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError, JournalFull
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.disk import Disk
from tests.journal.making import (
    LONG_AGO,
    SCALE,
    consenting,
    grant,
    open_journal,
    weight,
    withdrawal,
)

Call = Callable[[], Awaitable[object]]
Done = Callable[[Reader], bool]


class Trial:
    """One call, made again and again, each time with another write that fails."""

    def __init__(self, journal: Journal, subject: SubjectId) -> None:
        self.journal = journal
        self.subject = subject
        self.nth = 0

    async def granting(self) -> tuple[Call, Done]:
        name = f"g{self.nth}"
        return lambda: self.journal.record_grant(grant(self.subject, name)), self._has(name)

    async def withdrawing(self) -> tuple[Call, Done]:
        await self.journal.record_grant(grant(self.subject, f"g{self.nth}"))
        await self.journal.record(SCALE, [weight(self.nth)])
        name = f"w{self.nth}"
        gone = withdrawal(self.subject, name)
        return lambda: self.journal.record_withdrawal(gone), self._has(name)

    async def claiming(self) -> tuple[Call, Done]:
        (entry,) = await self.journal.record(SCALE, [weight(self.nth)])
        return lambda: self.journal.claim("mes", 1, START), self._is(entry.id, "sending")

    async def settling(self) -> tuple[Call, Done]:
        released = await self._released()
        receipt = Receipt("mes", "Observation/1", START)
        settled = self._is(released.delivery.entry.id, "settled")
        return lambda: self.journal.settle(released, receipt), settled

    async def losing_the_answer(self) -> tuple[Call, Done]:
        released = await self._released()
        unsettled = self._is(released.delivery.entry.id, "unsettled")
        return lambda: self.journal.unsettle(released, START, "no answer"), unsettled

    async def assigning(self) -> tuple[Call, Done]:
        other = (await self.journal.add_subject("Bob")).id
        (entry,) = await self.journal.record(SCALE, [weight(self.nth, slot=f"s{self.nth}")])
        del entry

        def done(reader: Reader) -> bool:
            return other in {each.subject for each in reader.assignments()}

        return lambda: self.journal.assign(SCALE.id, f"s{self.nth}", other, LONG_AGO), done

    async def erasing(self) -> tuple[Call, Done]:
        other = (await self.journal.add_subject("Bob")).id
        await self.journal.record_grant(grant(other, f"g{self.nth}"))

        def done(reader: Reader) -> bool:
            return other not in {each.id for each in reader.subjects()}

        return lambda: self.journal.erase(other), done

    async def _released(self) -> Released:
        await self.journal.record(SCALE, [weight(self.nth)])
        (released,) = await self.journal.claim("mes", 1, START)
        return released

    def _has(self, name: str) -> Done:
        return lambda reader: name in {entry.id for entry in reader.ledger(self.subject)}

    def _is(self, entry: str, state: str) -> Done:
        def done(reader: Reader) -> bool:
            (view,) = [view for view in reader.entries(limit=1000) if view.entry.id == entry]
            return view.deliveries[0].state == state

        return done


CALLS = (
    Trial.granting,
    Trial.withdrawing,
    Trial.claiming,
    Trial.settling,
    Trial.losing_the_answer,
    Trial.assigning,
    Trial.erasing,
)


@pytest.mark.parametrize("failure", [apsw.FullError, apsw.IOError])
@pytest.mark.parametrize("trying", CALLS, ids=lambda trying: trying.__name__)
async def test_a_call_is_done_or_not_whichever_of_its_writes_fails(
    disk: Disk,
    path: Path,
    trying: Callable[[Trial], Awaitable[tuple[Call, Done]]],
    failure: type[apsw.Error],
) -> None:
    failed = 0
    raised = JournalFull if failure is apsw.FullError else JournalError
    async with open_journal(path) as journal:
        trial = Trial(journal, await consenting(journal))
        with Reader.open(path) as reader:
            never_reached = False
            while not never_reached:
                call, done = await trying(trial)
                disk.fail(after=trial.nth, error=failure)
                try:
                    await call()
                except raised:
                    never_reached = disk.heal()
                    failed += 1
                    assert not done(reader)
                    await call()
                else:
                    never_reached = disk.heal()
                assert done(reader)
                trial.nth += 1
            assert reader.verify_against(None).whole
    assert trial.nth > 3
    assert failed > 1 or failure is apsw.FullError  # what is vital uses what is kept back
