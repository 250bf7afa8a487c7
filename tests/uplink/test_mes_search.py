"""What a search brings is ours only if person, code, time, numbers and device agree."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.domain.device import Device
from gateway.domain.reading import Kind
from gateway.uplink.mes_device import SYSTEM_ID_SYSTEM
from gateway.uplink.mes_mapping import PatientIdentifier, encode, to_bundle
from gateway.uplink.mes_search import Page, judge, question
from gateway.uplink.mes_terms import NUMBER_OF_DAYS, SLOTS, SUMMARIES, Dialect
from tests.uplink.samples import CUFF, NUMBERS, entry
from tests.uplink.scripted_server import searchset

PATIENT = PatientIdentifier("urn:oid:1.2.250.1.99999.1", "demo-idPe")
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def kept_there(
    kind: Kind = Kind.WEIGHT, device_then: Device = CUFF
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a server holds of `entry(kind)`, sent by a hub that knew so much of the device."""
    sent = entry(kind, device=device_then)
    bundle = json.loads(encode(to_bundle(sent, PATIENT, Dialect("1.2.250.1.99999.1"))))
    observation, device = (copy.deepcopy(item["resource"]) for item in bundle["entry"])
    observation |= {"id": "77", "device": {"reference": "Device/5"}}
    return observation, device | {"id": "5"}


def reference(*resources: dict[str, Any], kind: Kind = Kind.WEIGHT) -> str | None:
    return judge(json.dumps(searchset(*resources)).encode(), entry(kind), PATIENT).reference


@pytest.mark.parametrize("kind", sorted(SLOTS))
def test_a_reading_of_every_kind_is_recognised(kind: Kind) -> None:
    assert reference(*kept_there(kind), kind=kind) == "Observation/77"


@pytest.mark.parametrize("kind", sorted(SLOTS))
def test_every_kind_is_asked_for_by_a_documented_code(kind: Kind) -> None:
    documented = "29463-7 8302-2 8310-5 2345-7 MED-969 MED-972 85354-9 8867-4 2708-6".split()  # noqa: SIM905

    asked = dict(question(entry(kind), PATIENT))

    assert asked["code"] in documented


def sets(**change: Any) -> Change:
    return lambda observation, _: observation.update(change)


def quantity(value: float, code: str = "kg") -> dict[str, Any]:
    return {"value": value, "unit": code, "system": "http://unitsofmeasure.org", "code": code}


def names_a_version_of_another(observation: dict[str, Any], device: dict[str, Any]) -> None:
    moves_device(observation, device)
    observation["device"] = {"reference": f"https://fhir.example/Device/{device['id']}/_history/3"}


def moves_device(observation: dict[str, Any], device: dict[str, Any]) -> None:
    device["identifier"][0]["value"] = "00-11-22-33-44-55-66-77"


def keeps_another_number_of_the_device(_: dict[str, Any], device: dict[str, Any]) -> None:
    device["identifier"] = [{"system": "urn:example:inventory", "value": "1"}]


SYSID = {"system": SYSTEM_ID_SYSTEM}
LIKE_OURS: list[Change] = [
    sets(effectiveDateTime="2026-03-02T06:41:05Z"),
    sets(effectiveDateTime="2026-03-02T07:41:06+01:00"),
    sets(valueQuantity=quantity(71.3)),
    sets(valueQuantity={"value": 71.3}),
    sets(subject={"reference": "Patient/9"}),
    sets(device={"reference": "Device/unknown"}),
    sets(device={"reference": "https://fhir.example/fhir/Device/5/_history/1"}),
    sets(device={"identifier": SYSID | {"value": "A4-C1-38-FF-FE-12-34-56"}}),
    sets(device={}),
    keeps_another_number_of_the_device,
]
UNLIKE_OURS: list[Change] = [
    sets(effectiveDateTime="2026-03-02T07:41:07+01:00"),
    sets(effectiveDateTime="2026-03-02T07:41:05"),
    sets(effectiveDateTime="2026-03-02"),
    sets(effectiveDateTime=None),
    sets(valueQuantity=quantity(71.4)),
    sets(valueQuantity=quantity(71.3, "[lb_av]")),
    sets(valueQuantity=None),
    sets(code={"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}),
    sets(code="29463-7"),
    sets(status="entered-in-error"),
    sets(status="cancelled"),
    sets(subject={"identifier": {"value": "another"}}),
    sets(device={"identifier": SYSID | {"value": "00-11-22-33-44-55-66-77"}}),
    moves_device,
    names_a_version_of_another,
]


@pytest.mark.parametrize("number", range(len(LIKE_OURS)))
def test_a_server_may_write_it_differently(number: int) -> None:
    observation, device = kept_there()

    LIKE_OURS[number](observation, device)

    assert reference(observation, device) == "Observation/77"


@pytest.mark.parametrize("number", range(len(UNLIKE_OURS)))
def test_another_reading_is_not_taken_for_ours(number: int) -> None:
    observation, device = kept_there()

    UNLIKE_OURS[number](observation, device)

    assert reference(observation, device) is None


@pytest.mark.parametrize("part", range(len(NUMBERS[Kind.BLOOD_PRESSURE])))
def test_one_other_number_makes_another_blood_pressure(part: int) -> None:
    observation, device = kept_there(Kind.BLOOD_PRESSURE)

    observation["component"][part]["valueQuantity"]["value"] += 1

    assert reference(observation, device, kind=Kind.BLOOD_PRESSURE) is None


@pytest.mark.parametrize("kind", SUMMARIES)
def test_a_summary_without_its_number_of_days_is_recognised_by_the_rest(kind: Kind) -> None:
    observation, device = kept_there(kind)

    del observation["extension"]

    assert reference(observation, device, kind=kind) == "Observation/77"


@pytest.mark.parametrize("kind", SUMMARIES)
@pytest.mark.parametrize(("codes", "is_ours"), [("GEN-275 GEN-278", False), ("X {} Y", True)])
def test_equal_summaries_of_two_periods_that_end_together_are_two(
    kind: Kind, codes: str, is_ours: bool
) -> None:
    observation, device = kept_there(kind)
    (days,) = (each for each in observation["extension"] if each["url"] == NUMBER_OF_DAYS)
    ours = days["valueCodeableConcept"]["coding"][0]["code"]
    told = [{"code": code} for code in codes.format(ours).split()]
    days["valueCodeableConcept"]["coding"] = told
    observation["extension"].insert(0, {"url": "urn:example:other", "valueString": "1"})

    found = reference(observation, device, kind=kind)

    assert found == ("Observation/77" if is_ours else None)


@pytest.mark.parametrize("address", ["A4:C1:38:65:43:21", "C0:FF:EE:00:00:01"])
def test_a_device_that_has_told_more_of_itself_since_is_still_ours(address: str) -> None:
    nameless = CUFF.model_copy(update={"system_id": None, "serial": None, "address": address})
    numbered = nameless.model_copy(update={"serial": "SN-1", "manufacturer": "ACME"})
    known = numbered.model_copy(update={"system_id": CUFF.system_id})

    for later in (numbered, known):
        there = json.dumps(searchset(*kept_there(device_then=nameless))).encode()
        assert judge(there, entry(device=later), PATIENT).reference == "Observation/77"
    stranger = known.model_copy(update={"address": "A4:C1:38:00:00:01"})
    assert judge(there, entry(device=stranger), PATIENT).reference is None


def test_ours_is_found_among_others() -> None:
    observation, device = kept_there()
    other = observation | {"id": "76", "valueQuantity": quantity(70)}

    assert reference(other, observation, device) == "Observation/77"


def test_a_page_counts_its_observations_and_knows_the_next() -> None:
    links = [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}]
    there = searchset(*kept_there(), link=links, total=2)

    page = judge(json.dumps(there).encode(), entry(), PATIENT)

    assert (page.observations, page.total, page.next_url) == (1, 2, "b")


def test_what_is_no_part_of_a_search_is_passed_over() -> None:
    observation, device = kept_there()
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
    there = searchset(warning, observation, device, link=[1, {"relation": "next"}], total="many")
    there["entry"] += [1, {}, {"resource": 1}]

    page = judge(json.dumps(there).encode(), entry(), PATIENT)

    assert page == Page("Observation/77", None, 1, None)
