"""Whatever happened, a destination that takes corrections has at last what the hub knows."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.consent.correction import ReleasedCorrection
from gateway.consent.gate import Released
from gateway.domain.correction import Wrong
from gateway.domain.device_time import Timing
from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError
from gateway.journal.journal import Journal
from gateway.journal.reader import Reader
from gateway.testing.clock import ManualClock
from tests.journal.making import LONG_AGO, SCALE, grant, open_journal, weight

MEMORY = Path("/dev/shm")
STEPS = [timedelta(minutes=30 * by) for by in (-6, -2, -1, 1, 2, 6)]
Key = tuple[ReadingId, SubjectId]


class Life:
    """Two people, their scale, a hub whose clock is set again and again, and a destination."""

    journal: Journal

    def __init__(self, path: Path, chance: Random) -> None:
        self.path = path
        self.chance = chance
        self.clock = ManualClock()
        self.people: list[SubjectId] = []
        self.recorded: list[ReadingId] = []
        self.there: dict[Key, Timing | None] = {}
        """With what time the destination has whose reading; None if it was taken back there."""
        self.leaving: list[Released] = []
        self.correcting: list[ReleasedCorrection] = []

    async def begin(self) -> None:
        await self.start()
        for name in ("Odile", "Marcel"):
            self.people.append((await self.journal.add_subject(name)).id)
            await self.journal.record_grant(grant(self.people[-1], f"of {name}"))
        await self.journal.adopt(SCALE.id, SCALE.driver)
        await self.journal.assign(SCALE.id, None, self.people[0], LONG_AGO)

    async def start(self) -> None:
        self.journal = open_journal(self.path, self.clock)
        await self.journal.hub_time_known(self.clock.now())

    # --- what happens ---------------------------------------------------------------------------

    async def measured(self) -> None:
        number = len(self.recorded)
        reading = weight(number).model_copy(update={"received": self.clock.now()})
        self.recorded += [each.id for each in await self.journal.record(SCALE, [reading])]

    async def given(self) -> None:
        entry, whose = self.chance.choice(self.recorded), self.chance.choice(self.people)
        with suppress(JournalError):  # nobody's is claimed instead
            await self.journal.claim_entry(entry, whose)
        await self.journal.reassign(entry, whose)

    async def dismissed(self) -> None:
        await self.journal.dismiss(self.chance.choice(self.recorded))

    async def clock_set(self) -> None:
        self.clock.step(self.chance.choice(STEPS))
        await self.journal.hub_time_known(self.clock.now(), stepped=True)

    async def an_hour_later(self) -> None:
        self.clock.advance(3600)

    async def set_out(self) -> None:
        if not self.leaving + self.correcting:
            now = self.clock.now().utc
            self.leaving = await self.journal.claim("mes", 3, now)
            self.correcting = await self.journal.claim_corrections("mes", 3, now)

    async def came_back(self, *, safely: bool = False) -> None:
        now = self.clock.now().utc
        for released in self.leaving:
            arrives, is_told = (safely or self.chance.random() < 0.7 for _ in range(2))
            receipt = self._take(released) if arrives else None
            if receipt is not None and is_told:
                await self.journal.settle(released, receipt)
            else:
                await self.journal.unsettle(released, now, "no answer")
        for correction in self.correcting:
            arrives, is_told = (safely or self.chance.random() < 0.7 for _ in range(2))
            if arrives:
                self._correct(correction)
            if arrives and is_told:
                await self.journal.corrected(correction)
            else:
                await self.journal.correct_at(correction, now)
        self.leaving, self.correcting = [], []

    async def power_failed(self) -> None:
        for released in self.leaving:
            if self.chance.random() < 0.5:
                self._take(released)
        self.leaving, self.correcting = [], []
        await self.journal.close()
        await self.start()

    def _take(self, released: Released) -> Receipt:
        """Search if it may be there already, and else send it, as an uplink does."""
        entry = released.delivery.entry
        key, now = (entry.id, released.subject), self.clock.now().utc
        known = self.there.get(key)
        if released.delivery.unsettled and known is not None:
            return Receipt("mes", "x", now, found=True, found_at=known)
        self.there[key] = entry.timing
        return Receipt("mes", "x", now)

    def _correct(self, correction: ReleasedCorrection) -> None:
        released = correction.released
        key = (released.delivery.entry.id, released.subject)
        if correction.wrong is Wrong.PERSON:
            self.there[key] = None
        elif self.there.get(key) is not None:
            self.there[key] = released.delivery.entry.timing

    # --- what is true at last -------------------------------------------------------------------

    async def all_told(self) -> None:
        await self.came_back(safely=True)
        self.clock.advance(timedelta(days=3).total_seconds())  # what a wrong clock put off is due
        await self.set_out()
        while self.leaving + self.correcting:
            await self.came_back(safely=True)
            await self.set_out()

    def wrong(self) -> list[Key]:
        """Return what is there of who does not have it here, not there, or with another time."""
        found = []
        with Reader.open(self.path) as reader:
            for name in self.recorded:
                view = reader.entry(name)
                assert view is not None
                for person in self.people:
                    has = self.there.get((name, person))
                    if (has is not None) != (view.entry.subject == person) or (
                        has is not None
                        and has.uncertainty is not None
                        and abs(has.measured_at - view.entry.timing.measured_at) > has.uncertainty
                    ):
                        found.append((name, person))
        return found


Happens = Callable[[Life], Awaitable[None]]
HAPPENS: tuple[Happens, ...] = (
    Life.measured,
    Life.set_out,
    Life.came_back,
    Life.given,
    Life.clock_set,
)
RARELY: tuple[Happens, ...] = (Life.dismissed, Life.an_hour_later, Life.power_failed)


@settings(max_examples=60)
@given(
    story=st.lists(st.sampled_from((*HAPPENS * 2, *RARELY)), min_size=30, max_size=60),
    chance=st.randoms(use_true_random=False),
)
def test_at_last_everything_is_there_as_it_is_here(
    story: Sequence[Happens], chance: Random
) -> None:
    assert asyncio.run(_lived(story, chance)) == []


async def _lived(story: Sequence[Happens], chance: Random) -> list[Key]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        life = Life(Path(folder) / "journal.db", chance)
        await life.begin()
        await life.measured()
        for happens in story:
            with suppress(JournalError):  # a reading that is on its way is nobody else's yet
                await happens(life)
        await life.all_told()
        await life.journal.close()
        return life.wrong()
