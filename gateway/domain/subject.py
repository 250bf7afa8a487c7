"""Subjects: the people readings are about, and which device measures whom, when."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NewType

from pydantic import BaseModel, ConfigDict

from gateway.domain.device import DeviceId

SubjectId = NewType("SubjectId", str)
"""An opaque id of a person, made by the gateway; it says nothing about who it is."""


class Subject(BaseModel):
    """A person as the hub knows them. `label` is what the household calls them; it never leaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: SubjectId
    label: str


class Assignment(BaseModel):
    """That a device (and user slot) measures a subject, from `since` until `until` (excluded).

    `slot` is the device's own user number as text; None stands for every slot, known or not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: DeviceId
    slot: str | None
    subject: SubjectId
    since: datetime
    until: datetime | None = None

    def covers(self, device: DeviceId, slot: str | None, at: datetime) -> bool:
        """Tell whether a reading of this device and slot, measured at `at`, is the subject's."""
        return (
            self.device == device
            and self.slot in (None, slot)
            and self.since <= at
            and (self.until is None or at < self.until)
        )


class Attribution(StrEnum):
    """How a reading came to have its subject, or why it has none yet."""

    ASSIGNMENT = "assignment"
    CLAIM = "claim"
    UNCLAIMED = "unclaimed"
    """Nobody yet: no assignment covers the reading's device, slot and time."""
    AMBIGUOUS = "ambiguous"
    """Nobody yet: several assignments with different subjects cover it."""


def attribute(
    assignments: tuple[Assignment, ...], device: DeviceId, slot: str | None, at: datetime
) -> tuple[SubjectId | None, Attribution]:
    """Say whose reading this is. An assignment of the very slot beats one of every slot.

    "I don't know" is an answer: no guess is ever made.
    """
    covering = [a for a in assignments if a.covers(device, slot, at)]
    exact = [a for a in covering if a.slot is not None]
    subjects = {a.subject for a in exact or covering}
    if len(subjects) == 1:
        return subjects.pop(), Attribution.ASSIGNMENT
    return None, Attribution.AMBIGUOUS if subjects else Attribution.UNCLAIMED
