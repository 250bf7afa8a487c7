"""An Observation that a FHIR server has, put right. Pure.

What the server shows is the beginning: its references are resolved, and what others added stays.

    amended              the same person's, at another time
    entered-in-error     never this person's; another person's numbers do not stay in their record
    final                theirs after all

Spec: FHIR R4, Observation.status; value set data-absent-reason.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gateway.domain.entry import Entry
from gateway.uplink.fhir_phd import effective

Resource = dict[str, Any]

AMENDED, RETRACTED = "amended", "entered-in-error"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_MEASURED = ("component", "interpretation", "note")


def amended(theirs: Resource, entry: Entry) -> Resource:
    """Return the Observation at the time that the entry has now."""
    kept = _without(theirs, "effectiveDateTime", "effectivePeriod")
    return {**kept, "status": AMENDED, **effective(entry)}


def retracted(theirs: Resource, own: tuple[str, str]) -> Resource:
    """Return the Observation as one that should never have been there.

    It says still of what it had no number: a blood pressure without its two components is none.
    And with our `own` identifier it says that this gateway took it back, whichever had made it.
    """
    values = [key for key in theirs if key.startswith("value")]
    absent = {"dataAbsentReason": {"coding": [{"system": _ABSENT, "code": "error"}]}}
    kept = {**_without(theirs, *values, *_MEASURED), "status": RETRACTED, **absent}
    system, value = own
    kept["identifier"] = _together(theirs, [{"system": system, "value": value}])
    parts = [{"code": part["code"], **absent} for part in theirs.get("component", ())]
    return {**kept, "component": parts} if parts else kept


def restored(theirs: Resource, ours: Resource) -> Resource:
    """Return what we would have made, in the place of what had been retracted."""
    links = ("id", "meta", "subject", "device", "extension")
    names = {"identifier": _together(theirs, ours["identifier"])}
    return {**ours, **names, **{key: theirs[key] for key in links if key in theirs}}


def is_named(theirs: Resource, names: Collection[tuple[str, str]]) -> bool:
    """Tell whether this is an Observation with one of our identifiers."""
    theirs_names = [
        (each.get("system"), each.get("value")) for each in theirs.get("identifier", ())
    ]
    return any(name in theirs_names for name in names)


def _together(theirs: Resource, more: Sequence[Resource]) -> list[Resource]:
    """Return its identifiers with those of ours that it lacks: another gateway knows it by some."""
    known = list(theirs.get("identifier", ()))
    names = [(each.get("system"), each.get("value")) for each in known]
    return [*known, *(each for each in more if (each["system"], each["value"]) not in names)]


def _without(theirs: Resource, *keys: str) -> Resource:
    return {key: value for key, value in theirs.items() if key not in keys}
