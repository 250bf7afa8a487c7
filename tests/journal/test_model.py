"""Any order of events, against a model simple enough to be believed.

The model keeps, for each reading, whose it is and what the destination was sent. What it asserts is
what people are promised: nothing recorded is lost, nothing leaves without a living grant or after a
withdrawal, nothing is sent a second time without a search, nothing stays stuck, and who was erased
stays so, also after an older backup was restored. What leaves is judged at a socket by
`tests/uplink/test_any_order.py`.
"""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Coroutine
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

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
from gateway.domain.device_time import SENDABLE_WITHIN
from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal import backup, hub_key
from gateway.journal.hub_key import HubKey
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.journal.restoring import restore
from gateway.journal.states import State
from gateway.testing.clock import START, ManualClock
from tests.journal.making import (
    LONG_AGO,
    ROUTES,
    SCALE,
    ZONE,
    grant,
    open_journal,
    weight,
    withdrawal,
)

SLOTS = ("1", "2")
PHRASE = b"correct horse"
MEMORY = Path("/dev/shm")
OUTCOMES = ("arrived", "lost", "unavailable", "rejected")


@dataclass(slots=True)
class Known:
    """What a journal holds, as the model believes."""

    people: dict[str, SubjectId] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    consenting: set[SubjectId] = field(default_factory=set)
    withdrawals: set[str] = field(default_factory=set)
    recorded: dict[str, SubjectId | None] = field(default_factory=dict)  # record -> whose it is
    dismissed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    maybe_there: set[str] = field(default_factory=set)  # nobody said that it did not arrive
    had: set[tuple[str, SubjectId]] = field(default_factory=set)
    """Who had a reading there, or may have, before it became another's."""
    doubted_before: datetime = LONG_AGO
    """What was measured before may have been sent by what a backup took the place of."""


class Household(RuleBasedStateMachine):
    """A scale, two people, one destination."""

    released = Bundle("released")
    backups = Bundle("backups")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "state" / "journal.db"
        self.clock = ManualClock()
        self.runner = asyncio.Runner()
        self.journal = self.runner.run(self._open())
        self.reader = Reader.open(self.path)
        self.known = Known()
        self.withdrawn: dict[str, SubjectId] = {}  # by name, also where a backup knows nothing of
        self.gone: set[SubjectId] = set()
        self.restores = 0
        self.memory: dict[str, set[int]] = {slot: set() for slot in SLOTS}  # of the scale
        self.fast = patch.object(hub_key, "from_passphrase", _stretched_fast)
        self.fast.start()
        self.names = 0

    async def _open(self) -> Journal:
        return open_journal(self.path, self.clock)

    def teardown(self) -> None:
        self.reader.close()
        self.runner.run(self.journal.close())
        self.runner.close()
        self.folder.cleanup()
        self.fast.stop()

    @initialize(target=backups)
    def two_people_and_a_scale(self) -> tuple[Path, Known]:
        self.runner.run(self.journal.adopt(SCALE.id, SCALE.driver))
        for slot in SLOTS:
            self.known.people[slot] = self.runner.run(self.journal.add_subject(slot)).id
        self.assign(SLOTS[0])
        self.consent(SLOTS[0])
        self.record(SLOTS[0], [1, 2])
        return self._backed_up()

    @rule(slot=st.sampled_from(SLOTS), numbers=st.lists(st.integers(0, 30), min_size=2, max_size=4))
    def record(self, slot: str, numbers: list[int]) -> None:
        self.memory[slot] |= set(numbers)
        readings = [weight(number * 2 + SLOTS.index(slot), slot=slot) for number in numbers]

        new = self.runner.run(self.journal.record(SCALE, readings))

        offered = {str(reading.record) for reading in readings}
        news = offered - set(self.known.recorded) - self.known.erased
        assert {entry.reading.record for entry in new} == news
        owner = self.known.people[slot] if slot in self.known.assigned else None
        self.known.recorded.update(dict.fromkeys(news, owner))
        if self.known.doubted_before > START:
            self.known.maybe_there |= news

    @rule(slot=st.sampled_from(SLOTS))
    def assign(self, slot: str) -> None:
        if slot not in self.known.assigned:
            self.known.assigned.add(slot)
            made = self.journal.assign(SCALE.id, slot, self.known.people[slot], LONG_AGO)
            self.runner.run(made)
            for record in (self._slot(slot) & self._unclaimed()) - self.known.dismissed:
                self._give(record, self.known.people[slot])

    @precondition(lambda self: self._unclaimed())
    @rule(slot=st.sampled_from(SLOTS), data=st.data())
    def claim_for(self, slot: str, data: st.DataObject) -> None:
        """A person says that a reading of nobody is theirs."""
        record = data.draw(st.sampled_from(sorted(self._unclaimed())))

        self.runner.run(self.journal.claim_entry(self._id(record), self.known.people[slot]))

        self._give(record, self.known.people[slot])
        self.known.dismissed.discard(record)

    @precondition(lambda self: self._owned())
    @rule(slot=st.sampled_from(SLOTS), data=st.data())
    def reassign(self, slot: str, data: st.DataObject) -> None:
        """It was somebody else's: what was sent before says nothing of this person's record."""
        record = data.draw(st.sampled_from(sorted(self._owned())))
        if self._moves(record, self.journal.reassign(self._id(record), self.known.people[slot])):
            self._begin_anew(record, self.known.people[slot])

    @precondition(lambda self: self.known.recorded)
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from(sorted(self.known.recorded)))
        if self._moves(record, self.journal.dismiss(self._id(record))):
            self._begin_anew(record, None)
            self.known.dismissed.add(record)

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
        before = self.known.recorded[record]
        if before == owner and owner is not None:
            return
        if before is not None and record in self.known.settled | self.known.maybe_there:
            self.known.had.add((record, before))
        for records in (self.known.settled, self.known.dropped, self.known.maybe_there):
            records.discard(record)
        self._give(record, owner)

    def _give(self, record: str, owner: SubjectId | None) -> None:
        """Make it theirs; if they had it there, or may have had it, it may be there still."""
        self.known.recorded[record] = owner
        if owner is not None and (record, owner) in self.known.had:
            self.known.maybe_there.add(record)

    @rule(slot=st.sampled_from(SLOTS))
    def erase(self, slot: str) -> None:
        """Erase a person; the same slot is somebody new from now on."""
        gone = self.known.people[slot]
        theirs = {record for record, owner in self.known.recorded.items() if owner == gone}

        erased = self.runner.run(self.journal.erase(gone))

        assert erased == len(theirs)
        self._erased(slot)

    def _erased(self, slot: str) -> None:
        gone = self.known.people[slot]
        theirs = self._of(gone)
        for record in theirs:
            del self.known.recorded[record]
            self._forget(record)
        self.known.erased |= theirs
        self.known.consenting.discard(gone)
        self.known.assigned.discard(slot)
        self.gone.add(gone)
        self.known.people[slot] = self.runner.run(self.journal.add_subject(slot)).id

    def _forget(self, record: str) -> None:
        for known in (
            self.known.settled,
            self.known.dropped,
            self.known.maybe_there,
            self.known.dismissed,
        ):
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
        self.runner.run(self.journal.record_grant(grant(self.known.people[slot], f"g{self.names}")))
        self.known.consenting.add(self.known.people[slot])

    @rule(slot=st.sampled_from(SLOTS))
    def withdraw(self, slot: str) -> None:
        self.names += 1
        subject = self.known.people[slot]
        owed = self._of(subject) - self.known.settled - self.known.dropped

        dropped = self.runner.run(
            self.journal.record_withdrawal(withdrawal(subject, f"w{self.names}"))
        )

        assert dropped == len(owed)
        self._withdrawn(f"w{self.names}", subject)

    def _withdrawn(self, name: str, subject: SubjectId) -> None:
        self.known.dropped |= self._of(subject) - self.known.settled
        self.known.consenting.discard(subject)
        self.known.withdrawals.add(name)
        self.withdrawn[name] = subject

    @rule(target=backups)
    def back_up(self) -> tuple[Path, Known]:
        return self._backed_up()

    def _backed_up(self) -> tuple[Path, Known]:
        self.names += 1
        file = Path(self.folder.name) / f"backup-{self.names}"
        backup.write(file, PHRASE, self.path, {})
        return file, deepcopy(self.known)

    @rule(made=backups, outcome=st.sampled_from(OUTCOMES))
    def restore(self, made: tuple[Path, Known], outcome: str) -> None:
        """What was not settled then may be there by now; what was taken back since stays so.

        The scale then gives once more what it has, and some of it is sent.
        """
        file, then = made
        self.reader.close()
        self.runner.run(self.journal.close())

        given = (file, PHRASE, self.path, self.clock, ZONE, ROUTES)
        replaced = restore(*given, consents_stand=True).replaced

        assert replaced is not None
        shutil.rmtree(replaced)
        self.journal = self.runner.run(self._open())
        self.reader = Reader.open(self.path)
        self.restores += 1
        self.known = deepcopy(then)
        self.known.maybe_there |= set(then.recorded) - then.settled - then.dropped
        now = self.clock.now().utc
        self.known.doubted_before = max(then.doubted_before, now + SENDABLE_WITHIN)
        for subject in then.people.values():
            since = [
                name
                for name, whose in self.withdrawn.items()
                if whose == subject and name not in then.withdrawals
            ]
            if since and subject not in self.gone:
                self._withdrawn(since[-1], subject)
        for slot in [slot for slot, subject in then.people.items() if subject in self.gone]:
            self._erased(slot)
        for slot, numbers in self.memory.items():
            self.record(slot, sorted(numbers))
        self._learn(self._claim(limit=3), outcome)

    @rule(target=released, limit=st.integers(1, 5))
    def claim(self, limit: int) -> tuple[int, list[Released]]:
        return self.restores, self._claim(limit)

    def _claim(self, limit: int) -> list[Released]:
        claimed = self.runner.run(self.journal.claim("mes", limit, self.clock.now().utc))

        for each in claimed:
            record = str(each.delivery.entry.reading.record)
            assert each.subject == self.known.recorded[record]
            assert each.subject in self.known.consenting
            assert record not in self.known.settled | self.known.dropped
            assert each.delivery.unsettled is (record in self.known.maybe_there)
        self.known.maybe_there |= {str(each.delivery.entry.reading.record) for each in claimed}
        return claimed

    @rule(claimed=consumes(released), outcome=st.sampled_from(OUTCOMES))
    def outcome_of_an_earlier_claim(
        self, claimed: tuple[int, list[Released]], outcome: str
    ) -> None:
        restores, batch = claimed
        if restores == self.restores:  # nothing is on its way while a backup is restored
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
                self.known.settled.add(record)
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
                    self.known.maybe_there.discard(record)

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

        theirs = {record for record, owner in self.known.recorded.items() if owner is not None}
        assert theirs == self.known.settled | self.known.dropped
        assert set(self.known.recorded) - theirs == self.known.dismissed
        assert self.runner.run(self.journal.next_due("mes")) is None

    @precondition(lambda self: self.known.recorded)
    @invariant()
    def the_journal_agrees_with_the_model(self) -> None:
        views = {v.entry.reading.record: v for v in self.reader.entries(limit=1000)}
        assert set(views) == set(self.known.recorded)
        settled, dropped = self.known.settled, self.known.dropped
        for record, view in views.items():
            (delivery,) = view.deliveries
            assert (delivery.state is State.SETTLED) == (record in settled)
            assert (delivery.state is State.DROPPED) == (record in dropped - settled)
            if delivery.state in (State.DUE, State.UNSETTLED):
                assert self.known.recorded[record] in self.known.consenting
        assert self.reader.verify_against(None).whole

    def _of(self, subject: SubjectId) -> set[str]:
        return {record for record, owner in self.known.recorded.items() if owner == subject}

    def _owned(self) -> set[str]:
        return {record for record, owner in self.known.recorded.items() if owner is not None}

    def _unclaimed(self) -> set[str]:
        return set(self.known.recorded) - self._owned()

    def _slot(self, slot: str) -> set[str]:
        """Return the records of a slot: their numbers are even or odd."""
        odd = SLOTS.index(slot)
        return {r for r in self.known.recorded if int(r.removeprefix("seq:")) % 2 == odd}

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


def _stretched_fast(passphrase: bytes, salt: bytes) -> HubKey:
    return HubKey(hashlib.sha256(passphrase + salt).digest())


TestHousehold = Household.TestCase
TestHousehold.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
