"""Any true history, kept in a journal: what it says of time and person holds of the truth.

A cuff with a clock and memory goes from one person to the other; a scale without a clock stands at
a counter, where people have turns. The hub's own clock is wrong at times, trusted or not, and set
right; the gateway is restarted. What the journal knows is compared with the truth whenever the hub
has been told the time. What this rests on is said in `tests/domain/test_time_histories.py`; and a
hub whose time was trusted and wrong is set right before it boots.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.clock import Instant
from gateway.consent.gate import Released
from gateway.domain.correction import Wrong
from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import Timing
from gateway.domain.kiosk import ClosedBy
from gateway.domain.reading import ClockSample, DeviceTime, Reading
from gateway.domain.receipt import Receipt
from gateway.domain.subject import Assignment, Attribution, SubjectId
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import START
from tests.journal.making import LONG_AGO, ROUTES, SCALE, ZONE, grant, weight

CUFF = Device(id=DeviceId("ble:C0:FF:EE:00:00:03"), driver="scale/test")
MEMORY = Path("/dev/shm")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AT_ONCE = 2 * MINUTE
SET_BY = [-9 * HOUR, -HOUR, HOUR, 5 * HOUR, timedelta(seconds=-200)]
WRONG = [-9 * HOUR, -HOUR, -20 * MINUTE, 20 * MINUTE, HOUR, 5 * HOUR]
"""By as much as the cuff's clock is set, too: then it looks as right, or as wrong, as it was."""
AUTOMATIC = (Attribution.ASSIGNMENT, Attribution.SESSION)


@dataclass
class Hub:
    """The hub's clock, as far from the truth as it is."""

    true: datetime = START
    wrong_by: timedelta = timedelta()
    trusted: bool = True
    boot: int = 0
    up_since: datetime = START - MINUTE

    def now(self) -> Instant:
        up_s = (self.true - self.up_since).total_seconds()
        return Instant(self.true + self.wrong_by, up_s, f"boot-{self.boot}", self.trusted)


class TrueHistory(RuleBasedStateMachine):
    """Two people, a cuff, and the scale of a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "state" / "journal.db"
        self.hub = Hub()
        self.runner = asyncio.Runner()
        self.journal = self.runner.run(self._open())
        self.reader = Reader.open(self.path)
        self.truth: dict[str, datetime] = {}
        self.people: list[SubjectId] = []
        self.holders: list[Assignment] = []
        self.turns: list[tuple[SubjectId, datetime, datetime]] = []
        """Who sat at the counter, in truth, from when until when at the latest."""
        self.offset = timedelta()  # of the cuff's clock from UTC
        self.jumped = False
        self.held: list[tuple[str, datetime, datetime]] = []  # record, truth, stamp
        self.leaving: list[Released] = []
        self.arrived: list[tuple[str, SubjectId, Timing]] = []

    async def _open(self) -> Journal:
        return Journal.open(self.path, clock=self.hub, zone=ZONE, routes=ROUTES)

    def teardown(self) -> None:
        self.reader.close()
        self.runner.run(self.journal.close())
        self.runner.close()
        self.folder.cleanup()

    @initialize()
    def two_people(self) -> None:
        run = self.runner.run
        for name in ("Ada", "Bo"):
            self.people.append(run(self.journal.add_subject(name)).id)
            run(self.journal.record_grant(grant(self.people[-1], f"grant-{name}")))
        for device in (CUFF, SCALE):
            run(self.journal.adopt(device.id, device.driver))
        self.holders.append(run(self.journal.assign(CUFF.id, None, self.people[0], LONG_AGO)))
        run(self.journal.hub_time_known(self.hub.now()))
        self.measure()
        self.meet(list(self.held), parts=1)

    @rule(seconds=st.one_of(st.integers(1, 900), st.integers(900, 20_000)))
    def time_passes(self, seconds: int) -> None:
        self.hub.true += timedelta(seconds=seconds)

    # --- the cuff -------------------------------------------------------------------------------

    @rule()
    def measure(self) -> None:
        record = self._new(self.hub.true)
        self.held.append((record, self.hub.true, self._shown()))
        self.hub.true += timedelta(seconds=10)

    @precondition(lambda self: not self.jumped)
    @rule(by=st.sampled_from(SET_BY))
    def the_cuffs_clock_is_set(self, by: timedelta) -> None:
        self.hub.true += AT_ONCE + MINUTE  # nobody sets it between measuring and sending at once
        self.offset += by
        self.jumped = True
        self.hub.true += MINUTE

    @precondition(lambda self: self.held)
    @rule(data=st.data(), parts=st.integers(1, 2))
    def give(self, data: st.DataObject, parts: int) -> None:
        self.meet(data.draw(st.permutations(self.held)), parts)

    def meet(self, held: list[tuple[str, datetime, datetime]], parts: int) -> None:
        received, shown = self.hub.now(), self._shown()
        readings = []
        for record, true, stamp in held:
            live = abs(shown - stamp) <= AT_ONCE
            if live and received.utc - self.hub.wrong_by - true > AT_ONCE:
                continue  # as old, by accident, as the clock was moved by since
            told = DeviceTime(stamp=stamp, raw="00", clock=ClockSample(shown=shown, at=received))
            readings.append(_reading(CUFF, record, received, told, live=live))
        self.held.clear()
        half = len(readings) // parts
        for part in (readings[:half], readings[half:]):
            self.runner.run(self.journal.record(CUFF, part))
        if self.hub.trusted and readings:
            self.jumped = False

    def _new(self, true: datetime) -> str:
        record = f"seq:{len(self.truth)}"
        self.truth[record] = true
        return record

    def _shown(self) -> datetime:
        return (self.hub.true + self.offset).replace(tzinfo=None, microsecond=0)

    @precondition(lambda self: self._is_right())
    @rule(part=st.sampled_from([0.0, 0.5, 1.0]))
    def the_cuff_goes_to_the_other(self, part: float) -> None:
        """What is told at once, or later."""
        last = self.holders[-1]
        since = max(last.since, START)
        at = since + part * (self.hub.true - since) + timedelta(seconds=1)
        self.holders[-1] = self.runner.run(self.journal.end_assignment(last, at))
        other = self.people[1 - self.people.index(last.subject)]
        self.holders.append(self.runner.run(self.journal.assign(CUFF.id, None, other, at)))

    # --- the counter ----------------------------------------------------------------------------

    @precondition(lambda self: self.hub.trusted)
    @rule(person=st.integers(0, 1), minutes=st.sampled_from([5, 60]))
    def a_turn_begins(self, person: int, minutes: int) -> None:
        self.a_turn_ends()
        lasts = minutes * MINUTE
        subject = self.people[person]
        self.runner.run(self.journal.open_kiosk([SCALE.id], subject=subject, lasts=lasts))
        self.turns.append((subject, self.hub.true, self.hub.true + lasts))

    @rule()
    def a_turn_ends(self) -> None:
        self.runner.run(self.journal.close_kiosk(ClosedBy.PERSON))
        if self.turns:
            subject, opened, until = self.turns[-1]
            self.turns[-1] = (subject, opened, min(until, self.hub.true))

    @rule(ago_s=st.integers(0, 60))
    def weigh(self, ago_s: int) -> None:
        record = self._new(self.hub.true - timedelta(seconds=ago_s))
        self.runner.run(self.journal.record(SCALE, [_reading(SCALE, record, self.hub.now())]))

    # --- the hub --------------------------------------------------------------------------------

    @precondition(lambda self: self._is_right())
    @rule(wrong_by=st.sampled_from(WRONG))
    def the_hub_is_wrong_and_trusted(self, wrong_by: timedelta) -> None:
        self.hub.wrong_by = wrong_by
        self.runner.run(self.journal.hub_time_known(self.hub.now(), stepped=True))

    @precondition(lambda self: self._is_right())
    @rule(wrong_by=st.sampled_from([timedelta(days=-3000), *WRONG]))
    def the_hub_boots_with_another_time(self, wrong_by: timedelta) -> None:
        """One that is years ago is not trusted."""
        self.restart()
        self.hub.true += 5 * MINUTE
        self.hub.boot += 1
        self.hub.up_since = self.hub.true
        self.hub.wrong_by, self.hub.trusted = wrong_by, wrong_by in WRONG
        if self.hub.trusted:
            self.runner.run(self.journal.hub_time_known(self.hub.now()))

    @rule(restarted=st.booleans())
    def the_hub_is_told_the_time(self, restarted: bool) -> None:
        stepped = bool(self.hub.wrong_by)
        self.hub.wrong_by, self.hub.trusted = timedelta(), True
        if restarted:
            self.restart()
        now = self.hub.now()
        self.runner.run(self.journal.hub_time_known(now, stepped=stepped and not restarted))

    @rule()
    def restart(self) -> None:
        self.leaving.clear()
        self.runner.run(self.journal.close())
        self.journal = self.runner.run(self._open())

    def _is_right(self) -> bool:
        return self.hub.trusted and not self.hub.wrong_by

    # --- the destination ------------------------------------------------------------------------

    @rule()
    def send(self) -> None:
        now = self.hub.now().utc + HOUR
        self.leaving += self.runner.run(self.journal.claim("mes", 10, now))

    @rule()
    def arrive(self) -> None:
        for each in self.leaving:
            record = str(each.delivery.entry.reading.record)
            receipt = Receipt("mes", f"Observation/{record}", START)
            self.runner.run(self.journal.settle(each, receipt))
            self.arrived.append((record, each.subject, each.delivery.entry.timing))
        self.leaving.clear()

    # --- what holds -----------------------------------------------------------------------------

    @precondition(lambda self: self._is_right())
    @invariant()
    def nothing_is_said_that_is_not_true(self) -> None:
        entries = {v.entry.reading.record: v.entry for v in self.reader.entries(limit=1000)}
        leaving = {each.delivery.entry.id for each in self.leaving}
        for record, entry in entries.items():
            true, timing = self.truth[str(record)], entry.timing
            if timing.sendable:
                assert timing.earliest is not None
                assert timing.latest is not None
                assert timing.earliest <= true <= timing.latest
            if entry.attribution in AUTOMATIC and entry.id not in leaving:
                at_home = entry.device.id == CUFF.id
                assert entry.subject in (self._holders(true) if at_home else self._sitting(true))
        owed = {(o.entry, o.subject, o.wrong) for o in self.reader.corrections_owed()}
        for record, subject, sent in self.arrived:
            entry = entries[record]
            if entry.subject != subject:
                assert (entry.id, subject, Wrong.PERSON) in owed
            elif sent.uncertainty is not None and abs(self.truth[record] - sent.measured_at) > (
                sent.uncertainty + (entry.timing.uncertainty or timedelta())
            ):
                assert (entry.id, subject, Wrong.TIME) in owed

    def _holders(self, at: datetime) -> set[SubjectId]:
        return {each.subject for each in self.holders if each.lasts_at(at)}

    def _sitting(self, at: datetime) -> set[SubjectId]:
        return {subject for subject, opened, until in self.turns if opened <= at < until}


def _reading(
    device: Device,
    record: str,
    received: Instant,
    told: DeviceTime | None = None,
    *,
    live: bool = True,
) -> Reading:
    changed = {"received": received, "device_time": told, "live": live, "record": record}
    return weight(0, device=device.id).model_copy(update=changed)


TestTrueHistory = TrueHistory.TestCase
TestTrueHistory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
