"""Putting right at a FHIR server what was sent and is wrong."""

import json
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from gateway.domain.correction import Wrong
from gateway.domain.reading import Kind
from gateway.errors import OutcomeUnknown, UplinkRejected
from gateway.journal.journal import Journal
from gateway.metrics import Metrics
from gateway.testing.clock import START, ManualClock
from gateway.uplink.mqtt_message import pseudonym
from gateway.uplink.route import Route
from tests.uplink.doubles import PassingTime, grant
from tests.uplink.fhir_server import (
    corrected,
    held,
    observation,
    out,
    read,
    response,
    stamped,
    uplink_to,
)
from tests.uplink.samples import ALICE, CUFF, MEASURED, entry
from tests.uplink.scripted_server import answer, scripted_server, searchset


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


async def test_a_retraction_that_tells_no_number_leaves_another_of_the_minute_alone(
    server: str,
) -> None:
    other, untold = (
        stamped(stamp="2026-03-07T07:40:00", record=record) for record in ("seq:1", "seq:2")
    )
    numberless = untold.reading.model_copy(update={"values": {}})
    async with uplink_to(server, patients={ALICE: "numberless"}) as uplink:
        receipt = await uplink.send(out(other))
        never_sent = corrected(replace(untold, reading=numberless), Wrong.PERSON, None)
        done = await uplink.correct(never_sent)

    assert done.reference == ""
    assert (await read(server, receipt.reference))["status"] == "final"


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
