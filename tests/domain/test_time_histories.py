"""Any true history: what is stated of a reading's time and person holds of the truth.

A world is a device with a clock of its own, a hub that boots with or without the time, and people
who share the device. Time passes in spells: somebody measures, sets the clock, takes it on a
journey, changes its battery; then hub and device meet. What the world knows and the gateway does
not is when each reading was truly taken.

What is left out is what the gateway rests on, and `docs/theory.md` states it:

- between two looks a clock drifts by at most DRIFT and jumps at most once (`_lived`);
- nobody sets it between measuring and sending at once, within two minutes (`World.spend`);
- before the first look it was off by at most an hour and five minutes more or less than it is then
  (`Unwatched`);
- a reading is not, by accident, as old as its clock was moved by since (`World.meet`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.device_clock import ClockHistory, seen
from gateway.domain.device_time import Timing, corrected
from gateway.domain.hub_time import Anchor, at_true_time, lost_boot
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Reading
from gateway.domain.subject import Assignment, SubjectId, attribute

PARIS = ZoneInfo("Europe/Paris")
BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)  # the two changes of the hour lie in what follows
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
AT_ONCE = 2 * MINUTE
"""What comes within it is taken for just measured."""
DEVICE = DeviceId("ble:1")
PEOPLE = (SubjectId("p-ada"), SubjectId("p-bo"))

BATTERY = datetime(2000, 1, 1)  # noqa: DTZ001  a device's clock
JUMPS = st.one_of(
    st.just("battery"),
    st.just("local time"),
    st.sampled_from([-9, -6, -1, 1, 3, 11]).map(lambda hours: hours * HOUR),
    st.integers(-200, 200).map(lambda seconds: seconds * SECOND),
)
Jump = str | timedelta


@dataclass(frozen=True)
class Spell:
    """What happens from one meeting of hub and device to the next."""

    lasts_s: int
    jump: Jump | None
    jump_at: float
    """Where within the spell, from 0 to 1."""
    measured_at: list[float]
    measures_and_comes: bool
    """Whether somebody measures at the end of the spell, and the device comes at once."""
    hub_boots: bool
    hub_knows: bool
    """Whether the hub knows the time when they meet."""
    hands_over: bool
    """Whether the device goes to the other person, somewhere in the spell."""
    hands_over_at: float


SPELLS = st.builds(
    Spell,
    lasts_s=st.one_of(st.integers(60, 86_400), st.integers(86_400, 40 * 86_400)),
    jump=st.none() | JUMPS,
    jump_at=st.floats(0, 1),
    measured_at=st.lists(st.floats(0, 1), max_size=4),
    measures_and_comes=st.booleans(),
    hub_boots=st.booleans(),
    hub_knows=st.booleans(),
    hands_over=st.booleans(),
    hands_over_at=st.floats(0, 1),
)


@dataclass(frozen=True)
class Unwatched:
    """A reading that the device holds when it is met for the first time.

    Its clock was off otherwise then than it is when it is met: set for summer or winter since, by
    hand.
    """

    ago_s: int
    off_s: int


UNWATCHED_ONES = st.builds(
    Unwatched, ago_s=st.integers(0, 30 * 86_400), off_s=st.integers(-65 * 60, 65 * 60)
)
DRIFTS = st.floats(-90e-6, 90e-6)


@dataclass
class World:
    """The truth, and what the gateway has made of it so far."""

    drift: float
    now: datetime = BEGIN
    set_at: datetime = BEGIN
    set_to: datetime = field(default_factory=lambda: BEGIN.replace(tzinfo=None))
    taken: list[tuple[datetime, datetime]] = field(default_factory=list)
    """Readings that the device still holds: the true moment, and what its clock showed."""
    boot: int = 0
    booted_at: datetime = BEGIN - HOUR
    hub_wrong_by: timedelta = timedelta()
    anchors: dict[str, Anchor] = field(default_factory=dict)
    boots: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    """Boots of the hub: the name, the beginning, and the last moment that was written down."""
    looks: ClockHistory = ()
    waiting: list[tuple[datetime, Reading]] = field(default_factory=list)
    stated: list[tuple[datetime, Timing]] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)

    def shown(self, at: datetime) -> datetime:
        passed = at - self.set_at
        return (self.set_to + passed + passed * self.drift).replace(microsecond=0)

    def jump(self, at: datetime, how: Jump) -> None:
        if how == "battery":
            to = BATTERY
        elif how == "local time":
            to = at.astimezone(PARIS).replace(tzinfo=None)
        else:
            assert isinstance(how, timedelta)
            to = self.shown(at) + how
        self.set_at, self.set_to = at, to

    def spend(self, spell: Spell) -> None:
        """Let the spell pass: measure, and let the clock jump in between."""
        length = timedelta(seconds=spell.lasts_s)
        jumps_at = self.now + spell.jump_at * length
        moments = sorted(self.now + part * length for part in spell.measured_at)
        ends = self.now + length
        hurried = any(ends - moment <= AT_ONCE and moment <= jumps_at for moment in moments)
        assume(spell.jump is None or not hurried)
        if spell.measures_and_comes:
            moments.append(ends - 10 * SECOND)
            assume(spell.jump is None or ends - jumps_at >= 10 * SECOND)
        jumped = False
        for moment in sorted(moments):
            if spell.jump is not None and not jumped and moment >= jumps_at:
                self.jump(jumps_at, spell.jump)
                jumped = True
            self.taken.append((moment, self.shown(moment)))
        if spell.jump is not None and not jumped:
            self.jump(jumps_at, spell.jump)
        if spell.hands_over:
            self.hand_over(self.now + spell.hands_over_at * length)
        self.now = ends

    def hand_over(self, at: datetime) -> None:
        last = self.assignments[-1]
        other = PEOPLE[1 - PEOPLE.index(last.subject)]
        self.assignments[-1] = last.model_copy(update={"until": at})
        self.assignments.append(Assignment(device=DEVICE, slot=None, subject=other, since=at))

    def instant(self, *, trusted: bool) -> Instant:
        utc = self.now if trusted else self.now - timedelta(days=3000) - self.hub_wrong_by
        up_s = (self.now - self.booted_at).total_seconds()
        return Instant(utc, up_s, f"boot-{self.boot}", trusted)

    def reboot(self) -> None:
        self.boot += 1
        self.booted_at = self.now - 30 * SECOND
        self.hub_wrong_by += 17 * MINUTE

    def meet(self, *, knows: bool) -> None:
        """Give everything to the hub, as drivers and journal do."""
        received = self.instant(trusted=knows)
        self.note(received)
        sample = ClockSample(shown=self.shown(self.now), at=received)
        if knows:
            self.looks = seen(self.looks, sample, SECOND)
        for true, stamp in self.taken:
            live = abs(sample.shown - stamp) <= AT_ONCE
            assume(not live or self.now - true <= AT_ONCE)  # not by accident
            told = DeviceTime(stamp=stamp, raw="00", clock=sample)
            reading = Reading(
                device=DEVICE,
                kind=Kind.WEIGHT,
                values={},
                received=received,
                device_time=told,
                live=live,
            )
            if knows:
                self.stated.append((true, corrected(reading, PARIS, self.looks)))
            else:
                assert not corrected(reading, PARIS, self.looks).sendable
                self.waiting.append((true, reading))
        self.taken.clear()
        if knows:
            self.learn()

    def note(self, received: Instant) -> None:
        boot = received.boot_id
        if received.trusted and boot not in self.anchors:
            self.anchors[boot] = Anchor(boot, self.now, received.monotonic)
        if self.boots and self.boots[-1][0] == boot:
            self.boots[-1] = (boot, self.boots[-1][1], self.now)
        else:
            self.boots.append((boot, self.booted_at, self.now))

    def learn(self) -> None:
        """Time what waits: in a boot that knows by now, or between those that do."""
        for true, reading in self.waiting:
            anchor = self.anchors.get(reading.received.boot_id) or self.lost(reading.received)
            moved = at_true_time(reading, anchor)
            timing = corrected(moved, PARIS, self.looks, hub_doubt=anchor.doubt)
            self.stated.append((true, timing))
        self.waiting.clear()

    def lost(self, received: Instant) -> Anchor:
        at = next(n for n, (boot, _, _) in enumerate(self.boots) if boot == received.boot_id)
        name, began, last = self.boots[at]
        before = max(end for boot, _, end in self.boots[:at] if boot in self.anchors)
        after = min(start for boot, start, _ in self.boots[at:] if boot in self.anchors)
        anchor = lost_boot(name, last - began, before, after)
        assert anchor is not None
        return anchor


def _lived(drift: float, spells: list[Spell], unwatched: list[Unwatched]) -> World:
    world = World(drift)
    for each in sorted(unwatched, key=lambda each: -each.ago_s):
        true = BEGIN - timedelta(seconds=each.ago_s)
        is_at_once = each.ago_s <= AT_ONCE.total_seconds()
        off = timedelta() if is_at_once else timedelta(seconds=each.off_s)
        world.taken.append((true, world.shown(true) + off))
    since = BEGIN - timedelta(days=30)
    world.assignments.append(Assignment(device=DEVICE, slot=None, subject=PEOPLE[0], since=since))
    world.meet(knows=True)
    jumped_unseen = False
    for spell in spells:
        if jumped_unseen:  # a second jump before anybody could look at the first
            spell = replace(spell, jump=None)
        world.spend(spell)
        if spell.hub_boots:
            world.reboot()
        knows = spell.hub_knows
        # A look that was lost with the hub's time is none: only one jump until the next.
        jumped_unseen = not knows and (jumped_unseen or spell.jump is not None)
        world.meet(knows=knows)
    world.now += HOUR
    world.meet(knows=True)
    return world


@settings(max_examples=300, deadline=None)
@given(DRIFTS, st.lists(SPELLS, min_size=1, max_size=8), st.lists(UNWATCHED_ONES, max_size=3))
def test_no_time_is_further_off_than_it_says(
    drift: float, spells: list[Spell], unwatched: list[Unwatched]
) -> None:
    world = _lived(drift, spells, unwatched)

    for true, timing in world.stated:
        event(f"{timing.reason}, {'may be sent' if timing.sendable else 'waits'}")
        if timing.uncertainty is not None:
            assert abs(timing.measured_at - true) <= timing.uncertainty


@settings(max_examples=300, deadline=None)
@given(DRIFTS, st.lists(SPELLS, min_size=1, max_size=8), st.lists(UNWATCHED_ONES, max_size=3))
def test_no_reading_is_given_to_who_did_not_have_the_device(
    drift: float, spells: list[Spell], unwatched: list[Unwatched]
) -> None:
    world = _lived(drift, spells, unwatched)
    assigned = tuple(world.assignments)

    for true, timing in world.stated:
        if timing.earliest is None or timing.latest is None:
            continue
        subject, _ = attribute(assigned, DEVICE, None, timing.earliest, timing.latest)
        event("somebody's" if subject else "nobody's")
        assert subject is None or any(
            a.covers(DEVICE, None, true) for a in assigned if a.subject == subject
        )
