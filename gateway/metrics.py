"""Counters of the running daemon, in the Prometheus text format. No label ever names a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

HELP = {
    "readings_recorded_total": "Readings that became durable in the journal",
    "readings_repeated_total": "Readings offered again by a device and already in the journal",
    "frames_set_aside_total": "Frames that no driver could read; kept in the journal",
    "sessions_total": "Conversations with devices, by driver and how they ended",
    "deliveries_total": "Attempts to send, by destination and outcome",
    "corrections_total": "Attempts to put right what was sent, by destination and outcome",
    "readings_expired_total": "Readings kept no longer, by whether they had been delivered",
    "journal_refusals_total": "Times the journal refused new readings because the disk was full",
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """A set of monotonic counters. One per daemon, handed to whoever counts."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Labels]] = Counter()

    def count(self, name: str, by: int = 1, /, **labels: str) -> None:
        """Add `by` to the counter; `name` must be one of `HELP`."""
        if name not in HELP:
            raise KeyError(name)
        self._counts[name, tuple(sorted(labels.items()))] += by

    def value(self, name: str, /, **labels: str) -> int:
        """Return the count so far; 0 if it never counted."""
        return self._counts[name, tuple(sorted(labels.items()))]

    def totals(self) -> dict[str, int]:
        """Return the sum of each counter over all its labels."""
        sums = dict.fromkeys(HELP, 0)
        for (name, _), count in self._counts.items():
            sums[name] += count
        return sums

    def render(self) -> str:
        """Return all counters in the Prometheus text exposition format."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for name, text in HELP.items():
            yield f"# HELP gateway_{name} {text}."
            yield f"# TYPE gateway_{name} counter"
            for (counted, labels), value in sorted(self._counts.items()):
                if counted == name:
                    inside = ",".join(f'{key}="{_escape(text)}"' for key, text in labels)
                    yield (
                        f"gateway_{name}{{{inside}}} {value}"
                        if inside
                        else f"gateway_{name} {value}"
                    )


def _escape(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
