"""What can turn out wrong of a reading that was sent."""

from __future__ import annotations

from enum import StrEnum


class Wrong(StrEnum):
    """What is wrong with what was sent."""

    TIME = "time"
    PERSON = "person"
    VALUE = "value"
    """It was computed here, and of the readings that it should have counted some came after it was
    sent, or some that it counted were somebody else's."""
