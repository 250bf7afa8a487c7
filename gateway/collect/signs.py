"""What is seen of a device before anyone talks with it that tells of something new. Pure.

Over the air there are three signs: it was silent and is there again, as a cuff is that somebody
woke; it says what it did not say before, such as another count of records; or it begins to hurry,
as the profiles have it: many times a second for half a minute after a measurement, then about once
a second. None is sure. A weak signal is lost for seconds, a scan has its gaps, and some devices put
their clock into each advertisement. On a cable the sign is that somebody plugged it in again; it is
never silent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from enum import StrEnum

from gateway.drivers.api import CABLES, Sighting

REAPPEARED_S = 5.0
"""A device that was silent for so long and advertises again was woken by somebody: serve it now.
Within a burst, devices advertise several times a second; a weak signal may lose a few."""
UNSAID_S = 60.0
"""What a device has not said for so long of its being there is another thing than it said before.
Guess: those that say several things by turns come round within seconds."""
SETTLED_S = 5.0
"""What it says so soon after a conversation is what came of that, such as that nothing waits any
more. Guess: a device has done with its own books by then."""
HURRY = 6
HURRY_S = 1.0
"""So many advertisements within so long are a hurry. Recommended are intervals of 20 to 30 ms in
the first 30 s and of 1 to 2.5 s after that (Blood Pressure Profile 1.1.1, section 5, and others);
a scan hears each of them once or twice, if it listens at all. A short while: of a signal of which
four in five are lost, chance lets through so many in a second, but not twice as many in two."""
HURRIED_S = 35.0
"""For half a minute some hurry after a conversation, too; of a weak one that is noticed late."""
PARTS = 32
"""So many different things of one device are remembered. An advertisement and its scan response
have room for some 20 parts, and most devices say four."""


class Sign(StrEnum):
    """What was noticed."""

    OTHER = "other"
    """It says, or hurries to say, what it did not say before."""
    WOKEN = "woken"
    """It is there again: it was silent, or is plugged in anew."""


Part = tuple[str, Hashable, Hashable]
_HURRY: Part = ("hurry", None, None)


class Signs:
    """What was heard of one device. Times are monotonic."""

    def __init__(self) -> None:
        self._heard_at = 0.0
        self._left_at = 0.0
        self._there_s = 0.0
        self._said: dict[Part, float] = {}
        """What it said, and for how long it had been there when it said so last."""
        self._latest: deque[float] = deque(maxlen=HURRY)
        self._plugging: str | None = None

    def left(self, now: float) -> None:
        """Note the end of a conversation, in which a device does not advertise."""
        self._heard_at = self._left_at = now

    def seen(self, sighting: Sighting, now: float) -> list[Sign]:
        """Take a sighting in; return what it is a sign of, the surer one first."""
        if sighting.reach in CABLES:
            before, self._plugging = self._plugging, sighting.plugging
            is_anew = before is not None and sighting.plugging not in (None, before)
            return [Sign.WOKEN] if is_anew else []
        silent_s, self._heard_at = now - self._heard_at, now
        self._latest.append(now)
        left_s = now - self._left_at
        hurries = len(self._latest) == HURRY and now - self._latest[0] <= HURRY_S
        hurries = hurries and left_s > HURRIED_S
        said = [*_parts(sighting), _HURRY] if hurries else _parts(sighting)
        self._there_s += min(silent_s, REAPPEARED_S)
        is_other = self._says(said) and left_s > SETTLED_S
        is_woken = silent_s >= REAPPEARED_S
        return [*([Sign.OTHER] if is_other else []), *([Sign.WOKEN] if is_woken else [])]

    def _says(self, said: Iterable[Part]) -> bool:
        """Remember every part, those said last at the end; return whether any is another.

        An advertisement and its scan response may come together or not: so parts are compared.
        """
        is_other = False
        for part in said:
            said_at = self._said.pop(part, None)
            is_other = is_other or said_at is None or self._there_s - said_at >= UNSAID_S
            self._said[part] = self._there_s
        while len(self._said) > PARTS:
            del self._said[next(iter(self._said))]
        return is_other


def _parts(sighting: Sighting) -> Iterator[Part]:
    yield from (("service", uuid, None) for uuid in sighting.services)
    yield from (("service_data", *each) for each in sighting.service_data.items())
    yield from (("manufacturer_data", *each) for each in sighting.manufacturer_data.items())
    if sighting.name is not None:
        yield "name", sighting.name, None
