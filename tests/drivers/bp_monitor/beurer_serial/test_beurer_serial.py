from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identity import identity
from gateway.domain.reading import Kind, Measure, Quality
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.bp_monitor.beurer_serial import DRIVER
from gateway.drivers.bp_monitor.beurer_serial.codec import Count, Pong, message, record
from gateway.errors import DecodeError
from gateway.testing.session import RecordingSession
from tests.drivers.serial_lines import (
    WAKING_S,
    is_total,
    mangled,
    session_asking,
    systolic,
    unplugged_at,
)

# 119/78 mmHg, 71 per minute, 2013-05-29 23:36: the worked example of the public clients.
LATER = bytes.fromhex("ac 5e 35 47 05 1d 17 24 0d")
EARLIER = bytes.fromhex("ac 60 37 48 05 1c 07 24 0d")


@dataclass
class Cuff:
    """A cuff with a memory, made from the description of its protocol."""

    memory: list[bytes] = field(default_factory=lambda: [LATER, EARLIER])
    off_for: int = 0
    cut: int = 4
    asked: list[bytes] = field(default_factory=list)

    def answer(self, data: bytes) -> Iterable[bytes]:
        self.asked.append(data)
        if self.off_for:
            self.off_for -= 1
            return []
        match data[0]:
            case 0xAA:
                reply = b"\x55"
            case 0xA4:
                reply = b"ANDON Blood Pressure Meter KD001"
            case 0xA2:
                reply = bytes((len(self.memory),))
            case 0xA3:
                there = 0 < data[1] <= len(self.memory)
                reply = self.memory[data[1] - 1] if there else b"\xa9"
            case _:
                raise AssertionError("nothing else may be asked")
        return [reply[: self.cut], reply[self.cut :]] if len(reply) > self.cut else [reply]


async def read(cuff: Cuff, polls: int = 1) -> RecordingSession:
    return await unplugged_at(
        polls, DRIVER, session_asking(DRIVER, cuff.answer), longer_than_s=WAKING_S
    )


def test_a_record_is_read() -> None:
    decoded = record(LATER)

    assert (decoded.systolic, decoded.diastolic, decoded.pulse) == (119, 78, 71)
    assert str(decoded.device_time) == "2013-05-29T23:36"


def test_short_answers_are_told_apart() -> None:
    assert message(b"\x55") == Pong()
    assert message(b"\x03") == Count(3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xa9", "no_record"),
        (LATER[:-1], "format"),
        (b"\xad" + LATER[1:], "format"),
        (bytes.fromhex("ac 5e 35 47 0d 1d 17 24 0d"), "timestamp"),
    ],
)
def test_what_is_no_record_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        message(data)

    assert caught.value.reason == reason


@given(data=mangled([LATER, EARLIER, b"\xa9", b"\x55"]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(cut=st.integers(1, 8))
async def test_the_memory_is_recorded_oldest_first_in_one_commit(cut: int) -> None:
    session = await read(Cuff(cut=cut))

    assert systolic(session) == [121, 119]
    assert session.calls == [4]
    assert not any(r.live for r in session.readings)
    assert session.device.model == "ANDON Blood Pressure Meter KD001"


async def test_a_byte_that_comes_twice_makes_no_other_measurement() -> None:
    spoilt = bytes.fromhex("ac 5e 35 35 05 01 17 24 0d")  # 119/78 still, but 53 per minute

    def read_with(answers: list[bytes]) -> RecordingSession:
        cuff = Cuff(memory=[LATER], cut=64)

        def answer(data: bytes) -> Iterable[bytes]:
            return [answers.pop(0)] if data[0] == 0xA3 and answers else cuff.answer(data)

        return session_asking(DRIVER, answer)

    once, never_the_same = read_with([spoilt]), read_with([spoilt, EARLIER, LATER])
    for session in (once, never_the_same):
        await unplugged_at(1, DRIVER, session, longer_than_s=WAKING_S)

    assert [int(r.values[Measure.PULSE_RATE].value) for r in once.readings[1:]] == [71]
    assert never_the_same.readings == []
    assert [error.reason for _, error in never_the_same.aside] == ["no_two_answers_agree"]


async def test_reading_it_again_is_no_news() -> None:
    session = await read(Cuff(), polls=3)

    assert session.calls == [4, 4, 4]
    assert len(session.readings) == len({identity(r) for r in session.readings}) == 4


async def test_a_cuff_that_is_off_is_waited_for() -> None:
    session = await read(cuff := Cuff(off_for=5))

    assert cuff.asked[:6] == [b"\xaa"] * 6
    assert len(session.readings) == 4


async def test_a_cuff_that_falls_silent_is_waited_for() -> None:
    cuff = Cuff()
    answer = cuff.answer
    silent_at = [b"\xa3\x02"] * 3

    def falls_silent(data: bytes) -> Iterable[bytes]:
        if data in silent_at:
            silent_at.remove(data)
            return []
        return answer(data)

    cuff.answer = falls_silent  # type: ignore[method-assign]
    session = await read(cuff)

    assert systolic(session) == [121, 119]


async def test_a_damaged_record_is_set_aside_and_the_rest_is_kept() -> None:
    session = await read(Cuff(memory=[EARLIER, bytes.fromhex("ac 5e 35 47 0d 1d 17 24 0d"), LATER]))

    assert systolic(session) == [121, 119]
    assert [error.reason for _, error in session.aside] == ["timestamp"]


def marked(record: bytes, octet: int) -> bytes:
    return record[:octet] + bytes((record[octet] | 0x80,)) + record[octet + 1 :]


async def test_marks_beside_the_date_are_no_part_of_it() -> None:
    of_second_user, irregular = (marked(LATER, octet) for octet in (5, 8))
    session = await read(Cuff([of_second_user, irregular]))

    assert session.aside == []
    assert {str(r.device_time and r.device_time.stamp) for r in session.readings} == {
        "2013-05-29 23:36:00"
    }
    pressures = [r for r in session.readings if r.kind is Kind.BLOOD_PRESSURE]
    assert [(r.slot, set(r.flags), r.quality) for r in pressures] == [
        ("2", set(), Quality.GOOD),
        (None, {"irregular_pulse"}, Quality.GOOD),
    ]


async def test_a_measurement_of_somebody_who_moved_is_questionable() -> None:
    session = await read(Cuff([marked(LATER, 4)]))

    assert {r.quality for r in session.readings} == {Quality.QUESTIONABLE}
    assert session.readings[0].flags == {"body_movement"}


async def test_an_empty_memory_is_nothing() -> None:
    session = await read(Cuff(memory=[]))

    assert session.calls == []


async def test_something_else_on_the_line_is_not_asked_for_records() -> None:
    asked: list[bytes] = []

    def answer(data: bytes) -> Iterable[bytes]:
        asked.append(data)
        return [b"?"]

    await unplugged_at(3, DRIVER, session_asking(DRIVER, answer))

    assert set(asked) == {b"\xaa"}


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE
