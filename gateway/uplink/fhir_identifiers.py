"""How a reading is known at a FHIR server: the identifiers of its Observation. Pure.

The identifier for duplicate prevention is the guide's: device, patient, type and the *raw* time of
the device, so that whoever reads the same record from the same device again makes no second
Observation; a reading without a device time has none. A second is made of the reading's identity,
by which two readings of one minute are told apart at every gateway alike (`docs/decisions/0017`),
and a third of what this gateway alone calls it.

Spec: HL7 PHD guide 2.0.0, "Duplicate prevention"; see `docs/fhir.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

from gateway.domain.entry import Entry
from gateway.domain.identity import ReadingId, identity
from gateway.uplink.fhir_terms import PHD, Coded, codes_of
from gateway.uplink.mes_device import eui64

Resource = dict[str, Any]

OBSERVATION_IDENTIFIER = f"{PHD}/StructureDefinition/PhdBaseObservation"
READING_IDENTIFIER = "urn:ietf:rfc:3986"
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


def urn(name: str) -> str:
    """Return the URN that always stands for what is called so."""
    return f"urn:uuid:{uuid5(_NAMESPACE, name)}"


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
    return READING_IDENTIFIER, urn(name)


def identifiers(
    entry: Entry, sender: Sender, *, by_device_time: bool = True
) -> list[tuple[str, str]]:
    """Return the identifiers of a reading there, each a system and a value; its own is the last.

    Raises UplinkRejected as `to_transaction`.
    """
    keys = [shared_key(entry, sender), own_key(entry, sender)]
    guides = duplicate_key(entry, codes_of(entry.reading.kind), sender) if by_device_time else None
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
        if each.get("system") == READING_IDENTIFIER and "value" in each
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


def _numbers(observation: Resource) -> list[Decimal]:
    parts = (observation, *observation.get("component", ()))
    values = (part.get("valueQuantity", {}).get("value") for part in parts)
    return [Decimal(str(value)) for value in values if value is not None]
