import json
from collections.abc import Callable
from typing import Any

import pytest
from firmware_sims.health_space import HealthSpace, Settings, jwt
from firmware_sims.health_space.rules import RULES, Attempt, judge
from firmware_sims.health_space.submission import read_submission
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware_sims.health_space.bundles import (
    LOINC,
    OID,
    Json,
    bundle,
    days,
    mean_glucose,
    moment,
    quantity,
    weight,
)
from tests.firmware_sims.health_space.conftest import Solution, paired

Mutation = Callable[[Json], None]


def _observation(made: Json) -> Json:
    found: Json = made["entry"][0]["resource"]
    return found


def _place(made: Json, path: str) -> tuple[Any, Any]:
    """Return the parent of the element at a dotted path, and its key there."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    parent: Any = made
    for step in way:
        parent = parent[step]
    return parent, last


def _put(made: Json, path: str, value: Any) -> None:
    parent, key = _place(made, path)
    parent[key] = value


def _drop(made: Json, path: str) -> None:
    parent, key = _place(made, path)
    del parent[key]


def _putting(path: str, value: Any) -> Mutation:
    return lambda made: _put(made, path, value)


def _dropping(path: str) -> Mutation:
    return lambda made: _drop(made, path)


OBSERVATION, DEVICE = "entry.0.resource", "entry.1.resource"
IF_NONE_EXIST = "entry.1.request.ifNoneExist"
SYSID = "identifier=urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"

WEIGHT_MUTATIONS: list[tuple[str, Mutation]] = [
    ("Bundle.type must be transaction.", _putting("type", "batch")),
    ("Only POST of", _putting("entry.0.request.method", "PUT")),
    ("Only POST of", _putting("entry.0.request.url", "Patient")),
    ("Only POST of", lambda made: made["entry"].append({"resource": {"resourceType": "Patient"}})),
    ("ifNoneExist", _dropping(IF_NONE_EXIST)),
    ("ifNoneExist", _putting(IF_NONE_EXIST, f"{SYSID}%7CAA-BB")),
    ("ifNoneExist", _putting(IF_NONE_EXIST, f"{SYSID}|")),
    ("ifNoneExist", _putting(IF_NONE_EXIST, "identifier=AA-BB-CC-FF-FE-00-00-02")),
    ("exactly one Observation", lambda made: made["entry"].append(made["entry"][0])),
    ("exactly one Observation", lambda made: made["entry"].pop(0)),
    ("at most one Device", lambda made: made["entry"].append(made["entry"][1])),
    ("device.reference", _dropping(f"{OBSERVATION}.device")),
    ("device.reference", _putting(f"{OBSERVATION}.device.reference", "urn:uuid:22222222")),
    ("device.reference", lambda made: made["entry"].pop(1)),
    ("Observation.meta.profile", _dropping(f"{OBSERVATION}.meta.profile")),
    ("Observation.meta.profile", _putting(f"{OBSERVATION}.meta.profile", [])),
    ("Device.meta.profile", _dropping(f"{DEVICE}.meta")),
    ("meta.source", _putting(f"{OBSERVATION}.meta.source", "urn:oid:1.2.3")),
    ("meta.source", _putting(f"{OBSERVATION}.meta.source", f"urn:oid:{OID}9")),
    ("value quantity", _dropping(f"{OBSERVATION}.valueQuantity")),
    ("value quantity", _dropping(f"{OBSERVATION}.valueQuantity.unit")),
    ("value quantity", _putting(f"{OBSERVATION}.valueQuantity.value", "72.4")),
    ("unit is not", _putting(f"{OBSERVATION}.valueQuantity.code", "[lb_av]")),
    ("names no measure", _putting(f"{OBSERVATION}.code", {"text": "weight"})),
    ("subject.identifier is missing", _dropping(f"{OBSERVATION}.subject")),
    ("subject.identifier is missing", _dropping(f"{OBSERVATION}.subject.identifier.system")),
    ("effectiveDateTime", _dropping(f"{OBSERVATION}.effectiveDateTime")),
    ("effectiveDateTime", _putting(f"{OBSERVATION}.effectiveDateTime", "2026-03-02")),
    ("effectiveDateTime", _putting(f"{OBSERVATION}.effectiveDateTime", "2026-03-02T07:41:05")),
    ("Observation.status", _dropping(f"{OBSERVATION}.status")),
    ("numberOfDays is forbidden", _putting(f"{OBSERVATION}.extension", [days()])),
]


@pytest.mark.parametrize(("diagnostics", "mutate"), WEIGHT_MUTATIONS)
async def test_a_weight_with_one_fault_is_refused_by_name(
    solution: Solution, diagnostics: str, mutate: Mutation
) -> None:
    sent = weight(solution.id_pe)
    mutate(sent)

    reply = await solution.post(sent)

    assert reply.status == 422
    assert reply.json["resourceType"] == "OperationOutcome"
    assert any(diagnostics in each for each in reply.diagnostics), reply.diagnostics
    assert solution.space.service.store.accepted == []


GLUCOSE = [
    # mes.md 1.5, row by row: blood, HbA1c, interstitial mean, GMI.
    (("A04", "2345-7", "mg/dL"), [], ["moment of measurement is mandatory"]),
    (("A04", "2345-7", "mg/dL"), [moment()], []),
    (
        ("A04", "2345-7", "mg/dL"),
        [moment(), days()],
        ["numberOfDays is forbidden"],
    ),
    (("A04", "2345-7", "mg/dL"), [moment("not-in-J157")], ["not one of J157"]),
    (("A04", "4548-4", "%"), [], []),
    (("A04", "4548-4", "%"), [moment()], ["moment of measurement is forbidden"]),
    (("A04", "4548-4", "%"), [days()], ["numberOfDays is forbidden"]),
    (("TAASIP", "MED-969", "mg/dL"), [days()], []),
    (("TAASIP", "MED-969", "mg/dL"), [], ["numberOfDays is mandatory"]),
    (
        ("TAASIP", "MED-969", "mg/dL"),
        [days(), moment()],
        ["moment of measurement is forbidden"],
    ),
    (("TAASIP", "MED-969", "mg/dL"), [days("GEN-999")], ["not one of J164"]),
    (("TAASIP", "MED-972", "%"), [days()], []),
    (("TAASIP", "MED-972", "%"), [], ["numberOfDays is mandatory"]),
    (("TAASIP", "MED-972", "%"), [days(), moment()], ["moment of measurement is forbidden"]),
    (("TAASIP", "MED-972", "mg/dL"), [days()], ["unit is not"]),
]


@pytest.mark.parametrize(("measure", "extensions", "expected"), GLUCOSE)
async def test_the_glucose_table_is_enforced(
    solution: Solution, measure: tuple[str, str, str], extensions: list[Json], expected: list[str]
) -> None:
    system, code, unit = measure
    systems = {
        "A04": "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc",
        "TAASIP": "https://mos.esante.gouv.fr/NOS/TRE_R308-TAASIP/FHIR/TRE-R308-TAASIP",
    }
    sent = bundle(solution.id_pe, (systems[system], code), quantity(6, unit), *extensions)

    reply = await solution.post(sent)

    assert reply.status == (422 if expected else 200)
    found = reply.diagnostics if expected else []
    assert len(found) == len(expected)
    assert all(text in diagnostics for text, diagnostics in zip(expected, found, strict=True))


async def test_every_broken_rule_is_reported_at_once(solution: Solution) -> None:
    sent = mean_glucose(solution.id_pe, moment())
    del _observation(sent)["effectiveDateTime"]

    reply = await solution.post(sent)

    assert len(reply.diagnostics) == 3


async def test_the_body_mass_index_cannot_be_created(solution: Solution) -> None:
    sent = bundle(solution.id_pe, (LOINC, "39156-5"), quantity(22.1, "kg/m2"))

    reply = await solution.post(sent)

    assert (reply.status, reply.json["issue"][0]["code"]) == (422, "not-supported")


async def test_blood_pressure_needs_both_components(solution: Solution) -> None:
    sent = bundle(solution.id_pe, (LOINC, "85354-9"), None)
    _observation(sent)["component"] = [
        {
            "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
            "valueQuantity": quantity(124, "mm[Hg]"),
        }
    ]

    reply = await solution.post(sent)

    assert reply.diagnostics == ["The value quantity is absent or incomplete."]


async def test_without_a_bundle_the_answer_is_400_or_422_by_setting() -> None:
    async with paired(HealthSpace()) as solution:
        by_api = [(await solution.post(body)).status for body in (b"", b"{", b"[]", b"{}")]
    async with paired(HealthSpace(Settings(missing_bundle_status=422))) as solution:
        by_guide = (await solution.post(b"{}")).status

    assert by_api == [400] * 4
    assert by_guide == 422


async def test_a_device_can_be_made_mandatory() -> None:
    async with paired(HealthSpace(Settings(device_required=True))) as solution:
        sent = weight(solution.id_pe)
        del sent["entry"][1]
        del _observation(sent)["device"]
        reply = await solution.post(sent)

    assert reply.status == 422


async def test_a_bad_id_token_is_400_even_with_a_bad_access_token(solution: Solution) -> None:
    forged = jwt.sign({"aud": "gateway", "exp": 1e12, "idPe": solution.id_pe, "oid": OID}, "guess")
    bad: list[dict[str, str]] = [
        {"X-Id-Token": forged},
        {"X-Id-Token": "nonsense"},
        {"X-Id-Token": forged, "Authorization": "Bearer nothing"},
    ]

    statuses = [(await solution.post(weight(solution.id_pe), **each)).status for each in bad]

    assert statuses == [400] * 3


async def test_an_id_token_for_another_client_or_out_of_date_is_400(solution: Solution) -> None:
    key = solution.space.settings.client_secret
    claims = jwt.verify(solution.tokens["id_token"], key)
    bad = [jwt.sign({**claims, "aud": "other"}, key), jwt.sign({**claims, "exp": 0}, key)]

    replies = [await solution.post(weight(solution.id_pe), **{"X-Id-Token": each}) for each in bad]

    assert [reply.status for reply in replies] == [400, 400]


async def test_an_unknown_access_token_is_401(solution: Solution) -> None:
    replies = [
        await solution.post(weight(solution.id_pe), Authorization=value)
        for value in ("Bearer nothing", "Bearer", "Basic Z2F0ZXdheTp4")
    ]

    assert [reply.status for reply in replies] == [401] * 3


async def test_a_reading_of_somebody_else_is_403_before_consent_is_looked_at(
    solution: Solution,
) -> None:
    solution.space.set_consent("Alice", given=False)

    reply = await solution.post(weight("somebody-else"))

    assert (reply.status, reply.diagnostics) == (403, ["The idPe does not match the id_token."])


async def test_a_second_observation_cannot_smuggle_somebody_else_in(solution: Solution) -> None:
    sent = weight(solution.id_pe)
    sent["entry"].append(weight("somebody-else")["entry"][0])

    reply = await solution.post(sent)

    assert reply.status == 403


async def test_tokens_of_two_people_do_not_mix(solution: Solution) -> None:
    alices = solution.tokens["access_token"]
    solution.pair("Bob")

    reply = await solution.post(weight(solution.id_pe), Authorization=f"Bearer {alices}")

    assert reply.status == 403


async def test_withdrawn_consent_is_refused_in_the_documented_words(solution: Solution) -> None:
    solution.space.set_consent("Alice", given=False)

    reply = await solution.post(weight(solution.id_pe))

    assert (reply.status, reply.diagnostics) == (403, ["Consent not given, access refused."])


async def test_consent_decides_before_the_oid_and_the_content(solution: Solution) -> None:
    sent = weight(solution.id_pe)
    _put(sent, f"{OBSERVATION}.subject.identifier.system", "urn:oid:1.2.3")
    _drop(sent, f"{OBSERVATION}.meta.profile")

    with_consent = await solution.post(sent)
    solution.space.set_consent("Alice", given=False)
    without = await solution.post(sent)

    assert (with_consent.status, without.status) == (409, 403)


async def test_only_the_documented_paths_exist(solution: Solution) -> None:
    replies = [
        await solution.send(method, path, b"", {})
        for method, path in (("GET", "/fhir"), ("POST", "/fhir/Observation"), ("GET", "/fhir/x"))
    ]

    assert [reply.status for reply in replies] == [404] * 3


async def test_too_large_a_body_is_refused() -> None:
    async with paired(HealthSpace(Settings(body_limit_bytes=1000))) as solution:
        reply = await solution.post(b" " * 1001)

    assert reply.status == 413


def test_every_rule_has_a_source() -> None:
    assert all(rule.source and rule.diagnostics and rule.code for rule in RULES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    where=st.sampled_from(
        [
            "entry",
            "entry.0",
            "entry.0.resource",
            "entry.0.request",
            f"{OBSERVATION}.meta",
            f"{OBSERVATION}.code",
            f"{OBSERVATION}.code.coding",
            f"{OBSERVATION}.subject",
            f"{OBSERVATION}.extension",
            f"{OBSERVATION}.valueQuantity",
            f"{OBSERVATION}.valueQuantity.value",
            f"{OBSERVATION}.effectiveDateTime",
            f"{OBSERVATION}.device",
            f"{DEVICE}.identifier",
            f"{DEVICE}.meta",
        ]
    ),
    value=JSON,
)
def test_no_bundle_whatsoever_upsets_the_rules(where: str, value: Any) -> None:
    made = weight("anybody")
    _put(made, where, value)
    submission = read_submission(json.dumps(made).encode())
    attempt = Attempt(
        settings=Settings(),
        id_pe="anybody",
        oid=OID,
        access_id_pe="anybody",
        consent=True,
        subjects=tuple(each.subject for each in submission.observations),
        submission=submission,
    )

    verdict = judge(attempt)

    assert verdict.status in {200, 400, 403, 409, 422}
