"""A DocumentReference written by hand from MHD 4.2 and PDSm 3.1, for tests of the sandbox."""

import base64
import hashlib
from typing import Any

from firmware_sims.health_space import Settings

Json = dict[str, Any]

OID = Settings().oid
PAGE = b"%PDF-1.7\n%an invented page\n"


def publication(id_pe: str, number: int = 1, content: bytes = PAGE) -> Json:
    return {
        "resourceType": "DocumentReference",
        "meta": {
            "profile": [
                "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"
                "pdsm-simplified-publish"
            ]
        },
        "contained": [{"resourceType": "Device", "id": "author"}],
        "masterIdentifier": {
            "system": "urn:ietf:rfc:3986",
            "value": f"urn:oid:1.2.250.1.99999.7.{number}",
        },
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "15507-7"}]},
        "category": [
            {
                "coding": [
                    {
                        "system": "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/"
                        "TRE-A03-ClasseDocument",
                        "code": "10",
                    }
                ]
            }
        ],
        "subject": {"identifier": {"system": f"urn:oid:{OID}", "value": id_pe}},
        "date": "2026-03-14T09:30:00+01:00",
        "author": [{"reference": "#author"}],
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "language": "fr-FR",
                    "data": base64.b64encode(content).decode(),
                    "size": len(content),
                    "hash": base64.b64encode(
                        hashlib.sha1(content, usedforsecurity=False).digest()
                    ).decode(),
                    "title": "Une page inventée",
                    "creation": "2026-03-14T09:29:00+01:00",
                },
                "format": {
                    "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
                    "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient",
                },
            }
        ],
        "context": {
            "period": {"start": "2026-02-28T00:00:00+01:00", "end": "2026-03-14T00:00:00+01:00"}
        },
    }
