"""What a reader of the journal returns. Plain values: nothing here changes anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.domain.correction import Wrong
from gateway.domain.device import Device, DeviceId
from gateway.domain.device_time import Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Limit
from gateway.domain.subject import SubjectId
from gateway.journal.states import State


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order of entries, to go on from."""

    measured_us: int
    number: int


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """How an entry stands with one destination."""

    destination: str
    state: State
    reason: str | None
    """Why it is withheld, parked or dropped, or why the last attempt failed."""
    due_at: datetime | None
    """When the next attempt is due, perhaps long ago; None if none is."""
    attempts: int
    may_have_arrived: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry and where it is on its way."""

    entry: Entry
    recorded_at: datetime
    deliveries: tuple[DeliveryView, ...]
    earlier: tuple[Timing, ...]
    """What was thought of its time before, the first first."""
    position: Position


@dataclass(frozen=True, slots=True)
class CorrectionOwed:
    """A destination was sent something that is wrong there."""

    number: int
    entry: ReadingId
    destination: str
    subject: SubjectId | None
    """Whose record there has it."""
    wrong: Wrong
    reference: str | None
    """What the destination calls it."""
    since: datetime
    problem: str | None
    """Why the hub leaves it to a person: a reason of the gate, or a sentence; None if it does not,
    provided that the destination takes corrections."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What it does, or did, to say whom a device measured in a period that is over."""

    readings: int
    """How many become the person's."""
    unsure: int
    """How many become nobody's for now: they may have been measured outside of the period too."""
    standing: int
    """How many stay another's, or nobody's, because a person said so of each."""
    there: Mapping[str, int]
    """How many of those that somebody loses each destination has, or may have."""

    def __add__(self, other: Handover) -> Handover:
        """Return what both did."""
        return Handover(
            self.readings + other.readings,
            self.unsure + other.unsure,
            self.standing + other.standing,
            Counter(self.there) + Counter(other.there),
        )


@dataclass(frozen=True, slots=True)
class Earlier:
    """Readings of nobody, from before anybody was said to use a device."""

    device: DeviceId
    slot: str | None
    """The device's own number of who it was, if it gave one."""
    count: int
    until: datetime
    """When somebody was said to use it, under that number."""


@dataclass(frozen=True, slots=True)
class DeliveryCount:
    """How many deliveries share a destination, a state and a reason."""

    destination: str
    state: State
    reason: str | None
    may_have_arrived: bool
    count: int


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device and what came of it."""

    number: int
    """What the log calls it."""
    device: Device
    adopted: bool
    first_seen_at: datetime
    last_reading_at: datetime | None
    """When the latest of its readings was measured."""
    set_aside: int
    """Frames kept that no driver could read."""
    aside_dropped: int
    """Older ones that made room for these."""
    last_aside: str | None
    """What the driver objected to in the latest of them."""
    remarks: int
    remarks_dropped: int
    last_remark: str | None


@dataclass(frozen=True, slots=True)
class Remark:
    """An event of a device that is no reading."""

    device: DeviceId
    event: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """A glucose value at a moment; `mg_dl` is None where `limit` says why."""

    at: datetime
    mg_dl: Decimal | None
    limit: Limit | None
    number: int
    """Of its entry: it grows as they are recorded."""


@dataclass(frozen=True, slots=True)
class LastRecorded:
    """The entry recorded last of some: its number, which grows, and when; and how many they are."""

    number: int
    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that the audit chain tells of an entry."""

    at: datetime
    name: str
    destination: str | None
    detail: str | None
    """The grant it was released under, or the reason it was withheld for."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """A damaged journal that was set aside in `folder`, and what came of it."""

    folder: str
    at: datetime
    saved: int
    lost: tuple[ReadingId, ...]
    unsound: Mapping[str, list[str]]
    """Other rows that were left out because their sum was wrong, by table."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The journal in a few numbers."""

    entries: int
    unclaimed: int
    devices: int
    subjects: int
    deliveries: Mapping[State, int]
