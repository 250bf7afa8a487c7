"""Transaction bundles written by hand from mes.md, for tests of the sandbox."""

import copy
from typing import Any

from firmware_sims.health_space import Settings

OID = Settings().oid
P = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition/"
LOINC = "http://loinc.org"
A04 = "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc"
TAASIP = "https://mos.esante.gouv.fr/NOS/TRE_R308-TAASIP/FHIR/TRE-R308-TAASIP"
SYSID = "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"
EUI64 = "AA-BB-CC-FF-FE-00-00-02"

Json = dict[str, Any]


def quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def bundle(id_pe: str, code: tuple[str, str], value: Json | None, *extensions: Json) -> Json:
    """Return a bundle of one Observation and its device."""
    observation: Json = {
        "resourceType": "Observation",
        "id": "11111111-1111-4111-8111-111111111111",
        "meta": {"profile": [P + "mesures-observation"], "source": f"urn:oid:{OID}"},
        "extension": list(extensions),
        "status": "final",
        "code": {"coding": [{"system": code[0], "code": code[1]}]},
        "subject": {"identifier": {"system": f"urn:oid:{OID}", "value": id_pe}},
        "effectiveDateTime": "2026-03-02T07:41:05+01:00",
        "device": {"reference": "Device/22222222-2222-4222-8222-222222222222"},
    }
    if value is not None:
        observation["valueQuantity"] = value
    device: Json = {
        "resourceType": "Device",
        "id": "22222222-2222-4222-8222-222222222222",
        "meta": {"profile": ["http://hl7.org/fhir/uv/phd/StructureDefinition/PhdDevice"]},
        "identifier": [{"system": SYSID, "value": EUI64}],
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{observation['id']}",
                "resource": observation,
                "request": {"method": "POST", "url": "Observation"},
            },
            {
                "fullUrl": f"urn:uuid:{device['id']}",
                "resource": device,
                "request": {
                    "method": "POST",
                    "url": "Device",
                    "ifNoneExist": f"identifier={SYSID}|{EUI64}",
                },
            },
        ],
    }


def weight(id_pe: str, kilograms: float = 72.4, at: str | None = None) -> Json:
    made = bundle(id_pe, (LOINC, "29463-7"), quantity(kilograms, "kg"))
    if at is not None:
        made["entry"][0]["resource"]["effectiveDateTime"] = at
    return made


def moment(code: str = "53049-3", system: str = A04) -> Json:
    concept = {"coding": [{"system": system, "code": code}]}
    return {"url": P + "mesures-moment-of-measurement", "valueCodeableConcept": concept}


def days(code: str = "GEN-276") -> Json:
    concept = {"coding": [{"system": TAASIP, "code": code}]}
    return {"url": P + "mesures-number-of-days", "valueCodeableConcept": concept}


def glucose(id_pe: str, *extensions: Json) -> Json:
    return bundle(id_pe, (A04, "2345-7"), quantity(104, "mg/dL"), *extensions)


def mean_glucose(id_pe: str, *extensions: Json) -> Json:
    return bundle(id_pe, (TAASIP, "MED-969"), quantity(142, "mg/dL"), *extensions)


def addressed_to(sample: Json, id_pe: str) -> Json:
    """Return a sample bundle with its subject replaced."""
    adapted = copy.deepcopy(sample)
    for entry in adapted["entry"]:
        if entry["resource"]["resourceType"] == "Observation":
            entry["resource"]["subject"]["identifier"]["value"] = id_pe
    return adapted
