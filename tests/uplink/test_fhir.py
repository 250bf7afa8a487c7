"""The generic FHIR destination against Medplum's server, which is nobody's of ours."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure
from gateway.errors import OutcomeUnknown, UplinkRejected, UplinkUnauthorised, UplinkUnavailable
from gateway.uplink.fhir_terms import CODES
from gateway.uplink.mqtt_message import pseudonym
from tests.uplink.fhir_server import (
    OUTCOME,
    RANDOM,
    found,
    held,
    observation,
    out,
    read,
    response,
    stamped,
    uplink_to,
)
from tests.uplink.samples import ALICE, BOB, CUFF, MEASURED, SENSOR, entry, released
from tests.uplink.scripted_server import answer, scripted_server, searchset


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


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"<title>400 The SSL certificate error</title>", UplinkUnauthorised),
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


async def test_a_token_that_cannot_be_read_sends_nothing_and_says_so(tmp_path: Path) -> None:
    async with uplink_to("http://127.0.0.1:1/fhir", token_file=tmp_path / "gone") as uplink:
        with pytest.raises(UplinkUnavailable, match="token_file cannot be read"):
            await uplink.send(out(entry()))
