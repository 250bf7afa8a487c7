"""The generic FHIR destination against Medplum's server, which is nobody's of ours."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from firmware_sims.health_space import HealthSpace

from gateway import __version__
from gateway.clock import Instant
from gateway.consent.correction import ReleasedCorrection
from gateway.domain.correction import Wrong
from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Limit, Measure
from gateway.domain.receipt import Receipt
from gateway.errors import OutcomeUnknown, UplinkRejected, UplinkUnauthorised, UplinkUnavailable
from gateway.journal.journal import Journal
from gateway.metrics import Metrics
from gateway.testing.clock import START, ManualClock
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.fhir_corrections import retracted
from gateway.uplink.fhir_identifiers import Sender, by_identifier, identifiers, is_same, own_key
from gateway.uplink.fhir_phd import is_at, resources, to_transaction
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.fhir_terms import CODES
from gateway.uplink.mes_mapping import encode
from gateway.uplink.mes_terms import LOINC, MDC
from gateway.uplink.mqtt_message import pseudonym
from gateway.uplink.route import Route
from tests.uplink.conftest import Check
from tests.uplink.doubles import PassingTime, grant
from tests.uplink.samples import ALICE, BOB, CUFF, MEASURED, SENSOR, entry, released
from tests.uplink.scripted_server import Action, answer, scripted_server, searchset

RANDOM = CUFF.model_copy(update={"system_id": None, "address": "C4:00:00:00:00:07", "serial": "7"})
SENDER = Sender("urn:example:patients", "p-1", "hub1")


def settings(base_url: str, **given: Any) -> FhirSettings:
    return FhirSettings(
        **{
            "name": "clinic",
            "allow_loopback_http": True,
            "base_url": base_url,
            "gateway": "hub1",
            "patient_system": "urn:example:patients",
            **given,
        }
    )


@asynccontextmanager
async def uplink_to(base_url: str, **given: Any) -> AsyncIterator[FhirUplink]:
    uplink = FhirUplink(settings(base_url, **given), ManualClock(MEASURED))
    try:
        yield uplink
    finally:
        await uplink.close()


async def held(base_url: str, query: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/{query}") as answer:
        return [each["resource"] for each in (await answer.json()).get("entry", [])]


def out(what: Entry) -> Any:
    return released(what, destination="clinic")


def stamped(
    kind: Kind = Kind.WEIGHT,
    stamp: str = "2026-03-02T07:40:00",
    utc_offset: timedelta | None = None,
    **given: Any,
) -> Entry:
    """An entry whose device told its own time, and its clock's, which was a minute slow."""
    made = entry(kind, **given)
    shown = datetime.fromisoformat(stamp)
    told = DeviceTime(
        stamp=shown,
        raw=stamp,
        utc_offset=utc_offset,
        clock=ClockSample(shown=shown, at=Instant(MEASURED.astimezone(UTC), 100.0, "boot")),
    )
    return replace(made, reading=made.reading.model_copy(update={"device_time": told}))


async def test_every_kind_is_taken_and_none_twice(server: str) -> None:
    async with uplink_to(server, patients={ALICE: "every-kind"}) as uplink:
        for kind in sorted(CODES):
            first = await uplink.send(out(stamped(kind, device=SENSOR)))
            again = await uplink.send(out(stamped(kind, device=SENSOR)))
            assert first.reference == again.reference
            assert first.reference.startswith("Observation/")

    (patient,) = await held(server, "Patient?identifier=urn:example:patients|every-kind")
    observations = await held(server, f"Observation?subject=Patient/{patient['id']}&_count=100")
    assert len(observations) == len(CODES)
    assert all(each["device"]["reference"].startswith("Device/") for each in observations)


async def test_a_device_that_has_told_more_of_itself_since_does_not_make_it_another_reading(
    server: str,
) -> None:
    nameless = stamped(
        stamp="2026-01-07T10:00:00", device=RANDOM.model_copy(update={"serial": None})
    )
    named = replace(nameless, device=RANDOM)
    async with uplink_to(server, patients={ALICE: "told-more"}) as uplink:
        assert await uplink.find(out(named)) is None
        sent = await uplink.send(out(nameless))
        found = await uplink.find(out(named))

    assert found is not None
    assert found.found
    assert (found.reference, found.found_at) == (sent.reference, named.timing)


@pytest.mark.parametrize("hours", [1, 0, -5])
async def test_a_time_with_its_offset_is_recognised(server: str, hours: int) -> None:
    """A plus sign in a query is a space to whoever reads it."""
    sample = stamped(
        Kind.INTERSTITIAL_GLUCOSE, device=SENSOR, utc_offset=timedelta(hours=hours), record="seq:9"
    )
    async with uplink_to(server, patients={ALICE: f"offset-{hours}"}) as uplink:
        first, again = [await uplink.send(out(sample)) for _ in range(2)]

    assert first.reference == again.reference


async def test_an_identifier_of_any_letters_names_one_patient(server: str) -> None:
    name = r"A&B=c,d+e 100%|f\g#h$"
    async with uplink_to(server, patients={ALICE: name}) as uplink:
        receipts = [await uplink.send(out(stamped(stamp="2026-01-09T10:00:00"))) for _ in range(2)]

    observation = await read(server, receipts[0].reference)
    patient = await read(server, observation["subject"]["reference"])
    assert receipts[0].reference == receipts[1].reference
    assert patient["identifier"][0]["value"] == name


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


async def test_two_readings_of_two_people_share_the_device_and_nothing_else(server: str) -> None:
    async with uplink_to(server) as uplink:
        await uplink.send(out(stamped(stamp="2026-01-01T10:00:00")))
        await uplink.send(out(stamped(stamp="2026-01-01T10:05:00", record="seq:2")))
        await uplink.send(out(stamped(stamp="2026-01-01T10:10:00", subject=BOB)))

    people = [
        await held(server, f"Patient?identifier=urn:example:patients|{pseudonym(who, 'clinic')}")
        for who in (ALICE, BOB)
    ]
    counts = [
        len(await held(server, f"Observation?subject=Patient/{found[0]['id']}")) for found in people
    ]
    assert [len(found) for found in people] == [1, 1]
    assert counts == [2, 1]
    assert len(await held(server, "Device?identifier=A4-C1-38-FF-FE-12-34-56")) == 1


@pytest.mark.parametrize("kg", ["80.0", "71.300"])
async def test_two_readings_at_one_time_of_the_device_are_two(server: str, kg: str) -> None:
    """Some clocks count minutes, and people weigh themselves twice, perhaps with one result."""
    again = {Measure.WEIGHT: Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)}
    first, second = stamped(), stamped(numbers=again, record="seq:2")
    async with uplink_to(server, patients={ALICE: f"clash-{kg}"}) as uplink:
        receipts = [await uplink.send(out(each)) for each in (first, second, first, second)]

    (patient,) = await held(server, f"Patient?identifier=urn:example:patients|clash-{kg}")
    observations = await held(server, f"Observation?subject=Patient/{patient['id']}")
    assert [receipt.reference for receipt in receipts[2:]] == [r.reference for r in receipts[:2]]
    values = [each["valueQuantity"]["value"] for each in observations]
    assert sorted(values) == sorted([71.3, float(kg)])


def test_what_other_software_made_of_the_same_record_is_the_same_reading() -> None:
    ours = to_transaction(stamped(), SENDER)["entry"][-1]["resource"]
    theirs = {**ours, "identifier": ours["identifier"][:1]}
    other = to_transaction(stamped(record="seq:2"), SENDER)["entry"][-1]["resource"]

    assert is_same(ours, theirs)
    assert not is_same(ours, other)
    assert not is_same(ours, {**theirs, "valueQuantity": {"value": 80}})


def corrected(what: Entry, wrong: Wrong, reference: str | None) -> ReleasedCorrection:
    return ReleasedCorrection(1, wrong, reference, out(what))


@pytest.mark.parametrize("is_named", [True, False], ids=["by its name", "by our identifier"])
async def test_another_time_amends_what_is_there(server: str, *, is_named: bool) -> None:
    sent = stamped(stamp=f"2026-03-03T07:40:0{int(is_named)}")
    at = MEASURED - timedelta(hours=3)
    timed = replace(sent, timing=replace(sent.timing, measured_at=at))
    async with uplink_to(server) as uplink:
        receipt = await uplink.send(out(sent))
        named = receipt.reference if is_named else None
        for _ in range(2):  # repeating it is harmless
            await uplink.correct(corrected(timed, Wrong.TIME, named))
        again = await uplink.send(out(timed))

    held_there = await read(server, receipt.reference)
    assert again.reference == receipt.reference
    assert held_there["status"] == "amended"
    assert held_there["effectiveDateTime"] == at.isoformat()
    assert held_there["valueQuantity"]["value"] == 71.3
    assert held_there["subject"]["reference"].startswith("Patient/")


async def test_what_was_never_theirs_is_entered_in_error_and_keeps_no_number(server: str) -> None:
    sent = stamped(Kind.BLOOD_PRESSURE, stamp="2026-03-04T07:40:00")
    async with uplink_to(server) as uplink:
        receipt = await uplink.send(out(sent))
        await uplink.correct(corrected(sent, Wrong.PERSON, receipt.reference))
        retracted = await read(server, receipt.reference)
        after_all = await uplink.send(out(sent))

    restored = await read(server, receipt.reference)
    assert retracted["status"] == "entered-in-error"
    assert "valueQuantity" not in json.dumps(retracted)
    assert retracted["dataAbsentReason"]["coding"][0]["code"] == "error"
    assert after_all.reference == receipt.reference
    assert (restored["status"], len(restored["component"])) == ("final", 3)
    assert "dataAbsentReason" not in restored


async def test_a_reading_given_to_another_after_it_was_sent_moves_there(
    server: str, tmp_path: Path
) -> None:
    clock = ManualClock()
    routes = {"clinic": frozenset({Kind.WEIGHT})}
    async with (
        uplink_to(server) as uplink,
        Journal.open(tmp_path / "j.db", clock=clock, zone=UTC, routes=routes) as journal,
    ):
        wrong, right = [(await journal.add_subject(name)).id for name in ("Odile", "Marcel")]
        for subject in (wrong, right):
            await journal.record_grant(grant(subject, "clinic"))
        await journal.adopt(CUFF.id, CUFF.driver)
        await journal.describe(CUFF)
        await journal.assign(CUFF.id, None, wrong, START - timedelta(days=1))
        weight = entry(measured_at=START).reading
        (recorded,) = await journal.record(CUFF, [weight])
        route = Route(
            *(journal, uplink, clock, Metrics()),
            max_concurrent=4,
            timer=PassingTime(clock),
            jitter=lambda: 0.0,
        )
        await route.round()

        await journal.reassign(recorded.id, right)
        await route.round()

    found = {}
    for subject in (wrong, right):
        name = pseudonym(subject, "clinic")
        (patient,) = await held(server, f"Patient?identifier=urn:example:patients|{name}")
        (found[subject],) = await held(server, f"Observation?subject=Patient/{patient['id']}")
    assert (found[wrong]["status"], found[right]["status"]) == ("entered-in-error", "final")
    assert "valueQuantity" not in found[wrong]
    assert found[right]["valueQuantity"]["value"] == 71.3


async def test_what_is_not_there_is_not_made_by_a_retraction(server: str) -> None:
    never_sent = stamped(stamp="2026-03-05T07:40:00")
    async with uplink_to(server, patients={ALICE: "not-there"}) as uplink:
        for reference in (None, "Observation/00000000-0000-4000-8000-000000000000"):
            await uplink.correct(corrected(never_sent, Wrong.PERSON, reference))

    assert await held(server, "Patient?identifier=urn:example:patients|not-there") == []


async def test_another_reading_by_that_name_is_left_alone(server: str) -> None:
    other, sent = (
        stamped(stamp="2026-03-06T07:40:00"),
        stamped(stamp="2026-03-06T07:41:00", record="seq:2"),
    )
    async with uplink_to(server, patients={ALICE: "left-alone"}) as uplink:
        receipt = await uplink.send(out(other))
        with pytest.raises(UplinkRejected, match="is not this reading"):
            await uplink.correct(corrected(sent, Wrong.PERSON, receipt.reference))

    assert (await read(server, receipt.reference))["status"] == "final"


async def read(base_url: str, reference: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/{reference}") as answer:
        return dict(await answer.json())


async def test_many_at_once_make_one_patient(server: str) -> None:
    async with uplink_to(server, patients={ALICE: "at-once"}) as uplink:
        sends = [
            uplink.send(out(stamped(stamp=f"2026-03-02T07:{n:02}:00", record=f"seq:{n}")))
            for n in range(20)
        ]
        receipts = await asyncio.gather(*sends)

    assert len({receipt.reference for receipt in receipts}) == 20
    assert len(await held(server, "Patient?identifier=urn:example:patients|at-once")) == 1


async def test_several_readings_share_a_transaction_and_what_they_have_in_common() -> None:
    samples = [
        stamped(
            Kind.INTERSTITIAL_GLUCOSE,
            stamp=f"2026-03-02T0{n // 12}:{n % 12 * 5:02}:00",
            device=SENSOR,
            record=f"seq:{n}",
        )
        for n in range(32)
    ]
    async with HealthSpace() as space:
        given = {"allow_loopback_http": False, "ca_file": space.ca_path}
        async with uplink_to(f"{space.base_url}/r4", **given) as uplink:
            assert uplink.most_together == len(samples)
            receipts = await uplink.send_together([out(each) for each in samples])
            again = await uplink.send_together([out(each) for each in samples[::-1]])
            one = await uplink.send(out(samples[7]))

        there = space.service.generic.observations()

    references = [each.reference for each in receipts if each is not None]
    assert len(there) == len(set(references)) == len(samples)
    assert [each.reference for each in again if each is not None] == references[::-1]
    assert one.reference == references[7]


async def test_a_server_of_others_takes_several_too(server: str) -> None:
    """Medplum takes 8 entries at most where conditions are to hold."""
    pair = [stamped(stamp=f"2026-01-12T10:0{n}:00", record=f"seq:{n}") for n in range(2)]
    async with uplink_to(server, patients={ALICE: "two"}, max_entries=8) as uplink:
        assert uplink.most_together == len(pair)
        first, again = [await uplink.send_together([out(each) for each in pair]) for _ in range(2)]

    (patient,) = await held(server, "Patient?identifier=urn:example:patients|two")
    there = await held(server, f"Observation?subject=Patient/{patient['id']}")
    assert [each.reference for each in first if each is not None] == [
        each.reference for each in again if each is not None
    ]
    assert len(there) == 2


async def test_one_that_the_server_does_not_take_is_told_apart_from_those_it_goes_with(
    server: str,
) -> None:
    """Nothing of the transaction is there then: each is to go by itself."""
    good = stamped(stamp="2026-01-10T10:00:00")
    nameless = CUFF.model_copy(update={"system_id": None, "address": None, "serial": None})
    cannot_be_told = stamped(stamp="2026-01-10T10:05:00", record="seq:2", device=nameless)
    async with uplink_to(server, patients={ALICE: "apart"}) as uplink:
        told = await uplink.send_together([out(good), out(cannot_be_told)])

        assert told == [None, None]
        assert await held(server, "Patient?identifier=urn:example:patients|apart") == []
        await uplink.send(out(good))
        with pytest.raises(UplinkRejected):
            await uplink.send(out(cannot_be_told))


async def test_a_second_reading_of_one_minute_goes_by_itself_also_out_of_a_transaction(
    server: str,
) -> None:
    given = {"patients": {ALICE: "minute"}}
    before, second = (
        stamped(stamp="2026-01-11T10:00:00"),
        stamped(stamp="2026-01-11T10:00:00", record="seq:2"),
    )
    other = stamped(stamp="2026-01-11T10:01:00", record="seq:3")
    async with uplink_to(server, **given) as uplink:
        first = await uplink.send(out(before))
        told = await uplink.send_together([out(second), out(other)])
        alone = await uplink.send(out(second))

    assert told[0] is None
    assert told[1] is not None
    assert len({first.reference, told[1].reference, alone.reference}) == 3


@pytest.mark.parametrize(("most", "readings"), [(5, 1), (8, 2), (100, 32)])
async def test_a_transaction_never_holds_more_entries_than_allowed(
    most: int, readings: int
) -> None:
    """Were each reading of another device, and each device's clock known."""
    devices = [
        CUFF.model_copy(update={"system_id": f"A4-C1-38-FF-FE-00-00-{n:02X}"}) for n in range(32)
    ]
    async with scripted_server() as scripted:
        scripted.plays("/fhir", answer(422))
        async with uplink_to(f"{scripted.url}/fhir", max_entries=most) as uplink:
            assert uplink.most_together == readings
            batch = [
                out(stamped(device=device, record=device.system_id or ""))
                for device in devices[:readings]
            ]
            assert await uplink.send_together(batch) == [None] * readings

    entries = json.loads(scripted.requests[0].body)["entry"]
    assert most - 3 < len(entries) <= most
    assert len({each["fullUrl"] for each in entries}) == len(entries)


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


def test_a_sensor_value_out_of_range_says_on_which_side() -> None:
    low = entry(Kind.INTERSTITIAL_GLUCOSE, numbers={}, device=SENSOR)
    low = replace(low, reading=low.reading.model_copy(update={"limit": Limit.BELOW}))

    observation = to_transaction(low, SENDER)["entry"][-1]["resource"]

    assert observation["dataAbsentReason"]["coding"][0]["code"] == "negative-infinity"
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


def response(*statuses: str, named: str = "Observation/1") -> bytes:
    entries = [{"response": {"status": s, "location": named}} for s in statuses]
    return json.dumps(
        {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
    ).encode()


OUTCOME = json.dumps({"resourceType": "OperationOutcome", "issue": []}).encode()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", UplinkUnauthorised),
        (403, b"", UplinkUnauthorised),
        (412, b"", UplinkRejected),
        (422, b"", UplinkRejected),
        (404, OUTCOME, UplinkRejected),
        (404, b"", UplinkUnavailable),
        (405, b"<html>", UplinkUnavailable),
        (407, b"<html>", UplinkUnavailable),
        (410, b"", UplinkUnavailable),
        (410, OUTCOME, UplinkRejected),
        (302, b"", UplinkUnavailable),
        (408, b"", OutcomeUnknown),
        (409, OUTCOME, OutcomeUnknown),
        (429, b"", UplinkUnavailable),
        (503, b"", UplinkUnavailable),
        (500, b"", OutcomeUnknown),
        (200, b"{}", OutcomeUnknown),
        (200, b"<html>", OutcomeUnknown),
        (204, b"", OutcomeUnknown),
        (200, response("201", "201", "201"), OutcomeUnknown),
        (200, response("201", "201", "201", "201", "201"), OutcomeUnknown),
        (200, response("201", "201", "201", "201", named="Patient/1"), OutcomeUnknown),
        (200, response("201", "201", "201", "201", named="Observation/\ud800"), OutcomeUnknown),
        (200, response("201", "201", "201", "412"), UplinkRejected),
        (200, response("201", "201", "201", "503 Busy"), OutcomeUnknown),
        (200, response("201", "201", "201", "408"), OutcomeUnknown),
        (200, response("201", "201", "409", "429"), OutcomeUnknown),
        (200, response("201", "429", "201", "412"), UplinkRejected),
    ],
)
async def test_whatever_is_no_acceptance_is_told_apart(
    status: int, body: bytes, error: type[Exception]
) -> None:
    async with scripted_server() as scripted:
        scripted.plays("/fhir", answer(status, body))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            with pytest.raises(error):
                await uplink.send(out(entry()))


async def found(*answers: Action) -> Receipt | None:
    """Search on a server that answers so."""
    async with scripted_server() as scripted:
        scripted.plays("/fhir/Observation", *answers)
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            return await uplink.find(out(entry()))


def observation(**changed: Any) -> dict[str, Any]:
    """What a server may show of the reading."""
    ours = to_transaction(entry(), replace(SENDER, patient=pseudonym(ALICE, "clinic")))
    plain: dict[str, Any] = json.loads(encode(ours["entry"][-1]["resource"]))
    return {**plain, "id": "7", **changed}


async def test_only_what_bears_the_identifier_of_the_reading_is_found() -> None:
    """A server that heeds no condition shows whatever it has, of whomever it is."""
    others = [
        observation(identifier=[]),
        observation(identifier=[{"system": "urn:other", "value": "1"}]),
        observation(status="entered-in-error"),
        {"resourceType": "OperationOutcome", "id": "1"},
    ]

    assert await found(answer(200, searchset(*others))) is None
    there = await found(answer(200, searchset(*others, observation())))
    assert there is not None
    assert there.reference == "Observation/7"


@pytest.mark.parametrize("written", ["2026-03-02T03:41:05.730Z", "2026-03-02T04:41:05.73+01:00"])
async def test_the_time_that_it_has_there_is_told_however_it_is_written(written: str) -> None:
    now = entry()
    then = replace(now.timing, measured_at=MEASURED - timedelta(hours=3))
    async with scripted_server() as scripted:
        shown = searchset(observation(effectiveDateTime=written))
        scripted.plays("/fhir/Observation", answer(200, shown))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            doubted = released(now, destination="clinic", unsettled=True, earlier=(then,))
            receipt = await uplink.find(doubted)

    assert receipt is not None
    assert receipt.found_at == then


def test_times_of_one_second_are_told_apart() -> None:
    there = observation()
    near = replace(entry().timing, measured_at=MEASURED + timedelta(milliseconds=400))

    assert is_at(there, entry().timing)
    assert not is_at(there, near)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 501])
async def test_where_searching_is_not_allowed_the_reading_is_sent_again(status: int) -> None:
    """That is harmless here, and says what is wrong if it is more than the searching."""
    assert await found(answer(status, OUTCOME)) is None


@pytest.mark.parametrize("status", [406, 410, 412, 422])
async def test_a_search_that_is_rejected_for_another_reason_says_nothing(status: int) -> None:
    """The next one may be answered; a server that heeds no conditions would have it twice."""
    with pytest.raises(OutcomeUnknown, match="searches again"):
        await found(answer(status, OUTCOME))


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"resourceType": "OperationOutcome"}'])
async def test_what_is_no_answer_to_a_search_says_nothing(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        await found(answer(200, body))


async def test_a_number_of_a_billion_digits_is_not_sent_back_in_a_correction() -> None:
    """Written out it would fill the memory."""
    there = searchset(observation(extension=[{"valueDecimal": 123}]))
    body = json.dumps(there).replace("123", "1e999999999").encode()
    async with scripted_server() as scripted:
        scripted.plays("/fhir/Observation", answer(200, body))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            with pytest.raises(OutcomeUnknown):
                await uplink.correct(corrected(entry(), Wrong.PERSON, None))


@pytest.mark.parametrize("body", [b"<html>", b"{}"])
async def test_a_retraction_is_not_done_because_a_search_was_not_answered(body: bytes) -> None:
    async with scripted_server() as scripted:
        scripted.plays("/fhir/Observation", answer(200, body))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            with pytest.raises(OutcomeUnknown):
                await uplink.correct(corrected(entry(), Wrong.PERSON, None))


@pytest.mark.parametrize("status", [403, 404, 405, 501])
@pytest.mark.parametrize("method", ["search", "update"])
async def test_a_correction_that_the_server_does_not_let_us_make_is_left_to_a_person(
    status: int, method: str
) -> None:
    """It must hold up nobody's readings: those may be let in all the same."""
    there = answer(200, searchset(observation(meta={"versionId": "1"})))
    async with scripted_server() as scripted:
        scripted.plays("/fhir/Observation", answer(status) if method == "search" else there)
        scripted.plays("/fhir/Observation/7", answer(status))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            with pytest.raises(UplinkRejected, match="does not let the gateway"):
                await uplink.correct(corrected(entry(), Wrong.PERSON, None))


@pytest.mark.parametrize("status", [404, 410])
async def test_what_was_deleted_there_is_not_sent_again_by_a_correction(status: int) -> None:
    async with scripted_server() as scripted:
        scripted.plays("/fhir/Observation/7", answer(status))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            receipt = await uplink.correct(corrected(entry(), Wrong.TIME, "Observation/7"))

    assert receipt.reference == ""
    assert [each.method for each in scripted.requests] == ["GET"]


@pytest.mark.parametrize("status", [409, 412])
async def test_only_the_version_that_was_seen_is_replaced(status: int) -> None:
    """Somebody there may have written to it since: it is looked at again."""
    async with scripted_server() as scripted:
        there = answer(200, searchset(observation(meta={"versionId": "3"})))
        scripted.plays("/fhir/Observation", there)
        scripted.plays("/fhir/Observation/7", answer(status))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            with pytest.raises(OutcomeUnknown, match="newer version"):
                await uplink.correct(corrected(entry(), Wrong.PERSON, None))

    (put,) = scripted.to("/fhir/Observation/7")
    assert (put.method, put.headers["if-match"]) == ("PUT", 'W/"3"')


async def test_a_server_that_tells_an_outcome_in_place_of_the_reading_is_asked_for_it() -> None:
    told = json.loads(response("200", "200", "200", "200"))
    told["entry"][-1]["resource"] = {"resourceType": "OperationOutcome"}
    async with scripted_server() as scripted:
        scripted.plays("/fhir", answer(200, told))
        scripted.plays("/fhir/Observation/1", answer(200, observation()))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            receipt = await uplink.send(out(entry()))

    assert receipt.reference == "Observation/1"
    assert len(scripted.to("/fhir")) == 1


async def test_where_nothing_may_be_read_the_own_identifier_tells_enough() -> None:
    """A token may create and not read; what is there already is then asked for by that alone."""
    async with scripted_server() as scripted:
        scripted.plays("/fhir", answer(200, response(*["200"] * 5)))
        scripted.plays("/fhir/Observation/1", answer(403))
        async with uplink_to(f"{scripted.url}/fhir") as uplink:
            receipt = await uplink.send(out(stamped()))

    posted = [json.loads(each.body)["entry"][-1] for each in scripted.to("/fhir")]
    assert receipt.reference == "Observation/1"
    assert [each["request"]["ifNoneExist"].count("|") for each in posted] == [3, 2]


async def test_a_token_that_cannot_be_read_sends_nothing_and_says_so(tmp_path: Path) -> None:
    async with uplink_to("http://127.0.0.1:1/fhir", token_file=tmp_path / "gone") as uplink:
        with pytest.raises(UplinkUnavailable, match="token_file cannot be read"):
            await uplink.send(out(entry()))
