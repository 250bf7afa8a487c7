"""Documents are published by the rules, found again, and refused with the code that says why."""

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from firmware_sims.health_space import Fault, HealthSpace, Kind, Operation
from firmware_sims.health_space.document_rules import RULES

from tests.firmware_sims.health_space.conftest import Reply, Solution, paired
from tests.firmware_sims.health_space.publications import OID, PAGE, Json, publication

PATH = "/fhir/DocumentReference"
Mutation = Callable[[Json], object]


async def publish(solution: Solution, resource: object, **headers: str) -> Reply:
    body = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    token = {"Authorization": f"Bearer {solution.space.settings.client_secret}"}
    return await solution.send("POST", PATH, body, token | headers)


async def search(solution: Solution, query: str) -> Reply:
    token = {"Authorization": f"Bearer {solution.space.settings.client_secret}"}
    return await solution.send("GET", f"{PATH}?{query}", b"", token)


def of(solution: Solution) -> str:
    return f"patient.identifier=urn:oid:{OID}%7C{solution.id_pe}"


async def test_a_document_is_taken_and_shown_with_its_id(solution: Solution) -> None:
    reply = await publish(solution, publication(solution.id_pe))

    name = reply.json["id"]
    assert reply.status == 201
    assert reply.headers["Location"].endswith(f"{PATH}/{name}/_history/1")
    assert reply.json["meta"]["versionId"] == "1"
    counts = solution.space.person("Alice").counts
    assert (counts.documents, counts.refused, counts.accepted) == (1, 0, 0)


def attachment(resource: Json) -> Json:
    found: Json = resource["content"][0]["attachment"]
    return found


def drop(name: str) -> Mutation:
    return lambda resource: resource.pop(name)


def put(name: str, value: object) -> Mutation:
    return lambda resource: resource.update({name: value})


def attach(name: str, value: object) -> Mutation:
    return lambda resource: attachment(resource).update({name: value})


def detach(name: str) -> Mutation:
    return lambda resource: attachment(resource).pop(name)


BASE64 = base64.b64encode(b"no page").decode()
BROKEN: dict[str, tuple[Mutation, ...]] = {
    "masterIdentifier must be a URI: an OID or a UUID, as a URN.": (
        drop("masterIdentifier"),
        put("masterIdentifier", {"value": "urn:oid:1.2.3"}),
        put("masterIdentifier", {"system": "urn:ietf:rfc:3986", "value": "page-1"}),
        put("masterIdentifier", {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.{'1' * 127}"}),
    ),
    "identifier is the server's to give.": (put("identifier", [{"value": "1"}]),),
    "docStatus is not allowed.": (put("docStatus", "final"),),
    "modifierExtension is not allowed.": (put("modifierExtension", []),),
    "status must be current.": (put("status", "superseded"), drop("status")),
    "There can be one category.": (put("category", [{}, {}]),),
    "A coding of type needs its system and code.": (put("type", {"coding": [{"code": "1"}]}),),
    "A coding of category needs its system and code.": (
        put("category", [{"coding": [{"system": "urn:x"}]}]),
    ),
    "subject.identifier is missing.": (drop("subject"), put("subject", {"reference": "Patient/1"})),
    "author is missing, or refers to nothing that can be one.": (
        drop("author"),
        drop("contained"),
        put("author", [{"reference": "Location/1"}]),
    ),
    "date must be a full date and time with its offset.": (put("date", "2026-03-14"),),
    "There must be one content.": (
        put("content", []),
        lambda resource: resource["content"].append(copy.deepcopy(resource["content"][0])),
    ),
    "content.attachment.contentType is missing.": (detach("contentType"),),
    "content.attachment.data is missing or is no base64.": (detach("data"), attach("data", "%%%")),
    "content.attachment.url is not allowed.": (attach("url", "Binary/1"),),
    "content.attachment.title is missing.": (detach("title"),),
    "content.attachment.size is not that of the data.": (attach("size", 3),),
    "content.attachment.hash is not the SHA-1 of the data.": (attach("hash", "AAAA"),),
    "The data are not what contentType says.": (attach("data", BASE64),),
    "content.attachment.creation must be a full date and time.": (attach("creation", "2026"),),
    "context.period must be two full dates and times, in order.": (
        put("context", {"period": {"start": "2026-03-14"}}),
        put(
            "context",
            {"period": {"start": "2026-03-14T00:00:00Z", "end": "2026-03-01T00:00:00Z"}},
        ),
    ),
}


def test_there_is_a_broken_document_for_every_rule() -> None:
    assert set(BROKEN) == {rule.diagnostics for rule in RULES}


@pytest.mark.parametrize(
    ("rule", "mutate"), [(rule, mutate) for rule, all_of in BROKEN.items() for mutate in all_of]
)
async def test_a_document_that_breaks_a_rule_is_refused_with_it(
    rule: str, mutate: Mutation, solution: Solution
) -> None:
    resource = publication(solution.id_pe)
    mutate(resource)

    reply = await publish(solution, resource)

    code = next(each.code for each in RULES if each.diagnostics == rule)
    assert reply.status == 422
    assert (code, rule) in [(i["code"], i["diagnostics"]) for i in reply.json["issue"]]
    assert solution.space.service.documents.kept == []


async def test_what_is_optional_may_be_absent(solution: Solution) -> None:
    resource = publication(solution.id_pe)
    for name in ("meta", "type", "category", "date", "context"):
        resource.pop(name)
    for name in ("language", "size", "hash", "creation"):
        attachment(resource).pop(name)

    assert (await publish(solution, resource)).status == 201


async def test_only_the_solution_may_publish_and_search(solution: Solution) -> None:
    wrong = {"Authorization": f"Bearer {solution.tokens['access_token']}"}
    body = json.dumps(publication(solution.id_pe)).encode()

    assert (await solution.send("POST", PATH, body, wrong)).status == 401
    assert (await solution.send("GET", f"{PATH}?{of(solution)}", b"", wrong)).status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"resourceType": "Binary"}', 400), (b"", 400), (b"\xff", 400)],
)
async def test_what_is_no_document_reference_is_no_request(
    body: bytes, status: int, solution: Solution
) -> None:
    assert (await publish(solution, body)).status == status


async def test_another_media_type_is_refused(solution: Solution) -> None:
    reply = await publish(solution, b"<x/>", **{"Content-Type": "application/fhir+xml"})

    assert reply.status == 415


async def test_nobody_of_that_identifier_is_not_found(solution: Solution) -> None:
    stranger = publication(solution.id_pe)
    stranger["subject"]["identifier"]["system"] = "urn:oid:1.2.3"

    assert (await publish(solution, publication("idpe-of-nobody"))).status == 404
    assert (await publish(solution, stranger)).status == 404


async def test_without_consent_nothing_is_kept_or_shown(solution: Solution) -> None:
    await publish(solution, publication(solution.id_pe))
    solution.space.set_consent("Alice", given=False)

    refused = await publish(solution, publication(solution.id_pe, 2))
    hidden = await search(solution, of(solution))

    assert (refused.status, hidden.status) == (403, 403)
    assert refused.diagnostics == ["Consent not given, access refused."]


async def test_the_same_document_again_is_taken_and_counted(solution: Solution) -> None:
    for _ in range(2):
        assert (await publish(solution, publication(solution.id_pe))).status == 201

    counts = solution.space.person("Alice").counts
    assert (counts.documents, counts.duplicates) == (2, 1)


async def test_another_document_of_the_same_identifier_is_refused(solution: Solution) -> None:
    await publish(solution, publication(solution.id_pe))

    reply = await publish(solution, publication(solution.id_pe, content=PAGE + b"more"))

    assert reply.status == 422
    assert [issue["code"] for issue in reply.json["issue"]] == ["duplicate"]


async def test_a_document_is_found_by_person_status_and_identifier(solution: Solution) -> None:
    for number in (1, 2):
        await publish(solution, publication(solution.id_pe, number))
    solution.space.add_person("Bob")
    bob = solution.space.person("Bob").id_pe
    wanted = "identifier=urn:ietf:rfc:3986%7Curn:oid:1.2.250.1.99999.7.2"

    async def found(query: str) -> list[str]:
        reply = await search(solution, query)
        assert reply.status == 200
        return [e["resource"]["masterIdentifier"]["value"][-1] for e in reply.json["entry"]]

    assert await found(of(solution)) == ["1", "2"]
    assert await found(f"{of(solution)}&{wanted}&status=current,superseded") == ["2"]
    assert await found(f"{of(solution)}&status=superseded") == []
    assert await found(f"patient.identifier=urn:oid:{OID}%7C{bob}&{wanted}") == []


@pytest.mark.parametrize("query", ["", "patient=1", "patient.identifier=1", "status=current"])
async def test_a_search_without_a_person_or_by_anything_else_is_refused(
    query: str, solution: Solution
) -> None:
    assert (await search(solution, query)).status == 422


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        (Fault(Kind.SERVER_ERROR, on=Operation.DOCUMENT), 0),
        (Fault(Kind.SERVER_ERROR, on=Operation.DOCUMENT, commit=True), 1),
        (Fault(Kind.TOO_MANY, on=Operation.DOCUMENT, retry_after_s=7), 0),
        (Fault(Kind.TRUNCATED_BODY, on=Operation.DOCUMENT), 1),
    ],
)
async def test_trouble_strikes_documents_too(fault: Fault, kept: int, solution: Solution) -> None:
    solution.space.add_fault(fault)

    try:
        reply = await publish(solution, publication(solution.id_pe))
    except Exception:  # noqa: BLE001 - a body cut short
        assert fault.kind is Kind.TRUNCATED_BODY
    else:
        assert reply.status == int(fault.kind)

    assert len(solution.space.service.documents.kept) == kept
    assert (await solution.search(f"subject.identifier={OID}%7C{solution.id_pe}")).status == 200


async def test_documents_survive_a_restart(tmp_path: Path) -> None:
    async with paired(HealthSpace(folder=tmp_path)) as solution:
        await publish(solution, publication(solution.id_pe))
        settings = solution.space.settings

    async with HealthSpace(settings, folder=tmp_path) as again:
        assert [each.publication.data for each in again.service.documents.kept] == [PAGE]
        assert again.person("Alice").counts.documents == 1


async def test_the_page_of_the_space_links_to_the_document(solution: Solution) -> None:
    name = (await publish(solution, publication(solution.id_pe))).json["id"]

    page = (await solution.control("GET", "/")).body.decode()
    listed = (await solution.control("GET", "/sandbox/documents")).json["documents"]
    file = await solution.control("GET", f"/sandbox/documents/{name}")

    assert f'href="/sandbox/documents/{name}"' in page
    assert "Une page inventée" in page
    assert [(each["person"], each["id"], each["size"]) for each in listed] == [
        ("Alice", name, len(PAGE))
    ]
    assert (file.body, file.headers["Content-Type"]) == (PAGE, "application/pdf")
    assert (await solution.control("GET", "/sandbox/documents/elsewhere")).status == 404
