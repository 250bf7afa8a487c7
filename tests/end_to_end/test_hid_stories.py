"""Any life of a device that logs how its clock was set: each reading lies within its stated doubt.

A story is drawn: measurements, and a clock that its owner sets now and then, and that is lost and
set again in some; first without a hub, then before one, which may read it while its clock is lost.
Where no clock was lost, each reading has its time, as has each strip since it was set again. One
that will be lost was right at first: what it showed before anyone looked, nobody can tell.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from firmware_sims.cgm import libre_reader as libre
from firmware_sims.cgm.libre_reader import LibreReader
from firmware_sims.glucose_meter import freestyle_neo as neo
from firmware_sims.glucose_meter.freestyle_neo import FreeStyleNeo
from firmware_sims.ledger import Kind, Produced
from firmware_sims.placement import Placement

from gateway.domain.entry import Entry
from gateway.domain.reading import Quality
from tests.end_to_end.counter import Counter, a_counter, said, shown
from tests.end_to_end.passing import Passing

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
MOVES = (HOUR, -HOUR, HOUR / 4, -HOUR / 2, 6 * HOUR, -6 * HOUR, 9 * HOUR, DAY)
ALWAYS = datetime.min.replace(tzinfo=UTC)
WRONG_FROM_THE_START = (timedelta(), timedelta(), -213 * DAY, 30 * DAY)


class Story:
    """The life of one device, drawn from a seed."""

    def __init__(self, seed: str) -> None:
        self._draw = random.Random(seed)
        self._loses_its_clock = self._draw.random() < 0.5
        self._is_lost = False
        self.all_told_since: datetime | None = ALWAYS
        """Since when its log tells all that happened to its clock; None while that is lost."""
        right = (timedelta(),)
        self.clock_error = self._draw.choice(
            right if self._loses_its_clock else WRONG_FROM_THE_START
        )
        self.newest_first = self._draw.random() < 0.5
        self.restamps = self._draw.random() < 0.5
        self.worn_for = self._draw.choice((4, 12)) * DAY
        self.told: list[str] = []
        """What happened, for who has to find out what went wrong."""

    def moments(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Give moments of a life, some minutes or some hours apart."""
        while (since := since + self._draw.uniform(0.3, 7) * HOUR) < until:
            yield since

    def happen(self, counter: Counter, at: datetime) -> None:
        """Let something happen at a true time."""
        clock, what = counter.placement.clock, "measured"
        if self._draw.random() < 0.7:
            counter.device.measure(at)  # type: ignore[call-arg] # of both devices
        elif self._loses_its_clock and self._draw.random() < 0.4:
            clock.lost(at)
            self._is_lost, self.all_told_since, what = True, None, "lost"
        elif self._is_lost:
            error = self._draw.choice((timedelta(), timedelta(), *MOVES))
            clock.set_right(at, error)
            self._is_lost, self.all_told_since, what = False, at, f"set, {error} ahead"
        else:
            by = self._draw.choice(MOVES)
            clock.moved(at, by)
            what = f"moved by {by}"
        self.told.append(f"{at:%d %H:%M} {what}")


def _libre(story: Story) -> Callable[[Placement], LibreReader]:
    def make(placement: Placement) -> LibreReader:
        return LibreReader(
            placement,
            put_on_at=placement.now() - story.worn_for,
            habits=libre.Habits(strip_every=3),
            newest_first=story.newest_first,
            restamps=story.restamps,
        )

    return make


def _neo(story: Story) -> Callable[[Placement], FreeStyleNeo]:
    habits = neo.Habits(control_every=5)
    return lambda placement: FreeStyleNeo(placement, habits=habits, newest_first=story.newest_first)


MAKERS = {"cgm/freestyle_libre": _libre, "glucose_meter/freestyle_neo": _neo}


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is short enough for a socket."""
    return tmp_path_factory.mktemp("hid")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("driver", MAKERS)
async def test_any_life_leaves_each_reading_within_its_doubt(
    driver: str, seed: int, folder: Path, time: Passing
) -> None:
    story = Story(f"{driver}/{seed}")
    async with placed(story, driver, folder, time) as counter:
        await has_arrived(counter)
        assert_each_within_its_doubt(counter, story)

        for _ in range(4):
            time.skip(2.5 * 3600)
            story.happen(counter, time.utc())
            await has_arrived(counter)
        assert_each_within_its_doubt(counter, story)
        assert counter.forbidden.received == []


def placed(
    story: Story, driver: str, folder: Path, time: Passing
) -> AbstractAsyncContextManager[Counter]:
    """Put a device on a counter that has two days of its life behind it."""

    def live(counter: Counter) -> None:
        now = counter.time.utc()
        for at in story.moments(now - 2 * DAY, now - HOUR):
            story.happen(counter, at)

    make = MAKERS[driver](story)
    return a_counter(
        folder, time, driver, make, before=live, clock_error=story.clock_error, hid=True
    )


async def has_arrived(counter: Counter) -> None:
    produced = counter.ledger.produced
    await counter.until(lambda: len(people(counter)) >= len(produced), step_s=5)


def people(counter: Counter) -> list[Entry]:
    """Return what the journal holds of people."""
    return [each for each in counter.entries() if each.reading.quality is not Quality.CONTROL]


def assert_each_within_its_doubt(counter: Counter, story: Story) -> None:
    """Assert that each that was produced can be an entry of its own, and that there is no other."""
    entries, produced = people(counter), counter.ledger.produced
    left = unmatched(produced, entries)
    assert [(one.measured_at, shown(one)) for one in left] == [], story.told
    assert len(entries) == len(produced), story.told
    sendable = [entry for entry in entries if entry.timing.sendable]
    if story.all_told_since == ALWAYS:
        assert len(sendable) == len(entries), story.told
    elif story.all_told_since is not None:
        strips = [one for one in produced if one.kind is Kind.BLOOD_GLUCOSE]
        told = [one for one in strips if one.measured_at > story.all_told_since]
        assert unmatched(told, sendable) == [], story.told


def unmatched(produced: Sequence[Produced], entries: Sequence[Entry]) -> list[Produced]:
    """Return what cannot be given an entry that fits, however the others are given theirs.

    Values repeat within the doubt, so that it matters who gets which.
    """
    owner: dict[int, Produced] = {}
    fitting = {
        id(one): [place for place, entry in enumerate(entries) if fits(one, entry)]
        for one in produced
    }

    def is_placed(one: Produced, tried: set[int]) -> bool:
        for place in fitting[id(one)]:
            if place in tried:
                continue
            tried.add(place)
            if place not in owner or is_placed(owner[place], tried):
                owner[place] = one
                return True
        return False

    return [one for one in produced if not is_placed(one, set())]


def fits(one: Produced, entry: Entry) -> bool:
    """Say whether an entry says what was produced, and when, as far as it claims to know."""
    if str(entry.reading.kind) != str(one.kind) or said(entry) != shown(one):
        return False
    timing = entry.timing
    if timing.uncertainty is None:
        return not timing.sendable
    return abs(timing.measured_at - one.measured_at) <= timing.uncertainty + SECOND
