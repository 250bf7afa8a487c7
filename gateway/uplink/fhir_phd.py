"""An entry as a transaction for any FHIR R4 server, by the Personal Health Device guide 2.0. Pure.

    Bundle transaction
    |- Patient       unless one with that identifier exists
    |- Device        the measuring device, unless one with that EUI-64 exists
    |- Device        this gateway, likewise
    |- Observation   the device's clock beside ours, where both were read; unless it exists
    `- Observation   the reading, unless one with its identifier exists

`fhir_identifiers` makes the identifiers of a reading. Several readings of one person may share a
bundle (`merged`).

Spec: HL7 PHD guide 2.0.0, "Time stamping"; see `docs/fhir.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from gateway import __version__
from gateway.domain.device_time import Timing
from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity
from gateway.domain.reading import Kind, Limit
from gateway.errors import UplinkRejected
from gateway.uplink.fhir_identifiers import (
    READING_IDENTIFIER,
    Resource,
    Sender,
    by_identifier,
    identifiers,
    urn,
)
from gateway.uplink.fhir_terms import MEAL, MEALS, PHD, VITAL_SIGNS, Coded, Codes, Part, codes_of
from gateway.uplink.mes_device import SYSTEM_ID_SYSTEM, UNKNOWN, device_resource
from gateway.uplink.mes_terms import LOINC, MDC, OBSERVATION_CATEGORY, UCUM

_CATEGORY = f"{PHD}/CodeSystem/PhdObservationCategories"
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/ContinuaDeviceIdentifiers"
_GATEWAY_DEVICE = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
_COINCIDENT = f"{PHD}/StructureDefinition/CoincidentTimeStampReference"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_ABSOLUTE_TIME = "67975"
_PERSONAL_HEALTH_GATEWAY = "531981"
_SOFTWARE, _FIRMWARE = "531975", "531976"
_GENERIC = "528457"
_A_MOMENT = timedelta(milliseconds=1)
"""Some servers keep times to the millisecond."""


def to_transaction(entry: Entry, sender: Sender, *, by_device_time: bool = True) -> Resource:
    """Put one entry into a transaction; its last entry is the reading.

    Without `by_device_time` it goes without the guide's identifier, which another reading has.
    Raises UplinkRejected if it cannot be told there.
    """
    made = resources(entry, sender, by_device_time=by_device_time)
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [_conditional(resource) for resource in made],
    }


def resources(entry: Entry, sender: Sender, *, by_device_time: bool = True) -> list[Resource]:
    """Return the resources that tell an entry, as `to_transaction` has them; the reading is last.

    Raises UplinkRejected.
    """
    coded = codes_of(entry.reading.kind)
    patient = _patient(sender)
    device = device_resource(entry.device, entry.reading.kind, "")
    del device["id"]
    device["identifier"][0]["type"]["coding"][0]["system"] = _IDENTIFIER_TYPES
    del device["meta"]
    # By the guide's text it is what the device tells; by its profile there is one.
    device.setdefault("version", [{"type": _mdc(_FIRMWARE), "value": UNKNOWN}])
    gateway = _gateway(sender)
    made = [patient, device, gateway]
    observation = _observation(entry, coded, sender, by_device_time=by_device_time)
    observation["subject"] = _reference(patient)
    observation["device"] = _reference(device)
    observation["extension"] = [{"url": _GATEWAY_DEVICE, "valueReference": _reference(gateway)}]
    clock = _clock(entry, device, gateway)
    if clock is not None:
        made.append(clock)
        observation["extension"].append({"url": _COINCIDENT, "valueReference": _reference(clock)})
    made.append(observation)
    return made


def merged(transactions: Sequence[Resource]) -> Resource:
    """Make one transaction of several: what they have in common stands in it once."""
    entries = {entry["fullUrl"]: entry for each in transactions for entry in each["entry"]}
    return {**transactions[0], "entry": list(entries.values())}


def effective(entry: Entry) -> Resource:
    """Return the elements that say when an entry was measured, or over which period."""
    at, period = entry.timing.measured_at, entry.reading.period
    if period is None:
        return {"effectiveDateTime": at.isoformat()}
    return {"effectivePeriod": {"start": (at - period).isoformat(), "end": at.isoformat()}}


def is_at(theirs: Resource, timing: Timing) -> bool:
    """Tell whether an Observation is of that time, however the server writes it."""
    try:
        at = datetime.fromisoformat(str(theirs.get("effectiveDateTime")))
    except ValueError:
        return False
    return at.tzinfo is not None and abs(at - timing.measured_at) < _A_MOMENT


def _observation(entry: Entry, coded: Coded, sender: Sender, *, by_device_time: bool) -> Resource:
    keys = identifiers(entry, sender, by_device_time=by_device_time)
    categories = [{"system": _CATEGORY, "code": "phd"}]
    if entry.reading.kind in VITAL_SIGNS:
        categories.append({"system": OBSERVATION_CATEGORY, "code": "vital-signs"})
    observation: Resource = {
        "resourceType": "Observation",
        "identifier": [{"system": system, "value": value} for system, value in keys],
        "status": "final",
        "category": [{"coding": [category]} for category in categories],
        "code": _concept(coded.codes),
    }
    observation |= effective(entry)
    if entry.reading.limit is not None:
        sign = "negative" if entry.reading.limit is Limit.BELOW else "positive"
        absent = {"coding": [{"system": _ABSENT, "code": f"{sign}-infinity"}]}
        return observation | {"dataAbsentReason": absent}
    numbers = _parts(entry, coded)
    if coded.parts[0].codes is None:
        ((_, quantity),) = numbers
        observation["valueQuantity"] = _quantity(quantity)
        meal = next((code for flag, code in MEALS.items() if flag in entry.reading.flags), None)
        if meal is None or entry.reading.kind is not Kind.BLOOD_GLUCOSE:
            return observation
        return observation | {
            "component": [{"code": _mdc(MEAL), "valueCodeableConcept": _mdc(meal)}]
        }
    components = [
        {"code": _concept(part.codes), "valueQuantity": _quantity(quantity)}
        for part, quantity in numbers
        if part.codes is not None
    ]
    return observation | {"component": components}


def _parts(entry: Entry, coded: Coded) -> list[tuple[Part, Quantity]]:
    found = []
    for part in coded.parts:
        quantity = entry.reading.values.get(part.measure)
        if quantity is not None and quantity.unit == part.unit:
            found.append((part, quantity))
        elif part.mandatory:
            raise UplinkRejected(
                f"The reading has no {part.measure} in {part.unit}: it stays on this hub only."
            )
    return found


def _clock(entry: Entry, device: Resource, gateway: Resource) -> Resource | None:
    """Tell what the device's clock showed when ours was read, where both are known."""
    told = entry.reading.device_time
    if told is None or told.clock is None:
        return None
    zone = entry.timing.measured_at.tzinfo
    return {
        "resourceType": "Observation",
        "identifier": [
            {
                "system": READING_IDENTIFIER,
                "value": urn(f"{entry.id}/clock"),
            }
        ],
        "status": "final",
        "code": {"coding": [{"system": MDC, "code": _ABSOLUTE_TIME}]},
        "subject": _reference(device),
        "device": _reference(gateway),
        "effectiveDateTime": told.clock.at.utc.isoformat(),
        "valueDateTime": told.clock.shown.replace(tzinfo=zone).isoformat(),
    }


def _patient(sender: Sender) -> Resource:
    identifier = {"system": sender.patient_system, "value": sender.patient}
    return {"resourceType": "Patient", "identifier": [identifier]}


def _gateway(sender: Sender) -> Resource:
    """Describe this box; its EUI-64 is a locally administered one, computed from its name."""
    digest = hashlib.sha256(f"healthspace-gateway|{sender.gateway}".encode()).digest()[:8]
    number = bytes(((digest[0] | 0b10) & ~0b01, *digest[1:])).hex("-").upper()
    return {
        "resourceType": "Device",
        "identifier": [
            {
                "type": {"coding": [{"system": _IDENTIFIER_TYPES, "code": "SYSID"}]},
                "system": SYSTEM_ID_SYSTEM,
                "value": number,
            }
        ],
        "type": _mdc(_PERSONAL_HEALTH_GATEWAY),
        "specialization": [{"systemType": _mdc(_GENERIC)}],
        "version": [{"type": _mdc(_SOFTWARE), "value": __version__}],
    }


def _conditional(resource: Resource) -> Resource:
    names = [(each["system"], each["value"]) for each in resource["identifier"]]
    return {
        "fullUrl": full_url(resource),
        "resource": resource,
        "request": {
            "method": "POST",
            "url": resource["resourceType"],
            "ifNoneExist": by_identifier(*names),
        },
    }


def full_url(resource: Resource) -> str:
    """Return what a resource is called in a bundle: always the same, made of its identifier."""
    identifier = resource["identifier"][-1]  # a reading's own
    return _url(f"{resource['resourceType']}|{identifier['system']}|{identifier['value']}")


@lru_cache(maxsize=64)  # whoever measures, with what, comes with each reading
def _url(name: str) -> str:
    return urn(name)


def _reference(resource: Resource) -> Resource:
    return {"reference": full_url(resource)}


def _concept(codes: Codes | None) -> Resource:
    if codes is None:
        return {}
    coding = [{"system": LOINC, "code": codes.loinc}]
    if codes.mdc is not None:
        coding.insert(0, {"system": MDC, "code": codes.mdc})
    return {"coding": coding}


def _mdc(code: str) -> Resource:
    return {"coding": [{"system": MDC, "code": code}]}


def _quantity(quantity: Quantity) -> Resource:
    unit = str(quantity.unit)
    return {"value": quantity.value, "unit": unit, "system": UCUM, "code": unit}
