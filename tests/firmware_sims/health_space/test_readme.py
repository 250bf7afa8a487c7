"""What the README says of the health space is all there is, and all that it says is there."""

import re
from pathlib import Path

from firmware_sims.health_space import HealthSpace, Kind, Operation, control
from firmware_sims.health_space.document_rules import RULES as DOCUMENT_RULES
from firmware_sims.health_space.generic_fhir import ROOT
from firmware_sims.health_space.rules import RULES

README = Path(__file__).parents[3] / "firmware-sims" / "README.md"
(SECTION,) = re.findall(r"^## The health space$(.*?)^## ", README.read_text(), re.M | re.S)
HEADINGS = ("### Trouble", "### Refusals of measures", "### Refusals of documents")


def part(heading: str) -> str:
    """Return a part of the section; the empty heading is its beginning."""
    parts = re.split(f"^({'|'.join(HEADINGS)})$", SECTION, flags=re.M)
    return parts[0] if not heading else parts[parts.index(heading) + 1]


def refusals(heading: str) -> set[tuple[int, str, str]]:
    rows = re.findall(r"^\| (\d{3}) \| `([\w-]+)` \| (.*) \|$", part(heading), re.M)
    return {(int(status), code, says) for status, code, says in rows}


def test_every_kind_of_trouble_is_in_its_table() -> None:
    told = re.findall(r"^\| `(\w+)` \|", part("### Trouble"), re.M)

    assert sorted(told) == sorted(Kind)


def test_every_operation_that_trouble_can_strike_is_named() -> None:
    (line,) = re.findall(r"^`on` says which requests: (.*)$", part("### Trouble"), re.M)

    assert set(re.findall(r"`(\w+)`", line)) == set(Operation)


def test_every_refusal_of_measures_is_in_its_table() -> None:
    there = {(rule.status, rule.code, rule.diagnostics) for rule in RULES}

    assert refusals("### Refusals of measures") == there


def test_every_refusal_of_documents_is_in_its_table() -> None:
    told = refusals("### Refusals of documents")

    rules = {(422, rule.code, rule.diagnostics) for rule in DOCUMENT_RULES}
    assert rules <= told
    assert {status for status, _, _ in told - rules} == {400, 401, 403, 404, 415, 422}


async def test_every_endpoint_is_in_its_table() -> None:
    told = set(re.findall(r"`(GET|POST) (/[\w/]*)`", part("")))

    async with HealthSpace() as space:
        there = set(space.service.endpoints)

    assert told == there | {("POST", ROOT)}
    assert f"`GET {ROOT}/...`" in part("")


async def test_every_request_of_the_control_api_is_in_its_list() -> None:
    assert control.__doc__ is not None
    listed = re.findall(r"^(GET|POST|DELETE) +(/\S*)", control.__doc__, re.M)

    async with HealthSpace() as space:
        application = control.control_application(
            space.service, space.faults, space.link, space.clock
        )
        routes = {
            (route.method, re.sub(r"\{(\w+)\}", lambda m: m[1].upper(), str(resource.canonical)))
            for resource in application.router.resources()
            for route in resource
            if route.method != "HEAD"
        }

    assert set(listed) == routes
