"""Entries become bundles that the published profiles and the rules of the API accept."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure
from gateway.errors import UplinkRejected
from gateway.uplink.mes_mapping import PatientIdentifier, encode, to_bundle
from gateway.uplink.mes_terms import (
    DEFAULT_KINDS,
    GUIDE,
    SLOTS,
    DeviceLink,
    Dialect,
    Profiles,
    Terminology,
)
from tests.uplink.conftest import Check
from tests.uplink.samples import MEASURED, NUMBERS, entry, values

PATIENT = PatientIdentifier("urn:oid:1.2.250.1.99999.2", "demo-idPe")
DIALECT = Dialect("1.2.250.1.99999.1")
BY_SERVER = replace(DIALECT, profiles=Profiles.SERVER)
KINDS = sorted(SLOTS)


def bundle_of(kind: Kind = Kind.WEIGHT, dialect: Dialect = DIALECT, **change: Any) -> Any:
    return to_bundle(entry(kind, **change), PATIENT, dialect)


def observation_of(kind: Kind = Kind.WEIGHT, dialect: Dialect = DIALECT, **change: Any) -> Any:
    return bundle_of(kind, dialect, **change)["entry"][0]["resource"]


def extension_codes(observation: dict[str, Any]) -> dict[str, str]:
    return {
        extension["url"].removeprefix(GUIDE): extension["valueCodeableConcept"]["coding"][0]["code"]
        for extension in observation.get("extension", [])
        if "valueCodeableConcept" in extension
    }


# --- against the profiles ---------------------------------------------------------------------


def remove(*path: str | int) -> Callable[[Any], None]:
    def mutate(bundle: Any) -> None:
        for step in path[:-1]:
            bundle = bundle[step]
        del bundle[path[-1]]

    return mutate


def put(value: object, *path: str | int) -> Callable[[Any], None]:
    def mutate(bundle: Any) -> None:
        for step in path[:-1]:
            bundle = bundle[step]
        bundle[path[-1]] = value

    return mutate


OBSERVATION = ("entry", 0, "resource")
DEVICE = ("entry", 1, "resource")
EXTENSION_CODE = (*OBSERVATION, "extension", 0, "valueCodeableConcept", "coding", 0, "code")
GLUCOSE, MEAN, PRESSURE = (
    Kind.BLOOD_GLUCOSE,
    Kind.MEAN_INTERSTITIAL_GLUCOSE,
    Kind.BLOOD_PRESSURE,
)
MUTATIONS = [
    (Kind.WEIGHT, put("batch", "type")),
    (Kind.WEIGHT, remove("entry", 0)),
    (Kind.WEIGHT, remove(*OBSERVATION, "status")),
    (Kind.WEIGHT, remove(*OBSERVATION, "category")),
    (Kind.WEIGHT, remove(*OBSERVATION, "subject")),
    (Kind.WEIGHT, remove(*OBSERVATION, "effectiveDateTime")),
    (Kind.WEIGHT, put("8302-2", *OBSERVATION, "code", "coding", 0, "code")),
    (Kind.WEIGHT, put("lb", *OBSERVATION, "valueQuantity", "code")),
    (Kind.WEIGHT, remove(*OBSERVATION, "valueQuantity", "unit")),
    (Kind.WEIGHT, put("Patient/1", *OBSERVATION, "device", "reference")),
    (Kind.HEIGHT, put("m", *OBSERVATION, "valueQuantity", "code")),
    (Kind.HEART_RATE, put("Hz", *OBSERVATION, "valueQuantity", "code")),
    (PRESSURE, remove(*OBSERVATION, "component", 0)),
    (PRESSURE, put("kPa", *OBSERVATION, "component", 1, "valueQuantity", "code")),
    (PRESSURE, remove(*OBSERVATION, "component", 1, "valueQuantity", "unit")),
    (PRESSURE, put({"value": 1}, *OBSERVATION, "valueQuantity")),
    (GLUCOSE, put("mmol/L", *OBSERVATION, "valueQuantity", "code")),
    (GLUCOSE, put("LA47-6", *EXTENSION_CODE)),
    (GLUCOSE, remove(*OBSERVATION, "extension", 1, "extension", 2)),
    (MEAN, put("GEN-001", *EXTENSION_CODE)),
    (MEAN, put("14", *OBSERVATION, "extension", 0, "valueString")),
    (MEAN, put({"start": "2026-01-01"}, *OBSERVATION, "effectivePeriod")),
    (Kind.WEIGHT, remove(*DEVICE, "manufacturer")),
    (Kind.WEIGHT, remove(*DEVICE, "modelNumber")),
    (Kind.WEIGHT, remove(*DEVICE, "identifier")),
    (Kind.WEIGHT, remove(*DEVICE, "specialization")),
    (Kind.WEIGHT, remove(*DEVICE, "specialization", 0, "version")),
    (Kind.WEIGHT, put("1", *DEVICE, "type", "coding", 0, "code")),
]


@pytest.mark.parametrize("number", range(len(MUTATIONS)))
def test_a_bundle_damaged_in_one_place_fails_the_check(number: int, profile_errors: Check) -> None:
    kind, mutate = MUTATIONS[number]
    bundle = copy.deepcopy(bundle_of(kind))

    mutate(bundle)

    assert profile_errors(bundle) != []


# --- rules of the API, which no profile knows ------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "dialect"),
    [(kind, DIALECT) for kind in KINDS]
    + [(kind, BY_SERVER) for kind in KINDS if SLOTS[kind].profile(Profiles.SERVER)],
)
def test_a_bundle_has_one_observation_linked_by_id_to_its_one_device(
    kind: Kind, dialect: Dialect
) -> None:
    bundle = bundle_of(kind, dialect)

    first, second = bundle["entry"]
    assert first["request"] == {"method": "POST", "url": "Observation"}
    assert second["request"]["url"] == "Device"
    assert second["request"]["ifNoneExist"] == (
        "identifier=urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680|A4-C1-38-FF-FE-12-34-56"
    )
    device_id = second["resource"]["id"]
    assert first["resource"]["device"]["reference"] == f"Device/{device_id}"
    assert second["fullUrl"] == f"urn:uuid:{device_id}"
    for item in bundle["entry"]:
        assert item["resource"]["meta"]["profile"]
    assert first["resource"]["meta"]["source"] == "urn:oid:1.2.250.1.99999.1"


def test_another_server_gets_the_device_linked_by_its_full_url() -> None:
    bundle = bundle_of(dialect=replace(DIALECT, device_link=DeviceLink.FULL_URL))

    reference = bundle["entry"][0]["resource"]["device"]["reference"]
    assert reference == bundle["entry"][1]["fullUrl"]


def test_the_person_is_a_logical_reference_and_nothing_else_of_them_is_there() -> None:
    subject = observation_of()["subject"]

    assert subject == {"identifier": {"system": PATIENT.system, "value": PATIENT.value}}
    assert b"subject-alice" not in encode(bundle_of())


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ({"fasting"}, "53049-3"),
        ({"preprandial"}, "88365-2"),
        ({"postprandial"}, "16915-1"),
        ({"exercise"}, "LA11865-5"),
        ({"postprandial", "exercise"}, "16915-1"),
        ({"casual"}, "LA46-8"),
        ({"bedtime"}, "LA46-8"),
        (set(), "LA46-8"),
    ],
)
def test_blood_glucose_always_has_a_moment_and_never_a_number_of_days(
    flags: set[str], code: str
) -> None:
    observation = observation_of(Kind.BLOOD_GLUCOSE, flags=frozenset(flags))

    assert extension_codes(observation) == {"mesures-moment-of-measurement": code}


@pytest.mark.parametrize(
    ("days", "code"),
    [("7", "GEN-275"), ("14", "GEN-276"), ("30.0", "GEN-277"), ("90", "GEN-278"), ("3", "GEN-092")],
)
def test_mean_glucose_always_has_a_number_of_days_and_never_a_moment(days: str, code: str) -> None:
    numbers = NUMBERS[Kind.MEAN_INTERSTITIAL_GLUCOSE] | values(days=(days, Unit.COUNT))

    observation = observation_of(
        Kind.MEAN_INTERSTITIAL_GLUCOSE, numbers=numbers, flags=frozenset({"fasting"})
    )

    assert extension_codes(observation) == {"mesures-number-of-days": code}


@pytest.mark.parametrize(
    ("terminology", "codes"),
    [
        (Terminology.API_1_5_2, ["MED-969", "99504-3"]),
        (Terminology.SMT_2025, ["99504-3", "MED-969"]),
    ],
)
def test_mean_glucose_carries_both_codings_in_the_configured_order(
    terminology: Terminology, codes: list[str]
) -> None:
    dialect = replace(DIALECT, terminology=terminology)

    observation = observation_of(Kind.MEAN_INTERSTITIAL_GLUCOSE, dialect)

    assert [coding["code"] for coding in observation["code"]["coding"]] == codes


@pytest.mark.parametrize(
    ("terminology", "system"),
    [
        (
            Terminology.API_1_5_2,
            "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc",
        ),
        (Terminology.SMT_2025, "http://loinc.org"),
    ],
)
def test_a_moment_has_the_one_coding_of_the_configured_generation(
    terminology: Terminology, system: str
) -> None:
    dialect = replace(DIALECT, terminology=terminology)

    observation = observation_of(Kind.BLOOD_GLUCOSE, dialect, flags=frozenset({"fasting"}))

    concept = observation["extension"][0]["valueCodeableConcept"]
    assert concept == {"coding": [{"system": system, "code": "53049-3"}]}


@pytest.mark.parametrize(
    ("terminology", "codes"),
    [
        (Terminology.API_1_5_2, ["GEN-092", "GEN-092.08.05"]),
        (Terminology.SMT_2025, ["GEN-092.08.05", "GEN-092"]),
    ],
)
def test_a_number_of_days_has_the_codings_of_both_generations_in_the_configured_order(
    terminology: Terminology, codes: list[str]
) -> None:
    numbers = NUMBERS[Kind.MEAN_INTERSTITIAL_GLUCOSE] | values(days=("3", Unit.COUNT))
    dialect = replace(DIALECT, terminology=terminology)

    observation = observation_of(Kind.MEAN_INTERSTITIAL_GLUCOSE, dialect, numbers=numbers)

    codings = observation["extension"][0]["valueCodeableConcept"]["coding"]
    assert [coding["code"] for coding in codings] == codes


def test_a_converted_glucose_says_what_the_meter_showed() -> None:
    original = observation_of(Kind.BLOOD_GLUCOSE)["extension"][1]["extension"]

    assert original[2]["valueQuantity"]["value"] == Decimal("5.80")
    assert original[2]["valueQuantity"]["code"] == "mmol/L"
    assert b'"value":5.80,' in encode(bundle_of(Kind.BLOOD_GLUCOSE))


def test_the_servers_own_profiles_name_no_bundle_profile() -> None:
    bundle = bundle_of(dialect=BY_SERVER)

    assert "meta" not in bundle
    assert bundle["entry"][0]["resource"]["meta"]["profile"] == [
        "https://fhir.monespacesante.fr/ref/mesure/StructureDefinition/mes-observation-bodyweight"
    ]


# --- what cannot be sent ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(set(Kind) - set(SLOTS)))
def test_a_kind_without_a_place_there_is_rejected(kind: Kind) -> None:
    with pytest.raises(UplinkRejected, match=kind):
        bundle_of(kind)


def test_oxygen_saturation_has_no_place_among_the_servers_own_profiles() -> None:
    with pytest.raises(UplinkRejected):
        bundle_of(Kind.OXYGEN_SATURATION, BY_SERVER)


def test_nothing_untried_or_unknown_there_is_sent_by_default() -> None:
    assert frozenset(SLOTS) - DEFAULT_KINDS == {Kind.BODY_TEMPERATURE, Kind.OXYGEN_SATURATION}


@pytest.mark.parametrize("kind", KINDS)
def test_a_reading_without_its_number_is_rejected(kind: Kind) -> None:
    with pytest.raises(UplinkRejected, match="demands"):
        bundle_of(kind, numbers={})


def test_a_blood_pressure_without_diastole_is_rejected_and_without_mean_is_not() -> None:
    full = NUMBERS[Kind.BLOOD_PRESSURE]
    no_mean = {m: q for m, q in full.items() if m is not Measure.MEAN_ARTERIAL}
    no_diastole = {m: q for m, q in full.items() if m is not Measure.DIASTOLIC}

    assert len(observation_of(Kind.BLOOD_PRESSURE, numbers=no_mean)["component"]) == 2
    with pytest.raises(UplinkRejected):
        bundle_of(Kind.BLOOD_PRESSURE, numbers=no_diastole)


def test_a_number_in_an_unexpected_unit_is_rejected_also_where_none_is_demanded() -> None:
    with pytest.raises(UplinkRejected):
        bundle_of(numbers=values(weight=("71", Unit.CENTIMETRE)))
    mean = values(mean_arterial=("12", Unit.CENTIMETRE))
    with pytest.raises(UplinkRejected):
        bundle_of(Kind.BLOOD_PRESSURE, numbers=NUMBERS[Kind.BLOOD_PRESSURE] | mean)


def test_a_summary_that_does_not_say_its_days_is_rejected() -> None:
    full = NUMBERS[Kind.MEAN_INTERSTITIAL_GLUCOSE]

    with pytest.raises(UplinkRejected, match="days"):
        bundle_of(
            Kind.MEAN_INTERSTITIAL_GLUCOSE,
            numbers={Measure.GLUCOSE: full[Measure.GLUCOSE]},
        )


# --- bytes ------------------------------------------------------------------------------------


def test_the_same_entry_is_always_the_same_bytes() -> None:
    first, again = (encode(bundle_of(Kind.BLOOD_PRESSURE)) for _ in range(2))

    assert first == again


def test_two_readings_share_no_id() -> None:
    ids = [
        item["resource"]["id"]
        for record in ("seq:1", "seq:2")
        for item in bundle_of(record=record)["entry"]
    ]

    assert len(set(ids)) == 4


def test_the_time_has_full_seconds_and_the_offset_of_the_zone() -> None:
    in_india = MEASURED.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert observation_of()["effectiveDateTime"] == "2026-03-02T07:41:05+01:00"
    assert observation_of(measured_at=in_india)["effectiveDateTime"] == "2026-03-02T12:11:05+05:30"
    assert (
        observation_of(measured_at=MEASURED.astimezone(UTC))["effectiveDateTime"]
        == "2026-03-02T06:41:05+00:00"
    )


@given(st.decimals(min_value="0.001", max_value="9999", allow_nan=False, places=3))
def test_every_digit_of_a_number_reaches_the_wire(number: Decimal) -> None:
    weight = {Measure.WEIGHT: Quantity(value=number, unit=Unit.KILOGRAM)}

    body = encode(bundle_of(numbers=weight))

    assert f'"value":{number:f},'.encode() in body
    decoded = json.loads(body, parse_float=str)["entry"][0]["resource"]["valueQuantity"]["value"]
    assert str(decoded) == format(number, "f")


def test_a_number_with_an_exponent_is_written_out() -> None:
    weight = {Measure.WEIGHT: Quantity(value=Decimal("7E+1"), unit=Unit.KILOGRAM)}

    assert b'"value":70,' in encode(bundle_of(numbers=weight))
