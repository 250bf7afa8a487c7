from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.domain.quantity import Unit
from gateway.domain.reading import Limit, Measure, Quality
from gateway.drivers.api import Channel, Frame
from gateway.drivers.glucose_meter.onetouch_ble import DRIVER
from gateway.drivers.glucose_meter.onetouch_ble.meter import NOTIFIED, WRITTEN
from gateway.errors import LinkLost, LinkTimeout, PairingNeeded, ProtocolError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from tests.drivers.glucose_meter.onetouch_ble.meter import (
    DONE,
    NOT_ALLOWED,
    NOT_SUPPORTED,
    NOW,
    WRONG,
    Meter,
    memory,
    numbers_asked_for,
    stored,
)
from tests.drivers.serial_lines import glucose


async def read(meter: Meter, **settings: str) -> RecordingSession:
    session = meter.session(**settings)
    await DRIVER.converse(session)
    return session


async def read_again(session: RecordingSession, meter: Meter) -> None:
    meter.asked.clear()
    session.link = meter.link()
    await DRIVER.converse(session)


def ask(number: int) -> bytes:
    return b"\xb3" + number.to_bytes(2, "little")


async def test_the_memory_is_recorded_oldest_first_in_one_call() -> None:
    session = await read(Meter(memory(1, 5)))

    assert glucose(session) == [101, 102, 103, 104, 105]
    assert session.calls == [5]
    assert session.readings[0].values[Measure.GLUCOSE].unit is Unit.MILLIGRAM_PER_DECILITRE
    assert {reading.quality for reading in session.readings} == {Quality.GOOD}


async def test_its_clock_is_read_in_the_same_conversation() -> None:
    (reading,) = (await read(Meter(memory(7, 7)))).readings

    told = reading.device_time
    assert told is not None
    assert told.clock is not None
    assert told.clock.shown == datetime(2026, 3, 14, 10, 32, 59)  # noqa: DTZ001 - of the meter
    assert told.stamp == told.clock.shown - timedelta(hours=1)


async def test_a_meter_without_records_has_nothing_to_give() -> None:
    meter = Meter({}, newest=812)

    session = await read(meter)

    assert (session.readings, session.remarks, numbers_asked_for(meter)) == ([], [], [])


async def test_only_what_is_new_is_asked_for_the_next_time() -> None:
    session = await read(meter := Meter(memory(1, 3)))
    meter.records |= {4: stored(NOW - 60, 104)}

    await read_again(session, meter)

    assert numbers_asked_for(meter) == [3, 4]
    assert (session.calls, session.remarks) == ([3, 1], [])
    assert glucose(session) == [101, 102, 103, 104]


async def test_nothing_new_costs_one_record() -> None:
    session = await read(meter := Meter(memory(1, 3)))

    await read_again(session, meter)

    assert numbers_asked_for(meter) == [3]
    assert (session.calls, session.remarks) == ([3], [])


@pytest.mark.parametrize("refuses", [{}, {b"\x31": NOT_SUPPORTED}])
async def test_what_follows_the_known_record_is_read_however_many_tests_failed_since(
    refuses: dict[bytes, bytes],
) -> None:
    session = await read(meter := Meter(memory(1, 3), refuses=refuses))
    meter.records |= {5: stored(NOW - 120, 105), 12: stored(NOW - 60, 112)}

    await read_again(session, meter)

    assert glucose(session) == [101, 102, 103, 105, 112]
    assert session.remarks == []


async def test_no_more_numbers_are_asked_for_than_a_meter_can_have_given() -> None:
    session = await read(meter := Meter({1: stored(NOW - 90, 101), 5000: stored(NOW - 60, 102)}))

    assert (glucose(session), session.remarks) == ([102], ["stored_records_incomplete"])
    assert len(numbers_asked_for(meter)) == 2001


async def test_a_memory_that_wrapped_is_read_from_its_oldest_record() -> None:
    session = await read(meter := Meter(memory(1, 3)))
    meter.records = memory(7, 9)

    await read_again(session, meter)

    assert numbers_asked_for(meter) == [3, 7, 8, 9]
    assert glucose(session) == [101, 102, 103, 107, 108, 109]


@pytest.mark.parametrize("trouble", ["deaf_to", "damaged"])
async def test_a_memory_whose_known_record_is_not_to_be_had_is_read_whole(trouble: str) -> None:
    session = await read(meter := Meter(memory(1, 3)))
    meter.records |= {4: stored(NOW - 60, 104)}
    getattr(meter, trouble)[ask(3)] = 3

    await read_again(session, meter)

    assert (glucose(session), session.remarks) == ([101, 102, 103, 104], [])


async def test_an_erased_memory_is_no_reset_and_later_tests_are_read() -> None:
    session = await read(meter := Meter(memory(1, 3)))
    meter.records = {5: stored(NOW - 60, 105)}

    await read_again(session, meter)

    assert (glucose(session), session.remarks) == ([101, 102, 103, 105], [])


@pytest.mark.parametrize("records", [{1: stored(NOW - 60, 99)}, memory(4, 8) | {3: stored(9, 99)}])
async def test_another_memory_is_read_whole(records: dict[int, bytes]) -> None:
    session = await read(meter := Meter(memory(1, 3)))
    meter.records = records

    await read_again(session, meter)

    assert session.remarks == ["memory_reset"]
    assert len(session.readings) == 3 + len(records)


@pytest.mark.parametrize("none_there", [WRONG, b"\x0f"])
async def test_numbers_of_failed_tests_do_not_hide_the_oldest_record(none_there: bytes) -> None:
    records = memory(1, 2) | {9: stored(NOW - 60, 109)}

    session = await read(Meter(records, refuses={ask(n): none_there for n in range(3, 9)}))

    assert glucose(session) == [101, 102, 109]


@pytest.mark.parametrize("status", [NOT_SUPPORTED, NOT_ALLOWED, b"\x06\x00"])
@pytest.mark.parametrize("first", [0, 1, 40])
async def test_a_meter_that_tells_no_places_is_read_by_its_count(first: int, status: bytes) -> None:
    meter = Meter(memory(first, first + 2), refuses={b"\x31": status})

    session = await read(meter)

    assert glucose(session) == [100 + first, 101 + first, 102 + first]


async def test_a_meter_that_is_silent_about_places_is_read_by_its_count() -> None:
    session = await read(Meter(deaf_to={b"\x31": 3}))

    assert glucose(session) == [101, 102, 103]


async def test_a_test_made_meanwhile_is_read_too() -> None:
    meter = Meter(memory(1, 2))

    class Measuring(Meter):
        def _reply(self, question: bytes) -> bytes:
            if question == ask(2):
                self.records[3] = stored(NOW, 103)
            return super()._reply(question)

    assert glucose(await read(Measuring(meter.records))) == [101, 102, 103]


@pytest.mark.parametrize(("value", "limit"), [(19, Limit.BELOW), (601, Limit.ABOVE)])
async def test_lo_and_hi_are_limits(value: int, limit: Limit) -> None:
    (reading,) = (await read(Meter({1: stored(NOW - 60, value)}))).readings

    assert (reading.limit, reading.values, reading.quality) == (limit, {}, Quality.GOOD)


@pytest.mark.parametrize("value", [0x8000, 0xFFFF])
async def test_a_number_that_some_read_as_negative_is_not_trusted(value: int) -> None:
    (reading,) = (await read(Meter({1: stored(NOW - 60, value)}))).readings

    assert (reading.quality, reading.flags) == (Quality.QUESTIONABLE, {"unknown_status"})


async def test_control_solution_is_nobodys_blood() -> None:
    (reading,) = (await read(Meter({1: stored(NOW - 60, 110, control=1)}))).readings

    assert (reading.quality, reading.flags) == (Quality.CONTROL, {"control_solution"})


@pytest.mark.parametrize("rest", [0x01, 0x0100, 0x010000])
async def test_a_status_that_nobody_knows_is_not_trusted(rest: int) -> None:
    (reading,) = (await read(Meter({1: stored(NOW - 60, 110, rest=rest)}))).readings

    assert (reading.quality, reading.flags) == (Quality.QUESTIONABLE, {"unknown_status"})
    assert reading.values[Measure.GLUCOSE].value == 110


@pytest.mark.parametrize("meal", [1, 2])
async def test_a_mark_of_a_meal_is_told_neither_as_before_nor_as_after(meal: int) -> None:
    (reading,) = (await read(Meter({1: stored(NOW - 60, 110, meal=meal)}))).readings

    assert (reading.quality, reading.flags) == (Quality.GOOD, frozenset())


async def test_a_record_without_a_number_is_an_event() -> None:
    records = {1: stored(NOW - 60, 0, rest=5), 2: stored(NOW, 102)}

    session = await read(Meter(records))

    assert (glucose(session), session.remarks) == ([102], ["no_value"])


async def test_what_is_no_test_is_not_asked_for_again() -> None:
    session = await read(meter := Meter({1: stored(NOW - 60, 0, rest=5)}))

    await read_again(session, meter)

    assert (numbers_asked_for(meter), session.remarks) == ([1], ["no_value"])


async def test_fewer_records_than_the_meter_counts_are_remarked_on() -> None:
    session = await read(Meter(memory(1, 3), count=4, refuses={b"\x31": NOT_SUPPORTED}))

    assert (glucose(session), session.remarks) == ([101, 102, 103], ["stored_records_incomplete"])


async def test_tests_of_a_clock_that_never_ran_are_told_apart_by_their_numbers() -> None:
    meter = Meter({1: stored(60, 100), 2: stored(60, 100)}, shown=120)

    session = await read(meter)

    assert [reading.record for reading in session.readings] == ["seq:1:3c000000", "seq:2:3c000000"]


async def test_the_same_tests_under_other_numbers_are_no_news() -> None:
    session = await read(meter := Meter(memory(1, 3)))
    meter.records = {n + 10: record for n, record in meter.records.items()}

    await read_again(session, meter)

    assert glucose(session) == [101, 102, 103]


async def test_a_bad_checksum_is_asked_for_again() -> None:
    session = await read(Meter(damaged={ask(2): 2}))

    assert (glucose(session), session.aside) == ([101, 102, 103], [])


async def test_a_damaged_record_is_set_aside_and_the_rest_is_kept() -> None:
    session = await read(Meter(damaged={ask(2): 99}))

    assert glucose(session) == [101, 103]
    assert [(frame.channel, error.reason) for frame, error in session.aside] == [(NOTIFIED, "crc")]
    assert session.remarks == []


async def test_a_record_of_another_shape_is_set_aside_and_the_rest_is_kept() -> None:
    session = await read(Meter(memory(1, 3) | {2: b"\x01\x02\x03"}))

    assert glucose(session) == [101, 103]
    assert [error.reason for _, error in session.aside] == ["format"]


async def test_a_record_that_is_not_answered_is_asked_for_the_next_time() -> None:
    session = await read(meter := Meter(deaf_to={ask(2): 3}))
    assert glucose(session) == [101, 103]
    assert session.remarks == ["stored_records_incomplete"]

    await read_again(session, meter)

    assert glucose(session) == [101, 103, 102]


async def test_records_that_are_not_answered_now_and_then_do_not_end_the_session() -> None:
    session = await read(Meter(memory(1, 4), deaf_to={ask(2): 3, ask(4): 3}))

    assert glucose(session) == [101, 103]
    assert session.remarks == ["stored_records_incomplete"] * 2


async def test_a_meter_that_falls_silent_ends_the_session_and_what_came_is_kept() -> None:
    session = (meter := Meter(memory(1, 5), deaf_to={ask(3): 3, ask(4): 3})).session()

    with pytest.raises(LinkTimeout, match="stopped answering"):
        await DRIVER.converse(session)
    assert (glucose(session), session.calls) == ([101, 102], [2])

    await read_again(session, meter)
    assert glucose(session) == [101, 102, 103, 104, 105]


async def test_what_came_before_the_link_was_lost_is_kept_and_the_rest_read_from_there() -> None:
    meter = Meter(memory(1, 5))
    session = meter.session()
    session.link = Breaking({NOTIFIED: b""}, {WRITTEN: meter.answer})

    with pytest.raises(LinkLost):
        await DRIVER.converse(session)
    assert (glucose(session), session.calls) == ([101, 102, 103], [3])

    meter = Meter(meter.records)
    await read_again(session, meter)
    assert numbers_asked_for(meter) == [3, 4, 5]
    assert glucose(session) == [101, 102, 103, 104, 105]


async def test_what_came_is_kept_when_the_gateway_ends_the_conversation() -> None:
    meter = Meter(memory(1, 5), deaf_to={ask(4): 1})
    session = meter.session()
    session.link = link = Waiting({NOTIFIED: b""}, {WRITTEN: meter.answer})

    conversation = asyncio.ensure_future(DRIVER.converse(session))
    await link.waits.wait()
    conversation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await conversation

    assert (glucose(session), session.calls) == ([101, 102, 103], [3])


async def test_what_comes_twice_is_read_once() -> None:
    meter = Meter()

    def twice(data: bytes) -> Iterable[Written]:
        return [it for it in meter.answer(data) for _ in range(2)]

    session = meter.session()
    session.link = ScriptedLink({NOTIFIED: b""}, {WRITTEN: twice})
    await DRIVER.converse(session)

    assert glucose(session) == [101, 102, 103]


async def test_a_meter_that_refuses_is_to_be_paired() -> None:
    with pytest.raises(PairingNeeded, match="pair it again"):
        await read(Meter(refuses={b"\x20": NOT_ALLOWED}))


@pytest.mark.parametrize(
    ("question", "answered", "why"),
    [
        (b"\x20", NOT_SUPPORTED, "another model"),
        (b"\x20", DONE, "another question"),
        (b"\x0a", DONE + b"\x01", "another question"),
        (b"\x0a", DONE + bytes((0, 0, 1, 0)), "cannot be asked for"),
        (b"\x27", DONE + b"\xff\xff", "more than it can keep"),
        (b"\xb3", NOT_SUPPORTED, "does not give its records"),
    ],
)
async def test_an_answer_that_cannot_be_ends_the_session(
    question: bytes, answered: bytes, why: str
) -> None:
    with pytest.raises(ProtocolError, match=why):
        await read(Meter(refuses={question: answered}))


async def test_answers_that_stay_damaged_end_the_session() -> None:
    with pytest.raises(ProtocolError, match="damaged"):
        await read(Meter(damaged={b"\x20": 3}))


async def test_a_refused_question_is_asked_again() -> None:
    meter = Meter()
    refusals = [b"\xc1", b"\xc1"]

    def answer(data: bytes) -> Iterable[Written]:
        return [(NOTIFIED, refusals.pop())] if refusals else meter.answer(data)

    session = meter.session()
    session.link = ScriptedLink({NOTIFIED: b""}, {WRITTEN: answer})
    await DRIVER.converse(session)

    assert glucose(session) == [101, 102, 103]


async def test_a_device_that_sends_without_end_is_given_up() -> None:
    clock = ManualClock()
    link = Chattering({NOTIFIED: b""}, {WRITTEN: lambda _: ()}, clock=clock)

    with pytest.raises(LinkTimeout, match="no whole answer"):
        await DRIVER.converse(RecordingSession(DRIVER, link, clock))


async def test_a_device_without_the_service_is_another_one() -> None:
    session = Meter().session()
    session.link = ScriptedLink({})

    with pytest.raises(ProtocolError, match="another one"):
        await DRIVER.converse(session)


async def test_the_clock_is_left_alone_unless_the_owner_says_so() -> None:
    assert (await read(meter := Meter(shown=0))).remarks == []
    assert meter.set_to is None


@pytest.mark.parametrize(("shown", "is_set"), [(NOW, False), (NOW + 3600, True), (0, True)])
async def test_a_clock_that_is_off_is_set_where_the_owner_says_so(shown: int, is_set: bool) -> None:
    meter = Meter(shown=shown)

    session = await read(meter, set_clock="Europe/Paris")

    assert meter.set_to == (NOW - 366 if is_set else None)
    assert session.remarks == (["clock_set"] if is_set else [])
    assert all(reading.device_time.clock for reading in session.readings if reading.device_time)


@pytest.mark.parametrize(
    "trouble", [{"refuses": {b"\x20\x01": b"\x0f"}}, {"damaged": {b"\x20\x01": 3}}]
)
async def test_a_meter_that_does_not_take_the_time_keeps_its_own(
    trouble: dict[str, dict[bytes, bytes]],
) -> None:
    session = await read(Meter(shown=0, **trouble), set_clock="Europe/Paris")  # type: ignore[arg-type]

    assert session.remarks == ["clock_not_set"]


async def test_a_meter_that_is_gone_before_its_clock_was_set_is_no_trouble() -> None:
    session = await read(Meter(shown=0, deaf_to={b"\x20\x01": 3}), set_clock="Europe/Paris")

    assert (len(session.readings), session.remarks) == (3, [])


class Breaking(ScriptedLink):
    """Is lost when the question for record 4 is written."""

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        if ask(4) in data:
            raise LinkLost("out of range")
        await super().write(channel, data, acknowledged=acknowledged)


class Waiting(ScriptedLink):
    """Waits for what never comes."""

    def __init__(self, *tables: Any) -> None:
        super().__init__(*tables)
        self.waits = asyncio.Event()

    async def subscribe(self, channel: Channel, /) -> Any:
        return self

    async def get(self, *, within: float) -> Frame:
        try:
            return self._next(NOTIFIED)
        except LinkTimeout:
            self.waits.set()
            await asyncio.Event().wait()
            raise


class Chattering(ScriptedLink):
    """Always has something to say, and takes its time over it."""

    async def subscribe(self, channel: Channel, /) -> Any:
        return self

    async def get(self, *, within: float) -> Frame:
        assert isinstance(self.clock, ManualClock)
        self.clock.advance(0.4)
        return Frame(NOTIFIED, b"\x01\x02", self.clock.now())
