"""Putting right what was sent: as much in need of consent as sending it was."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.consent.gate import Released
from gateway.domain.correction import Wrong


@dataclass(frozen=True, slots=True)
class ReleasedCorrection:
    """Something to put right at a destination now, as the gate has released it.

    The released entry is as it is known today, but for its subject: the one whose record has it.
    With `Wrong.TIME` it is still theirs, at another time; with `Wrong.PERSON` it never was.
    """

    number: int
    """By which the journal knows it."""
    wrong: Wrong
    reference: str | None
    """What the destination called the reading; None if its receipt never came."""
    released: Released
