"""The message of a reading: its published form and its proof of consent."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.domain.correction import Wrong
from gateway.domain.reading import Kind
from gateway.errors import UplinkRejected
from gateway.uplink.mqtt_message import (
    MeasuredBy,
    ReadingMessage,
    from_json,
    proof,
    pseudonym,
    reading_message,
    schema,
    to_json,
)
from tests.uplink.fhir_server import stamped
from tests.uplink.samples import ALICE, BOB, CUFF, MEASURED, NUMBERS, entry, released

PUBLISHED = Path(__file__).parents[2] / "docs/schemas/reading.v1.json"
KEY = bytes(range(32))


def message(kind: Kind = Kind.WEIGHT, key: bytes | None = KEY) -> ReadingMessage:
    return reading_message(released(entry(kind)), "session", MEASURED, key)


def test_the_published_schema_is_that_of_the_message() -> None:
    assert json.loads(PUBLISHED.read_text()) == json.loads(json.dumps(schema()))


@pytest.mark.parametrize("kind", sorted(NUMBERS))
def test_every_kind_can_be_read_back_as_it_was(kind: Kind) -> None:
    written = message(kind)

    read = from_json(to_json(written))

    assert read == written
    for measure, value in read.values.items():
        assert str(value.value) == str(NUMBERS[kind][measure].value)


def test_a_message_never_holds_what_only_the_household_knows() -> None:
    text = to_json(message()).decode()

    assert "somebody" not in text
    assert ALICE not in text


def test_a_message_tells_of_the_device_what_its_readings_are_known_by() -> None:
    told = stamped(stamp="2026-03-02T07:40:00", utc_offset=timedelta(hours=1))

    said = reading_message(released(told), "session", MEASURED, KEY).device

    assert said == MeasuredBy(
        family="bp_monitor",
        manufacturer=CUFF.manufacturer,
        model=CUFF.model,
        eui64="A4-C1-38-FF-FE-12-34-56",
        stamp=datetime(2026, 3, 2, 7, 40),  # noqa: DTZ001 - as the device shows it
        utc_offset_s=3600,
    )


def test_a_device_that_nothing_identifies_is_told_without() -> None:
    nameless = CUFF.model_copy(update={"system_id": None, "serial": None, "address": None})

    said = reading_message(released(entry(device=nameless)), "session", MEASURED, KEY)

    assert said.device.eui64 is None


def test_a_reading_whose_time_is_past_doubt_is_retracted_all_the_same() -> None:
    timed = replace(entry(), timing=replace(entry().timing, uncertainty=None))

    said = reading_message(released(timed), "session", MEASURED, KEY, Wrong.PERSON)

    assert (said.status, said.uncertainty_s) == ("entered-in-error", None)


def test_a_retraction_tells_nothing_of_what_was_measured() -> None:
    """It is another person's, who consented to nothing; and it may never have arrived before."""
    pressure = entry(Kind.BLOOD_PRESSURE, flags=frozenset({"irregular_pulse"}))

    said = reading_message(released(pressure), "session", MEASURED, KEY, Wrong.PERSON)

    read = from_json(to_json(said))
    assert read.consent.proof == proof(read, KEY)
    assert (read.id, read.status, read.values) == (pressure.id, "entered-in-error", {})
    told = to_json(said).decode()
    canaries = ("systolic", "diastolic", "93.5", "irregular", "ACME", "BP1", "A4-C1")
    assert not [canary for canary in canaries if canary in told]


@pytest.mark.parametrize(
    "number", ["1e999999999", "1e-999999999", "1e9999999999999999999", "NaN", "-Infinity"]
)
def test_a_number_that_nobody_could_measure_is_no_number(number: str) -> None:
    """Written out, the first two would fill a disk: nothing is proven of them yet."""
    payload = to_json(message()).replace(b"71.300", number.encode())

    with pytest.raises(UplinkRejected):
        from_json(payload)


def test_a_number_in_words_is_not_written_out_before_it_is_proven() -> None:
    payload = to_json(message()).replace(b"71.300", b'"1e99999"')

    with pytest.raises(TypeError):
        proof(from_json(payload), KEY)


def test_two_destinations_cannot_join_what_they_hold() -> None:
    names = {pseudonym(subject, there) for subject in (ALICE, BOB) for there in ("a", "b")}

    assert len(names) == 4


def test_the_proof_outlives_numbering_and_reading_back() -> None:
    numbered = message().model_copy(update={"seq": 7, "session": "another"})

    read = from_json(to_json(numbered))

    assert read.consent.proof == proof(read, KEY)


def test_the_proof_covers_the_value_and_the_grant() -> None:
    said = message()
    other = said.model_dump()
    other["values"]["weight"]["value"] = Decimal("71.301")
    longer = said.consent.model_copy(update={"expires": datetime(2099, 1, 1, tzinfo=UTC)})

    assert proof(ReadingMessage.model_validate(other), KEY) != said.consent.proof
    assert proof(said.model_copy(update={"consent": longer}), KEY) != said.consent.proof
    assert proof(said, KEY[::-1]) != said.consent.proof


def test_what_was_measured_a_while_ago_is_historical() -> None:
    late = reading_message(released(), "session", MEASURED + timedelta(minutes=11), None)

    assert late.historical
    assert not message().historical


@pytest.mark.parametrize(("doubt_ms", "told"), [(0, 0), (1, 1), (400, 1), (30_500, 31)])
def test_an_uncertainty_in_whole_seconds_is_still_a_bound(doubt_ms: int, told: int) -> None:
    what = entry()
    timing = replace(what.timing, uncertainty=timedelta(milliseconds=doubt_ms))

    said = reading_message(released(replace(what, timing=timing)), "session", MEASURED, None)

    assert said.uncertainty_s == told


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[]", b'{"version": 2}', b'{"id": "71.3 kg"}', b"[" * 100_000]
)
def test_what_is_no_reading_is_refused_without_quoting_it(payload: bytes) -> None:
    with pytest.raises(UplinkRejected) as refused:
        from_json(payload)

    assert "71.3" not in str(refused.value)
    assert refused.value.__cause__ is None
