"""Any order of events, against a model simple enough to be believed.

The model keeps, for each reading, whose it is and what the destination was sent. What it asserts is
what people are promised: nothing recorded is lost, nothing leaves without a living grant or after a
withdrawal, nothing is sent a second time without a search, nothing stays stuck, and who was erased
stays so. What leaves is judged at a socket by `tests/uplink/test_any_order.py`.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from gateway.consent.gate import Released
from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.states import State
from gateway.testing.clock import START, ManualClock
from tests.journal.making import (
    LONG_AGO,
    SCALE,
    grant,
    open_journal,
    weight,
    withdrawal,
)

SLOTS = ("1", "2")
OUTCOMES = ("arrived", "lost", "unavailable", "rejected")


class Household(RuleBasedStateMachine):
    """A scale, two people, one destination."""

    released = Bundle("released")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "state" / "journal.db"
        self.clock = ManualClock()
        self.runner = asyncio.Runner()
        self.journal = self.runner.run(self._open())
        self.reader = Reader.open(self.path)
        self.people: dict[str, SubjectId] = {}
        self.assigned: set[str] = set()
        self.consenting: set[SubjectId] = set()
        self.recorded: dict[str, SubjectId | None] = {}  # record -> whose it is
        self.dismissed: set[str] = set()
        self.erased: set[str] = set()
        self.had: set[tuple[str, SubjectId]] = set()  # ... or may have, before it was another's
        self.maybe_there: set[str] = set()  # sent, and nobody said that it did not arrive
        self.settled: set[str] = set()
        self.dropped: set[str] = set()
        self.names = 0

    async def _open(self) -> Journal:
        return open_journal(self.path, self.clock)

    def teardown(self) -> None:
        self.reader.close()
        self.runner.run(self.journal.close())
        self.runner.close()
        self.folder.cleanup()

    @initialize()
    def two_people_and_a_scale(self) -> None:
        self.runner.run(self.journal.adopt(SCALE.id, SCALE.driver))
        for slot in SLOTS:
            self.people[slot] = self.runner.run(self.journal.add_subject(slot)).id
        self.assign(SLOTS[0])
        self.consent(SLOTS[0])

    @rule(slot=st.sampled_from(SLOTS), numbers=st.lists(st.integers(0, 30), min_size=2, max_size=4))
    def record(self, slot: str, numbers: list[int]) -> None:
        readings = [weight(number * 2 + SLOTS.index(slot), slot=slot) for number in numbers]

        new = self.runner.run(self.journal.record(SCALE, readings))

        offered = {str(reading.record) for reading in readings}
        news = offered - set(self.recorded) - self.erased
        assert {entry.reading.record for entry in new} == news
        owner = self.people[slot] if slot in self.assigned else None
        self.recorded.update(dict.fromkeys(news, owner))

    @rule(slot=st.sampled_from(SLOTS))
    def assign(self, slot: str) -> None:
        if slot not in self.assigned:
            self.assigned.add(slot)
            made = self.journal.assign(SCALE.id, slot, self.people[slot], LONG_AGO)
            self.runner.run(made)
            for record in (self._slot(slot) & self._unclaimed()) - self.dismissed:
                self._give(record, self.people[slot])

    @precondition(lambda self: self._unclaimed())
    @rule(slot=st.sampled_from(SLOTS), data=st.data())
    def claim_for(self, slot: str, data: st.DataObject) -> None:
        """A person says that a reading of nobody is theirs."""
        record = data.draw(st.sampled_from(sorted(self._unclaimed())))

        self.runner.run(self.journal.claim_entry(self._id(record), self.people[slot]))

        self._give(record, self.people[slot])
        self.dismissed.discard(record)

    @precondition(lambda self: self._owned())
    @rule(slot=st.sampled_from(SLOTS), data=st.data())
    def reassign(self, slot: str, data: st.DataObject) -> None:
        """It was somebody else's: what was sent before says nothing of this person's record."""
        record = data.draw(st.sampled_from(sorted(self._owned())))
        if self._moves(record, self.journal.reassign(self._id(record), self.people[slot])):
            self._begin_anew(record, self.people[slot])

    @precondition(lambda self: self.recorded)
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from(sorted(self.recorded)))
        if self._moves(record, self.journal.dismiss(self._id(record))):
            self._begin_anew(record, None)
            self.dismissed.add(record)

    def _moves(self, record: str, call: Coroutine[Any, Any, None]) -> bool:
        """Make the call, which is refused for a reading that is being sent right now."""
        view = self.reader.entry(self._id(record))
        assert view is not None
        leaving = any(each.state is State.SENDING for each in view.deliveries)
        try:
            self.runner.run(call)
        except JournalError:
            assert leaving
            return False
        return not leaving

    def _begin_anew(self, record: str, owner: SubjectId | None) -> None:
        before = self.recorded[record]
        if before == owner and owner is not None:
            return
        if before is not None and record in self.settled | self.maybe_there:
            self.had.add((record, before))
        for known in (self.settled, self.dropped, self.maybe_there):
            known.discard(record)
        self._give(record, owner)

    def _give(self, record: str, owner: SubjectId | None) -> None:
        """Make it theirs; if they had it there, or may have had it, it may be there still."""
        self.recorded[record] = owner
        if owner is not None and (record, owner) in self.had:
            self.maybe_there.add(record)

    @rule(slot=st.sampled_from(SLOTS))
    def erase(self, slot: str) -> None:
        """Erase a person; the same slot is somebody new from now on."""
        gone = self.people[slot]
        theirs = {record for record, owner in self.recorded.items() if owner == gone}

        erased = self.runner.run(self.journal.erase(gone))

        assert erased == len(theirs)
        for record in theirs:
            del self.recorded[record]
            self._forget(record)
        self.erased |= theirs
        self.consenting.discard(gone)
        self.assigned.discard(slot)
        self.people[slot] = self.runner.run(self.journal.add_subject(slot)).id

    def _forget(self, record: str) -> None:
        for known in (self.settled, self.dropped, self.maybe_there, self.dismissed):
            known.discard(record)

    @rule(days=st.sampled_from((-4000, -1, 1, 4000)))
    def the_hubs_clock_jumps(self, days: int) -> None:
        self.clock.step(timedelta(days=days))

    @rule()
    def crash(self) -> None:
        """Go on from what is in the files at this moment, as after a kill."""
        self.reader.close()
        copy = self.path.parent.with_name(self.path.parent.name + "-")
        shutil.copytree(self.path.parent, copy)
        self.runner.run(self.journal.close())
        shutil.rmtree(self.path.parent)
        copy.rename(self.path.parent)
        self.journal = self.runner.run(self._open())
        self.reader = Reader.open(self.path)

    @rule(slot=st.sampled_from(SLOTS))
    def consent(self, slot: str) -> None:
        self.names += 1
        self.runner.run(self.journal.record_grant(grant(self.people[slot], f"g{self.names}")))
        self.consenting.add(self.people[slot])

    @rule(slot=st.sampled_from(SLOTS))
    def withdraw(self, slot: str) -> None:
        self.names += 1
        subject = self.people[slot]
        owed = self._of(subject) - self.settled - self.dropped

        dropped = self.runner.run(
            self.journal.record_withdrawal(withdrawal(subject, f"w{self.names}"))
        )

        assert dropped == len(owed)
        self.dropped |= owed
        self.consenting.discard(subject)

    @rule(target=released, limit=st.integers(1, 5))
    def claim(self, limit: int) -> list[Released]:
        return self._claim(limit)

    def _claim(self, limit: int) -> list[Released]:
        claimed = self.runner.run(self.journal.claim("mes", limit, self.clock.now().utc))

        for each in claimed:
            record = str(each.delivery.entry.reading.record)
            assert each.subject == self.recorded[record]
            assert each.subject in self.consenting
            assert record not in self.settled | self.dropped
            assert each.delivery.unsettled is (record in self.maybe_there)
        self.maybe_there |= {str(each.delivery.entry.reading.record) for each in claimed}
        return claimed

    @rule(batch=consumes(released), outcome=st.sampled_from(OUTCOMES))
    def outcome_of_an_earlier_claim(self, batch: list[Released], outcome: str) -> None:
        self._learn(batch, outcome)

    @rule(
        limit=st.integers(1, 5),
        outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=2, max_size=6),
    )
    def send(self, limit: int, outcomes: list[str]) -> None:
        for outcome in outcomes:
            self._learn(self._claim(limit), outcome)

    def _learn(self, batch: list[Released], outcome: str) -> None:
        soon = self.clock.now().utc
        for each in batch:
            record, state = self._now(each)
            if state is None:
                continue  # a later attempt, or an erasure, took it out of the worker's hands
            if outcome == "arrived" and state in (State.SENDING, State.DROPPED):
                receipt = Receipt("mes", f"Observation/{record}", START)
                self.runner.run(self.journal.settle(each, receipt))
                self.settled.add(record)
            elif state is not State.SENDING:
                continue  # a restart or a withdrawal took it out of the worker's hands
            elif outcome == "lost":
                self.runner.run(self.journal.unsettle(each, soon, "no answer"))
            else:
                if outcome == "unavailable":
                    self.runner.run(self.journal.retry_at(each, soon, "503"))
                else:
                    self.runner.run(self.journal.park(each, "422"))
                    self.runner.run(self.journal.retry_parked())
                if not each.delivery.unsettled:
                    self.maybe_there.discard(record)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.journal.close())
        self.journal = self.runner.run(self._open())

    @rule()
    def everything_is_delivered_in_the_end(self) -> None:
        for slot in SLOTS:
            self.assign(slot)
            self.consent(slot)
        self.restart()
        self.clock.step(timedelta(days=20_000))  # beyond every moment that anything waits for
        while batch := self._claim(limit=3):
            self._learn(batch, "arrived")
        self.clock.step(timedelta(days=-20_000))

        theirs = {record for record, owner in self.recorded.items() if owner is not None}
        assert theirs == self.settled | self.dropped
        assert set(self.recorded) - theirs == self.dismissed
        assert self.runner.run(self.journal.next_due("mes")) is None

    @precondition(lambda self: self.recorded)
    @invariant()
    def the_journal_agrees_with_the_model(self) -> None:
        views = {v.entry.reading.record: v for v in self.reader.entries(limit=1000)}
        assert set(views) == set(self.recorded)
        for record, view in views.items():
            (delivery,) = view.deliveries
            assert (delivery.state is State.SETTLED) == (record in self.settled)
            assert (delivery.state is State.DROPPED) == (record in self.dropped - self.settled)
        assert self.reader.verify() is None

    def _of(self, subject: SubjectId) -> set[str]:
        return {record for record, owner in self.recorded.items() if owner == subject}

    def _owned(self) -> set[str]:
        return {record for record, owner in self.recorded.items() if owner is not None}

    def _unclaimed(self) -> set[str]:
        return set(self.recorded) - self._owned()

    def _slot(self, slot: str) -> set[str]:
        """Return the records of a slot: their numbers are even or odd."""
        odd = SLOTS.index(slot)
        return {r for r in self.recorded if int(r.removeprefix("seq:")) % 2 == odd}

    def _id(self, record: str) -> ReadingId:
        views = self.reader.entries(limit=1000)
        return next(v.entry.id for v in views if v.entry.reading.record == record)

    def _now(self, released: Released) -> tuple[str, State | None]:
        """Return the record, and its state if the release is still the latest."""
        view = self.reader.entry(released.delivery.entry.id)
        if view is None:
            return str(released.delivery.entry.reading.record), None
        (delivery,) = view.deliveries
        latest = delivery.attempts == released.delivery.attempt
        return str(view.entry.reading.record), delivery.state if latest else None


TestHousehold = Household.TestCase
TestHousehold.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
