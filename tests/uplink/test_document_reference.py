"""A document becomes the DocumentReference of a simplified publication, and nothing of it leaks."""

import base64
import hashlib
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import UplinkRejected
from gateway.uplink.document_reference import identifier_of, to_document_reference
from gateway.uplink.mes_mapping import encode
from tests.uplink.conftest import Check
from tests.uplink.documents import MADE_AT, PAGE, PATIENT, page, settings
from tests.uplink.samples import ALICE, MEASURED


def resource(**change: Any) -> dict[str, Any]:
    made = to_document_reference(page(), PATIENT, settings(**change))
    return dict(json.loads(encode(made)))


def test_it_carries_the_bytes_with_their_size_and_hash() -> None:
    attachment = resource()["content"][0]["attachment"]

    assert base64.b64decode(attachment["data"]) == PAGE.content
    assert attachment["size"] == len(PAGE.content)
    assert base64.b64decode(attachment["hash"]) == hashlib.sha1(PAGE.content).digest()
    assert attachment["contentType"] == "application/pdf"
    assert attachment["title"] == PAGE.title
    assert attachment["language"] == "fr-FR"
    assert attachment["creation"] == MADE_AT.isoformat()


def test_the_person_is_a_logical_reference_and_nothing_else_of_them_is_there() -> None:
    made = resource()

    identifier = {"system": PATIENT.system, "value": PATIENT.value}
    assert made["subject"] == {"type": "Patient", "identifier": identifier}
    assert ALICE not in json.dumps(made)


def test_the_author_is_this_software() -> None:
    made = resource()

    (author,) = made["contained"]
    assert made["author"] == [{"reference": f"#{author['id']}"}]
    assert (author["resourceType"], author["deviceName"][0]["name"]) == (
        "Device",
        "healthspace-gateway",
    )
    assert author["identifier"] == [
        {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.99999.1"}
    ]
    assert "identifier" not in resource(solution_oid=None)["contained"][0]


def test_what_it_is_and_its_class_are_the_operators_to_say() -> None:
    made = resource(type_code="http://loinc.org|1", class_code="urn:oid:1.2|x")

    assert made["type"] == {"coding": [{"system": "http://loinc.org", "code": "1"}]}
    assert made["category"] == [{"coding": [{"system": "urn:oid:1.2", "code": "x"}]}]
    assert resource()["meta"]["profile"][0].endswith("/pdsm-simplified-publish")
    assert "meta" not in resource(profile="")


def test_it_is_confidential_as_the_profile_wants_it_said() -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

    assert resource()["securityLabel"] == [{"coding": [{"system": system, "code": "N"}]}]


def test_it_keeps_the_rules_of_fhir(profile_errors: Check) -> None:
    assert profile_errors(resource(profile="")) == []


def test_its_period_is_that_of_the_report() -> None:
    period = resource()["context"]["period"]

    assert period["end"] == MEASURED.isoformat()
    assert period["start"] == (MEASURED - timedelta(days=14)).isoformat()


def test_its_identifier_is_an_oid_and_its_own() -> None:
    first, second = identifier_of(page()), identifier_of(page("report:2"))

    assert re.fullmatch(r"urn:oid:2\.25\.[1-9][0-9]{0,38}", first)
    assert first != second
    assert resource()["masterIdentifier"] == {"system": "urn:ietf:rfc:3986", "value": first}


def test_the_same_entry_is_always_the_same_bytes() -> None:
    first, again = (encode(to_document_reference(page(), PATIENT, settings())) for _ in range(2))

    assert first == again


def test_an_entry_without_a_document_is_rejected() -> None:
    with pytest.raises(UplinkRejected, match="no document"):
        to_document_reference(page(document=None), PATIENT, settings())
