"""What must be at each destination beside what is there. Pure.

Readings are compared by whose, kind, moment (to the second, as the health space keeps it) and
value, never by anything that the gateway computed for the purpose; over MQTT by the `id` in the
message, which is what its receivers are told to go by.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateway.demo.sums import Sum
from tests.chaos.diary import Diary, Json, delivery

Key = tuple[str, ...]

_KINDS = {
    "85354-9": "blood_pressure",
    "8867-4": "heart_rate",
    "29463-7": "weight",
    "8302-2": "height",
    "99504-3": "interstitial_glucose",
    "97507-8": "mean_interstitial_glucose",
    "MED-969": "mean_interstitial_glucose",
    "97506-0": "glucose_management_indicator",
    "MED-972": "glucose_management_indicator",
}
"""The health space files the mean under the code of single values, and both under its own."""
_MEASURES = {
    "blood_pressure": ("systolic", "diastolic"),
    "heart_rate": ("pulse_rate",),
    "weight": ("weight",),
    "height": ("height",),
    "interstitial_glucose": ("glucose",),
    "mean_interstitial_glucose": ("glucose",),
    "glucose_management_indicator": ("glucose_management_indicator",),
}
_COMPONENTS = ("8480-6", "8462-4")
_ABSENT = {"negative-infinity": "below", "positive-infinity": "above"}


@dataclass
class Held:
    """What one destination says that it holds, or a subscriber that it heard."""

    keys: Counter[Key] = field(default_factory=Counter)
    repeated: int = 0
    """How often something came a second time."""
    after_withdrawal: int = 0
    """Bytes, or messages, about people after their withdrawal had been answered."""


def key_of_observation(who: str, observation: Json) -> Key:
    """Name an Observation, comparably with `key_of_reading`."""
    codes = [each.get("code") for each in observation["code"]["coding"]]
    (kind, *_) = [_KINDS[code] for code in sorted(codes, reverse=True) if code in _KINDS]
    period = observation.get("effectivePeriod", {})
    at = observation.get("effectiveDateTime") or period["end"]
    return (who, kind, _moment(at), *_numbers_of(observation))


def key_of_reading(who: str, reading: Json) -> Key:
    """Name what the journal holds."""
    kind = reading["kind"]
    at = _moment(reading["measured_at"])
    if reading["limit"] is not None:
        return (who, kind, at, reading["limit"])
    measures = [reading["values"][each]["value"] for each in _MEASURES[kind]]
    return (who, kind, at, *(_plain(each) for each in measures))


def sums(
    where: str,
    readings: Sequence[Json],
    names: Mapping[str, str],
    diary: Diary,
    held: Held,
    *,
    by_id: bool = False,
) -> list[Sum]:
    """Compare; `names` gives the person by the gateway's id of them."""

    def keys(chosen: Iterable[Json]) -> Counter[Key]:
        return Counter(
            (each["id"],) if by_id else key_of_reading(names[each["subject"]], each)
            for each in chosen
        )

    theirs = [
        each for each in readings if each["subject"] in names and delivery(each, where) is not None
    ]
    owed = keys(r for r in theirs if diary.is_owed(r, names[r["subject"]], where))
    allowed = keys(r for r in theirs if diary.may_be_there(r, names[r["subject"]], where))
    settled = keys(r for r in theirs if _state(r, where) == "settled")
    in_doubt = keys(r for r in theirs if _is_in_doubt(r, where))
    there = held.keys
    return [
        Sum(
            f"{where}: consented readings", owed.total(), (owed & there).total(), _few(owed - there)
        ),
        Sum("  there without consent", 0, (there - allowed).total(), _few(there - allowed)),
        Sum("  there a second time", 0, held.repeated),
        Sum("  settled and not there", 0, (settled - there).total(), _few(settled - there)),
        Sum(
            "  there, and the journal does not know",
            0,
            (there - settled - in_doubt).total(),
            _few(there - settled - in_doubt),
        ),
        Sum("  about people who had withdrawn", 0, held.after_withdrawal),
    ]


def endings(where: str, readings: Iterable[Json]) -> Counter[str]:
    """Count where the deliveries there ended up."""
    ways = [delivery(each, where) for each in readings]
    return Counter(
        f"{way['state']}" + (f" ({way['reason']})" if way["reason"] else "")
        for way in ways
        if way is not None
    )


def _is_in_doubt(reading: Json, where: str) -> bool:
    """Whether a withdrawal may have met it on its way: then nobody knows whether it arrived."""
    way = delivery(reading, where)
    return way is not None and way["state"] == "dropped" and way["attempts"] > 0


def _state(reading: Json, where: str) -> str | None:
    way = delivery(reading, where)
    return None if way is None else way["state"]


def _numbers_of(observation: Json) -> tuple[str, ...]:
    if "valueQuantity" in observation:
        return (_plain(observation["valueQuantity"]["value"]),)
    if "component" in observation:
        by_code = {
            coding.get("code"): each["valueQuantity"]["value"]
            for each in observation["component"]
            for coding in each["code"]["coding"]
            if "valueQuantity" in each
        }
        return tuple(_plain(by_code[code]) for code in _COMPONENTS)
    return (_ABSENT[observation["dataAbsentReason"]["coding"][0]["code"]],)


def _moment(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).replace(microsecond=0).isoformat()


def _plain(number: Any) -> str:
    return format(Decimal(str(number)).normalize(), "f")


def _few(some: Counter[Key]) -> str:
    return "; ".join(f"{count} x {' '.join(key)}" for key, count in some.most_common(3))
