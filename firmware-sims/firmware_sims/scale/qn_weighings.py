"""Who stands on a QN scale, and what it stored of those whom no host took."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sims.body import Mass
from firmware_sims.device_clock import DeviceClock
from firmware_sims.memory import RecordMemory
from firmware_sims.packing.qn import Weighing

_CAPACITY = 20
_STANDS_FOR = timedelta(seconds=15)  # whoever is not weighed steps off


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody on the scale, since a true time; who does not settle is not weighed."""

    since: datetime
    weighing: Weighing
    mass: Mass
    settles: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A weighing, and what the clock showed."""

    weighing: Weighing
    shown: datetime


class Weighings:
    """Of one scale; what is stored is oldest first."""

    def __init__(self, now: Callable[[], datetime], clock: DeviceClock) -> None:
        self._now = now
        self._clock = clock
        self._standing: Standing | None = None
        self._stored: RecordMemory[Stored] = RecordMemory(_CAPACITY)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Stored]:
        self._look()
        return iter(self._stored)

    @property
    def standing(self) -> Standing | None:
        """Who stands there now."""
        self._look()
        return self._standing

    def step_on(self, standing: Standing) -> None:
        """Let somebody step on; who stood there steps off."""
        self.step_off(self._standing, received=False)
        self._standing = standing

    def step_off(self, standing: Standing | None, *, received: bool) -> None:
        """Let somebody step off; what was not received is stored."""
        if standing is not None and standing is self._standing:
            self._standing = None
            if not received:
                self.store(standing)

    def store(self, standing: Standing) -> None:
        """Store a weighing, if it came to one."""
        if standing.settles:
            shown = self._clock.device_local(standing.since)
            self._stored.keep(Stored(standing.weighing, shown))

    def forget(self, stored: Stored) -> None:
        """Forget what was sent."""
        self._stored.forget(stored)

    def _look(self) -> None:
        standing = self._standing
        if standing is not None and self._now() - standing.since > _STANDS_FOR:
            self.step_off(standing, received=False)
