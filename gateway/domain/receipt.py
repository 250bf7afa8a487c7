"""A receipt: the word of a destination that it has a reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.device_time import Timing


@dataclass(frozen=True, slots=True)
class Receipt:
    """A destination took a delivery.

    `reference` is what the destination calls it (an opaque string); `found` tells that a search
    after an unknown outcome found it there, instead of an answer to the sending, and `found_at` the
    time it has there, where a reading may have been sent with several.
    """

    destination: str
    reference: str
    at: datetime
    found: bool = False
    found_at: Timing | None = None
