"""Is it already there? The search that settles an unknown outcome, and what counts as found.

The API does not know repeated Observations from new ones, so after a timeout the gateway looks
before it sends again: same person, same code, within a second of the same time; then it compares
numbers and device itself. Pure: `mes` asks, this file words the question and reads the answer.

Spec: API of measures 1.5.2, search on Observation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.entry import Entry
from gateway.domain.reading import Measure
from gateway.errors import OutcomeUnknown
from gateway.uplink.answers import json_object
from gateway.uplink.mes_device import SYSTEM_ID_SYSTEM, identities
from gateway.uplink.mes_mapping import PatientIdentifier, Resource, effective, parts_of
from gateway.uplink.mes_terms import NUMBER_OF_DAYS, SLOTS, Terminology, days_of

_AROUND = timedelta(seconds=1)
_PAGE = 100  # the most the API gives at a time
_WITHDRAWN = ("entered-in-error", "cancelled")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the answer, judged: the Observation that is ours, if it is on this page."""

    reference: str | None
    next_url: str | None
    observations: int
    total: int | None


def question(entry: Entry, patient: PatientIdentifier) -> list[tuple[str, str]]:
    """Word the search for one entry as query parameters, not yet percent-encoded."""
    at = effective(entry)
    return [
        ("subject.identifier", f"{patient.system}|{patient.value}"),
        ("code", SLOTS[entry.reading.kind].search_code),
        ("date", f"ge{(at - _AROUND).isoformat()}"),
        ("date", f"le{(at + _AROUND).isoformat()}"),
        ("_include", "Observation:device"),
        ("_count", str(_PAGE)),
    ]


def judge(body: bytes, entry: Entry, patient: PatientIdentifier) -> Page:
    """Read one page. Raises OutcomeUnknown if it is no page of a search."""
    bundle = json_object(body)
    if bundle is None or (bundle.get("resourceType"), bundle.get("type")) != (
        "Bundle",
        "searchset",
    ):
        raise OutcomeUnknown(
            "The search gives no answer that can be read: check base_url; the gateway searches "
            "again before it sends."
        )
    resources = list(_resources(bundle))
    observations = [r for _, r in resources if r.get("resourceType") == "Observation"]
    system_ids = {
        name: _system_ids(resource)
        for url, resource in resources
        if resource.get("resourceType") == "Device"
        for name in (url, f"Device/{resource.get('id')}")
    }
    ours = next((o for o in observations if _is_ours(o, entry, patient, system_ids)), None)
    total = bundle.get("total")
    return Page(
        None if ours is None else f"Observation/{ours.get('id')}",
        _next(bundle),
        len(observations),
        total if isinstance(total, int) else None,
    )


def _resources(bundle: Resource) -> Iterator[tuple[str, Resource]]:
    for item in _dicts(bundle.get("entry")):
        resource = item.get("resource")
        if isinstance(resource, dict):
            yield str(item.get("fullUrl")), resource


def _next(bundle: Resource) -> str | None:
    urls = [
        link.get("url") for link in _dicts(bundle.get("link")) if link.get("relation") == "next"
    ]
    return urls[0] if urls and isinstance(urls[0], str) else None


def _is_ours(
    found: Resource,
    entry: Entry,
    patient: PatientIdentifier,
    system_ids: Mapping[str, frozenset[str]],
) -> bool:
    return (
        found.get("status") not in _WITHDRAWN
        and _same_patient(found, patient)
        and _same_code(found, SLOTS[entry.reading.kind].codes)
        and _same_time(found.get("effectiveDateTime"), effective(entry))
        and _same_numbers(found, entry)
        and _same_days(found, entry)
        and _same_device(found, entry, system_ids)
    )


def _same_patient(found: Resource, patient: PatientIdentifier) -> bool:
    identifier = _dict(_dict(found.get("subject")).get("identifier"))
    return identifier.get("value") in (None, patient.value)


def _same_code(found: Resource, codes: tuple[Any, ...]) -> bool:
    wanted = {code.code for code in codes}
    codings = _dicts(_dict(found.get("code")).get("coding"))
    return any(coding.get("code") in wanted for coding in codings)


def _same_time(found: object, at: datetime) -> bool:
    try:
        when = datetime.fromisoformat(str(found))
    except ValueError:
        return False
    return when.tzinfo is not None and abs(when - at) <= _AROUND


def _same_numbers(found: Resource, entry: Entry) -> bool:
    for part, quantity in parts_of(entry):
        place = found
        if part.codes:
            components = _dicts(found.get("component"))
            place = next((c for c in components if _same_code(c, part.codes)), {})
        there = _dict(place.get("valueQuantity"))
        if there.get("value") != quantity.value or there.get("code", part.unit) != part.unit:
            return False
    return True


def _same_days(found: Resource, entry: Entry) -> bool:
    """Tell summaries of two periods apart that end together and happen to be equal."""
    days = entry.reading.values.get(Measure.DAYS)
    if days is None:
        return True
    extensions = _dicts(found.get("extension"))
    told = next((e for e in extensions if e.get("url") == NUMBER_OF_DAYS), {})
    codings = _dicts(_dict(told.get("valueCodeableConcept")).get("coding"))
    ours = {code.code for code in days_of(days.value, Terminology.API_1_5_2)}
    return not codings or any(coding.get("code") in ours for coding in codings)


def _same_device(found: Resource, entry: Entry, system_ids: Mapping[str, frozenset[str]]) -> bool:
    """Compare by EUI-64 where the answer tells it.

    Where it does not, the same number of the same person at the same second counts as ours: a
    second device that measured just that is far less likely than a server that leaves it out.
    """
    ours = frozenset(identities(entry.device))  # it may have told more of itself since
    device = _dict(found.get("device"))
    identifier = _dict(device.get("identifier"))
    if identifier.get("system") == SYSTEM_ID_SYSTEM:
        return identifier.get("value") in ours
    reference = str(device.get("reference")).partition("/_history")[0]
    known = system_ids.get("/".join(reference.split("/")[-2:]), frozenset())
    return not known or not ours.isdisjoint(known)


def _system_ids(device: Resource) -> frozenset[str]:
    return frozenset(
        str(identifier.get("value"))
        for identifier in _dicts(device.get("identifier"))
        if identifier.get("system") == SYSTEM_ID_SYSTEM
    )


def _dict(value: object) -> Resource:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[Resource]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
