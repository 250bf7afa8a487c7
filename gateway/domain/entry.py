"""An entry: a reading that is safe on disk."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.device import Device
from gateway.domain.device_time import Timing
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Reading
from gateway.domain.subject import Attribution, SubjectId
from gateway.frozen import frozen


@frozen
class Entry:
    """A reading in the journal: its identity, its corrected time, and its person if known.

    `attribution` says how `subject` was found, or why there is none yet.
    """

    id: ReadingId
    reading: Reading
    timing: Timing
    subject: SubjectId | None
    attribution: Attribution
    device: Device

    def timed(self, timing: Timing) -> Entry:
        """Return it as it is, or was, with another time."""
        return replace(self, timing=timing)
