"""Subjects: the people readings are about, and which device measures whom, when."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NewType

from gateway.domain.device import DeviceId
from gateway.domain.value import Value

SubjectId = NewType("SubjectId", str)
"""An opaque id of a person, made by the gateway; it says nothing about who it is."""


class Subject(Value):
    """A person as the hub knows them. `label` is what the household calls them; it never leaves."""

    id: SubjectId
    label: str


class Assignment(Value):
    """That a device (and user slot) measures a subject, from `since` until `until` (excluded).

    `slot` is the device's own user number as text; None stands for every slot, known or not.
    """

    device: DeviceId
    slot: str | None
    subject: SubjectId
    since: datetime
    until: datetime | None = None
    session: int | None = None
    """The session at a kiosk that this stands for, if it is no lasting assignment."""

    def covers(self, device: DeviceId, slot: str | None, at: datetime) -> bool:
        """Tell whether a reading of this device and slot, measured at `at`, is the subject's."""
        return self.device == device and self.slot in (None, slot) and self.lasts_at(at)

    def lasts_at(self, at: datetime) -> bool:
        """Tell whether `at` lies within its period."""
        return self.since <= at and (self.until is None or at < self.until)

    def without(self, other: Assignment) -> tuple[Assignment, ...]:
        """Return what is left of it where `other` is known to have been so: two parts at most.

        An assignment of one slot leaves those of every slot, which it beats.
        """
        same = self.device == other.device and other.slot in (None, self.slot)
        if not same or not self.overlaps(other):
            return (self,)
        parts: list[Assignment] = []
        if self.since < other.since:
            parts.append(self.model_copy(update={"until": other.since}))
        if other.until is not None and (self.until is None or other.until < self.until):
            parts.append(self.model_copy(update={"since": other.until}))
        return tuple(parts)

    def overlaps(self, other: Assignment) -> bool:
        """Tell whether there is a moment that lies within both periods."""
        ends_after = self.until is None or other.since < self.until
        return ends_after and (other.until is None or self.since < other.until)


class Attribution(StrEnum):
    """How a reading came to have its subject, or why it has none yet."""

    ASSIGNMENT = "assignment"
    SESSION = "session"
    """It was measured during the person's session at a kiosk."""
    CLAIM = "claim"
    COMPUTED = "computed"
    """It was computed here, from readings that are all this person's."""
    REPLACED = "replaced"
    """It was computed here, and again since: kept, and not sent."""
    UNCLAIMED = "unclaimed"
    """Nobody yet: no assignment covers the reading's device, slot and time."""
    AMBIGUOUS = "ambiguous"
    """Nobody yet: several subjects are possible, by assignments or by the time's uncertainty."""
    DISMISSED = "dismissed"
    """Nobody's for good: a guest, a pet, a test. It can still be claimed."""


def attribute(
    assignments: tuple[Assignment, ...],
    device: DeviceId,
    slot: str | None,
    earliest: datetime,
    latest: datetime,
) -> tuple[SubjectId | None, Attribution]:
    """Say whose a reading is that was measured somewhere from `earliest` to `latest`.

    An assignment of the very slot beats one of every slot. A reading has a subject only if it is
    theirs whenever in that time it was measured: "I don't know" is an answer, no guess is made.
    """
    mine = [a for a in assignments if a.device == device and a.slot in (None, slot)]
    changes = {
        border
        for a in mine
        for border in (a.since, a.until)
        if border is not None and earliest < border <= latest
    }
    if not changes:
        return _at(mine, earliest)
    answers = {_at(mine, moment) for moment in (earliest, *changes)}
    if len({subject for subject, _ in answers}) == 1:
        return min(answers, key=lambda answer: answer[1])
    return None, Attribution.AMBIGUOUS


def _at(mine: list[Assignment], moment: datetime) -> tuple[SubjectId | None, Attribution]:
    covering = [a for a in mine if a.lasts_at(moment)]
    counting = [a for a in covering if a.slot is not None] or covering
    subjects = {a.subject for a in counting}
    if len(subjects) == 1:
        lasting = None in {a.session for a in counting}
        return subjects.pop(), Attribution.ASSIGNMENT if lasting else Attribution.SESSION
    return None, Attribution.AMBIGUOUS if subjects else Attribution.UNCLAIMED
