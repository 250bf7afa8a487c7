from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device import DeviceId
from gateway.domain.quantity import Unit
from gateway.domain.reading import WARM_UP, Kind, Limit, Measure, Quality, Reading
from gateway.drivers.api import HID, Channel, Fit, Frame, Reach, Sighting
from gateway.drivers.cgm.freestyle_libre import DRIVER, codec, memory
from gateway.drivers.cgm.freestyle_libre import readings as made_of
from gateway.drivers.cgm.freestyle_libre.session import LIBRE, LIBRE_2
from gateway.errors import LinkTimeout, ProtocolError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from tests.drivers.cgm.freestyle_libre.reader import (
    SERIAL,
    SHOWN,
    Reader,
    ago,
    change,
    local,
    result,
    sample,
)
from tests.drivers.freestyle_lines import KEEP_ALIVE, log, session_of, summed
from tests.drivers.serial_lines import glucose, unplugged_at


def stamps(session: RecordingSession) -> list[datetime | None]:
    told = [reading.device_time for reading in session.readings]
    return [None if time is None else time.stamp for time in told]


def only(session: RecordingSession) -> Reading:
    (reading,) = session.readings
    return reading


async def test_the_memory_is_recorded_oldest_first_in_one_commit() -> None:
    session = await Reader().read()

    assert glucose(session) == [112, 105, 98]
    assert session.calls == [3]
    assert [reading.kind for reading in session.readings] == [
        Kind.BLOOD_GLUCOSE,
        Kind.INTERSTITIAL_GLUCOSE,
        Kind.INTERSTITIAL_GLUCOSE,
    ]
    assert all(reading.quality is Quality.GOOD for reading in session.readings)
    told = session.device
    assert (told.manufacturer, told.model) == ("Abbott", "FreeStyle Libre")
    assert (told.serial, told.software) == (SERIAL, "2.1.2")


async def test_its_clock_is_read_in_the_same_conversation() -> None:
    session = await Reader().read()

    told = session.readings[-1].device_time
    assert told is not None
    assert told.clock is not None
    assert (told.clock.shown, told.stamp) == (SHOWN, ago(25))
    assert told.resolution == timedelta(minutes=1)
    assert not told.counter


async def test_nothing_is_asked_that_changes_or_names_anyone() -> None:
    device = Reader().device

    await Reader().read(polls=3, device=device)

    assert set(device.asked) == {
        b"$sn?", b"$swver?", b"$dbrnum?", b"$date?", b"$time?", b"$history?", b"$arresult?",
    }  # fmt: skip


async def test_lists_that_begin_with_the_newest_are_turned_round() -> None:
    reader = Reader()
    reader.history.reverse()
    reader.history.append(sample(99, ago(55), 120, 4955))

    session = await reader.read()

    assert glucose(session) == [112, 120, 105, 98]


async def test_numbers_that_begin_anew_after_65535_stay_in_order() -> None:
    reader = Reader(
        [sample(n, ago(25 + 15 * (65537 - n)), 100 + n % 10, 5000 - 15 * (65537 - n))
         for n in range(65534, 65538)],
        [result(65533, ago(120), 112)],
    )  # fmt: skip

    session = await reader.read()

    assert glucose(session) == [112, 104, 105, 106, 107]


async def test_what_was_read_is_not_read_again_while_its_number_stays() -> None:
    reader = Reader()
    device = reader.device

    session = await reader.read(polls=4, device=device)

    assert session.calls == [3]
    assert device.asked.count(b"$history?") == 1
    assert device.asked.count(b"$dbrnum?") == 4


async def test_a_new_record_is_read_and_nothing_before_it() -> None:
    reader = Reader()
    device = reader.device
    device.answers[b"$dbrnum?"] = [summed(b"DBRECORDS = 102\r\n"), summed(b"DBRECORDS = 103\r\n")]
    later = [*reader.history, sample(102, ago(10), 90, 5000)]
    device.answers[b"$history?"] = [log(*reader.history), log(*later)]

    session = await reader.read(polls=2, device=device)

    assert session.calls == [3, 1]
    assert glucose(session) == [112, 105, 98, 90]


async def test_a_bookmark_spares_what_is_safe_in_the_next_conversation() -> None:
    first = await Reader().read()
    reader = Reader()
    reader.history.append(sample(102, ago(10), 90, 5000))
    reader.results.append(result(103, ago(5), 93, what=2))

    session = await reader.read(bookmark=first._bookmark)

    assert glucose(session) == [90, 93]


async def test_a_note_that_is_added_later_makes_no_new_reading() -> None:
    reader = Reader()
    first = await reader.read()
    noted = reader.results[0].replace(b',""', b',"tired"', 1).replace(b",0,0,0,0,0", b",0,1,0,0,0")
    reader.results[0] = noted

    session = await reader.read()
    assert await session.record(*first.readings) == 0


@pytest.mark.parametrize("bookmark", ["", "{}", "[1]", '{"serial": "another"}', "null", "7"])
async def test_a_bookmark_that_is_none_of_its_own_reads_everything(bookmark: str) -> None:
    assert len((await Reader().read(bookmark=bookmark)).readings) == 3


async def test_a_reader_that_was_reset_is_read_whole_and_collides_with_nothing() -> None:
    first = await Reader().read()
    reset = Reader([sample(100, ago(3, SHOWN), 105, 4970)], [])

    session = await reset.read(bookmark=first._bookmark)

    assert await session.record(*first.readings) == 3
    assert glucose(session)[:1] == [105]


async def test_an_emptied_reader_has_nothing_and_its_bookmark_says_so() -> None:
    first = await Reader().read()

    session = await Reader([], []).read(bookmark=first._bookmark)

    assert session.calls == []
    assert json.loads(session._bookmark or "")["history"] is None


async def test_keep_alives_and_late_answers_may_come_anywhere() -> None:
    device = Reader().device
    device.noise = KEEP_ALIVE
    session = await Reader().read(device=device)
    device = Reader().device
    device.noise = b"\x35\x06" + b"2.1.2\0".ljust(62, b"\0")

    again = await Reader().read(device=device)

    assert glucose(session) == glucose(again) == [112, 105, 98]
    assert session.aside == again.aside == []


async def test_a_reader_that_does_not_hear_at_once_is_asked_again() -> None:
    device = Reader().device
    device.deaf_for = 2

    assert len((await Reader().read(device=device)).readings) == 3


async def test_a_reader_that_never_answers_says_what_to_do() -> None:
    device = Reader().device
    device.deaf_for = 1000
    session = session_of(DRIVER, device, ManualClock(), LIBRE)

    with pytest.raises(LinkTimeout, match="plug it in again"):
        await DRIVER.converse(session)


async def test_a_wrong_sum_is_asked_for_again() -> None:
    reader = Reader()
    device = reader.device
    right = log(*reader.history)
    device.answers[b"$history?"] = [right.replace(b",105,", b",195,"), right]

    session = await reader.read(device=device)

    assert glucose(session) == [112, 105, 98]
    assert session.aside == []


@given(losses=st.lists(st.tuples(st.integers(0, 24), st.integers(1, 12)), max_size=4))
async def test_whatever_reports_linux_drops_no_other_value_is_read_and_all_in_the_end(
    losses: list[tuple[int, int]],
) -> None:
    values = range(105, 135)
    reader = Reader([sample(n, ago(600 - 15 * (n - 105)), n, 15 * n) for n in values], number=135)
    device, left = reader.device, list(losses)
    whole = device.answer

    def dropped(report: bytes) -> list[bytes]:
        said = whole(report)
        if b"$history?" in report and left:
            at, count = left.pop()
            del said[at : at + count]
        return said

    device.answer = dropped  # type: ignore[method-assign]
    found: set[int] = set()
    bookmark = None
    for _ in range(2):
        session = session_of(DRIVER, device, reader.clock, LIBRE)
        session._bookmark = bookmark
        with suppress(LinkTimeout):  # it seems not to answer, and is talked with anew
            await unplugged_at(2, DRIVER, session)
        found |= set(glucose(session))
        bookmark = session._bookmark

    assert found == {112, *values}


async def test_a_list_that_never_adds_up_is_set_aside_once_and_the_other_is_kept() -> None:
    reader = Reader()
    device = reader.device
    device.answers[b"$history?"] = log(*reader.history).replace(b",105,", b",195,")

    session = await reader.read(polls=3, device=device)

    assert glucose(session) == [112]
    assert [error.reason for _, error in session.aside] == ["checksum"]
    assert json.loads(session._bookmark or "")["history"] is None


async def test_lines_that_do_not_add_up_among_themselves_are_no_list() -> None:
    reader = Reader()
    device = reader.device
    lines = b"\r\n".join(reader.history) + b"\r\n"
    device.answers[b"$history?"] = summed(lines + b"2,00000001\r\n")

    session = await reader.read(device=device)

    assert glucose(session) == [112]
    assert [error.reason for _, error in session.aside] == ["records_checksum"]


async def test_a_damaged_report_is_set_aside_and_the_answer_asked_for_again() -> None:
    reader = Reader()
    device = reader.device
    whole, times = device.answer, iter((True, False))

    def damaged(report: bytes) -> list[bytes]:
        said = whole(report)
        if b"$history?" in report and next(times, False):
            said[0] = b"\x60\xff" + said[0][2:]
        return said

    device.answer = damaged  # type: ignore[method-assign]

    session = await reader.read(device=device)

    assert glucose(session) == [112, 105, 98]
    assert [error.reason for _, error in session.aside] == ["length"]


async def test_a_damaged_line_is_set_aside_once_and_the_rest_is_kept() -> None:
    reader = Reader()
    reader.history.insert(1, b"100,12,11,27,26,13,5?,0,1,0,0,0,0,99,4980,0")

    first = await reader.read(polls=2)
    session = await reader.read(bookmark=first._bookmark)

    assert glucose(first) == [112, 105, 98]
    assert [error.reason for _, error in first.aside] == ["number"]
    assert session.aside == []


async def test_a_question_that_is_refused_is_remarked_on() -> None:
    reader = Reader()
    device = reader.device
    del device.answers[b"$arresult?"], device.answers[b"$dbrnum?"]

    session = await reader.read(polls=2, device=device)

    assert glucose(session) == []  # how the clock was set nobody knows
    assert session.remarks == ["refused: $dbrnum?", "refused: $arresult?"]


async def test_a_reader_that_does_not_tell_how_many_records_it_has_is_read() -> None:
    reader = Reader()
    asked_as_usual = glucose(await reader.read(polls=2, device=reader.device))
    device = Reader().device
    del device.answers[b"$dbrnum?"]

    session = await reader.read(polls=2, device=device)

    assert len(asked_as_usual) == 3
    assert glucose(session) == asked_as_usual


@pytest.mark.parametrize(
    ("question", "calls"), [(b"$time?", [3]), (b"$arresult?", [3]), (b"$history?", [1, 2])]
)
async def test_what_could_not_be_read_waits_for_the_next_time_as_does_all_without_its_clock(
    question: bytes, calls: list[int]
) -> None:
    reader = Reader()
    device = reader.device
    right = device.answers[question]
    failed = b"CKSM:00000000\r\nCMD Fail!\r\n"
    assert isinstance(right, bytes)
    device.answers[question] = [failed, failed, failed, right]

    session = await reader.read(polls=2, device=device)

    assert session.calls == calls


async def test_midnight_between_date_and_time_is_no_day_off() -> None:
    reader = Reader()
    device = reader.device
    before, after = summed(b"11,27,26\r\n"), summed(b"11,28,26\r\n")
    device.answers[b"$date?"] = [before, after, after]
    device.answers[b"$time?"] = summed(b"0,0\r\n")

    session = await reader.read(device=device)

    told = session.readings[0].device_time
    assert told is not None
    assert told.clock is not None
    assert told.clock.shown == local(11, 28)


async def test_a_clock_that_was_lost_gives_no_sample() -> None:
    session = await Reader(shown=None).read()

    told = session.readings[0].device_time
    assert told is not None
    assert (told.clock, told.stamp) == (None, ago(60))
    assert [remark[:10] for remark in session.remarks] == ["clock_lost"]


async def test_error_bits_make_no_reading_and_one_remark() -> None:
    reader = Reader(
        [sample(100, ago(40), 0, 4970, errors=0x8000), sample(101, ago(25), 98, 4985, errors=1)],
        [result(90, ago(60), 112, errors=0x8004)],
    )

    session = await reader.read()

    assert session.readings == []
    assert session.remarks == ["no_value: a sensor or a strip reported an error"]


@pytest.mark.parametrize(("kept", "shown"), [(0, "0.0"), (2, "0.1"), (27, "1.5"), (143, "7.9")])
async def test_ketone_is_what_the_reader_showed(kept: int, shown: str) -> None:
    session = await Reader([], [result(90, ago(60), kept, what=1)]).read()

    (reading,) = session.readings
    assert (reading.kind, reading.quality) == (Kind.BLOOD_KETONE, Quality.GOOD)
    assert str(reading.values[Measure.KETONE].value) == shown
    assert reading.values[Measure.KETONE].unit is Unit.MILLIMOLE_PER_LITRE
    assert session.remarks == []


async def test_ketone_that_the_reader_shows_as_hi_is_a_limit_and_lo_it_has_none() -> None:
    reader = Reader([], [result(90, ago(60), 144, what=1), result(91, ago(50), 9, what=1, low=1)])

    hi, marked = (await reader.read()).readings

    assert (hi.limit, hi.values, hi.quality) == (Limit.ABOVE, {}, Quality.GOOD)
    assert (marked.limit, marked.quality) == (None, Quality.QUESTIONABLE)
    assert marked.flags == {"marked_low"}


async def test_results_that_were_read_before_ketone_was_are_read_once_more() -> None:
    reader = Reader(results=[result(89, ago(70), 27, what=1), result(90, ago(60), 112)])
    session = await reader.read()
    passed_over = json.loads(await session.bookmark() or "")
    del passed_over["ketone"]
    session = session_of(DRIVER, reader.device, reader.clock, LIBRE)
    await session.set_bookmark(json.dumps(passed_over))

    await unplugged_at(1, DRIVER, session)

    assert Kind.BLOOD_KETONE in {reading.kind for reading in session.readings}
    assert json.loads(await session.bookmark() or "")["ketone"]


@given(value=st.integers(0, 99_999), low=st.integers(0, 1))
def test_no_result_of_ketone_is_glucose_whatever_its_number(value: int, low: int) -> None:
    line = result(90, ago(60), value, what=1, low=low)
    (kept,) = memory.stored([line], codec.result)
    (timed,), _ = memory.in_time([], [kept], None, None)

    reader = made_of.Reader(DeviceId("usb:1"), SERIAL, clock=None)
    made = made_of.reading(timed, reader, ManualClock().now())

    assert made is not None
    assert made.kind is Kind.BLOOD_KETONE
    assert set(made.values) <= {Measure.KETONE}


@pytest.mark.parametrize(
    ("value", "low", "limit"),
    [(40, 0, Limit.BELOW), (40, 1, Limit.BELOW), (0, 1, Limit.BELOW), (500, 0, Limit.ABOVE)],
)
async def test_lo_and_hi_are_limits(value: int, low: int, limit: Limit) -> None:
    reading = only(await Reader([], [result(90, ago(60), value, what=2, low=low)]).read())

    assert (reading.limit, reading.values, reading.quality) == (limit, {}, Quality.GOOD)


@pytest.mark.parametrize(("value", "low", "flag"), [(0, 0, "implausible"), (90, 1, "marked_low")])
async def test_a_number_that_cannot_be_is_questionable(value: int, low: int, flag: str) -> None:
    reading = only(await Reader([], [result(90, ago(60), value, low=low)]).read())

    assert (reading.quality, reading.flags) == (Quality.QUESTIONABLE, frozenset({flag}))
    assert reading.values[Measure.GLUCOSE].value == value


@pytest.mark.parametrize(
    ("minutes", "first", "flags"), [(45, 0, {WARM_UP}), (60, 0, set()), (75, 1, {WARM_UP})]
)
async def test_a_sensor_that_warms_up_says_so(minutes: int, first: int, flags: set[str]) -> None:
    reading = only(await Reader([sample(100, ago(40), 105, minutes, first)], []).read())

    assert (reading.flags, reading.quality) == (frozenset(flags), Quality.GOOD)


async def test_a_time_that_the_reader_doubts_is_unknown() -> None:
    line = result(90, ago(60), 112).replace(b",30,0,1,", b",30,0,0,")

    reading = only(await Reader([], [line]).read())

    assert (reading.quality, reading.flags) == (Quality.QUESTIONABLE, frozenset({"time_unknown"}))
    assert reading.device_time is not None
    assert reading.device_time.stamp is None


async def test_a_full_memory_is_recorded_in_pieces_and_bookmarked_at_its_end() -> None:
    history = [sample(n, ago(15 * (1200 - n)), 100, 20000 - 15 * (1200 - n)) for n in range(1200)]

    reader = Reader(history, [])
    session = session_of(DRIVER, reader.device, reader.clock, LIBRE)
    record, bookmarks = session.record, []

    async def noted(*readings: Reading, bookmark: str | None = None) -> int:
        bookmarks.append(bookmark)
        return await record(*readings, bookmark=bookmark)

    session.record = noted  # type: ignore[method-assign]
    await unplugged_at(1, DRIVER, session)

    assert session.calls == [500, 500, 200]
    assert bookmarks[:2] == [None, None]
    assert json.loads(bookmarks[2] or "")["history"].startswith("1199,12,")


async def test_it_is_asked_who_it_is_and_nothing_else() -> None:
    device = Reader().device

    number = await DRIVER.number(session_of(DRIVER, device, ManualClock(), LIBRE))

    assert number == SERIAL
    assert device.asked == [b"$sn?"]


async def test_a_reader_of_the_next_generation_is_not_asked_who_it_is() -> None:
    device = Reader().device

    with pytest.raises(ProtocolError, match="maker's programs only"):
        await DRIVER.number(session_of(DRIVER, device, ManualClock(), LIBRE_2))

    assert device.asked == []


async def test_a_reader_of_the_next_generation_is_told_as_unreadable() -> None:
    device = Reader().device
    session = session_of(DRIVER, device, ManualClock(), LIBRE_2)

    with pytest.raises(ProtocolError, match="maker's programs only"):
        await DRIVER.converse(session)

    assert device.asked == []


async def test_one_that_asks_for_keys_is_too() -> None:
    device = Reader().device
    device.answer = lambda report: [b"\x33\x01\x15".ljust(64, b"\0")]  # type: ignore[method-assign]

    with pytest.raises(ProtocolError, match="maker's programs only"):
        await DRIVER.converse(session_of(DRIVER, device, ManualClock(), LIBRE))


@pytest.mark.parametrize("told", [None, b"", b"no number", b"X" * 33, b"\x1b[2J"])
async def test_a_reader_without_a_serial_number_is_none(told: bytes | None) -> None:
    device = Reader().device
    del device.answers[b"$sn?"]
    if told is not None:
        device.answers[b"$sn?"] = summed(told + b"\r\n")

    with pytest.raises(ProtocolError, match="no serial number"):
        await DRIVER.converse(session_of(DRIVER, device, ManualClock(), LIBRE))


def test_it_is_chosen_by_its_usb_id() -> None:
    port = Sighting("/dev/hidraw0", Reach.HID)

    assert DRIVER.match(replace(port, usb=LIBRE)) is Fit.MODEL
    assert DRIVER.match(replace(port, usb=LIBRE_2)) is Fit.MODEL
    assert DRIVER.match(replace(port, usb=(0x1A61, 0x3850))) is Fit.NONE
    assert DRIVER.match(port) is Fit.NONE


async def test_a_change_to_winter_time_moves_what_was_stamped_before() -> None:
    night = local(10, 25, 3, 0, 12)
    reader = Reader(
        [sample(100, ago(30, night), 105, 4970), sample(110, ago(30), 98, 300)],
        [
            result(90, ago(60, night), 112),
            change(105, night - timedelta(hours=1), night),
            result(106, night - timedelta(minutes=20), 93, what=2),
        ],
    )

    session = await reader.read()

    assert stamps(session) == [
        ago(120, night),
        ago(90, night),
        night - timedelta(minutes=20),
        ago(30),
    ]


async def test_the_log_reaches_back_as_far_as_no_record_is_missing() -> None:
    land = local(11, 20, 12)
    reader = Reader(
        [
            sample(101, ago(900, land), 107, 20000),  # 102 was forgotten, perhaps a journey
            sample(103, ago(600, land), 105, 20145),
            sample(104, ago(585, land), 106, 20160),
        ],
        [change(105, land, land - timedelta(hours=6)), result(106, ago(60), 112)],
    )

    session = await reader.read()

    assert stamps(session) == [None, ago(240, land), ago(225, land), ago(60)]


async def test_values_that_a_sensor_kept_while_the_clock_was_lost_are_told_by_its_count() -> None:
    set_at = ago(1200)
    lost = local(1, 1).replace(year=2000)
    reader = Reader(
        [
            sample(101, ago(60, set_at), 105, 1000),  # by a clock that had been an hour behind
            sample(102, lost, 106, 1015),
            sample(103, ago(-30, set_at), 107, 1060),
            sample(105, ago(-45, set_at), 108, 1075),
            sample(107, ago(-600, set_at), 109, 1630),
        ],
        [
            change(100, set_at, lost + timedelta(hours=1)),
            result(104, ago(-40, set_at), 112, what=2),
            result(106, ago(-590, set_at), 113, what=2),
        ],
    )

    session = await reader.read()

    assert stamps(session) == [
        ago(30, set_at),
        ago(15, set_at),
        ago(-30, set_at),
        ago(-40, set_at),
        ago(-45, set_at),
        ago(-590, set_at),
        ago(-600, set_at),
    ]


async def test_a_journey_of_which_the_log_is_silent_leaves_no_time() -> None:
    land = local(11, 20, 12)
    reader = Reader(
        [sample(80, ago(600, land), 105, 400)],  # before the oldest result: what came before it?
        [change(105, land, land - timedelta(hours=6)), result(106, ago(60), 112)],
    )

    session = await reader.read()

    assert stamps(session) == [None, ago(60)]
    assert session.readings[0].flags == {"time_unknown"}


async def test_what_was_measured_since_the_last_look_is_counted_where_the_log_explains() -> None:
    clock = ManualClock()
    reader = Reader(clock=clock)
    first = await reader.read()
    clock.advance(6 * 3600)  # and home again, by a clock of six hours before
    reader.results += [change(103, SHOWN, ago(-360)), result(104, ago(1), 120)]
    reader.number = 105

    session = await reader.read(bookmark=first._bookmark)

    told = [reading.device_time for reading in session.readings if reading not in first.readings]
    assert [(time.stamp, time.counter) for time in told if time is not None][1:] == [(ago(1), True)]
    assert session.calls == [2]  # one that is known tells what the clock shows
    assert await session.record(*first.readings[:-1]) == 2
    assert await session.record(first.readings[-1]) == 0


async def test_what_was_safe_of_another_reader_and_seen_of_its_clock_says_nothing_of_this() -> None:
    reader = Reader(clock=(clock := ManualClock()))
    another = (await reader.read())._bookmark or ""
    clock.advance(6 * 3600)
    reader.results += [change(103, SHOWN, ago(-360)), result(104, ago(1), 120)]

    session = await reader.read(bookmark=another.replace(SERIAL, "JCMV250-S9999"))

    assert glucose(session) == [112, 105, 98, 120]
    assert not any(r.device_time.counter for r in session.readings if r.device_time is not None)


async def test_a_clock_that_jumped_without_a_word_in_the_log_moves_nothing() -> None:
    clock = ManualClock()
    reader = Reader(clock=clock)
    first = await reader.read()
    clock.advance(6 * 3600)  # of which its clock knows nothing
    reader.results += [result(104, ago(1), 120)]

    session = await reader.read(bookmark=first._bookmark)

    told = [reading.device_time for reading in session.readings]
    assert [(time.stamp, time.counter) for time in told if time is not None] == [(ago(1), False)]


@dataclass
class Late(ScriptedLink):
    """A link on which a second answer is on its way for a while after the first was taken."""

    late: list[Written] = field(default_factory=list)

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        self.pending += self.late
        self.late = []
        await super().write(channel, data, acknowledged=acknowledged)

    async def subscribe(self, channel: Channel, /) -> Late:  # type: ignore[override]
        return self

    async def get(self, *, within: float) -> Frame:
        if not self.pending and within > 0:
            self.pending, self.late = self.late, []
        return self._next(HID)


async def test_a_late_second_answer_does_not_pass_for_that_to_the_next_question() -> None:
    reader = Reader()
    device = reader.device
    link = Late(clock=reader.clock)
    asked = 0

    def answer(report: bytes) -> list[Written]:
        nonlocal asked
        said = [(HID, each) for each in device.answer(report)]
        asked += b"$arresult?" in report
        if asked == 1 and b"$arresult?" in report:
            return []  # too late: it is asked again
        if asked == 2 and b"$arresult?" in report:
            link.late = said
        return said

    link.answers = {HID: answer}
    session = session_of(DRIVER, device, reader.clock, LIBRE)
    session.link = link

    await unplugged_at(1, DRIVER, session)

    assert glucose(session) == [112, 105, 98]
    assert device.asked.count(b"$history?") == 1
    assert session.aside == []


async def test_a_list_of_another_layout_is_set_aside_in_part_and_its_mark_stays() -> None:
    first = await Reader().read()
    reader = Reader([b"%d;new;layout" % number for number in range(200)])

    session = await reader.read(bookmark=first._bookmark)

    assert len(session.aside) == 64
    marks = [json.loads(each._bookmark or "")["history"] for each in (first, session)]
    assert marks[0] == marks[1]


async def test_a_device_that_does_not_know_the_type_of_a_question_refuses_it() -> None:
    device = Reader().device
    device.message_type = 0x60
    session = session_of(DRIVER, device, ManualClock(), LIBRE)

    with pytest.raises(ProtocolError, match="no serial number"):
        await DRIVER.converse(session)

    assert session.remarks == ["refused: $sn?"]


@dataclass
class Chattering(ScriptedLink):
    """A link on which something comes every tenth of a second, whoever asks for what."""

    async def subscribe(self, channel: Channel, /) -> Chattering:  # type: ignore[override]
        return self

    async def get(self, *, within: float) -> Frame:
        if not self.pending and within >= 0.1:
            assert isinstance(self.clock, ManualClock)
            self.clock.advance(0.1)
            return Frame(HID, KEEP_ALIVE, self.clock.now())
        return self._next(HID)


async def test_a_device_that_chatters_and_does_not_answer_is_given_up() -> None:
    device = Reader().device
    device.deaf_for = 1000
    session = session_of(DRIVER, device, ManualClock(), LIBRE)
    session.link = Chattering(clock=session.clock)

    with pytest.raises(LinkTimeout, match="plug it in again"):
        await DRIVER.converse(session)


async def test_one_that_chatters_and_answers_late_is_read() -> None:
    reader = Reader()
    device = reader.device
    device.deaf_for = 2
    link = Chattering(
        answers={HID: lambda data: [(HID, each) for each in device.answer(data)]},
        clock=reader.clock,
    )
    session = session_of(DRIVER, device, reader.clock, LIBRE)
    session.link = link

    await unplugged_at(1, DRIVER, session)

    assert glucose(session) == [112, 105, 98]


async def test_an_answer_without_end_ends_the_session() -> None:
    device = Reader().device
    at_once = device.answer
    endless = [(b"\x60\x3e" + b"1" * 62)] * 70_000

    def answer(report: bytes) -> list[bytes]:
        return endless if b"$arresult?" in report else at_once(report)

    device.answer = answer  # type: ignore[method-assign]
    session = session_of(DRIVER, device, ManualClock(), LIBRE)

    with pytest.raises(ProtocolError, match="no end"):
        await DRIVER.converse(session)


@pytest.mark.parametrize(
    ("question", "answers", "aside"),
    [
        (b"$time?", [summed(b"14,3x\r\n")], ["number"]),
        (b"$time?", [summed(b"14\r\n")], ["fields"]),
        (b"$date?", [summed(b"11,%d,26\r\n" % day) for day in range(1, 8)], []),
    ],
    ids=["no number", "a field too few", "another date each time"],
)
async def test_a_clock_that_cannot_be_read_has_the_memory_wait(
    question: bytes, answers: list[bytes], aside: list[str]
) -> None:
    device = Reader().device
    device.answers[question] = answers

    session = await Reader().read(device=device)

    assert session.calls == []
    assert [error.reason for _, error in session.aside] == aside
