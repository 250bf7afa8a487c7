"""An entry as resources of the Personal Health Device guide, and its identifiers."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from firmware_sims.health_space import HealthSpace

from gateway import __version__
from gateway.domain.reading import Kind, Limit
from gateway.uplink.fhir_corrections import retracted
from gateway.uplink.fhir_identifiers import by_identifier, identifiers, is_same, own_key
from gateway.uplink.fhir_phd import is_at, resources, to_transaction
from gateway.uplink.fhir_terms import CODES
from gateway.uplink.mes_terms import LOINC, MDC
from tests.uplink.conftest import Check
from tests.uplink.fhir_server import (
    SENDER,
    observation,
    out,
    stamped,
    uplink_to,
)
from tests.uplink.samples import CUFF, MEASURED, SENSOR, entry


def test_no_letter_of_an_identifier_ends_its_place_in_the_search() -> None:
    """FHIR R4, "Search": a comma ends an item, a bar the system; a backslash makes them letters."""
    assert by_identifier(("urn:x", "a,b|c$d\\e"), ("urn:y", "z")) == (
        "identifier=urn:x|a%5C,b%5C|c%5C%24d%5C%5Ce,urn:y|z"
    )


def test_one_number_of_two_systems_is_two_patients() -> None:
    other = replace(SENDER, patient_system="urn:example:others")

    assert own_key(entry(), SENDER) != own_key(entry(), other)


@pytest.mark.parametrize("number", range(8))
def test_the_gateways_number_is_one_that_nobody_gave(number: int) -> None:
    """Locally administered, and of one device: IEEE 802, the two lowest bits of the first octet."""
    _, _, gateway, *_ = resources(entry(), replace(SENDER, gateway=f"hub{number}"))

    assert int(gateway["identifier"][0]["value"][:2], 16) & 0b11 == 0b10


def test_what_other_software_made_of_the_same_record_is_the_same_reading() -> None:
    ours = to_transaction(stamped(), SENDER)["entry"][-1]["resource"]
    theirs = {**ours, "identifier": ours["identifier"][:1]}
    other = to_transaction(stamped(record="seq:2"), SENDER)["entry"][-1]["resource"]

    assert is_same(ours, theirs)
    assert not is_same(ours, other)
    assert not is_same(ours, {**theirs, "valueQuantity": {"value": 80}})


async def test_every_kind_keeps_the_rules_of_the_guide_once_whatever_is_repeated() -> None:
    """The sandbox's server knows the guide by heart; single sensor values and limits included."""
    low = stamped(Kind.INTERSTITIAL_GLUCOSE, numbers={}, device=SENSOR, record="seq:2")
    low = replace(low, reading=low.reading.model_copy(update={"limit": Limit.BELOW}))
    entries = [stamped(kind, device=SENSOR) for kind in sorted(CODES)] + [low]
    async with HealthSpace() as space:
        given = {"allow_loopback_http": False, "ca_file": space.ca_path}
        async with uplink_to(f"{space.base_url}/r4", **given) as uplink:
            for each in entries * 2:
                await uplink.send(out(each))
            assert None not in await uplink.send_together([out(each) for each in entries[:-1]])

        there = space.service.generic.observations()

    codes = {
        (coding["system"], coding["code"])
        for each in there
        for coding in each["observation"]["code"]["coding"]
    }
    assert len(there) == len(entries)
    assert codes == {
        (system, code)
        for kind in CODES
        for system, code in ((LOINC, CODES[kind].codes.loinc), (MDC, CODES[kind].codes.mdc))
        if code is not None
    }


VITAL_SIGNS = {
    Kind.BLOOD_PRESSURE: "bp",
    Kind.HEART_RATE: "heartrate",
    Kind.WEIGHT: "bodyweight",
    Kind.HEIGHT: "bodyheight",
    Kind.BODY_TEMPERATURE: "bodytemp",
    Kind.OXYGEN_SATURATION: "oxygensat",
}


@pytest.mark.parametrize("kind", VITAL_SIGNS)
def test_a_vital_sign_fits_the_profile_that_fhir_demands_also_retracted(
    kind: Kind, profile_errors: Check
) -> None:
    made = to_transaction(entry(kind), SENDER)["entry"][-1]["resource"]
    profile = f"http://hl7.org/fhir/StructureDefinition/{VITAL_SIGNS[kind]}"
    made |= {"id": "its-name", "meta": {"profile": [profile]}}
    gone = retracted(made, own_key(entry(kind), SENDER))

    assert profile_errors(made) == profile_errors(gone) == []
    assert "valueQuantity" not in json.dumps(gone, default=str)


def test_the_duplicate_key_holds_the_raw_time_of_the_device() -> None:
    """2021-11-22 is day 7996 of 2000: 7996 x 86400 + 11:56:30 = 690897390."""
    bundle = to_transaction(stamped(stamp="2021-11-22T11:56:30"), SENDER)

    identifier, *names = bundle["entry"][-1]["resource"]["identifier"]
    assert all(each["value"].startswith("urn:uuid:") for each in names)
    assert identifier["value"] == "A4C138FFFE123456-p-1-urn:example:patients-188736-690897390"


@pytest.mark.parametrize(
    ("hours", "told"), [(1, "+4"), (5.5, "+22"), (0, "+0"), (-3.5, "-14"), (-0.25, "-1")]
)
def test_the_duplicate_key_tells_an_offset_as_the_device_does_in_quarters_of_an_hour(
    hours: float, told: str
) -> None:
    """The guide: "when a Bluetooth GHS timestamp reports an offset of +4 (1 hour)"."""
    made = stamped(stamp="2021-11-22T11:56:30")
    assert made.reading.device_time is not None
    zoned = made.reading.device_time.model_copy(update={"utc_offset": timedelta(hours=hours)})
    reading = made.reading.model_copy(update={"device_time": zoned})

    key, *_ = identifiers(replace(made, reading=reading), SENDER)

    assert key[1].endswith(f"-690897390{told}")


@pytest.mark.parametrize(
    ("flags", "meal"),
    [
        ({"fasting"}, "8417876"),
        ({"preprandial", "exercise"}, "8417868"),
        ({"postprandial"}, "8417872"),
        ({"casual"}, "8417880"),
        ({"fasting", "casual"}, "8417876"),
        ({"bedtime"}, None),
        (set(), None),
    ],
)
def test_blood_glucose_says_when_it_was_relative_to_meals(
    flags: set[str], meal: str | None, profile_errors: Check
) -> None:
    told = entry(Kind.BLOOD_GLUCOSE, flags=frozenset(flags))

    made = to_transaction(told, SENDER)["entry"][-1]["resource"]

    mdc = "urn:iso:std:iso:11073:10101"
    wanted = {
        "code": {"coding": [{"system": mdc, "code": "8417864"}]},
        "valueCodeableConcept": {"coding": [{"system": mdc, "code": meal}]},
    }
    assert made.get("component") == (None if meal is None else [wanted])
    assert made["valueQuantity"]["code"] == "mg/dL"
    gone = retracted(made | {"id": "its-name"}, own_key(told, SENDER))
    assert profile_errors(made) == profile_errors(gone) == []


def test_what_was_taken_without_its_meal_is_the_same_reading_still() -> None:
    told = entry(Kind.BLOOD_GLUCOSE, flags=frozenset({"fasting"}))
    ours = to_transaction(told, SENDER)["entry"][-1]["resource"]
    theirs = {name: value for name, value in ours.items() if name != "component"}

    assert is_same(ours, theirs)
    assert not is_same(ours, theirs | {"valueQuantity": {"value": 1}})


def test_each_device_of_a_transaction_has_what_its_profile_demands(profile_errors: Check) -> None:
    silent = entry(device=CUFF.model_copy(update={"firmware": None}))

    made = to_transaction(silent, SENDER)["entry"]

    devices = [e["resource"] for e in made if e["resource"]["resourceType"] == "Device"]
    for device in devices:
        assert device["version"]
        assert device["specialization"]
        assert profile_errors(device) == []
    assert [device["version"][0]["value"] for device in devices] == ["unknown", __version__]


def test_a_reading_without_a_device_time_is_known_by_its_own_identity() -> None:
    one, same = (to_transaction(entry(), SENDER)["entry"][-1] for _ in range(2))
    other = to_transaction(entry(record="seq:2"), SENDER)["entry"][-1]

    assert one == same
    assert one["request"]["ifNoneExist"] != other["request"]["ifNoneExist"]
    assert one["request"]["ifNoneExist"].startswith("identifier=urn:ietf:rfc:3986|urn:uuid:")


@pytest.mark.parametrize(("limit", "side"), [(Limit.BELOW, "negative"), (Limit.ABOVE, "positive")])
def test_a_sensor_value_out_of_range_says_on_which_side(limit: Limit, side: str) -> None:
    beyond = entry(Kind.INTERSTITIAL_GLUCOSE, numbers={}, device=SENSOR)
    beyond = replace(beyond, reading=beyond.reading.model_copy(update={"limit": limit}))

    observation = to_transaction(beyond, SENDER)["entry"][-1]["resource"]

    assert observation["dataAbsentReason"]["coding"][0]["code"] == f"{side}-infinity"
    assert "valueQuantity" not in observation


def test_a_summary_covers_a_period() -> None:
    mean = entry(Kind.MEAN_INTERSTITIAL_GLUCOSE, device=SENSOR)
    period = {"period": timedelta(days=14)}
    mean = replace(mean, reading=mean.reading.model_copy(update=period))

    observation = to_transaction(mean, SENDER)["entry"][-1]["resource"]

    assert observation["effectivePeriod"]["start"].startswith("2026-02-16T07:41:05")


def test_the_clock_of_the_device_stands_beside_ours() -> None:
    bundle = to_transaction(stamped(), SENDER)

    clock, observation = (item["resource"] for item in bundle["entry"][-2:])
    assert clock["valueDateTime"] == "2026-03-02T07:40:00+01:00"
    assert clock["effectiveDateTime"] == "2026-03-02T06:41:05.730000+00:00"
    links = [each["valueReference"]["reference"] for each in observation["extension"]]
    assert bundle["entry"][-2]["fullUrl"] in links


def test_times_of_one_second_are_told_apart() -> None:
    there = observation()
    near = replace(entry().timing, measured_at=MEASURED + timedelta(milliseconds=400))

    assert is_at(there, entry().timing)
    assert not is_at(there, near)
