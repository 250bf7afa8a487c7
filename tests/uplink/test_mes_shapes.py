"""Every bundle the gateway can make is valid and taken; damaged, each is refused as documented.

The profiles are checked by an independent program, the rules of the API by the sandbox, which was
written from the specification. What the gateway makes of each documented refusal is checked too.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from firmware_sims.health_space import Settings
from firmware_sims.health_space.eventlog import EventLog
from firmware_sims.health_space.messages import Answer as Answered
from firmware_sims.health_space.messages import Received
from firmware_sims.health_space.rules import RULES
from firmware_sims.health_space.service import Service

from gateway.domain.reading import Kind
from gateway.errors import (
    PairingOver,
    UplinkError,
    UplinkRefused,
    UplinkRejected,
    UplinkUnauthorised,
)
from gateway.uplink.http_client import Answer
from gateway.uplink.mes_answers import reference_in, refusal
from gateway.uplink.mes_device import SYSTEM_ID_SYSTEM
from gateway.uplink.mes_mapping import PatientIdentifier, encode
from gateway.uplink.mes_terms import (
    MOMENT,
    NUMBER_OF_DAYS,
    SLOTS,
    SUMMARIES,
    Profiles,
    Terminology,
)
from tests.uplink.conftest import Check, CheckOf
from tests.uplink.shapes import OID, Shape, shapes

Json = dict[str, Any]
SHAPES = list(shapes())
NOW = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)


class Sandbox:
    """The sandbox without its network, with one person paired."""

    def __init__(self, **chosen: Any) -> None:
        settings = Settings(oid=OID, beyond_api_1_5_2=True, **chosen)
        self.settings = settings
        self.service = Service(settings, lambda: NOW, EventLog(None))
        self.person = self.service.add_person("Alice")
        tokens = self.service.tokens
        issued = tokens.exchange(tokens.new_code(self.person.id_pe), None, None)
        self.headers = {
            "authorization": f"Bearer {issued['access_token']}",
            settings.id_token_header.lower(): issued["id_token"],
            "content-type": "application/fhir+json",
        }

    @property
    def patient(self) -> PatientIdentifier:
        return PatientIdentifier(f"urn:oid:{OID}", self.person.id_pe)

    def post(self, body: bytes, **headers: str) -> Answered:
        sent = Received("POST", "/fhir", self.headers | headers, body)
        return self.service.handle(sent, None)


def test_every_measure_the_health_space_has_a_place_for_has_a_shape() -> None:
    assert {shape.kind for shape in SHAPES} == set(SLOTS)
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) > 100


def test_no_shape_is_of_the_body_mass_index() -> None:
    patient = PatientIdentifier(f"urn:oid:{OID}", "x")

    assert not any(b"39156-5" in encode(shape.bundle(patient)) for shape in SHAPES)


BY_KIND = {
    kind: [s for s in SHAPES if s.kind is kind and s.dialect.profiles is Profiles.GUIDE]
    for kind in sorted(SLOTS)
}


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_shape_fits_its_published_profile(kind: Kind, profile_errors_of: CheckOf) -> None:
    patient = PatientIdentifier(f"urn:oid:{OID}", "an-idPe")

    found = {
        shape.name: profile_errors_of(shape.dialect.terminology)(shape.bundle(patient))
        for shape in BY_KIND[kind]
    }

    assert {name: errors for name, errors in found.items() if errors} == {}


def test_the_servers_own_family_differs_in_the_name_of_its_profiles_alone(
    profile_errors: Check,
) -> None:
    patient = PatientIdentifier(f"urn:oid:{OID}", "an-idPe")
    found = {}
    for kind in sorted(SLOTS):
        shape = next((s for s in SHAPES if (s.kind, s.dialect.profiles) == (kind, "server")), None)
        if shape is None:
            continue
        bundle = shape.bundle(patient)
        guide = replace(shape.dialect, profiles=Profiles.GUIDE)
        profile = replace(shape, dialect=guide).bundle(patient)["entry"][0]["resource"]["meta"]
        bundle["entry"][0]["resource"]["meta"] = profile
        found[kind] = profile_errors(bundle)

    assert {kind: errors for kind, errors in found.items() if errors} == {}
    assert len(found) == len(SLOTS) - 1  # all but oxygen saturation


@pytest.mark.parametrize("terminology", Terminology)
def test_all_but_the_moment_fits_the_value_sets_of_the_other_generation_too(
    terminology: Terminology, profile_errors_of: CheckOf
) -> None:
    patient = PatientIdentifier(f"urn:oid:{OID}", "an-idPe")
    (other,) = set(Terminology) - {terminology}

    failing = {
        shape.kind
        for shape in SHAPES
        if (shape.dialect.profiles, shape.dialect.terminology) == (Profiles.GUIDE, terminology)
        and profile_errors_of(other)(shape.bundle(patient))
    }

    assert failing == {Kind.BLOOD_GLUCOSE}


@pytest.mark.parametrize("terminology", ["any", *Terminology])
@pytest.mark.parametrize("device_required", [False, True])
def test_every_shape_is_taken_by_a_server_that_knows_its_generation_of_codes(
    terminology: str, device_required: bool
) -> None:
    sandbox = Sandbox(terminology=terminology, device_required=device_required)

    for shape in SHAPES:
        if terminology != "any" and shape.dialect.terminology != terminology:
            continue
        answer = sandbox.post(encode(shape.bundle(sandbox.patient)))

        assert answer.status == 200, (shape.name, answer.body)
        told = reference_in(Answer(answer.status, answer.headers, answer.body))
        assert told.startswith("Observation/")
        assert b"informational" not in answer.body, (shape.name, answer.body)


# --- mutations: the list of documented refusals ------------------------------------------------


@dataclass(frozen=True)
class Mutation:
    """One way to break a bundle or its request, and what is documented to come of it."""

    status: int
    says: str
    """The sandbox's name of the rule."""
    means: type[UplinkError]
    """What the gateway makes of it, once its tokens are fresh."""
    change: Callable[[Json], object] = lambda bundle: None
    applies: Callable[[Shape], bool] = lambda shape: True
    headers: Callable[[Sandbox], dict[str, str]] = lambda sandbox: {}
    before: Callable[[Sandbox], object] = lambda sandbox: None
    body: bytes | None = None


def observation(bundle: Json) -> Json:
    found: Json = bundle["entry"][0]["resource"]
    return found


def device(bundle: Json) -> Json:
    found: Json = bundle["entry"][1]["resource"]
    return found


def request(bundle: Json, number: int) -> Json:
    found: Json = bundle["entry"][number]["request"]
    return found


def identifier(bundle: Json) -> Json:
    found: Json = observation(bundle)["subject"]["identifier"]
    return found


def without_value(bundle: Json) -> None:
    found = observation(bundle)
    if found.pop("valueQuantity", None) is None:
        found["component"][0].pop("valueQuantity")


def as_bmi(bundle: Json) -> None:
    found = observation(bundle)
    found.pop("component", None)
    found["code"] = {"coding": [{"system": "http://loinc.org", "code": "39156-5"}]}
    unit = {"unit": "kg/m2", "system": "http://unitsofmeasure.org", "code": "kg/m2"}
    found["valueQuantity"] = {"value": 22, **unit}


def coded(url: str, code: str) -> Json:
    return {"url": url, "valueCodeableConcept": {"coding": [{"system": "urn:x", "code": code}]}}


def adding(url: str) -> Callable[[Json], object]:
    return lambda bundle: observation(bundle).setdefault("extension", []).append(coded(url, "x"))


def dropping(url: str) -> Callable[[Json], object]:
    def change(bundle: Json) -> None:
        found = observation(bundle)
        found["extension"] = [e for e in found["extension"] if e["url"] != url]

    return change


def replacing(url: str) -> Callable[[Json], object]:
    def change(bundle: Json) -> None:
        dropping(url)(bundle)
        adding(url)(bundle)

    return change


def is_summary(shape: Shape) -> bool:
    return shape.kind in SUMMARIES


def is_blood(shape: Shape) -> bool:
    return shape.kind is Kind.BLOOD_GLUCOSE


UNSUPPORTED = "Only POST of Observation and Device is supported."
CONDITION = "Device: ifNoneExist is missing or malformed."
ONE_OBSERVATION = "The bundle must contain exactly one Observation."
LINK = "Observation.device.reference is missing or not linked to Device.id."
ID_TOKEN = "The id_token is missing or invalid."
ACCESS_TOKEN = "The access_token is missing, invalid or expired."
PATIENT = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient"}}

MUTATIONS = {
    "an id_token that is none": Mutation(
        400, ID_TOKEN, UplinkRejected, headers=lambda s: {s.settings.id_token_header.lower(): "x"}
    ),
    "no bundle": Mutation(400, "No bundle provided.", UplinkRejected, body=b"{}"),
    "an access token that is none": Mutation(
        401, ACCESS_TOKEN, PairingOver, headers=lambda _: {"authorization": "Bearer x"}
    ),
    "an access token that has expired": Mutation(
        401, ACCESS_TOKEN, PairingOver, before=lambda s: s.service.tokens.expire_all()
    ),
    "another person's idPe": Mutation(
        403,
        "The idPe does not match the id_token.",
        PairingOver,
        lambda b: identifier(b).update(value="somebody"),
    ),
    "consent not given": Mutation(
        403,
        "Consent not given, access refused.",
        UplinkRefused,
        before=lambda s: s.service.set_consent(s.person, given=False),
    ),
    "another OID": Mutation(
        409,
        "The OID of the id_token is not that of subject.identifier.system.",
        UplinkUnauthorised,
        lambda b: identifier(b).update(system="urn:oid:1.2.3"),
    ),
    "an unsupported resource": Mutation(
        422,
        UNSUPPORTED,
        UplinkRejected,
        lambda b: b["entry"].append(PATIENT | {"request": {"method": "POST", "url": "Patient"}}),
    ),
    "an unsupported method": Mutation(
        422, UNSUPPORTED, UplinkRejected, lambda b: request(b, 0).update(method="PUT")
    ),
    "no ifNoneExist": Mutation(
        422, CONDITION, UplinkRejected, lambda b: request(b, 1).pop("ifNoneExist")
    ),
    "a bad ifNoneExist": Mutation(
        422, CONDITION, UplinkRejected, lambda b: request(b, 1).update(ifNoneExist="identifier=1")
    ),
    "a percent-encoded ifNoneExist": Mutation(
        422,
        CONDITION,
        UplinkRejected,
        lambda b: request(b, 1).update(ifNoneExist=f"identifier={SYSTEM_ID_SYSTEM}%7CAA-BB"),
    ),
    "no Observation": Mutation(422, ONE_OBSERVATION, UplinkRejected, lambda b: b["entry"].pop(0)),
    "two Observations": Mutation(
        422,
        ONE_OBSERVATION,
        UplinkRejected,
        lambda b: b["entry"].append(copy.deepcopy(b["entry"][0])),
    ),
    "no device.reference": Mutation(
        422, LINK, UplinkRejected, lambda b: observation(b).pop("device")
    ),
    "a device.reference by fullUrl": Mutation(
        422,
        LINK,
        UplinkRejected,
        lambda b: observation(b)["device"].update(reference=b["entry"][1]["fullUrl"]),
    ),
    "a device.reference to another": Mutation(
        422, LINK, UplinkRejected, lambda b: device(b).update(id="another")
    ),
    "no profile of the Observation": Mutation(
        422,
        "Observation.meta.profile is missing.",
        UplinkRejected,
        lambda b: observation(b)["meta"].pop("profile"),
    ),
    "no profile of the Device": Mutation(
        422, "Device.meta.profile is missing.", UplinkRejected, lambda b: device(b).pop("meta")
    ),
    "another solution's meta.source": Mutation(
        422,
        "Observation.meta.source does not start with the solution's OID.",
        UplinkRejected,
        lambda b: observation(b)["meta"].update(source=f"urn:oid:{OID}9"),
    ),
    "no value": Mutation(
        422, "The value quantity is absent or incomplete.", UplinkRejected, without_value
    ),
    "a body mass index": Mutation(
        422,
        "The body mass index is computed and cannot be created.",
        UplinkRejected,
        as_bmi,
    ),
    "no subject.identifier": Mutation(
        422,
        "Observation.subject.identifier is missing.",
        UplinkRejected,
        lambda b: observation(b)["subject"].pop("identifier"),
    ),
    "no moment where it is mandatory": Mutation(
        422,
        "The moment of measurement is mandatory for this type.",
        UplinkRejected,
        dropping(MOMENT),
        is_blood,
    ),
    "a moment where it is forbidden": Mutation(
        422,
        "The moment of measurement is forbidden for this type.",
        UplinkRejected,
        adding(MOMENT),
        is_summary,
    ),
    "no number of days where it is mandatory": Mutation(
        422,
        "numberOfDays is mandatory for this type.",
        UplinkRejected,
        dropping(NUMBER_OF_DAYS),
        is_summary,
    ),
    "a number of days where it is forbidden": Mutation(
        422,
        "numberOfDays is forbidden for this type.",
        UplinkRejected,
        adding(NUMBER_OF_DAYS),
        lambda shape: not is_summary(shape),
    ),
    "a moment that is none": Mutation(
        422,
        "The moment of measurement is not one of J157.",
        UplinkRejected,
        replacing(MOMENT),
        is_blood,
    ),
    "a number of days that is none": Mutation(
        422,
        "numberOfDays is not one of J164.",
        UplinkRejected,
        replacing(NUMBER_OF_DAYS),
        is_summary,
    ),
    "a batch": Mutation(
        422,
        "Bundle.type must be transaction.",
        UplinkRejected,
        lambda b: b.update(type="batch"),
    ),
    "two Devices": Mutation(
        422,
        "The bundle must contain at most one Device.",
        UplinkRejected,
        lambda b: b["entry"].append(copy.deepcopy(b["entry"][1])),
    ),
    "another unit": Mutation(
        422,
        "The quantity's unit is not that of the measure.",
        UplinkRejected,
        lambda b: observation(b)["valueQuantity"].update(code="x"),
        lambda shape: shape.kind is not Kind.BLOOD_PRESSURE,
    ),
    "an unknown code": Mutation(
        422,
        "Observation.code names no measure of this API.",
        UplinkRejected,
        lambda b: observation(b).update(code={"coding": [{"system": "urn:x", "code": "1"}]}),
    ),
    "a day without its time": Mutation(
        422,
        "effectiveDateTime must be a full date and time with its offset.",
        UplinkRejected,
        lambda b: observation(b).update(effectiveDateTime="2026-03-02"),
    ),
    "no status": Mutation(
        422,
        "Observation.status is missing.",
        UplinkRejected,
        lambda b: observation(b).pop("status"),
    ),
}


NOT_MUTATED = {
    "The bundle must contain one conditional creation of a device.",  # a choice: tested below
}


def test_there_is_a_mutation_for_every_rule_that_refuses() -> None:
    refusing = {rule.diagnostics for rule in RULES if rule.severity == "error"}

    assert {mutation.says for mutation in MUTATIONS.values()} | NOT_MUTATED == refusing


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_shape_damaged_so_is_refused_with_the_documented_code(name: str) -> None:
    mutation, damaged = MUTATIONS[name], 0
    rule = next(r for r in RULES if (r.status, r.diagnostics) == (mutation.status, mutation.says))
    sandbox = Sandbox()
    mutation.before(sandbox)
    for shape in filter(mutation.applies, SHAPES):
        bundle = shape.bundle(sandbox.patient)
        mutation.change(bundle)
        body = encode(bundle) if mutation.body is None else mutation.body

        answer = sandbox.post(body, **mutation.headers(sandbox))

        issues = {(i["code"], i["diagnostics"]) for i in json.loads(answer.body)["issue"]}
        assert answer.status == mutation.status, (shape.name, answer.body)
        assert (rule.code, mutation.says) in issues, (shape.name, issues)
        meant = refusal(Answer(answer.status, answer.headers, answer.body), NOW)
        assert type(meant) is mutation.means
        assert sandbox.person.id_pe not in str(meant)
        damaged += 1
    assert damaged
    assert sandbox.service.store.accepted == []


def test_where_a_device_is_demanded_every_shape_without_one_is_refused() -> None:
    sandbox = Sandbox(device_required=True)
    for shape in SHAPES:
        bundle = shape.bundle(sandbox.patient)
        del bundle["entry"][1]
        observation(bundle).pop("device")

        answer = sandbox.post(encode(bundle))

        issues = {issue["diagnostics"] for issue in json.loads(answer.body)["issue"]}
        assert answer.status == 422
        assert issues >= NOT_MUTATED


def test_where_the_guides_status_is_followed_no_bundle_is_422() -> None:
    answer = Sandbox(missing_bundle_status=422).post(b"{}")

    assert answer.status == 422
    assert type(refusal(Answer(422, {}, answer.body), NOW)) is UplinkRejected
