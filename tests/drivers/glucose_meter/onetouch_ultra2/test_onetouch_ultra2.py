from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, timedelta

import pytest
from hypothesis import given

from gateway.domain.device_time import corrected
from gateway.domain.identity import identity
from gateway.domain.reading import Limit, Quality
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.glucose_meter.onetouch_ultra2 import DRIVER
from gateway.drivers.glucose_meter.onetouch_ultra2.codec import (
    Clock,
    Command,
    Header,
    Record,
    message,
    request,
)
from gateway.errors import DecodeError, ProtocolError
from gateway.testing.clock import START
from gateway.testing.session import RecordingSession
from tests.drivers.serial_lines import (
    WAKING_S,
    glucose,
    is_total,
    mangled,
    session_asking,
    unplugged_at,
)

CLOCK = b'T "SAT","08/03/13","22:12:00   " 0608\r'  # a published test of glucometerutils


def line(text: bytes) -> bytes:
    return text + b" %04X\r" % (sum(text) & 0xFFFF)


def record(value: bytes = b"  098 ", time: bytes = b"07:33:00", meal: bytes = b"N") -> bytes:
    return line(b'P "WED","03/09/16","%s   ","%s","%s","00", 00' % (time, value, meal))


HEADER = line(b'P 002,"ABCDEFGHY","MG/DL "')


@dataclass
class Meter:
    """A meter with a memory, made from the description of its protocol."""

    lines: list[bytes] = field(default_factory=lambda: [record(), record(b"  180 ", b"08:33:00")])
    clock: bytes = line(b'T "WED","03/09/16","09:33:00   "')
    header: bytes | None = None
    off_for: int = 0
    asked: list[bytes] = field(default_factory=list)

    def answer(self, data: bytes) -> Iterable[bytes]:
        self.asked.append(data)
        if self.off_for:
            self.off_for -= 1
            return []
        if data == b"\x11\rDMF\r":
            return [self.clock[:9], self.clock[9:] + b"\n"]
        assert data == b"\x11\rDMP\r", "nothing else may be asked"
        header = self.header or line(b'P %03d,"ABCDEFGHY","MG/DL "' % len(self.lines))
        whole = b"\n".join([header, *self.lines])
        return [whole[:50], whole[50:]]


def session_of(meter: Meter) -> RecordingSession:
    return session_asking(DRIVER, meter.answer)


async def read(meter: Meter, polls: int = 1) -> RecordingSession:
    return await unplugged_at(polls, DRIVER, session_of(meter), longer_than_s=WAKING_S)


def test_the_clock_is_read() -> None:
    decoded = message(CLOCK)

    assert isinstance(decoded, Clock)
    assert str(decoded.device_time) == "2013-08-03T22:12:00"
    assert decoded.checksum == "0608"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b" 098 ", (98, False, False)),
        (b"  098 ", (98, False, False)),
        (b"C 112 ", (112, True, False)),
        (b"  098?", (98, False, True)),
    ],
)
def test_a_record_is_read(value: bytes, expected: tuple[int, bool, bool]) -> None:
    decoded = message(record(value))

    assert isinstance(decoded, Record)
    assert (decoded.glucose_mgdl, decoded.control, decoded.parity_error) == expected
    assert str(decoded.device_time) == "2016-03-09T07:33:00"
    assert decoded.meal == "none"


def test_a_header_is_read() -> None:
    assert message(HEADER) == Header(2, "ABCDEFGHY")


def test_nothing_that_clears_or_sets_can_be_said() -> None:
    assert {request(command) for command in Command} == {b"\x11\rDMF\r", b"\x11\rDMP\r"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (CLOCK.replace(b"22:", b"23:"), "checksum"),
        (CLOCK[:-1], "incomplete"),
        (b"hello\r", "no_checksum"),
        (line(b"hello"), "format"),
        (line(b'T "SAT","13/03/13","22:12:00   "'), "timestamp"),
        (record(b"HIGH  "), "format"),
    ],
)
def test_what_breaks_the_rules_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        message(data)

    assert caught.value.reason == reason


@given(data=mangled([CLOCK, HEADER, record()]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(data=mangled([CLOCK, HEADER, record()]).map(lambda raw: line(raw[:-6])))
def test_decoding_is_total_behind_a_right_checksum_too(data: bytes) -> None:
    is_total(DRIVER, data)


async def test_the_memory_is_recorded_in_one_commit() -> None:
    session = await read(Meter())

    assert glucose(session) == [98, 180]
    assert session.calls == [2]
    assert (session.device.model, session.device.serial) == ("OneTouch Ultra2", "ABCDEFGHY")


async def test_its_clock_tells_when_a_record_was_taken_however_wrong_it_is() -> None:
    session = await read(Meter())

    ages = [START - corrected(r, UTC).measured_at for r in session.readings]
    assert ages == [timedelta(hours=2), timedelta(hours=1)]


async def test_reading_it_again_is_no_news() -> None:
    session = await read(Meter(), polls=3)

    assert session.calls == [2, 2, 2]
    assert len({identity(r) for r in session.readings}) == len(session.readings) == 2


async def test_control_solution_is_nobodys_blood() -> None:
    session = await read(Meter(lines=[record(b"C 112 ")]))

    assert session.readings[0].quality is Quality.CONTROL


async def test_what_the_meter_doubts_and_what_no_person_has_is_questionable() -> None:
    session = await read(Meter(lines=[record(b"  098?"), record(b"  000 ", b"08:00:00")]))

    assert [r.flags for r in session.readings] == [{"parity_error"}, {"implausible"}]
    assert {r.quality for r in session.readings} == {Quality.QUESTIONABLE}


@pytest.mark.parametrize(
    ("value", "limit"), [(19, Limit.BELOW), (20, None), (600, None), (601, Limit.ABOVE)]
)
async def test_what_the_meter_shows_as_lo_or_hi_is_a_limit(value: int, limit: Limit | None) -> None:
    session = await read(Meter(lines=[record(f"  {value:03} ".encode())]))

    (reading,) = session.readings
    assert (reading.limit, reading.quality, reading.flags) == (limit, Quality.GOOD, set())
    assert not reading.values if limit else glucose(session) == [value]


async def test_meals_are_flags() -> None:
    session = await read(Meter(lines=[record(meal=b"B"), record(b"  120 ", meal=b"A")]))

    assert [r.flags for r in session.readings] == [{"preprandial"}, {"postprandial"}]


async def test_a_damaged_line_is_set_aside_and_the_rest_is_kept() -> None:
    session = await read(Meter(lines=[record().replace(b"098", b"099"), record(b"  180 ")]))

    assert glucose(session) == [180]
    assert [error.reason for _, error in session.aside] == ["checksum"]


async def test_a_meter_that_stops_is_read_as_far_as_it_came() -> None:
    session = await read(Meter(header=line(b'P 005,"ABCDEFGHY","MG/DL "')))

    assert glucose(session) == [98, 180]


async def test_a_meter_that_is_off_is_waited_for() -> None:
    session = await read(meter := Meter(off_for=4))

    assert meter.asked[:5] == [b"\x11\rDMF\r"] * 5
    assert len(session.readings) == 2


async def test_an_answer_to_another_question_ends_the_session() -> None:
    with pytest.raises(ProtocolError, match="another question"):
        await DRIVER.converse(session_of(Meter(header=record())))


async def test_what_the_clock_does_not_date_is_read_at_the_next_look() -> None:
    meter = Meter()
    clocks = [meter.clock, meter.clock.replace(b"09", b"08", 1)]  # the second is damaged

    def answer(data: bytes) -> Iterable[bytes]:
        if data == request(Command.CLOCK) and clocks:
            return [clocks.pop(0)]
        return meter.answer(data)

    session = session_asking(DRIVER, answer)
    await unplugged_at(2, DRIVER, session, longer_than_s=WAKING_S)

    assert [error.reason for _, error in session.aside] == ["checksum"]
    assert glucose(session) == [98, 180]
    assert all(r.device_time and r.device_time.clock for r in session.readings)


async def test_a_damaged_header_is_set_aside_and_asked_for_again() -> None:
    meter = Meter(header=HEADER.replace(b"002", b"003"))
    session = session_of(meter)
    await unplugged_at(1, DRIVER, session, longer_than_s=WAKING_S)
    assert [error.reason for _, error in session.aside] == ["checksum"]
    meter.header = None

    await unplugged_at(1, DRIVER, session, longer_than_s=WAKING_S)

    assert glucose(session) == [98, 180]


async def test_garbled_answers_are_waited_out() -> None:
    session = session_of(Meter(clock=line(b"?")))
    await unplugged_at(2, DRIVER, session)

    assert {error.reason for _, error in session.aside} == {"format"}


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE
