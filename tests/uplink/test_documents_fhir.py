"""Publishing to and searching in a server that behaves well, badly, and not at all."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tenacity.wait import wait_none

from gateway.errors import (
    OutcomeUnknown,
    UplinkError,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
    UplinkUnavailable,
)
from gateway.testing.clock import ManualClock
from gateway.uplink.documents_fhir import FhirDeposit
from gateway.uplink.http_client import MAX_ANSWER_BYTES
from gateway.uplink.mes_mapping import encode
from tests.uplink.documents import PATIENT, filing, page, settings
from tests.uplink.scripted_server import (
    Action,
    ScriptedServer,
    answer,
    raw,
    reset,
    scripted_server,
    silence,
    truncated,
)

PATH = "/fhir/DocumentReference"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as scripted:
        yield scripted


def to(server: ScriptedServer, **change: Any) -> FhirDeposit:
    where = settings(base_url=f"{server.url}/fhir", **change)
    return FhirDeposit(where, ManualClock(), wait=wait_none())


@pytest.fixture
async def deposit(server: ScriptedServer) -> AsyncIterator[FhirDeposit]:
    made = to(server)
    yield made
    await made.close()


def outcome(code: str, diagnostics: str = "") -> dict[str, Any]:
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def searchset(*resources: object, **more: object) -> dict[str, Any]:
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries} | more


def stored(**change: Any) -> dict[str, Any]:
    return filing().resource | {"id": "77"} | change


# --- publishing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [
        answer(201, stored(), Location="https://elsewhere/fhir/DocumentReference/77/_history/1"),
        answer(201, b"", Location="DocumentReference/77"),
        answer(201, stored()),
        answer(200, stored()),
    ],
)
async def test_a_published_document_has_the_servers_name(
    action: Action, server: ScriptedServer, deposit: FhirDeposit
) -> None:
    server.plays(PATH, action)

    assert await deposit.put(filing()) == "DocumentReference/77"

    (request,) = server.to(PATH)
    assert request.method == "POST"
    assert request.headers["authorization"] == "Bearer canary-secret"
    assert request.headers["content-type"] == "application/fhir+json"
    assert request.body == encode(filing().resource)


CONSENT = outcome("forbidden", "Consent not given, access refused.")
ERRORS: list[tuple[Action, type[UplinkError]]] = [
    (answer(400, outcome("structure")), UplinkRejected),
    (answer(400, b"<title>400 The SSL certificate error</title>"), UplinkUnauthorised),
    (answer(401), UplinkUnauthorised),
    (answer(403), UplinkUnauthorised),
    (answer(403, b"<html>Do you consent to cookies?</html>"), UplinkUnauthorised),
    (answer(403, CONSENT), UplinkRefused),
    (answer(404, outcome("not-found")), UplinkRejected),
    (answer(404, b"<html>"), UplinkUnavailable),
    (answer(410, b"<html>"), UplinkUnavailable),
    (answer(405), UplinkUnavailable),
    (answer(413), UplinkRejected),
    (answer(415), UplinkUnavailable),
    (answer(422, outcome("invalid", PATIENT.value)), UplinkRejected),
    (answer(429), UplinkUnavailable),
    (answer(429, Retry_After="7"), UplinkUnavailable),
    (answer(503, Retry_After="7"), UplinkUnavailable),
    (answer(503), OutcomeUnknown),
    (answer(408), OutcomeUnknown),
    (answer(500), OutcomeUnknown),
    (answer(204), OutcomeUnknown),
    (answer(307, Location="/elsewhere"), UplinkUnavailable),
    (answer(201, b"<html>welcome</html>"), OutcomeUnknown),
    (answer(201, outcome("informational")), OutcomeUnknown),
    (answer(201, stored() | {"id": 7}), OutcomeUnknown),
    (answer(201, b" " * (MAX_ANSWER_BYTES + 1)), OutcomeUnknown),
    (truncated(b'{"resourceType": "DocumentReference"'), OutcomeUnknown),
    (raw(b"\x00\x01 no HTTP at all\r\n\r\n"), OutcomeUnknown),
    (raw(b""), OutcomeUnknown),
    (reset, OutcomeUnknown),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
async def test_every_trouble_is_the_error_that_says_who_must_act(
    number: int, server: ScriptedServer, deposit: FhirDeposit
) -> None:
    action, kind = ERRORS[number]
    server.plays(PATH, action)
    server.plays("/elsewhere", answer(201, stored()))

    with pytest.raises(kind) as raised:
        await deposit.put(filing())

    assert type(raised.value) is kind
    assert PATIENT.value not in str(raised.value)
    assert server.to("/elsewhere") == []


async def test_silence_is_an_unknown_outcome(server: ScriptedServer) -> None:
    server.plays(PATH, silence)
    deposit = to(server, answer_timeout_s=0.05)

    with pytest.raises(OutcomeUnknown, match="in time"):
        await deposit.put(filing())

    await deposit.close()


async def test_a_wait_the_server_asks_for_is_passed_on(
    server: ScriptedServer, deposit: FhirDeposit
) -> None:
    server.plays(PATH, answer(429, Retry_After="7"))

    with pytest.raises(UplinkUnavailable) as raised:
        await deposit.put(filing())

    assert raised.value.retry_after == timedelta(seconds=7)


# --- searching --------------------------------------------------------------------------------


async def test_the_search_asks_for_this_person_and_document(
    server: ScriptedServer, deposit: FhirDeposit
) -> None:
    server.plays(PATH, answer(200, searchset()))

    assert await deposit.find(filing()) is None

    (request,) = server.to(PATH)
    assert request.query == [
        ("patient.identifier", f"{PATIENT.system}|{PATIENT.value}"),
        ("status", "current,superseded"),
        ("identifier", f"urn:ietf:rfc:3986|{filing().identifier}"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"status": "superseded"},
        {"subject": {"reference": "Patient/1"}},
        {
            "masterIdentifier": None,
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": filing().identifier}],
        },
    ],
)
async def test_a_document_that_is_there_is_found(
    change: dict[str, Any], server: ScriptedServer, deposit: FhirDeposit
) -> None:
    server.plays(PATH, answer(200, searchset(stored(**change))))

    assert await deposit.find(filing()) == "DocumentReference/77"


OTHER = filing(page("report:2")).resource | {"id": "76"}


@pytest.mark.parametrize(
    "resource",
    [
        OTHER,
        stored(status="entered-in-error"),
        stored(subject={"identifier": {"value": "somebody"}}),
        stored(content=[{"attachment": {"hash": "AAAA"}}]),
        outcome("informational"),
    ],
)
async def test_another_document_is_not_taken_for_it(
    resource: dict[str, Any], server: ScriptedServer, deposit: FhirDeposit
) -> None:
    server.plays(PATH, answer(200, searchset(resource)))

    assert await deposit.find(filing()) is None


SEARCH_ERRORS: list[tuple[Action, type[UplinkError]]] = [
    (answer(401), UplinkUnauthorised),
    (answer(403, CONSENT), UplinkRefused),
    (answer(429, Retry_After="7"), UplinkUnavailable),
    (answer(404, b"<html>"), OutcomeUnknown),
    (answer(422, outcome("not-supported")), OutcomeUnknown),
    (answer(500), OutcomeUnknown),
    (answer(200, b"<html>"), OutcomeUnknown),
    (answer(200, searchset(OTHER, link=[{"relation": "next", "url": "x"}])), OutcomeUnknown),
]


@pytest.mark.parametrize("number", range(len(SEARCH_ERRORS)))
async def test_a_search_that_fails_settles_nothing(
    number: int, server: ScriptedServer, deposit: FhirDeposit
) -> None:
    action, kind = SEARCH_ERRORS[number]
    server.plays(PATH, action)

    with pytest.raises(kind) as raised:
        await deposit.find(filing())

    assert type(raised.value) is kind
