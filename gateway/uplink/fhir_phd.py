"""An entry as a transaction for any FHIR R4 server, by the Personal Health Device guide 2.0. Pure.

    Bundle transaction
    |- Patient       unless one with that identifier exists
    |- Device        the measuring device, unless one with that EUI-64 exists
    |- Device        this gateway, likewise
    |- Observation   the device's clock beside ours, where both were read; unless it exists
    `- Observation   the reading, unless one with its identifier exists

The identifier for duplicate prevention is the guide's: device, patient, type and the *raw* time of
the device, so that whoever reads the same record from the same device again makes no second
Observation; a reading without a device time has none. A second is made of the reading's identity,
by which two readings of one minute are told apart at every gateway alike (`docs/decisions/0017`),
and a third of what this gateway alone calls it. Several readings of one person may share a bundle
(`merged`).

Spec: HL7 PHD guide 2.0.0, "Duplicate prevention", "Time stamping"; see `docs/fhir.md`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

from gateway import __version__
from gateway.domain.device_time import Timing
from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId, identity
from gateway.domain.quantity import Quantity
from gateway.domain.reading import Kind, Limit
from gateway.errors import UplinkRejected
from gateway.uplink.fhir_terms import CODES, MEAL, MEALS, VITAL_SIGNS, Coded, Codes, Part
from gateway.uplink.mes_device import SYSTEM_ID_SYSTEM, UNKNOWN, device_resource, eui64
from gateway.uplink.mes_terms import LOINC, MDC, OBSERVATION_CATEGORY, UCUM

Resource = dict[str, Any]

_PHD = "http://hl7.org/fhir/uv/phd"
_CATEGORY = f"{_PHD}/CodeSystem/PhdObservationCategories"
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/ContinuaDeviceIdentifiers"
OBSERVATION_IDENTIFIER = f"{_PHD}/StructureDefinition/PhdBaseObservation"
_READING_IDENTIFIER = "urn:ietf:rfc:3986"
_GATEWAY_DEVICE = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
_COINCIDENT = f"{_PHD}/StructureDefinition/CoincidentTimeStampReference"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_ABSOLUTE_TIME = "67975"
_PERSONAL_HEALTH_GATEWAY = "531981"
_SOFTWARE, _FIRMWARE = "531975", "531976"
_GENERIC = "528457"
_A_MOMENT = timedelta(milliseconds=1)
"""Some servers keep times to the millisecond."""
_QUARTER = timedelta(minutes=15)
"""In these devices tell their offset, and the guide repeats it: an hour is +4."""
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - the device's own axis has no zone
_NAMESPACE = UUID("2f1b8c5e-5b41-5d7c-9a55-6f0d0c6f8f01")
"""Ours alone, drawn once."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the patient is there, and what stands for this gateway."""

    patient_system: str
    patient: str
    gateway: str


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
    coded = _coded(entry)
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


def own_key(entry: Entry, sender: Sender) -> tuple[str, str]:
    """Return system and value of the identifier that this gateway alone makes, as this patient's.

    What turns out to be another's is another Observation: the first stays in the record it is in.
    """
    return _named(entry.id, sender)


def shared_key(entry: Entry, sender: Sender) -> tuple[str, str]:
    """Return system and value of the identifier that every gateway makes of what a device said.

    A reading of which the device tells neither a time nor a record has another at every gateway.
    """
    return _named(identity(entry.reading), sender)


def _named(reading: ReadingId, sender: Sender) -> tuple[str, str]:
    name = f"{reading}|{sender.patient_system}|{sender.patient}"
    return _READING_IDENTIFIER, f"urn:uuid:{uuid5(_NAMESPACE, name)}"


def identifiers(
    entry: Entry, sender: Sender, *, by_device_time: bool = True
) -> list[tuple[str, str]]:
    """Return the identifiers of a reading there, each a system and a value; its own is the last.

    Raises UplinkRejected as `to_transaction`.
    """
    keys = [shared_key(entry, sender), own_key(entry, sender)]
    guides = duplicate_key(entry, _coded(entry), sender) if by_device_time else None
    return keys if guides is None else [guides, *keys]


def duplicate_key(entry: Entry, coded: Coded, sender: Sender) -> tuple[str, str] | None:
    """Return system and value of the guide's identifier that prevents duplicates, if it has one."""
    told = entry.reading.device_time
    if told is None or told.stamp is None or coded.codes.mdc is None:
        return None
    since = str(int((told.stamp - _EPOCH).total_seconds()))
    if told.utc_offset is not None:
        since += f"{told.utc_offset // _QUARTER:+d}"
    device = eui64(entry.device).replace("-", "")
    parts = (device, f"{sender.patient}-{sender.patient_system}", coded.codes.mdc, since)
    return OBSERVATION_IDENTIFIER, "-".join(parts)


def is_by_guide(ours: Resource) -> bool:
    """Tell whether it goes by the guide's identifier too, which another reading may have."""
    return bool(ours["identifier"][0]["system"] == OBSERVATION_IDENTIFIER)


def may_be_ours(ours: Resource, theirs: Resource) -> bool:
    """Tell whether nothing in its identifiers says that an Observation is of another reading.

    It may have been made by other software, which knows nothing of our identities.
    """
    known = _own(theirs)
    return not known or not known.isdisjoint(_own(ours))


def is_of_another_gateway(ours: Resource, theirs: Resource) -> bool:
    """Tell whether an Observation was told by another gateway, and never corrected by this one."""
    known = _own(theirs)
    return bool(known) and ours["identifier"][-1]["value"] not in known


def is_same(ours: Resource, theirs: Resource) -> bool:
    """Tell whether an Observation that exists already is the one we would have made."""
    return may_be_ours(ours, theirs) and _numbers(ours) == _numbers(theirs)


def _own(observation: Resource) -> set[str]:
    return {
        each["value"]
        for each in observation.get("identifier", [])
        if each.get("system") == _READING_IDENTIFIER and "value" in each
    }


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


def _coded(entry: Entry) -> Coded:
    coded = CODES.get(entry.reading.kind)
    if coded is None:
        raise UplinkRejected(
            f"There are no codes for the kind {entry.reading.kind}: take it out of the "
            "destination's kinds in the configuration."
        )
    return coded


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
                "system": _READING_IDENTIFIER,
                "value": f"urn:uuid:{uuid5(_NAMESPACE, f'{entry.id}/clock')}",
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


def by_identifier(*names: tuple[str, str]) -> str:
    """Word the search for what bears any of these identifiers, each a system and a value.

    It is the query of a URL, in which a plus sign is a space, and a list in which a comma ends an
    item (FHIR R4, "Search", 3.1.1.4.0.1 escaping).
    """
    items = ["|".join(map(_escaped, name)) for name in names]
    return f"identifier={quote(','.join(items), safe='/:|,')}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)


def full_url(resource: Resource) -> str:
    """Return what a resource is called in a bundle: always the same, made of its identifier."""
    identifier = resource["identifier"][-1]  # a reading's own
    return _url(f"{resource['resourceType']}|{identifier['system']}|{identifier['value']}")


@lru_cache(maxsize=64)  # whoever measures, with what, comes with each reading
def _url(name: str) -> str:
    return f"urn:uuid:{uuid5(_NAMESPACE, name)}"


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


def _numbers(observation: Resource) -> list[Decimal]:
    parts = (observation, *observation.get("component", ()))
    values = (part.get("valueQuantity", {}).get("value") for part in parts)
    return [Decimal(str(value)) for value in values if value is not None]
