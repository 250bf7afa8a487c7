"""The error table of the API, row by row, and a receipt only for a certain success."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    OutcomeUnknown,
    PairingOver,
    UplinkError,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.uplink.http_client import Answer
from gateway.uplink.mes_answers import reference_in, refusal

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def outcome(code: str = "processing", diagnostics: str = "", *expression: str) -> bytes:
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    issues = [issue | {"expression": list(expression)}]
    return json.dumps({"resourceType": "OperationOutcome", "issue": issues}).encode()


NO_CERTIFICATE = b"<html><head><title>400 No required SSL certificate was sent</title></head>"
"""nginx where it wants a certificate; of one that is over it says "The SSL certificate error"."""


def error(status: int, body: bytes = b"", **headers: str) -> UplinkError:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(Answer(status, headers, body), NOW)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, outcome("security"), UplinkRejected),
        (400, outcome("security", "SSL certificate"), UplinkRejected),
        (400, NO_CERTIFICATE, UplinkUnauthorised),
        (401, b"", PairingOver),
        (403, outcome("forbidden", "Consent not given, access refused."), UplinkRefused),
        (403, b"Consent not given, access refused.", UplinkRefused),
        (403, outcome("forbidden", "idPe does not match the id_token"), PairingOver),
        (403, outcome("forbidden", "no"), UplinkRefused),
        (403, b"<html>blocked by the firewall</html>", UplinkUnauthorised),
        (
            403,
            b"<html>We need your consent to cookies / votre consentement</html>",
            UplinkUnauthorised,
        ),
        (404, b"", UplinkUnavailable),
        (405, b"", UplinkUnavailable),
        (408, b"", OutcomeUnknown),
        (409, outcome("conflict"), UplinkUnauthorised),
        (407, b"<html>", UplinkUnavailable),
        (410, b"", UplinkUnavailable),
        (413, b"", UplinkRejected),
        (415, b"", UplinkUnavailable),
        (422, outcome("invalid"), UplinkRejected),
        (429, b"", UplinkUnavailable),
        (301, b"", UplinkUnavailable),
        (307, b"", UplinkUnavailable),
        (500, b"", OutcomeUnknown),
        (502, b"", OutcomeUnknown),
        (503, b"", OutcomeUnknown),
        (504, b"", OutcomeUnknown),
        (201, b"", OutcomeUnknown),
        (204, b"", OutcomeUnknown),
        (999, b"", OutcomeUnknown),
    ],
)
def test_every_answer_says_who_must_act(status: int, body: bytes, kind: type[UplinkError]) -> None:
    assert type(error(status, body)) is kind


@pytest.mark.parametrize("status", [402, 404, 405, 406, 407, 410, 415, 421, 423, 425, 426, 451])
def test_a_refusal_of_whatever_is_asked_parks_no_reading(status: int) -> None:
    assert isinstance(error(status, b""), UplinkUnavailable)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        ("Sat, 14 Mar 2026 09:27:53 GMT", timedelta(seconds=60)),
        ("Sat, 14 Mar 2026 09:20:00 GMT", timedelta(0)),
        ("99999999999999999999", timedelta(days=1)),
        ("Fri, 01 Jan 2100 00:00:00 GMT", timedelta(days=1)),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_server_may_ask_to_wait(status: int, header: str, wait: timedelta) -> None:
    waiting = error(status, retry_after=header)

    assert isinstance(waiting, UplinkUnavailable)
    assert waiting.retry_after == wait


@pytest.mark.parametrize(
    "header",
    [
        "soon",
        "-5",
        "²",
        "1.5",
        "Sat, 14 Mar 2026 09:27:53 -0000",
        "Sat, 14 Mar 99999999999 09:27:53 GMT",
    ],
)
def test_an_unreadable_wait_is_none(header: str) -> None:
    waiting = error(429, retry_after=header)

    assert isinstance(waiting, UplinkUnavailable)
    assert waiting.retry_after is None


def test_a_rejection_repeats_codes_and_paths_but_no_words() -> None:
    body = outcome("invalid", "value 71.3 of Julie", "Bundle.entry[0].resource.valueQuantity.code")

    text = str(error(422, body))

    assert "invalid at Bundle.entry[0].resource.valueQuantity.code" in text
    assert "71.3" not in text
    assert "Julie" not in text


def test_a_rejection_names_no_more_than_the_first_few_faults() -> None:
    issue = json.loads(outcome("invalid", ""))["issue"]
    body = json.dumps({"resourceType": "OperationOutcome", "issue": issue * 50}).encode()

    assert str(error(422, body)).count("invalid") == 3


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("71.3", "Observation.value"),
        ("invalid", "Observation.where(value='71.3')"),
        ("invalid", "Julie"),
        ("invalid", "Observation.value[713]"),
        ("invalid", "71.3"),
    ],
)
def test_codes_and_paths_that_are_none_are_left_out(code: str, path: str) -> None:
    text = str(error(422, outcome(code, "", path)))

    assert "71" not in text
    assert "Julie" not in text


@pytest.mark.parametrize(
    "issue",
    [
        None,
        {"code": "invalid"},
        [1],
        [{"code": ["invalid"]}],
        [{"expression": ["Observation.value"]}],
    ],
)
def test_an_outcome_of_no_known_form_says_no_more_than_its_status(issue: object) -> None:
    body = json.dumps({"resourceType": "OperationOutcome", "issue": issue}).encode()

    assert "rejects the reading (422):" in str(error(422, body))


@pytest.mark.parametrize("paths", [7, [], [7], "Observation.value"])
def test_a_fault_without_a_place_is_named_without(paths: object) -> None:
    issues = [{"code": "invalid", "expression": paths}]
    body = json.dumps({"resourceType": "OperationOutcome", "issue": issues}).encode()

    assert "rejects the reading (422: invalid)" in str(error(422, body))


def response(*entries: tuple[str, str | None], kind: str = "transaction-response") -> Answer:
    content = {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"response": {"status": status, "location": at}} for status, at in entries],
    }
    return Answer(200, {}, json.dumps(content).encode())


@pytest.mark.parametrize(
    "location",
    [
        "Observation/7b0e",
        "Observation/urn:oid:1.2.250.1.99|7b0e",
        "https://fhir.example/fhir/Observation/7b0e/_history/1",
    ],
)
def test_the_receipt_is_what_the_server_calls_the_observation(location: str) -> None:
    answer = response(("201 Created", location), ("200 OK", "Device/1"))

    assert reference_in(answer) == location


@pytest.mark.parametrize(
    "answer",
    [
        response(("201 Created", "Observation/1"), kind="batch-response"),
        response(("201 Created", "Observation/1"), ("201 Created", "Observation/2")),
        response(("201 Created", None), ("200 OK", "Device/1")),
        response(("201 Created", "Device/1")),
        response(("201 Created", "Observation/\ud800")),
        response(("400 Bad Request", "Observation/1")),
        response(("2011", "Observation/1")),
        Answer(
            200,
            {},
            b'{"resourceType": "Bundle", "type": "transaction-response", "entry":'
            b' [{"response": {"status": 201, "location": "Observation/1"}}]}',
        ),
        response(),
        Answer(200, {}, b""),
        Answer(200, {}, b"<html>"),
        Answer(200, {}, b"[]"),
        Answer(200, {}, b'{"resourceType": "Bundle", "type": "transaction-response", "entry": 1}'),
        Answer(200, {}, b'{"resourceType": "Bundle", "type": "transaction-response"}'),
        Answer(
            200, {}, b'{"resourceType": "Bundle", "type": "transaction-response", "entry": [1]}'
        ),
        Answer(200, {}, b"\xff\xfe"),
        Answer(200, {}, b'{"a": NaN}'),
        Answer(200, {}, b'{"a": 1e9999999999999999999}'),
        Answer(200, {}, b"[" * 100_000),
    ],
)
def test_a_success_that_is_not_certain_is_an_unknown_outcome(answer: Answer) -> None:
    with pytest.raises(OutcomeUnknown):
        reference_in(answer)


@given(st.binary(max_size=300), st.integers(100, 999))
def test_no_answer_whatsoever_breaks_the_reader(body: bytes, status: int) -> None:
    assert isinstance(error(status, body), UplinkError)
    with pytest.raises(OutcomeUnknown):
        reference_in(Answer(200, {}, body))
