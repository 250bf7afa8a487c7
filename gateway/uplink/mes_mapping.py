"""An entry as the transaction Bundle that Mon espace santé takes. Pure: no network, no clock.

    Bundle transaction
    |- Observation   POST Observation
    `- Device        POST Device, unless one with that EUI-64 exists

The ids inside are computed from the reading's, and the bytes from the entry alone: sending again
sends the same bytes. Numbers keep the digits of the device (`70.0` stays `70.0`).

Spec: guide "Mesures de santé" 3.2.0, flow "alimentation"; API of measures 1.5.2 section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid5

import orjson

from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity
from gateway.domain.reading import Kind, Measure
from gateway.errors import UplinkRejected
from gateway.uplink import mes_terms as terms
from gateway.uplink.mes_device import SYSTEM_ID_SYSTEM, device_resource
from gateway.uplink.mes_terms import Code, DeviceLink, Dialect, Part, Profiles, Slot

Resource = dict[str, Any]

_NAMESPACE = UUID("5f0c7c0e-8d5b-5f43-9d6f-0a6a7a9c2f11")
"""Ours alone, drawn once. Changing it changes the ids of every bundle."""
_LARGEST_EXPONENT = 30
"""Of ten. Nothing measured needs more; written out, a billion of digits would fill the memory."""


@dataclass(frozen=True, slots=True)
class PatientIdentifier:
    """Who the health space says the person is: the `idPe` and the system of the pairing."""

    system: str
    value: str


def to_bundle(entry: Entry, patient: PatientIdentifier, dialect: Dialect) -> Resource:
    """Put one entry into a transaction Bundle of one Observation and its Device.

    Raises UplinkRejected if the entry cannot be told there: no slot for its kind, a number the
    health space demands is missing, or a device that cannot be identified.
    """
    slot = terms.SLOTS.get(entry.reading.kind)
    profile = slot.profile(dialect.profiles) if slot else None
    if slot is None or profile is None:
        raise UplinkRejected(
            f"The health space has no place for the kind {entry.reading.kind}: take it out of "
            "the destination's kinds in the configuration."
        )
    device_id = str(uuid5(_NAMESPACE, f"{entry.id}/device"))
    device = device_resource(entry.device, entry.reading.kind, device_id)
    observation = _observation(entry, slot, profile, patient, dialect)
    by_id = dialect.device_link is DeviceLink.ID
    observation["device"] = {
        "reference": f"Device/{device_id}" if by_id else f"urn:uuid:{device_id}"
    }
    system_id = device["identifier"][0]["value"]
    bundle: Resource = {"resourceType": "Bundle"}
    if slot.in_bundle_profile and dialect.profiles is Profiles.GUIDE:
        bundle["meta"] = {"profile": [terms.BUNDLE_PROFILE]}
    bundle["type"] = "transaction"
    bundle["entry"] = [
        _entry(observation),
        _entry(device, ifNoneExist=f"identifier={SYSTEM_ID_SYSTEM}|{system_id}"),
    ]
    return bundle


def encode(resource: Resource) -> bytes:
    """Write JSON in UTF-8 with every digit of the numbers.

    Raises TypeError for a number that no device gives: a broker or a server may have made it up.
    """
    return orjson.dumps(resource, default=_digits)


def number(text: str) -> Decimal:
    """Read a number of JSON with every digit. Raises ValueError if `encode` would not write it."""
    try:
        read = Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        raise ValueError("out of all proportion") from None
    if not _in_proportion(read):
        raise ValueError("out of all proportion")
    return read


def effective(entry: Entry) -> datetime:
    """Return when the reading was taken, to the second, with the offset of its zone."""
    return entry.timing.measured_at.replace(microsecond=0)


def parts_of(entry: Entry) -> list[tuple[Part, Quantity]]:
    """Return the numbers to send, in order. Raises UplinkRejected if a mandatory one is missing."""
    found = []
    for part in terms.SLOTS[entry.reading.kind].parts:
        quantity = entry.reading.values.get(part.measure)
        if quantity is not None and quantity.unit == part.unit:
            found.append((part, quantity))
        elif quantity is not None or part.mandatory:
            raise UplinkRejected(
                f"The reading has no {part.measure} in {part.unit}, which the health space demands "
                "of this kind: it stays on this hub only."
            )
    return found


def _entry(resource: Resource, **request: str) -> Resource:
    return {
        "fullUrl": f"urn:uuid:{resource['id']}",
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"], **request},
    }


def _observation(
    entry: Entry, slot: Slot, profile: str, patient: PatientIdentifier, dialect: Dialect
) -> Resource:
    codes = terms.codes_of(entry.reading.kind, dialect.terminology)
    numbers = parts_of(entry)
    observation: Resource = {
        "resourceType": "Observation",
        "id": str(uuid5(_NAMESPACE, f"{entry.id}/observation")),
        "meta": {"source": f"urn:oid:{dialect.solution_oid}", "profile": [profile]},
    }
    extensions = _extensions(entry, codes[0], dialect)
    if extensions:
        observation["extension"] = extensions
    observation |= {
        "status": "final",
        "category": [{"coding": [{"system": terms.OBSERVATION_CATEGORY, "code": "vital-signs"}]}],
        "code": _concept(*codes),
        "subject": {"identifier": {"system": patient.system, "value": patient.value}},
        "effectiveDateTime": effective(entry).isoformat(),
    }
    if slot.parts[0].codes:
        observation["component"] = [
            {"code": _concept(*part.codes), "valueQuantity": _quantity(number.value, part.unit)}
            for part, number in numbers
        ]
    else:
        ((part, number),) = numbers
        observation["valueQuantity"] = _quantity(number.value, part.unit)
    return observation


def _extensions(entry: Entry, code: Code, dialect: Dialect) -> list[Resource]:
    """Give the extensions of glucose: each type demands one and forbids the other."""
    reading = entry.reading
    if reading.kind in terms.SUMMARIES:
        days = reading.values.get(Measure.DAYS)
        if days is None:
            raise UplinkRejected(
                "The summary does not say how many days it covers, which the health space demands: "
                "it stays on this hub only."
            )
        length = _concept(*terms.days_of(days.value, dialect.terminology))
        return [{"url": terms.NUMBER_OF_DAYS, "valueCodeableConcept": length}]
    if reading.kind is not Kind.BLOOD_GLUCOSE:
        return []
    moment = _concept(terms.moment_of(reading.flags, dialect.terminology))
    extensions: list[Resource] = [{"url": terms.MOMENT, "valueCodeableConcept": moment}]
    original = reading.values[Measure.GLUCOSE].original
    if original is not None and dialect.profiles is Profiles.GUIDE:
        extensions.append(_original_data(original, code))
    return extensions


def _original_data(original: str, code: Code) -> Resource:
    """Tell what the meter showed before its unit was converted."""
    number, _, unit = original.partition(" ")
    return {
        "url": terms.ORIGINAL_DATA,
        "extension": [
            {"url": "has-been-converted", "valueBoolean": True},
            {"url": "original-code", "valueCodeableConcept": _concept(code)},
            {"url": "original-value", "valueQuantity": _quantity(Decimal(number), unit)},
        ],
    }


def _concept(*codes: Code) -> Resource:
    return {"coding": [{"system": code.system, "code": code.code} for code in codes]}


def _quantity(value: Decimal, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": terms.UCUM, "code": unit}


def _digits(value: object) -> orjson.Fragment:
    """Write a Decimal as it is: `format` never uses an exponent, orjson alone would not take it."""
    if isinstance(value, Decimal) and value.is_finite() and _in_proportion(value):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)


def _in_proportion(value: Decimal) -> bool:
    return abs(value.adjusted()) <= _LARGEST_EXPONENT
