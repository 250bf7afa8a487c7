"""The sandbox's generic FHIR server: strict about the PHD guide, and creating nothing twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from firmware_sims.health_space import Fault, HealthSpace, Kind
from firmware_sims.health_space.faults import Operation
from firmware_sims.health_space.messages import Received
from firmware_sims.health_space.phd_rules import condition

from tests.firmware_sims.health_space.conftest import Solution

PHD = "http://hl7.org/fhir/uv/phd"
MDC = "urn:iso:std:iso:11073:10101"


def item(resource: dict[str, Any], number: int) -> dict[str, Any]:
    identifier = resource["identifier"][0]
    return {
        "fullUrl": f"urn:uuid:{number}",
        "resource": resource,
        "request": {
            "method": "POST",
            "url": resource["resourceType"],
            "ifNoneExist": f"identifier={identifier['system']}|{identifier['value']}",
        },
    }


def transaction(reading: str = "r-1", patient: str = "MRN-1", value: float = 71.5) -> Any:
    named = {"resourceType": "Patient", "identifier": [{"system": "urn:p", "value": patient}]}
    scale = {"resourceType": "Device", "identifier": [{"system": "urn:d", "value": "A4-C1"}]}
    hub = {"resourceType": "Device", "identifier": [{"system": "urn:d", "value": "02-00"}]}
    weight = {
        "resourceType": "Observation",
        "identifier": [{"system": "urn:r", "value": reading}],
        "status": "final",
        "category": [
            {"coding": [{"system": f"{PHD}/CodeSystem/PhdObservationCategories", "code": "phd"}]}
        ],
        "code": {"coding": [{"system": MDC, "code": "188736"}]},
        "subject": {"reference": "urn:uuid:0"},
        "device": {"reference": "urn:uuid:1"},
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice",
                "valueReference": {"reference": "urn:uuid:2"},
            }
        ],
        "effectiveDateTime": "2026-03-02T07:41:05+01:00",
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    entries = [item(each, number) for number, each in enumerate((named, scale, hub, weight))]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def post(solution: Solution, bundle: Any) -> Any:
    return await solution.send("POST", "/r4", json.dumps(bundle).encode(), {})


async def test_what_is_there_is_not_created_again(solution: Solution) -> None:
    first, again = [await post(solution, transaction()) for _ in range(2)]

    outcomes = [
        [each["response"]["status"][:3] for each in r.json["entry"]] for r in (first, again)
    ]
    places = [r.json["entry"][-1]["response"]["location"] for r in (first, again)]
    held = solution.space.service.generic.observations()
    assert outcomes == [["201"] * 4, ["200"] * 4]
    assert places[0] == places[1]
    assert [each["patient"] for each in held] == ["MRN-1"]
    stored = (await solution.send("GET", "/r4/" + places[0].partition("/_h")[0], b"", {})).json
    assert stored["subject"]["reference"].startswith("Patient/")
    found = (await solution.send("GET", "/r4/Observation?identifier=urn:r|r-1", b"", {})).json
    assert found["total"] == 1


async def test_a_condition_may_name_any_of_several_identifiers(solution: Solution) -> None:
    def named(*readings: str) -> Any:
        bundle = transaction(readings[0])
        last = bundle["entry"][-1]
        last["resource"]["identifier"] = [{"system": "urn:r", "value": each} for each in readings]
        either = ",".join(f"urn:r|{quote(each)}" for each in readings)
        last["request"]["ifNoneExist"] = f"identifier={either}"
        return bundle

    replies = [
        await post(solution, bundle)
        for bundle in (named("a+1"), named("b", "a+1"), named("c"), named("a+1", "c"))
    ]

    assert [reply.status for reply in replies] == [200, 200, 200, 412]
    statuses = [reply.json["entry"][-1]["response"]["status"][:3] for reply in replies[:3]]
    assert statuses == ["201", "200", "201"]


def test_what_is_escaped_in_a_condition_is_taken_for_what_it_is() -> None:
    asked = {"ifNoneExist": r"identifier=urn:a|b\,c%2Bd,urn:e|f\\\|g|h+i"}

    assert condition(asked) == [("urn:a", "b,c+d"), ("urn:e", "f\\|g|h i")]


MUTATIONS: dict[str, Callable[[Any, Any], object]] = {
    "another condition": lambda b, o: b["entry"][3]["request"].update(ifNoneExist="identifier=x|y"),
    "another category": lambda b, o: o["category"][0]["coding"][0].update(code="vital-signs"),
    "a vital sign of no such category": lambda b, o: o["code"]["coding"].append(
        {"system": "http://loinc.org", "code": "29463-7"}
    ),
    "a code of nobody": lambda b, o: o["code"]["coding"][0].update(system="urn:mine"),
    "no device": lambda b, o: o.pop("device"),
    "no gateway": lambda b, o: o.pop("extension"),
    "two times": lambda b, o: o.update(effectivePeriod={"end": "2026-03-02"}),
    "a unit of nobody": lambda b, o: o["valueQuantity"].update(system="urn:mine"),
    "no value": lambda b, o: o.pop("valueQuantity"),
    "a reference into nothing": lambda b, o: o["subject"].update(reference="urn:uuid:9"),
    "104 entries": lambda b, o: b.update(
        entry=[{**each, "fullUrl": f"urn:uuid:{n}"} for n, each in enumerate(b["entry"] * 26)]
    ),
    "the same name twice": lambda b, o: b["entry"][1].update(fullUrl="urn:uuid:0"),
}


@pytest.mark.parametrize("change", MUTATIONS)
async def test_a_broken_rule_is_refused_and_nothing_of_it_is_kept(
    solution: Solution, change: str
) -> None:
    bundle = transaction()
    MUTATIONS[change](bundle, bundle["entry"][-1]["resource"])

    reply = await post(solution, bundle)
    found = await solution.send("GET", "/r4/Patient?identifier=urn:p|MRN-1", b"", {})

    assert reply.status == 422
    assert found.json["total"] == 0


async def put(solution: Solution, resource: Any, version: str | None = None) -> Any:
    headers = {} if version is None else {"If-Match": f'W/"{version}"'}
    target = f"/r4/Observation/{resource['id']}"
    return await solution.send("PUT", target, json.dumps(resource).encode(), headers)


async def test_an_update_replaces_the_version_that_was_seen_and_no_other(
    solution: Solution,
) -> None:
    place = (await post(solution, transaction())).json["entry"][-1]["response"]["location"]
    name, _, version = place.partition("/_history/")
    held = (await solution.send("GET", f"/r4/{name}", b"", {})).json
    names = [*held["identifier"], {"system": "urn:r", "value": "r-2"}]
    changed = held | {"status": "amended", "identifier": names}

    statuses = [(await put(solution, changed, version)).status for _ in range(2)]
    after = (await solution.send("GET", "/r4/Observation?identifier=urn:r|r-2", b"", {})).json
    gone = (await put(solution, held, "2")).status
    left = (await solution.send("GET", "/r4/Observation?identifier=urn:r|r-2", b"", {})).json

    assert (version, statuses, gone) == ("1", [200, 412], 200)
    assert after["entry"][0]["resource"]["status"] == "amended"
    assert after["entry"][0]["resource"]["meta"]["versionId"] == "2"
    assert left["total"] == 0


async def test_what_is_not_there_or_against_the_guide_is_no_update(solution: Solution) -> None:
    place = (await post(solution, transaction())).json["entry"][-1]["response"]["location"]
    held = (await solution.send("GET", f"/r4/{place.partition('/_h')[0]}", b"", {})).json

    unknown = await put(solution, held | {"id": "nobody"})
    patient = await put(solution, held | {"resourceType": "Patient"})
    nameless = await put(solution, held | {"identifier": []})
    invented = await put(solution, held | {"status": "registered"})

    statuses = [each.status for each in (unknown, patient, nameless, invented)]
    assert statuses == [404, 422, 422, 422]


async def test_two_that_bear_one_identifier_are_several_matches(solution: Solution) -> None:
    for reading in ("r-1", "r-2"):
        reply = await post(solution, transaction(reading))
    place = reply.json["entry"][-1]["response"]["location"]
    held = (await solution.send("GET", f"/r4/{place.partition('/_h')[0]}", b"", {})).json
    both = [*held["identifier"], {"system": "urn:r", "value": "r-1"}]
    await put(solution, held | {"identifier": both})

    found = (await solution.send("GET", "/r4/Observation?identifier=urn:r|r-1", b"", {})).json
    assert found["total"] == 2
    assert (await post(solution, transaction("r-1"))).status == 412


async def test_its_faults_are_its_own(solution: Solution) -> None:
    solution.space.add_fault(Fault(Kind.SERVER_ERROR, on=Operation.GENERIC, count=1))

    replies = [(await post(solution, transaction())).status for _ in range(2)]

    assert replies == [500, 200]


async def test_bytes_about_a_patient_are_counted_also_when_nothing_is_taken(
    solution: Solution,
) -> None:
    solution.space.add_fault(Fault(Kind.SERVER_ERROR, on=Operation.GENERIC, count=1))
    await post(solution, transaction(patient="MRN-1"))
    after_the_fault = dict(solution.space.service.generic.mentions)
    await post(solution, transaction(patient="MRN-2"))

    mentions = solution.space.service.generic.mentions
    assert after_the_fault["MRN-1"] > 0
    assert mentions["MRN-1"] == after_the_fault["MRN-1"]
    assert mentions["MRN-2"] > 0


async def test_it_remembers_after_a_kill(tmp_path: Path) -> None:
    body = json.dumps(transaction()).encode()
    asked = Received("POST", "/r4", {"content-type": "application/json"}, body)
    async with HealthSpace(folder=tmp_path) as space:
        space.service.handle(asked, None)
    async with HealthSpace(folder=tmp_path) as again:
        again.service.handle(asked, None)

        assert len(again.service.generic.observations()) == 1
