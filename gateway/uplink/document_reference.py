"""A document as the FHIR DocumentReference by which it is published. Pure: no network, no clock.

The bytes come from the entry alone: sending again sends the same, under the same identifier.

Spec: IHE MHD 4.2, simplified publish (ITI-105); the French profile PDSm 3.1, "publication
simplifiée" (flux 09 and 10), which adds an author and a title.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from uuid import UUID, uuid5

from gateway import __version__
from gateway.domain.document import Document
from gateway.domain.entry import Entry
from gateway.errors import UplinkRejected
from gateway.uplink.documents_settings import DocumentsSettings
from gateway.uplink.mes_mapping import PatientIdentifier

Resource = dict[str, Any]

URI = "urn:ietf:rfc:3986"
_FORMATS = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"
_FORMAT = "urn:ihe:iti:xds:2017:mimeTypeSufficient"
"""The media type says it all: the page is no PDF/A, which other format codes would claim."""
_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_LANGUAGES = {"fr": "fr-FR", "en": "en"}

_NAMESPACE = UUID("0d2b5c5e-6a0f-5b53-8f5c-6d6a4a1f7b90")
"""Ours alone, drawn once. Changing it changes the identifier of every document."""


def document_of(entry: Entry) -> Document:
    """Return the document that an entry carries. Raises UplinkRejected if it carries none."""
    if entry.reading.document is None:
        raise UplinkRejected("This entry carries no document: it stays on this hub only.")
    return entry.reading.document


def identifier_of(entry: Entry) -> str:
    """Return what identifies the document everywhere: an OID, as a URN (X.667, arc 2.25)."""
    return f"urn:oid:2.25.{uuid5(_NAMESPACE, entry.id).int}"


def sha1(document: Document) -> str:
    """Return the hash that FHIR R4 wants of an attachment: SHA-1, in base64."""
    digest = hashlib.sha1(document.content, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def to_document_reference(
    entry: Entry, patient: PatientIdentifier | None, settings: DocumentsSettings
) -> Resource:
    """Describe a document, its bytes included. Raises UplinkRejected if the entry carries none."""
    document = document_of(entry)
    resource: Resource = {"resourceType": "DocumentReference"}
    if settings.profile:
        resource["meta"] = {"profile": [settings.profile]}
    resource |= {
        "contained": [_author(settings)],
        "masterIdentifier": {"system": URI, "value": identifier_of(entry)},
        "status": "current",
        "type": _concept(settings.type_code),
        "category": [_concept(settings.class_code)],
    }
    if patient is not None:
        identifier = {"system": patient.system, "value": patient.value}
        resource["subject"] = {"type": "Patient", "identifier": identifier}
    end = entry.timing.measured_at
    resource |= {
        "date": document.made_at.isoformat(timespec="seconds"),
        "author": [{"reference": "#gateway"}],
        "securityLabel": [_concept(f"{_CONFIDENTIALITY}|N")],
        "content": [
            {"attachment": _attachment(document), "format": {"system": _FORMATS, "code": _FORMAT}}
        ],
    }
    if entry.reading.period is not None:
        start = end - entry.reading.period
        resource["context"] = {"period": {"start": start.isoformat(), "end": end.isoformat()}}
    return resource


def _attachment(document: Document) -> Resource:
    return {
        "contentType": document.media_type,
        "language": _LANGUAGES[document.language],
        "data": base64.b64encode(document.content).decode(),
        "size": len(document.content),
        "hash": sha1(document),
        "title": document.title,
        "creation": document.made_at.isoformat(timespec="seconds"),
    }


def _author(settings: DocumentsSettings) -> Resource:
    """Name the author: this software, no person."""
    author: Resource = {
        "resourceType": "Device",
        "id": "gateway",
        "deviceName": [{"name": "healthspace-gateway", "type": "model-name"}],
        "version": [{"value": __version__}],
    }
    if settings.solution_oid is not None:
        author["identifier"] = [{"system": URI, "value": f"urn:oid:{settings.solution_oid}"}]
    return author


def _concept(coding: str) -> Resource:
    system, _, code = coding.partition("|")
    return {"coding": [{"system": system, "code": code}]}
