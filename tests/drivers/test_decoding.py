from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.api import SERIAL, Fit, Frame, Manifest, Reach, Session, Sighting
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER as BLOOD_PRESSURE
from gateway.drivers.decoding import Decoding
from gateway.drivers.registry import Registry
from gateway.drivers.scale.bluetooth_sig import DRIVER as SCALE

DECODING = Decoding(Registry([BLOOD_PRESSURE, SCALE]))


def test_a_line_of_json_is_answered_with_a_line_of_json() -> None:
    # 120 / 80 mmHg, mean 93
    answer = DECODING.line('{"id": 7, "characteristic": "2a35", "hex": "00 7800 5000 5d00"}')

    assert json.loads(answer) == {
        "id": 7,
        "ok": True,
        "message": {"flags": 0, "unit": "mmHg", "systolic": 120, "diastolic": 80, "map": 93},
    }


def test_numbers_keep_their_digits() -> None:
    answer = DECODING.line('{"id": 1, "characteristic": "SFLOAT", "hex": "14f0"}')

    assert '"value":2.0,' in answer


def test_names_are_found_in_any_case() -> None:
    answer = DECODING.answer({"id": 1, "characteristic": "2A9d", "hex": "00983a"})

    assert answer["message"] == {
        "flags": 0,
        "unit": "kg",
        "weight": Decimal("75.000"),
        "measurement_unsuccessful": False,
    }


def test_a_device_with_its_own_order_of_octets_is_named_as_a_driver() -> None:
    line = {
        "id": 1,
        "driver": "Beurer-BM85",
        "hex": "16 7800 5000 0000 ea07020e082d1e 0048 02 0004",
    }

    message = DECODING.answer(line)["message"]

    assert isinstance(message, dict)
    assert (message["pulse"], message["user_id"], message["status"]) == (72, 2, 4)


def test_what_the_bytes_cannot_say_comes_in_the_context() -> None:
    line = {"id": 1, "characteristic": "2B36", "hex": "03 0100 342b 00780050005d00 0000"}

    unchecked = DECODING.answer(line)
    checked = DECODING.answer({**line, "ctx": {"e2e_crc": True}})

    assert unchecked["ok"] is True
    assert checked["error"] == "crc"


def test_an_error_names_its_reason_and_where() -> None:
    answer = DECODING.answer({"id": "a", "characteristic": "2a35", "hex": "00 7800 50"})

    assert answer == {"id": "a", "ok": False, "error": "truncated", "offset": 3}


def test_a_question_that_cannot_be_answered_is_an_answer_too() -> None:
    questions: list[tuple[dict[str, object], str]] = [
        ({"id": 1, "characteristic": "2a35"}, "no_bytes"),
        ({"id": 1, "characteristic": "2a35", "hex": 12}, "no_bytes"),
        ({"id": 1, "characteristic": "2a35", "hex": "0x12"}, "bad_hex"),
        ({"id": 1, "driver": "2a24", "text": "☺"}, "not_latin_1"),
        ({"id": 1, "characteristic": "2aff", "hex": ""}, "unknown_name"),
        ({"hex": ""}, "unknown_name"),
    ]

    reasons = [DECODING.answer(question)["error"] for question, _ in questions]

    assert reasons == [reason for _, reason in questions]


def test_a_line_that_is_no_question_is_answered() -> None:
    assert json.loads(DECODING.line("{"))["error"] == "bad_json"
    assert json.loads(DECODING.line("[1]"))["error"] == "not_an_object"
    assert json.loads(DECODING.line(b"\xff"))["ok"] is False


def test_text_reaches_the_decoder_as_latin_1() -> None:
    answer = DECODING.answer({"id": 1, "driver": "2a29", "text": "A&D Medical\0\0"})

    assert answer["message"] == {"text": "A&D Medical"}


class Echo:
    """A serial driver that says what it was handed."""

    manifest = Manifest(
        name="scale/echo",
        title="Echo",
        reach=Reach.SERIAL,
        emits=frozenset(),
        spec="none",
        models=(),
        decodes={"Echo-1": SERIAL},
    )

    def match(self, sighting: Sighting, /) -> Fit:
        return Fit.NONE

    def decode(self, frame: Frame, /) -> object:
        return {"channel": frame.channel, "octets": frame.data, "hints": frame.hints}

    async def converse(self, session: Session, /) -> None:
        return


@pytest.mark.parametrize("name", ["scale/echo", "ECHO-1"])
def test_a_serial_driver_is_reached_by_its_name_and_by_its_devices(name: str) -> None:
    asked = {"id": 1, "driver": name, "text": "W 75\r", "direction": "device->host"}

    answer = Decoding(Registry([Echo()])).answer(asked)

    assert answer["message"] == {
        "channel": "serial",
        "octets": b"W 75\r".hex(),
        "hints": {"name": name.lower(), "direction": "device->host"},
    }


def test_an_hid_driver_is_reached_by_its_name_and_takes_a_report() -> None:
    driver = Echo()
    driver.manifest = replace(Echo.manifest, reach=Reach.HID, decodes={})
    asked = {"id": 1, "driver": "scale/echo", "hex": "710101"}

    answer = Decoding(Registry([driver])).answer(asked)

    assert answer["message"] == {
        "channel": "hid",
        "octets": "710101",
        "hints": {"name": "scale/echo"},
    }


@given(name=st.sampled_from(DECODING.names), data=st.binary(max_size=40), e2e_crc=st.booleans())
def test_any_bytes_get_an_answer_that_is_json(name: str, data: bytes, e2e_crc: bool) -> None:
    question = {"id": 1, "characteristic": name, "hex": data.hex(), "ctx": {"e2e_crc": e2e_crc}}

    answer = json.loads(DECODING.line(json.dumps(question)))

    assert answer["id"] == 1
    assert answer["ok"] is True or 0 <= answer["offset"] <= len(data)


FIELDS = st.sampled_from(["id", "characteristic", "driver", "hex", "text", "ctx", "direction"])
VALUES: st.SearchStrategy[object] = (
    st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.just({})
)


@given(st.dictionaries(FIELDS, VALUES))
def test_any_question_gets_an_answer(question: dict[str, object]) -> None:
    answer = DECODING.answer(question)

    assert answer["ok"] in (True, False)
