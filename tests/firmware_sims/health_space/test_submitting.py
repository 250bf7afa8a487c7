import copy
import gzip
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.health_space import HealthSpace, Settings

from tests.firmware_sims.health_space.bundles import (
    OID,
    addressed_to,
    bundle,
    glucose,
    moment,
    quantity,
    weight,
)
from tests.firmware_sims.health_space.conftest import Solution, paired

PROFILES = os.environ.get("GATEWAY_PROFILES")
# mes.md 1.2: API 1.5.2 has no oxygen saturation.
SAMPLES = {
    "bp": 200,
    "weight": 200,
    "heartrate": 200,
    "temperature": 200,
    "glucose-blood": 200,
    "glucose-interstitial-mean": 200,
    "gmi": 200,
    "hba1c-3.2.0": 200,
    "spo2": 422,
}


def _sample(name: str) -> Any:
    if PROFILES is None:
        pytest.skip("GATEWAY_PROFILES is not set")
    return json.loads((Path(PROFILES) / "samples" / f"{name}.json").read_text())


@pytest.mark.parametrize(("name", "status"), SAMPLES.items())
async def test_each_sample_is_judged_as_the_api_says(
    solution: Solution, name: str, status: int
) -> None:
    sample = addressed_to(_sample(name), solution.id_pe)

    reply = await solution.post(sample)

    assert reply.status == status, reply.body


async def test_oxygen_saturation_passes_once_opened(open_solution: Solution) -> None:
    sample = addressed_to(_sample("spo2"), open_solution.id_pe)

    reply = await open_solution.post(sample)

    assert reply.status == 200


@pytest.mark.parametrize(
    ("terminology", "name", "status"),
    [
        # The type has both codings; the moment and the number of days have the older one alone.
        ("api-1.5.2", "glucose-blood", 200),
        ("smt-2025", "glucose-blood", 422),
        ("api-1.5.2", "glucose-interstitial-mean", 200),
        ("smt-2025", "glucose-interstitial-mean", 422),
        # These have one coding of the type.
        ("smt-2025", "gmi", 422),
        ("api-1.5.2", "hba1c-3.2.0", 422),
    ],
)
async def test_a_terminology_generation_knows_its_own_codes(
    terminology: Any, name: str, status: int
) -> None:
    async with paired(HealthSpace(Settings(terminology=terminology))) as solution:
        reply = await solution.post(addressed_to(_sample(name), solution.id_pe))

    assert reply.status == status


@pytest.mark.parametrize("generation", ["any", "api-1.5.2", "smt-2025"])
async def test_a_moment_is_a_single_code_of_a_generation_known_there(generation: Any) -> None:
    older, newer = moment(), moment(system="http://loinc.org")
    both = copy.deepcopy(older)
    both["valueCodeableConcept"]["coding"] += newer["valueCodeableConcept"]["coding"]

    async with paired(HealthSpace(Settings(terminology=generation))) as solution:
        taken = {}
        for name, extension in {"older": older, "newer": newer, "both": both}.items():
            sent = glucose(solution.id_pe, extension)
            concept = sent["entry"][0]["resource"]["code"]
            concept["coding"].append({"system": "http://loinc.org", "code": "2345-7"})
            taken[name] = (await solution.post(sent)).status == 200

    knows = {"older": generation != "smt-2025", "newer": generation != "api-1.5.2"}
    assert taken == {**knows, "both": False}


async def test_success_is_a_transaction_response_with_a_location_each(solution: Solution) -> None:
    reply = await solution.post(weight(solution.id_pe))

    responses = [entry["response"] for entry in reply.json["entry"]]
    assert reply.json["type"] == "transaction-response"
    assert [each["status"] for each in responses] == ["201 Created", "201 Created"]
    kind, _, identity = responses[0]["location"].partition("/")
    assert (kind, str(uuid.UUID(identity))) == ("Observation", identity)


async def test_a_known_device_is_not_created_again(solution: Solution) -> None:
    await solution.post(weight(solution.id_pe, 72.4))

    reply = await solution.post(weight(solution.id_pe, 72.6))

    assert [e["response"]["status"] for e in reply.json["entry"]] == ["201 Created", "200 OK"]


async def test_locations_come_in_the_other_documented_format_on_request() -> None:
    settings = Settings(location_style="oid")
    async with paired(HealthSpace(settings)) as solution:
        reply = await solution.post(weight(solution.id_pe))

    location = reply.json["entry"][0]["response"]["location"]
    assert location.startswith(f"Observation/urn:oid:{settings.mes_oid}|")


async def test_a_bundle_without_device_passes_with_a_remark(solution: Solution) -> None:
    sent = weight(solution.id_pe)
    del sent["entry"][1]
    del sent["entry"][0]["resource"]["device"]

    reply = await solution.post(sent)

    issue = reply.json["entry"][0]["response"]["outcome"]["issue"][0]
    assert (reply.status, issue["severity"]) == (200, "information")


@pytest.mark.parametrize("identifier", ["00-00-00-00-00-00-00-00", "AA-BB-CC-FF-FE-00-00-99"])
async def test_a_doubtful_device_identifier_passes_with_a_remark(
    solution: Solution, identifier: str
) -> None:
    sent = weight(solution.id_pe)
    sent["entry"][1]["resource"]["identifier"][0]["value"] = identifier

    reply = await solution.post(sent)

    assert reply.status == 200
    assert "outcome" in reply.json["entry"][0]["response"]


async def test_the_same_reading_again_is_accepted_and_counted(solution: Solution) -> None:
    sent = weight(solution.id_pe, 72.4, "2026-03-02T07:41:05+01:00")
    same_instant = weight(solution.id_pe, 72.4, "2026-03-02T06:41:05Z")
    same_value = json.dumps(sent).replace("72.4", "72.40").encode()
    another = weight(solution.id_pe, 72.5)

    statuses = [(await solution.post(each)).status for each in (sent, sent, same_instant)]
    statuses += [(await solution.post(each)).status for each in (same_value, another)]

    counts = solution.space.person("Alice").counts
    assert statuses == [200] * 5
    assert (counts.accepted, counts.duplicates) == (5, 3)


async def test_blood_pressure_is_the_same_only_if_every_component_is(solution: Solution) -> None:
    def pressure(diastolic: int) -> dict[str, Any]:
        made = bundle(solution.id_pe, ("http://loinc.org", "85354-9"), None)
        made["entry"][0]["resource"]["component"] = [
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
                "valueQuantity": quantity(value, "mm[Hg]"),
            }
            for code, value in (("8480-6", 124), ("8462-4", diastolic))
        ]
        return made

    for diastolic in (78, 79, 78):
        await solution.post(pressure(diastolic))

    assert solution.space.person("Alice").counts.duplicates == 1


async def test_numbers_are_kept_as_written(solution: Solution) -> None:
    text = json.dumps(weight(solution.id_pe)).replace("72.4", "72.40")
    await solution.post(text.encode())

    reply = await solution.search(f"subject.identifier=urn:oid:{OID}%7C{solution.id_pe}")

    assert b'"value":72.40,' in reply.body


async def test_a_missing_source_is_filled_in(solution: Solution) -> None:
    sent = weight(solution.id_pe)
    del sent["entry"][0]["resource"]["meta"]["source"]

    await solution.post(sent)

    [accepted] = solution.space.service.store.accepted
    assert accepted.observation["meta"]["source"] == f"urn:oid:{OID}"


async def test_plain_json_is_taken_and_other_types_are_not(solution: Solution) -> None:
    sent = glucose(solution.id_pe, moment())

    plain = await solution.post(sent, **{"Content-Type": "application/json; charset=utf-8"})
    xml = await solution.post(sent, **{"Content-Type": "application/fhir+xml"})

    assert (plain.status, xml.status) == (200, 415)


async def test_a_compressed_body_is_taken_and_looked_into(solution: Solution) -> None:
    packed = gzip.compress(json.dumps(weight(solution.id_pe)).encode())

    reply = await solution.post(packed, **{"Content-Encoding": "gzip"})

    assert reply.status == 200
    # Once in the subject, twice in the id_token (sub and idPe).
    assert solution.space.person("Alice").counts.mentions == 3


async def test_a_body_that_does_not_decompress_is_refused(solution: Solution) -> None:
    reply = await solution.post(b"not gzip", **{"Content-Encoding": "gzip"})

    assert reply.status == 413
