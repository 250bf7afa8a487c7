"""The generic FHIR destination against Medplum's server, which is nobody's of ours."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.clock import Instant
from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import ClockSample, DeviceTime, Kind, Limit, Measure
from gateway.errors import OutcomeUnknown, UplinkRejected, UplinkUnauthorised, UplinkUnavailable
from gateway.testing.clock import ManualClock
from gateway.uplink.fhir import FhirUplink
from gateway.uplink.fhir_phd import Sender, to_transaction
from gateway.uplink.fhir_settings import FhirSettings
from gateway.uplink.fhir_terms import CODES
from gateway.uplink.mqtt_message import pseudonym
from tests.uplink.samples import ALICE, BOB, MEASURED, SENSOR, entry, released
from tests.uplink.scripted_server import answer, scripted_server

ROOT = Path(__file__).parents[2]
SENDER = Sender("urn:example:patients", "p-1", "hub1")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run the server; return its base URL."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are missing: there is no FHIR server to send to")
    made = subprocess.run([ROOT / "tools/fhir-server.sh"], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"tools/fhir-server.sh failed: {made.stderr.strip()[-200:]}")
    program = ROOT / ".tools/fhir-server/server.mjs"
    with subprocess.Popen(["node", program], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield f"http://127.0.0.1:{running.stdout.readline().strip()}/fhir"
        finally:
            running.kill()


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


def stamped(kind: Kind = Kind.WEIGHT, stamp: str = "2026-03-02T07:40:00", **given: Any) -> Entry:
    """An entry whose device told its own time, and its clock's, which was a minute slow."""
    made = entry(kind, **given)
    shown = datetime.fromisoformat(stamp)
    told = DeviceTime(
        stamp=shown,
        raw=stamp,
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


async def test_two_values_at_one_time_of_the_device_are_two_readings(server: str) -> None:
    """Some clocks count minutes, and people weigh themselves twice."""
    other = {Measure.WEIGHT: Quantity(value=Decimal("80.0"), unit=Unit.KILOGRAM)}
    first, second = stamped(), stamped(numbers=other, record="seq:2")
    async with uplink_to(server, patients={ALICE: "clash"}) as uplink:
        receipts = [await uplink.send(out(each)) for each in (first, second, first, second)]

    (patient,) = await held(server, "Patient?identifier=urn:example:patients|clash")
    observations = await held(server, f"Observation?subject=Patient/{patient['id']}")
    assert [receipt.reference for receipt in receipts[2:]] == [r.reference for r in receipts[:2]]
    assert {each["valueQuantity"]["value"] for each in observations} == {71.3, 80.0}
    assert len(observations) == 2


async def test_many_at_once_make_one_patient(server: str) -> None:
    async with uplink_to(server, patients={ALICE: "at-once"}) as uplink:
        sends = [
            uplink.send(out(stamped(stamp=f"2026-03-02T07:{n:02}:00", record=f"seq:{n}")))
            for n in range(20)
        ]
        receipts = await asyncio.gather(*sends)

    assert len({receipt.reference for receipt in receipts}) == 20
    assert len(await held(server, "Patient?identifier=urn:example:patients|at-once")) == 1


def test_the_duplicate_key_holds_the_raw_time_of_the_device() -> None:
    """2021-11-22 is day 7996 of 2000: 7996 x 86400 + 11:56:30 = 690897390."""
    bundle = to_transaction(stamped(stamp="2021-11-22T11:56:30"), SENDER)

    (identifier,) = bundle["entry"][-1]["resource"]["identifier"]
    assert identifier["value"] == "A4C138FFFE123456-p-1-urn:example:patients-188736-690897390"


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


def response(*statuses: str) -> bytes:
    entries = [{"response": {"status": s, "location": "Observation/1"}} for s in statuses]
    return json.dumps(
        {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
    ).encode()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", UplinkUnauthorised),
        (403, b"", UplinkUnauthorised),
        (412, b"", UplinkRejected),
        (422, b"", UplinkRejected),
        (302, b"", UplinkRejected),
        (429, b"", UplinkUnavailable),
        (503, b"", UplinkUnavailable),
        (500, b"", OutcomeUnknown),
        (200, b"{}", OutcomeUnknown),
        (200, b"<html>", OutcomeUnknown),
        (200, response("201", "201", "201"), OutcomeUnknown),
        (200, response("201", "201", "201", "412"), UplinkRejected),
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
