"""What happens to a device in the course of a scenario, and when: the story it tells.

Measuring, a battery change, a clock set or moved, an erased memory, going out of the gateway's
reach and coming back. Whatever lies before the beginning has happened by then; the rest happens as
time gets there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class What(StrEnum):
    """What can happen."""

    MEASURED = "measured"
    """`who` measures, if it says so, else the next person; a sensor takes all that was due."""
    BATTERY_CHANGED = "battery_changed"
    """The clock begins at the factory's time, and a meter's numbers at 1 again."""
    CLOCK_MOVED = "clock_moved"
    """Its user set it forward, or back, by `by_s`."""
    CLOCK_SET = "clock_set"
    """Its user set it to the right time, or by `by_s` ahead of that."""
    ERASED = "erased"
    """Its owner erased all that it holds; a Libre reader's has put a new sensor on."""
    LEFT = "left"
    """It is out of reach from now on; one on a cable is unplugged."""
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happens, `at_h` hours after the scenario begins (negative: before)."""

    what: What
    at_h: float
    by_s: float = 0
    who: str | None = None
    """Somebody of the scenario."""
    user: int | None = None
    """The user id that they give the device; without one, theirs if they have one."""


@dataclass(frozen=True, slots=True)
class Due:
    """Something that happens to a device at a true time."""

    at: datetime
    device: str
    happening: Happening


class Course:
    """All that is still to happen, in order of time."""

    def __init__(
        self, begins: datetime, devices: Iterable[tuple[str, Sequence[Happening]]]
    ) -> None:
        dues = [
            Due(begins + timedelta(hours=happening.at_h), name, happening)
            for name, happenings in devices
            for happening in happenings
        ]
        self._dues = sorted(dues, key=lambda due: due.at)

    @property
    def next_at(self) -> datetime | None:
        """When the next thing happens; None when nothing more does."""
        return self._dues[0].at if self._dues else None

    def until(self, now: datetime) -> list[Due]:
        """Take what has happened by now, in order."""
        count = sum(due.at <= now for due in self._dues)
        past, self._dues = self._dues[:count], self._dues[count:]
        return past
