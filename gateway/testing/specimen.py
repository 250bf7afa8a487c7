"""A device in a table: what it sends and answers, and the unkind ways in which it can be met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.drivers.api import Channel, Driver, Frame, Sighting
from gateway.drivers.never_sent import refuse_forbidden
from gateway.errors import LinkLost, LinkRefused, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.testing.links import Answer, Written

Said = tuple[float, Channel, bytes]
"""What a device sends by itself: the second after connecting, where, and the bytes."""


def _unanswering() -> Mapping[Channel, Answer]:
    return {}


@dataclass(frozen=True)
class Specimen:
    """One device with readings to give, for `gateway.testing.conformance`.

    `says` is what it sends unasked, one whole frame of its protocol per row; `values` what it
    answers to reads; `answers` makes, anew for each connection, what it does when written to.
    """

    driver: Driver
    sightings: tuple[Sighting, ...]
    """What this driver, and no other, must be chosen for."""
    says: tuple[Said, ...] = ()
    values: Mapping[Channel, bytes] = field(default_factory=dict)
    answers: Callable[[], Mapping[Channel, Answer]] = _unanswering
    frames: tuple[Written, ...] = ()
    """More real frames for `decode`, such as answers; those of `says` are taken anyway."""
    settings: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    lasts_s: float = 30.0
    """How long after its last word the device stays connected."""
    named_by_hub: bool = False
    """It has neither numbers nor times of its own, so its readings are named by the hub's time."""
    forgets: bool = False
    """It drops what was confirmed to it, as devices do that send their memory by indications."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong on the way."""

    chunk_bytes: int | None = None
    """Everything comes in pieces of this size."""
    without: int | None = None
    """The frame of this number never comes."""
    twice: bool = False
    """Every frame comes twice."""
    lost_after: int | None = None
    """The link is lost once so many frames were taken."""


class SpecimenLink:
    """A link to a specimen. Time passes only on its clock, and only while somebody waits."""

    def __init__(
        self,
        specimen: Specimen,
        clock: ManualClock,
        trouble: Trouble,
        forgotten: Iterable[Written] = (),
    ) -> None:
        self._values = specimen.values
        self._answers = specimen.answers()
        self._clock = clock
        self._trouble = trouble
        self.sent = 0
        """How many frames the device sent, or tried to."""
        start = clock.now().monotonic
        self._coming: list[tuple[float, Channel, bytes]] = []
        gone = list(forgotten)
        for at, channel, data in specimen.says:
            if (channel, data) in gone:
                gone.remove((channel, data))
            else:
                self._send(start + at, channel, data)
        last = max((at for at, _, _ in specimen.says), default=0.0)
        self._ends = start + last + specimen.lasts_s
        self._offered = frozenset(
            {channel for _, channel, _ in specimen.says} | {*self._values, *self._answers}
        )
        self._unconfirmed: list[Written] = []
        self.taken = 0
        """How many frames the driver took."""
        self.confirmed: list[Written] = []
        """What the driver took before it went on."""

    @property
    def channels(self) -> frozenset[Channel]:
        """Everything the table mentions."""
        return self._offered

    async def read(self, channel: Channel, /) -> Frame:
        """Return the value in the table."""
        self._check()
        if channel not in self._values:
            raise LinkRefused(f"{channel} has no value", 0x0A)
        return Frame(channel, self._values[channel], self._clock.now())

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        """Let the device answer, at once."""
        refuse_forbidden(channel, data)
        self._go_on()
        self._check()
        if channel not in self._answers:
            raise LinkRefused(f"{channel} cannot be written", 0x03)
        now = self._clock.now().monotonic
        for answered, answer in self._answers[channel](bytes(data)):
            self._send(now, answered, answer)

    async def subscribe(self, channel: Channel, /) -> SpecimenInbox:
        """Start collecting a channel; nothing that came before is missed."""
        self._check()
        return SpecimenInbox(self, channel)

    async def close(self) -> None:
        """Do nothing: a table has no connection."""

    def take(self, channel: Channel, within: float) -> Frame:
        """Return the next frame of a channel; see `Inbox.get`."""
        self._go_on()
        now = self._clock.now().monotonic
        due = self._next(channel)
        if due is None or self._coming[due][0] > now + within:
            self._let_pass(within)
            raise LinkTimeout(f"nothing on {channel}")
        at, _, data = self._coming.pop(due)
        self._clock.advance(max(0.0, at - now))
        self.taken += 1
        self._unconfirmed.append((channel, data))
        return Frame(channel, data, self._clock.now())

    def _next(self, channel: Channel) -> int | None:
        if self._is_cut():
            raise LinkLost("the link was lost")
        numbers = (n for n, coming in enumerate(self._coming) if coming[1] == channel)
        return next(numbers, None)

    def _let_pass(self, seconds: float) -> None:
        left = self._ends - self._clock.now().monotonic
        self._clock.advance(min(max(left, 0.0), seconds))
        if left <= seconds:
            raise LinkLost("the device has gone")

    def _go_on(self) -> None:
        """Confirm what was taken, also when the link is then found to be lost: the worst case."""
        self.confirmed += self._unconfirmed
        self._unconfirmed.clear()

    def _check(self) -> None:
        if self._is_cut() or self._clock.now().monotonic >= self._ends:
            raise LinkLost("the device has gone")

    def _is_cut(self) -> bool:
        return self._trouble.lost_after is not None and self.taken > self._trouble.lost_after

    def _send(self, at: float, channel: Channel, data: bytes) -> None:
        self.sent += 1
        if self.sent - 1 == self._trouble.without:
            return
        for _ in range(2 if self._trouble.twice else 1):
            for piece in _pieces(data, self._trouble.chunk_bytes):
                self._coming.append((at, channel, piece))
        self._coming.sort(key=lambda coming: coming[0])


@dataclass(frozen=True, slots=True)
class SpecimenInbox:
    """The `Inbox` of one channel."""

    link: SpecimenLink
    channel: Channel

    async def get(self, *, within: float) -> Frame:
        """Wait for the next frame on the specimen's clock."""
        return self.link.take(self.channel, within)


def _pieces(data: bytes, size: int | None) -> Iterator[bytes]:
    step = size or max(len(data), 1)
    for at in range(0, len(data) or 1, step):
        yield data[at : at + step]
