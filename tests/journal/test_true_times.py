"""Any true history, kept in a journal: what it says of time and person holds of the truth.

A cuff with a clock and memory goes from one person to the other, or measures each by a button of
their own; a scale without a clock stands at a counter, where people and guests have turns, and a
cuff with a memory that it gives whenever it likes, in whatever order, also in another's turn. The
hub's own clock is wrong at times, trusted or not, and set right; the gateway is restarted; people
say whose a reading is, or are erased. What the journal knows is compared with the truth whenever
the hub has been told the time, and what a destination has with what the journal owes it. What this
rests on is said in `tests/domain/test_time_histories.py`; and a hub whose time was trusted and
wrong is set right before it boots.
"""

import asyncio
import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.consent.gate import Released
from gateway.domain.correction import Wrong
from gateway.domain.device_time import Timing
from gateway.domain.entry import Entry
from gateway.domain.kiosk import ClosedBy
from gateway.domain.reading import ClockSample
from gateway.domain.receipt import Receipt
from gateway.domain.subject import Attribution, SubjectId
from gateway.drivers.device_clock import CLOCK_SET
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.making import LONG_AGO, ROUTES, SCALE, ZONE, grant
from tests.journal.truth import (
    AT_ONCE,
    COUNTERS_CUFF,
    CUFF,
    HOUR,
    MINUTE,
    Cuff,
    Hub,
    Measured,
    Turn,
    weighed,
)

MEMORY = Path("/dev/shm")
SET_BY = [-9 * HOUR, -HOUR, HOUR, 5 * HOUR, timedelta(seconds=-200)]
WRONG = [-9 * HOUR, -HOUR, -20 * MINUTE, 20 * MINUTE, HOUR, 5 * HOUR]
AUTOMATIC = (Attribution.ASSIGNMENT, Attribution.SESSION)
SAID = (Attribution.CLAIM, Attribution.DISMISSED)
SLOTS = st.sampled_from([None, "1"])
LASTS = st.sampled_from([5 * MINUTE, HOUR])
ATTENDED = st.sampled_from([MINUTE, 4 * MINUTE, None])


class TrueHistory(RuleBasedStateMachine):
    """Two people, a cuff, and the scale of a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "state" / "journal.db"
        self.hub = Hub()
        self.cuff = Cuff(self.hub)
        self.counters = Cuff(self.hub, COUNTERS_CUFF)
        self.turns: list[Turn] = []
        self.runner = asyncio.Runner()
        self.journal = self.runner.run(self._open())
        self.reader = Reader.open(self.path)
        self.people: list[SubjectId] = []
        self.erased: set[SubjectId] = set()
        self.truth: dict[str, datetime] = {}
        self.slots: dict[str, str | None] = {}
        self.said: dict[str, SubjectId | None] = {}
        self.leaving: list[Released] = []
        self.there: dict[tuple[str, SubjectId], Timing] = {}
        """What the destination has: which reading, as whose, with which time."""
        self.unheard_of: set[tuple[str, SubjectId]] = set()
        """Of these, what is to be searched for there before it is sent again."""

    async def _open(self) -> Journal:
        return Journal.open(self.path, clock=self.hub, zone=ZONE, routes=ROUTES)

    def teardown(self) -> None:
        self.reader.close()
        self.runner.run(self.journal.close())
        self.runner.close()
        self.folder.cleanup()

    @initialize(drift=st.sampled_from([-90e-6, 0.0, 90e-6]))
    def two_people(self, drift: float) -> None:
        self.cuff.drift = self.counters.drift = drift
        self.people += [self._new_person(), self._new_person()]
        for device in (CUFF, COUNTERS_CUFF, SCALE):
            self.runner.run(self.journal.adopt(device.id, device.driver))
        self._assign(None, self.people[0], LONG_AGO)
        self.runner.run(self.journal.hub_time_known(self.hub.now()))
        self.measure(None)
        self._meet(self.cuff)
        self._measure(self.counters, None)
        self._meet(self.counters)

    def _new_person(self) -> SubjectId:
        subject = self.runner.run(self.journal.add_subject("Ada")).id
        self.runner.run(self.journal.record_grant(grant(subject, f"grant of {subject}")))
        return subject

    @rule(seconds=st.one_of(st.integers(1, 900), st.integers(900, 20_000)))
    def time_passes(self, seconds: int) -> None:
        self.hub.true += timedelta(seconds=seconds)

    # --- the cuff -------------------------------------------------------------------------------

    @rule(slot=SLOTS)
    def measure(self, slot: str | None) -> None:
        self._measure(self.cuff, slot)

    def _measure(self, cuff: Cuff, slot: str | None) -> None:
        cuff.measure(self._record(self.hub.true, slot), slot)

    @precondition(lambda self: not self.cuff.was_set)
    @rule(by=st.sampled_from(SET_BY), as_wrong=st.booleans())
    def the_cuffs_clock_is_set(self, by: timedelta, as_wrong: bool) -> None:
        """By as much as the hub is wrong, it looks as right, or as wrong, as it was."""
        self.hub.true += AT_ONCE + MINUTE  # nobody sets it between measuring and sending at once
        by = self.hub.wrong_by if as_wrong and self.hub.wrong_by in WRONG else by
        self.cuff.set_clock(self.cuff.shown() + by)
        self.hub.true += MINUTE

    @precondition(lambda self: self.cuff.held)
    @rule(data=st.data(), parts=st.integers(1, 2))
    def give(self, data: st.DataObject, parts: int) -> None:
        self._give(self.cuff, data, parts)

    def _give(self, cuff: Cuff, data: st.DataObject, parts: int) -> None:
        self._meet(cuff, held=data.draw(st.permutations(cuff.held)), parts=parts)

    @precondition(lambda self: self.hub.trusted)
    @rule(gives=st.sampled_from(["before", "afterwards"]))
    def we_set_the_cuffs_clock(self, gives: str) -> None:
        look, held = self.cuff.looked_at(), list(self.cuff.held)
        if gives == "before":
            self._meet(self.cuff, look, held)
        self._set_the_cuffs_clock()
        if gives == "afterwards":
            self._meet(self.cuff, look, held)
            self.cuff.was_set = True

    @precondition(lambda self: self.hub.trusted and not self.cuff.was_set)
    @rule()
    def the_cuff_goes_once_we_have_set_its_clock(self) -> None:
        self.hub.true += AT_ONCE + MINUTE
        self._set_the_cuffs_clock()

    def _set_the_cuffs_clock(self) -> None:
        self.hub.true += timedelta(seconds=1)
        self.cuff.set_clock(self.hub.now().utc.replace(tzinfo=None))
        self.runner.run(self.journal.remark(CUFF, CLOCK_SET))
        self.hub.true += timedelta(seconds=1)

    def _meet(
        self,
        cuff: Cuff,
        look: ClockSample | None = None,
        held: list[Measured] | None = None,
        parts: int = 1,
    ) -> None:
        readings = cuff.given(look or cuff.looked_at(), list(cuff.held) if held is None else held)
        half = len(readings) // parts
        for part in (readings[:half], readings[half:]):
            self.runner.run(self.journal.record(cuff.device, part))

    def _record(self, true: datetime, slot: str | None = None) -> str:
        record = f"seq:{len(self.truth)}"
        self.truth[record], self.slots[record] = true, slot
        return record

    @precondition(lambda self: self.hub.is_right)
    @rule(part=st.sampled_from([0.0, 0.5, 1.0]))
    def the_cuff_goes_to_the_other(self, part: float) -> None:
        """What is told at once, or later."""
        last = self.cuff.assigned(None)
        assert last is not None
        since = max(last.since, START)
        at = since + part * (self.hub.true - since) + timedelta(seconds=1)
        self._ends(None, at)
        self._assign(None, self._other(last.subject), at)

    @precondition(lambda self: self.hub.is_right)
    @rule(person=st.sampled_from([None, 0, 1]))
    def a_button_is_somebodys(self, person: int | None) -> None:
        at = self.hub.true + timedelta(seconds=1)
        self._ends("1", at)
        if person is not None:
            self._assign("1", self.people[person], at)

    def _other(self, subject: SubjectId) -> SubjectId:
        return self.people[1 - self.people.index(subject)]

    def _assign(self, slot: str | None, subject: SubjectId, since: datetime) -> None:
        made = self.runner.run(self.journal.assign(CUFF.id, slot, subject, since))
        self.cuff.assignments.append(made)

    def _ends(self, slot: str | None, at: datetime) -> None:
        last = self.cuff.assigned(slot)
        if last is not None:
            self.cuff.assignments.remove(last)
            ended = self.runner.run(self.journal.end_assignment(last, at))
            self.cuff.assignments.append(ended)

    # --- the counter ----------------------------------------------------------------------------

    @precondition(lambda self: self.hub.trusted)
    @rule(person=st.sampled_from([None, 0, 1]), lasts=LASTS, attended=ATTENDED)
    def a_turn_begins(
        self, person: int | None, lasts: timedelta, attended: timedelta | None
    ) -> None:
        """Of nobody who is known here: of a guest."""
        self.a_turn_ends()
        subject = None if person is None else self.people[person]
        devices = [SCALE.id, COUNTERS_CUFF.id]
        opened = self.runner.run(
            self.journal.open_kiosk(devices, subject=subject, lasts=lasts, attended=attended)
        )
        until, stays = self.hub.true + lasts, subject is not None
        turn = Turn(opened.number, opened.subject, self.hub.true, until, stays=stays)
        turn.shows(self.hub.true, attended or HOUR)
        self.turns.append(turn)

    @precondition(lambda self: self.turns)
    @rule(lasts=LASTS, attended=ATTENDED)
    def a_turn_goes_on(self, lasts: timedelta, attended: timedelta | None) -> None:
        with suppress(JournalError):
            on = self.runner.run(self.journal.prolong_kiosk(lasts, attended))
            turn = self.turns[-1]
            turn.until = max(turn.until, self.hub.true + lasts)
            if on.attended_until > self.hub.now().utc:
                turn.shows(self.hub.true, attended or HOUR)

    @precondition(lambda self: self.turns)
    @rule(attended=st.sampled_from([MINUTE, 4 * MINUTE]), returns=st.booleans())
    def somebody_shows_to_be_there(self, attended: timedelta, returns: bool) -> None:
        """By a touch, or by the turn's picture."""
        turn = self.turns[-1]
        show = self.journal.come_back_to_kiosk if returns else self.journal.attend_kiosk
        with suppress(JournalError):
            self.runner.run(show(turn.number, attended))
            turn.shows(self.hub.true, attended)

    @precondition(lambda self: self.turns)
    @rule(data=st.data())
    def somebody_claims_at_the_counter(self, data: st.DataObject) -> None:
        turn = self.turns[-1]
        entries = [each for each in self._entries().values() if each.subject is None]
        if not entries:
            return
        entry = data.draw(
            st.sampled_from(sorted(entries, key=lambda each: str(each.reading.record)))
        )
        record = str(entry.reading.record)
        with suppress(JournalError):
            self.runner.run(self.journal.claim_at_kiosk(turn.number, entry.id))
            self.said[record] = turn.subject
            assert not self.hub.is_right or self.truth[record] >= turn.opened

    @precondition(lambda self: self.turns)
    @rule()
    def a_turn_ends_soon(self) -> None:
        with suppress(JournalError):
            self.runner.run(self.journal.end_kiosk_in(MINUTE))
            self.turns[-1].until = self.hub.true + MINUTE

    @precondition(lambda self: self.turns)
    @rule()
    def a_guest_stays(self) -> None:
        with suppress(JournalError):
            self.runner.run(self.journal.keep_kiosk("Cleo"))
            self.turns[-1].stays = True

    @rule()
    def a_turn_ends(self) -> None:
        ended = self.runner.run(self.journal.close_kiosk(ClosedBy.PERSON))
        if ended is not None:
            turn = self.turns[-1]
            turn.until = min(turn.until, self.hub.true)
            assert (ended.erased is None) == turn.stays
            if not turn.stays:
                self._is_gone(turn.subject)

    @rule(ago_s=st.integers(0, 60))
    def weigh(self, ago_s: int) -> None:
        record = self._record(self.hub.true - timedelta(seconds=ago_s))
        self.runner.run(self.journal.record(SCALE, [weighed(record, self.hub)]))

    @rule()
    def the_counters_cuff_measures(self) -> None:
        self._measure(self.counters, None)

    @precondition(lambda self: self.counters.held)
    @rule(data=st.data(), parts=st.integers(1, 2))
    def the_counters_cuff_gives(self, data: st.DataObject, parts: int) -> None:
        self._give(self.counters, data, parts)

    @precondition(lambda self: not self.counters.was_set)
    @rule(by=st.sampled_from(SET_BY))
    def the_counters_cuffs_clock_is_set(self, by: timedelta) -> None:
        self.hub.true += AT_ONCE + MINUTE
        self.counters.set_clock(self.counters.shown() + by)
        self.hub.true += MINUTE

    # --- what people say ------------------------------------------------------------------------

    @rule(data=st.data(), who=st.sampled_from([None, 0, 1]))
    def somebody_says_whose(self, data: st.DataObject, who: int | None) -> None:
        leaving = {each.delivery.entry.id for each in self.leaving}
        entries = [entry for entry in self._entries().values() if entry.id not in leaving]
        if not entries:
            return
        entry = data.draw(
            st.sampled_from(sorted(entries, key=lambda each: str(each.reading.record)))
        )
        subject = None if who is None else self.people[who]
        if subject == entry.subject and subject is not None:
            return
        if subject is None:
            self.runner.run(self.journal.dismiss(entry.id))
        elif entry.subject is None:
            self.runner.run(self.journal.claim_entry(entry.id, subject))
        else:
            self.runner.run(self.journal.reassign(entry.id, subject))
        self.said[str(entry.reading.record)] = subject

    @precondition(lambda self: self.hub.is_right)
    @rule(person=st.integers(0, 1))
    def somebody_is_erased(self, person: int) -> None:
        """Another comes in their place, and has the cuff from now on if they had it."""
        self.arrive()
        gone = self.people[person]
        self.runner.run(self.journal.erase(gone))
        self._is_gone(gone)
        self.people[person] = self._new_person()
        if self.cuff.assigned(None) is None:
            self._assign(None, self.people[person], self.hub.true + timedelta(seconds=1))

    def _is_gone(self, subject: SubjectId) -> None:
        self.erased.add(subject)
        kept = [each for each in self.cuff.assignments if each.subject != subject]
        self.cuff.assignments[:] = kept

    # --- the hub --------------------------------------------------------------------------------

    @precondition(lambda self: self.hub.is_right)
    @rule(wrong_by=st.sampled_from(WRONG))
    def the_hub_is_wrong_and_trusted(self, wrong_by: timedelta) -> None:
        self.hub.wrong_by = wrong_by
        self.runner.run(self.journal.hub_time_known(self.hub.now(), stepped=True))

    @precondition(lambda self: self.hub.is_right or not self.hub.trusted)
    @rule(wrong_by=st.sampled_from([timedelta(days=-3000), *WRONG]), trusted=st.booleans())
    def the_hub_boots_with_another_time(self, wrong_by: timedelta, trusted: bool) -> None:
        """One that is years ago is not trusted."""
        self.restart()
        self.hub.reboot(wrong_by, trusted=trusted and wrong_by in WRONG)
        if self.hub.trusted:
            self.runner.run(self.journal.hub_time_known(self.hub.now()))

    @rule(restarted=st.booleans())
    def the_hub_is_told_the_time(self, restarted: bool) -> None:
        """A cuff that is about to give what it holds was looked at before."""
        looks = [(cuff, cuff.looked_at()) for cuff in (self.cuff, self.counters)]
        stepped = bool(self.hub.wrong_by)
        self.hub.wrong_by, self.hub.trusted = timedelta(), True
        if restarted:
            self.restart()
        now = self.hub.now()
        self.runner.run(self.journal.hub_time_known(now, stepped=stepped and not restarted))
        for cuff, look in [] if restarted else looks:
            self._meet(cuff, look)

    @rule(arrived=st.booleans())
    def restart(self, arrived: bool = False) -> None:
        """What was leaving has arrived, or not; nobody knows."""
        for each in self.leaving if arrived else []:
            record = str(each.delivery.entry.reading.record)
            self.there.setdefault((record, each.subject), each.delivery.entry.timing)
            self.unheard_of.add((record, each.subject))
        self.leaving.clear()
        self.runner.run(self.journal.close())
        self.journal = self.runner.run(self._open())

    # --- the destination ------------------------------------------------------------------------

    @rule()
    def send(self) -> None:
        now = self.hub.now().utc + HOUR
        self.leaving += self.runner.run(self.journal.claim("mes", 10, now))

    @rule()
    def arrive(self) -> None:
        """What it has already is found there."""
        for each in self.leaving:
            entry = each.delivery.entry
            record = str(entry.reading.record)
            found_at = self.there.get((record, each.subject))
            receipt = Receipt("mes", f"Observation/{record}", START, found_at=found_at)
            self.there.setdefault((record, each.subject), entry.timing)
            self.unheard_of.discard((record, each.subject))
            self.runner.run(self.journal.settle(each, receipt))
        self.leaving.clear()

    @rule()
    def put_right(self) -> None:
        for each in self.runner.run(self.journal.claim_corrections("mes", 10, self.hub.now().utc)):
            entry = each.released.delivery.entry
            had = (str(entry.reading.record), each.released.subject)
            if each.wrong is Wrong.PERSON:
                self.there.pop(had, None)
            elif had in self.there:
                self.there[had] = entry.timing
            self.runner.run(self.journal.corrected(each))

    # --- what holds -----------------------------------------------------------------------------

    def _entries(self) -> dict[str, Entry]:
        return {str(v.entry.reading.record): v.entry for v in self.reader.entries(limit=1000)}

    @precondition(lambda self: self.hub.is_right)
    @invariant()
    def nothing_is_said_that_is_not_true(self) -> None:
        leaving = {each.delivery.entry.id for each in self.leaving}
        for record, entry in self._entries().items():
            assert entry.subject not in self.erased
            true, timing = self.truth[record], entry.timing
            if timing.sendable:
                assert timing.earliest is not None
                assert timing.latest is not None
                assert timing.earliest <= true <= timing.latest
            if record in self.said:
                assert (entry.subject, entry.attribution in SAID) == (self.said[record], True)
            elif entry.attribution in AUTOMATIC and entry.id not in leaving:
                at_home = entry.device.id == CUFF.id
                slot = self.slots[record]
                assert entry.subject in (
                    self.cuff.measures(slot, true) if at_home else self._sitting(true)
                )

    @precondition(lambda self: self.hub.is_right)
    @invariant()
    def what_is_not_true_at_the_destination_is_owed(self) -> None:
        entries = self._entries()
        owed = {(o.entry, o.subject, o.wrong) for o in self.reader.corrections_owed()}
        for (record, subject), sent in self.there.items():
            if subject in self.erased or record not in entries:
                continue
            entry, true = entries[record], self.truth[record]
            if entry.subject != subject:
                assert (entry.id, subject, Wrong.PERSON) in owed
            elif (record, subject) not in self.unheard_of and _is_contradicted(sent, entry, true):
                assert (entry.id, subject, Wrong.TIME) in owed

    def _sitting(self, at: datetime) -> set[SubjectId]:
        return {turn.subject for turn in self.turns if turn.sits(at)}


def _is_contradicted(sent: Timing, entry: Entry, true: datetime) -> bool:
    doubt = entry.timing.uncertainty or timedelta()
    return sent.uncertainty is None or abs(true - sent.measured_at) > sent.uncertainty + doubt


TestTrueHistory = TrueHistory.TestCase
TestTrueHistory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
