"""A document on its way, for the tests of where it goes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.consent.gate import Released
from gateway.domain.document import Document
from gateway.domain.entry import Entry
from gateway.domain.reading import Kind
from gateway.uplink.document_reference import identifier_of, to_document_reference
from gateway.uplink.documents import Filing
from gateway.uplink.documents_settings import DocumentsSettings
from gateway.uplink.mes_mapping import PatientIdentifier
from tests.uplink.samples import ALICE, SENSOR, entry, released

INS = "urn:oid:1.2.250.1.213.1.4.10"
PATIENT = PatientIdentifier(INS, "279035121518989")
MADE_AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
PAGE = Document(
    title="Profil glycémique ambulatoire (AGP)",
    language="fr",
    media_type="application/pdf",
    made_at=MADE_AT,
    content=b"%PDF-1.7\n\x00\xff an invented page",
)


def page(record: str = "report:1", document: Document | None = PAGE, **change: Any) -> Entry:
    made = entry(Kind.GLUCOSE_REPORT, device=SENSOR, record=record, **change)
    reading = made.reading.model_copy(update={"document": document, "period": timedelta(days=14)})
    return replace(made, reading=reading)


def on_its_way(what: Entry | None = None, **change: Any) -> Released:
    return released(what or page(), destination="documents", **change)


def settings(**change: Any) -> DocumentsSettings:
    given: dict[str, Any] = {
        "allow_loopback_http": True,
        "base_url": "http://127.0.0.1:9/fhir",
        "token": "canary-secret",
        "patient_system": INS,
        "patients": {ALICE: PATIENT.value},
        "solution_oid": "1.2.250.1.99999.1",
        "connect_timeout_s": 5,
        "answer_timeout_s": 5,
    }
    return DocumentsSettings.model_validate(given | change)


def filing(what: Entry | None = None) -> Filing:
    found = what or page()
    assert found.reading.document is not None
    resource = to_document_reference(found, PATIENT, settings())
    return Filing(identifier_of(found), PATIENT, found.reading.document, resource)
