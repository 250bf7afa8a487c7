"""What the HL7 Personal Health Device guide 2.0 asks of a bundle, for the generic server. Pure.

Only what the guide states and the gateway must keep: every resource conditional on an identifier,
at most 100 entries, and of each Observation its category, codes, links, time and units.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

Json = Mapping[str, Any]

MOST_ENTRIES = 100
MDC, LOINC = "urn:iso:std:iso:11073:10101", "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
_VITAL_CATEGORY = (
    "http://terminology.hl7.org/CodeSystem/observation-category",
    "vital-signs",
)
_VITAL_SIGNS = {
    (LOINC, code)
    for code in ("85354-9", "8867-4", "29463-7", "8302-2", "8310-5", "2708-6", "39156-5", "9279-1")
}
"""FHIR R4, "Vital Signs Profile": what it demands of everyone who tells one of these."""
_CATEGORY = "http://hl7.org/fhir/uv/phd/CodeSystem/PhdObservationCategories"
_GATEWAY_DEVICE = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
_COINCIDENT = "http://hl7.org/fhir/uv/phd/StructureDefinition/CoincidentTimeStampReference"
_CLOCK_CODES = {"67975", "68226", "67983", "68072"}
"""MDC codes of a coincident time stamp: absolute, base offset, relative, high resolution."""


def broken(entries: Sequence[Json]) -> list[str]:
    """Return every rule that the entries of a transaction break, in words."""
    if not entries:
        return ["The transaction is empty."]
    if len(entries) > MOST_ENTRIES:
        return [f"A bundle holds at most {MOST_ENTRIES} entries."]
    names = [entry.get("fullUrl") for entry in entries]
    if len(set(names)) < len(names):
        return ["Two entries have the same fullUrl."]
    return [fault for entry in entries for fault in _faults(entry)]


def broken_update(resource: Json) -> list[str]:
    """Return every rule that the new version of an Observation breaks, in words."""
    if resource.get("resourceType") != "Observation":
        return ["Only Observations are updated."]
    faults = []
    names = [(each.get("system"), each.get("value")) for each in resource.get("identifier") or [{}]]
    if not all(system and value for system, value in names):
        faults.append("An Observation has an identifier with system and value.")
    return [*faults, *_observation_faults(resource, ("final", "amended", "entered-in-error"))]


def is_clock(resource: Json) -> bool:
    """Tell whether an Observation is a coincident time stamp: about a device, not a person."""
    return any(coding.get("code") in _CLOCK_CODES for coding in _codings(resource.get("code")))


def condition(request: Json) -> list[tuple[str, str]]:
    """Return the identifiers, system and value, of which none must exist: any of a list.

    The condition is the query of a URL; in it a backslash takes a comma, a bar, a dollar sign or
    another backslash for what it is (FHIR R4, Search, 3.1.1.4.0.1).
    """
    asked = parse_qs(str(request.get("ifNoneExist")))
    if list(asked) != ["identifier"] or len(asked["identifier"]) != 1:
        return []
    found = []
    for item in _split(asked["identifier"][0], ","):
        system, *value = _split(item, "|")
        found.append((_plain(system), _plain("|".join(value))))
    return found


def _split(text: str, at: str) -> list[str]:
    """Split where the sign stands without a backslash before it."""
    parts, taken = [""], False
    for letter in text:
        if letter == at and not taken:
            parts.append("")
        else:
            parts[-1] += letter
        taken = letter == "\\" and not taken
    return parts


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _faults(entry: Json) -> Iterator[str]:
    resource, request = entry.get("resource"), entry.get("request")
    if not isinstance(resource, dict) or not isinstance(request, dict):
        yield "An entry has no resource or no request."
        return
    kind = resource.get("resourceType")
    if request.get("method") != "POST" or request.get("url") != kind:
        yield "Resources are created by POST to their type."
    names = [(each.get("system"), each.get("value")) for each in resource.get("identifier") or [{}]]
    if not all(system and value for system, value in names):
        yield f"A {kind} has an identifier with system and value."
    asked = condition(request)
    if names[0] not in asked or not set(asked) <= set(names):
        yield f"A {kind} is created on the condition that its identifier does not exist."
    if kind == "Observation":
        yield from _observation_faults(resource)


def _observation_faults(resource: Json, statuses: Sequence[str] = ("final",)) -> Iterator[str]:
    if resource.get("status") not in statuses:
        yield f"The status is {' or '.join(statuses)}."
    if not {each.get("system") for each in _codings(resource.get("code"))} & {MDC, LOINC}:
        yield "The code is an MDC or a LOINC one."
    for link in ("subject", "device"):
        if not isinstance(resource.get(link), dict):
            yield f"The Observation has a {link}."
    if not ("effectiveDateTime" in resource) ^ ("effectivePeriod" in resource):
        yield "The Observation has one time: a moment or a period."
    if not is_clock(resource):
        yield from _reading_faults(resource)
    elif "valueDateTime" not in resource:
        yield "A coincident time stamp tells what the device's clock showed."


def _reading_faults(resource: Json) -> Iterator[str]:
    categories = {
        (each.get("system"), each.get("code"))
        for concept in resource.get("category", [])
        for each in _codings(concept)
    }
    if (_CATEGORY, "phd") not in categories:
        yield "The category is phd."
    codes = {(each.get("system"), each.get("code")) for each in _codings(resource.get("code"))}
    if codes & _VITAL_SIGNS and _VITAL_CATEGORY not in categories:
        yield "A vital sign is of the category vital-signs too."
    extensions = {each.get("url") for each in resource.get("extension", [])}
    if _GATEWAY_DEVICE not in extensions:
        yield "The gateway stands as gatewayDevice."
    if extensions - {_GATEWAY_DEVICE, _COINCIDENT}:
        yield "An extension is unknown."
    values = [resource, *resource.get("component", [])]
    quantities = [each["valueQuantity"] for each in values if "valueQuantity" in each]
    if not quantities and "dataAbsentReason" not in resource:
        yield "There is neither a value nor a reason why it is absent."
    if any(each.get("system") != UCUM or not each.get("code") for each in quantities):
        yield "Units are UCUM codes."


def _codings(concept: object) -> list[Json]:
    return concept.get("coding", []) if isinstance(concept, dict) else []
