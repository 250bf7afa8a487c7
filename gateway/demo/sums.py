"""The sums of the demonstration: what devices produced, what the journal holds, what arrived.

Three independent accounts are compared: the virtual devices' own ledger, the gateway's journal (by
its API), and the sandbox health space's count of what reached it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sum:
    """One statement that must hold, with both sides of it."""

    statement: str
    expected: int
    found: int
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the two sides are equal."""
        return self.expected == self.found


def key_of_produced(line: Json) -> tuple[str, ...]:
    """Name what a device says it measured, comparably with `key_of_reading`."""
    values = line["values"]
    limit = values.get("range")
    numbers = {_NAMES.get(name, name): value for name, value in values.items()}
    return _key(line["device"], line["kind"], line.get("slot"), numbers, _LIMITS.get(limit))


def key_of_reading(reading: Json) -> tuple[str, ...]:
    """Name what the journal holds, comparably with `key_of_produced`."""
    address = reading["device"].split(":", 1)[1]
    numbers = {name: value["value"] for name, value in reading["values"].items()}
    return _key(address, reading["kind"], reading["slot"], numbers, reading["limit"])


_NAMES = {"pulse": "pulse_rate"}
_LIMITS = {"low": "below", "high": "above"}
_COMPARED = {
    "blood_pressure": ("systolic", "diastolic"),
    "heart_rate": ("pulse_rate",),
    "weight": ("weight",),
    "body_composition": (),
    "interstitial_glucose": ("glucose",),
}


def _key(
    device: str, kind: str, slot: object, numbers: Mapping[str, str], limit: str | None
) -> tuple[str, ...]:
    compared = [_plain(numbers[name]) for name in _COMPARED.get(kind, ()) if name in numbers]
    return (device, kind, "" if slot is None else str(slot), limit or "", *compared)


def _plain(number: str) -> str:
    return format(Decimal(number).normalize(), "f")


ON_THE_CABLE = timedelta(seconds=2)
"""A long line takes half a second at 9600 baud; opening a port empties it of what came before."""


def spoken_into_the_void(
    produced: Iterable[Json], push_only: Collection[str], deaf: Sequence[tuple[datetime, datetime]]
) -> Counter[tuple[str, ...]]:
    """Count what push-only devices said about the time the daemon was `deaf`: from, until.

    Such a device has no memory and waits for no answer: what is on its cable when the listener dies
    is gone, whatever the listener does. Every other device keeps a record until it is safe.
    """
    lost: Counter[tuple[str, ...]] = Counter()
    for line in produced:
        said = datetime.fromisoformat(line["measured_at"])
        if line["device"] in push_only and any(
            since - ON_THE_CABLE <= said <= until + ON_THE_CABLE for since, until in deaf
        ):
            lost[key_of_produced(line)] += 1
    return lost


def journal_sums(
    produced: Sequence[Json], readings: Sequence[Json], excusable: Counter[tuple[str, ...]]
) -> list[Sum]:
    """Compare the devices' ledger with the journal: every reading exactly once.

    What is `excusable` may be missing; it is shown, and taken off what is expected.
    """
    made = Counter(key_of_produced(line) for line in produced)
    measured = [r for r in readings if r["kind"] in _COMPARED]
    kept = Counter(key_of_reading(reading) for reading in measured)
    void = (made - kept) & excusable
    made -= void
    lost = made - kept
    extra = kept - made
    said = f"; {void.total()} were said into a dead port" if void else ""
    return [
        Sum(f"readings the devices produced are in the journal{said}", made.total(), kept.total()),
        Sum("readings lost", 0, lost.total(), _named(lost)),
        Sum(
            "readings that no device produced, or twice in the journal",
            0,
            extra.total(),
            _named(extra),
        ),
    ]


def held_by_devices(produced: Iterable[Json], readings: Iterable[Json]) -> list[Json]:
    """Return what devices measured and the journal does not hold yet, the newest first."""
    kept = Counter(key_of_reading(reading) for reading in readings if reading["kind"] in _COMPARED)
    held = []
    for line in sorted(produced, key=lambda line: str(line["measured_at"]), reverse=True):
        key = key_of_produced(line)
        if kept[key]:
            kept[key] -= 1
        else:
            held.append(line)
    return held


def _named(some: Counter[tuple[str, ...]]) -> str:
    return "; ".join(
        f"{count} x {' '.join(filter(None, key))}" for key, count in some.most_common(3)
    )


def arrival_sums(
    readings: Sequence[Json],
    destination: str,
    consenting: str,
    other: str,
    consenting_there: Json,
    other_there: Json,
    other_bytes: int,
) -> list[Sum]:
    """Compare the journal with the health space: one person's readings once, the other's never.

    The last three are the sandbox's own accounts of the two people. What the device itself called
    doubtful, or nobody knows the time of, is not owed.
    """
    owed = [r for r in readings if r["subject"] == consenting and _is_owed(r, destination)]
    settled = [r for r in owed if _way(r, destination) == ("settled", None)]
    theirs = [r for r in readings if r["subject"] == other]
    left = [r for r in theirs if (_way(r, destination) or ("withheld",))[0] != "withheld"]
    return [
        Sum(
            "readings of the consenting person settled",
            len(owed),
            len(settled),
            _stuck(owed, destination),
        ),
        Sum("  accepted by the health space", len(owed), consenting_there["accepted"]),
        Sum("  accepted there a second time", 0, consenting_there["duplicates"]),
        Sum("readings of the other person that left the journal", 0, len(left)),
        Sum("  accepted by the health space", 0, other_there["accepted"]),
        Sum("  bytes about them that reached it", 0, other_bytes),
    ]


_NOT_OWED = frozenset({"not_reliable", "time_unknown"})


def _is_owed(reading: Json, destination: str) -> bool:
    way = _way(reading, destination)
    return way is not None and way[1] not in _NOT_OWED


def _way(reading: Json, destination: str) -> tuple[str, str | None] | None:
    """Return the state of the reading's delivery and its reason; None if nothing is owed there."""
    for delivery in reading["deliveries"]:
        if delivery["destination"] == destination:
            return delivery["state"], delivery["reason"]
    return None


def _stuck(owed: Iterable[Json], destination: str) -> str:
    states = Counter(
        f"{delivery['state']} ({delivery['reason'] or 'no reason'})"
        for reading in owed
        for delivery in reading["deliveries"]
        if delivery["destination"] == destination and delivery["state"] != "settled"
    )
    return ", ".join(f"{count} {state}" for state, count in states.items())
