"""What became of one attempt, in words for people and for the counters."""

from __future__ import annotations

import logging
from datetime import timedelta

from gateway.domain.identity import ReadingId
from gateway.domain.receipt import Receipt
from gateway.errors import (
    OutcomeUnknown,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)

_SEARCH_AFTER_S = (10, 30, 60, 300, 900, 3600)
"""The first search comes soon but not at once: the server may still be busy with the reading."""
_MOST_DOUBTS = 10_000  # those of withdrawn people stay; beyond it, all begin anew

_LABELS: tuple[tuple[type[Exception], str], ...] = (
    (UplinkUnavailable, "unavailable"),
    (OutcomeUnknown, "unknown"),
    (UplinkRejected, "rejected"),
    (UplinkRefused, "refused"),
    (UplinkUnauthorised, "unauthorised"),
)

_log = logging.getLogger(__name__)


class Doubts:
    """How often in a row it was unknown whether each reading arrived, since the gateway started.

    Attempts that certainly brought nothing there do not count: after an outage of hours, the first
    search still comes soon.
    """

    def __init__(self) -> None:
        self._in_a_row: dict[ReadingId, int] = {}

    def again(self, reading: ReadingId) -> timedelta:
        """Take down one more; return how long to wait before searching."""
        if len(self._in_a_row) >= _MOST_DOUBTS:
            self._in_a_row.clear()
        times = self._in_a_row.get(reading, 0)
        self._in_a_row[reading] = times + 1
        return timedelta(seconds=_SEARCH_AFTER_S[min(times, len(_SEARCH_AFTER_S) - 1)])

    def over(self, reading: ReadingId) -> None:
        """Take down that it is known now."""
        self._in_a_row.pop(reading, None)


def why_unknown(outcome: Exception | None) -> str:
    """Say why it is not known whether the reading arrived; None means it was cut off."""
    if isinstance(outcome, OutcomeUnknown):
        return str(outcome)
    if outcome is None:
        return "It was cut off on its way: it may have arrived."
    # Not its words: an error nobody foresaw may quote a value.
    _log.error("a delivery failed with %s, which is a bug: report it", type(outcome).__name__)
    return f"The gateway failed with {type(outcome).__name__}: report it; it may have arrived."


def label(outcome: Receipt | Exception | None) -> str:
    """Name the outcome for the counter `deliveries_total`."""
    if isinstance(outcome, Receipt):
        return "found" if outcome.found else "settled"
    if outcome is None:
        return "cut_off"
    return next((name for kind, name in _LABELS if isinstance(outcome, kind)), "failed")
