from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device import DeviceId
from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Limit, Measure, Quality
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.glucose_meter.freestyle_neo import DRIVER, codec
from gateway.drivers.glucose_meter.freestyle_neo import readings as memory
from gateway.drivers.glucose_meter.freestyle_neo.session import NEO
from gateway.errors import ProtocolError
from gateway.testing.clock import ManualClock
from tests.drivers.freestyle_lines import log, session_of, summed
from tests.drivers.glucose_meter.freestyle_neo.meter import (
    SERIAL,
    SHOWN,
    Meter,
    ago,
    change,
    ketone_strip,
    strip,
)
from tests.drivers.serial_lines import glucose, unplugged_at

RECEIVED = ManualClock().now()


async def test_the_memory_is_recorded_oldest_first_in_one_commit() -> None:
    session = await Meter().read()

    assert glucose(session) == [112, 98]
    assert session.calls == [2]
    assert {(r.kind, r.quality) for r in session.readings} == {(Kind.BLOOD_GLUCOSE, Quality.GOOD)}
    assert session.device.serial == SERIAL
    assert session.device.software == "1.20 15.04"


async def test_its_clock_is_read_in_the_same_conversation() -> None:
    told = (await Meter().read()).readings[0].device_time

    assert told is not None
    assert told.clock is not None
    assert (told.clock.shown, told.stamp) == (SHOWN, ago(120))
    assert told.resolution == timedelta(minutes=1)


async def test_a_memory_that_begins_with_the_oldest_is_read_in_its_order_too() -> None:
    meter = Meter()
    meter.memory.reverse()

    assert glucose(await meter.read()) == [112, 98]


async def test_nothing_is_asked_that_changes_or_names_anyone() -> None:
    device = Meter().device

    await Meter().read(polls=2, device=device)

    assert set(device.asked) == {b"$serlnum?", b"$swver?", b"$date?", b"$time?", b"$result?"}


async def test_the_same_words_again_are_not_recorded_again() -> None:
    session = await Meter().read(polls=3)

    assert session.calls == [2]


async def test_a_new_test_is_news_and_the_others_are_not() -> None:
    meter = Meter()
    device = meter.device
    newer = [strip(13, ago(1), 130), *meter.memory]
    device.answers[b"$result?"] = [log(*meter.memory), log(*newer)]

    session = await meter.read(polls=2, device=device)

    assert session.calls == [2, 3]
    assert glucose(session) == [112, 98, 130]


async def test_record_ids_that_move_on_make_no_new_reading() -> None:
    first = await Meter().read()
    session = await Meter([strip(7, ago(10), 98), strip(6, ago(120), 112)]).read()

    assert await session.record(*first.readings) == 0


async def test_two_alike_in_the_same_minute_are_two() -> None:
    meter = Meter([strip(13, ago(10), 98), strip(12, ago(10), 98), strip(11, ago(10), 99)])

    session = await meter.read()
    newer = await Meter([strip(14, ago(2), 98), *meter.memory]).read()

    assert glucose(session) == [99, 98, 98]
    assert await session.record(*newer.readings) == 1


@pytest.mark.parametrize(("word", "limit"), [("LO", Limit.BELOW), ("HI", Limit.ABOVE)])
async def test_lo_and_hi_are_limits(word: str, limit: Limit) -> None:
    (reading,) = (await Meter([strip(12, ago(10), word)]).read()).readings

    assert (reading.limit, reading.values, reading.quality) == (limit, {}, Quality.GOOD)


@pytest.mark.parametrize("told", [112, "HI"])
async def test_control_solution_is_nobodys(told: int | str) -> None:
    (reading,) = (await Meter([strip(12, ago(10), told, blood=0)]).read()).readings

    assert (reading.quality, reading.flags) == (Quality.CONTROL, frozenset({"control_solution"}))


async def test_a_number_that_no_person_has_is_questionable() -> None:
    (reading,) = (await Meter([strip(12, ago(10), 0)]).read()).readings

    assert (reading.quality, reading.flags) == (Quality.QUESTIONABLE, frozenset({"implausible"}))


async def test_insulin_and_the_rest_are_no_readings() -> None:
    session = await Meter([b"10,13,11,27,26,14,21,1,0,12,0,0,0", b"11,12"]).read()

    assert (session.readings, session.remarks) == ([], [])


@pytest.mark.parametrize(("kept", "shown"), [(0, "0.0"), (2, "0.1"), (27, "1.5"), (144, "8.0")])
async def test_ketone_is_what_the_meter_showed(kept: int, shown: str) -> None:
    (reading,) = (await Meter([ketone_strip(14, ago(10), kept)]).read()).readings

    assert (reading.kind, reading.quality) == (Kind.BLOOD_KETONE, Quality.GOOD)
    assert str(reading.values[Measure.KETONE].value) == shown
    assert reading.values[Measure.KETONE].unit is Unit.MILLIMOLE_PER_LITRE


async def test_more_ketone_than_the_meter_shows_is_a_limit() -> None:
    (reading,) = (await Meter([ketone_strip(14, ago(10), "HI")]).read()).readings

    assert (reading.kind, reading.limit) == (Kind.BLOOD_KETONE, Limit.ABOVE)
    assert (reading.values, reading.quality) == ({}, Quality.GOOD)


async def test_control_solution_for_ketone_is_nobodys_too() -> None:
    (reading,) = (await Meter([ketone_strip(14, ago(10), 27, blood=0)]).read()).readings

    assert (reading.kind, reading.quality) == (Kind.BLOOD_KETONE, Quality.CONTROL)


async def test_ketone_beside_glucose_of_its_minute_and_number_makes_no_other_of_it() -> None:
    alone = await Meter([strip(13, ago(10), 98), strip(12, ago(10), 98)]).read()
    three = [strip(13, ago(10), 98), ketone_strip(14, ago(10), 98), strip(12, ago(10), 98)]
    session = await Meter(three).read()

    assert await session.record(*alone.readings) == 0
    assert [r.kind for r in session.readings[:3]] == [
        Kind.BLOOD_GLUCOSE,
        Kind.BLOOD_KETONE,
        Kind.BLOOD_GLUCOSE,
    ]


async def test_by_ketone_alone_it_is_known_which_record_is_the_oldest() -> None:
    meter = Meter([ketone_strip(11, ago(120), 9), ketone_strip(12, ago(10), 27)])

    amounts = [str(r.values[Measure.KETONE].value) for r in (await meter.read()).readings]

    assert amounts == ["0.5", "1.5"]


@given(told=st.integers(0, 9999) | st.just("HI"), blood=st.integers(0, 2))
def test_no_record_of_ketone_is_glucose_whatever_its_number(told: int | str, blood: int) -> None:
    line = ketone_strip(14, ago(10), told, blood)
    meter = memory.Meter(DeviceId("usb:1"), SERIAL, clock=None)

    (made,) = memory.readings([memory.Stored(line, codec.record(line))], meter, RECEIVED)

    assert made.kind is Kind.BLOOD_KETONE
    assert set(made.values) <= {Measure.KETONE}


async def test_a_damaged_line_is_set_aside_once_and_the_rest_is_kept() -> None:
    meter = Meter()
    meter.memory.insert(1, b"7,12,11,27,26,1x,20,1,99,0,1")

    session = await meter.read(polls=3)

    assert glucose(session) == [112, 98]
    assert [error.reason for _, error in session.aside] == ["number"]


async def test_a_memory_that_does_not_add_up_is_set_aside() -> None:
    meter = Meter()
    device = meter.device
    device.answers[b"$result?"] = log(*meter.memory).replace(b",112,", b",122,")

    session = await meter.read(device=device)

    assert session.readings == []
    assert [error.reason for _, error in session.aside] == ["checksum"]


async def test_lines_that_do_not_add_up_among_themselves_are_no_memory() -> None:
    meter = Meter()
    device = meter.device
    lines = b"\r\n".join(meter.memory) + b"\r\n"
    device.answers[b"$result?"] = summed(lines + b"3,%08X\r\n" % sum(lines))

    session = await meter.read(device=device)

    assert session.readings == []
    assert [error.reason for _, error in session.aside] == ["count"]


async def test_what_was_stamped_by_no_clock_has_no_time() -> None:
    line = strip(12, ago(10), 98).replace(b"11,27,26,14,20", b"255,255,255,255,255")

    (reading,) = (await Meter([line]).read()).readings

    assert (reading.quality, reading.flags) == (Quality.QUESTIONABLE, frozenset({"time_unknown"}))
    assert reading.device_time is not None
    assert bytes.fromhex(reading.device_time.raw) == b"255,255,255,255,255"


async def test_a_time_that_the_meter_doubts_is_unknown() -> None:
    line = strip(12, ago(10), 98).replace(b",20,1,98", b",20,0,98")

    (reading,) = (await Meter([line]).read()).readings

    assert (reading.quality, reading.flags) == (Quality.QUESTIONABLE, frozenset({"time_unknown"}))


@pytest.mark.parametrize(("looked_at", "is_counted"), [(SERIAL, True), ("XGMP123-S9999", False)])
async def test_what_was_measured_since_the_last_look_at_it_is_counted_where_the_log_explains(
    looked_at: str, is_counted: bool
) -> None:
    clock = ManualClock()
    meter = Meter(clock=clock)
    first = await meter.read()
    clock.advance(6 * 3600)  # and home again, by a clock of six hours before
    meter.memory[:0] = [strip(14, ago(1), 101), change(13, SHOWN, ago(-360))]
    session = session_of(DRIVER, meter.device, clock, NEO)
    session._bookmark = (first._bookmark or "").replace(SERIAL, looked_at)

    await unplugged_at(1, DRIVER, session)

    told = {int(r.values[Measure.GLUCOSE].value): r.device_time for r in session.readings}
    assert {mg_dl: time.counter for mg_dl, time in told.items() if time is not None} == {
        112: False,
        98: False,
        101: is_counted,
    }


async def test_a_clock_that_was_lost_gives_no_sample() -> None:
    session = await Meter(shown=None).read()

    told = session.readings[0].device_time
    assert told is not None
    assert (told.clock, told.stamp) == (None, ago(120))
    assert [remark[:10] for remark in session.remarks] == ["clock_lost"]


async def test_without_its_clock_nothing_is_recorded() -> None:
    device = Meter().device
    del device.answers[b"$time?"]

    assert (await Meter().read(device=device)).calls == []


async def test_what_was_measured_before_the_clock_was_set_is_moved_by_as_much() -> None:
    hours = timedelta(hours=6)
    meter = Meter(
        [
            strip(13, ago(10), 98),
            change(12, ago(60), ago(60) - hours),
            strip(11, ago(120) - hours, 112),
        ]
    )

    told = [reading.device_time for reading in (await meter.read()).readings]

    assert [time and time.stamp for time in told] == [ago(120), ago(10)]


async def test_a_stamp_that_the_log_of_the_clock_contradicts_has_no_time() -> None:
    hours = timedelta(hours=6)
    meter = Meter([change(12, ago(60), ago(60) - hours), strip(11, ago(120), 112)])

    (reading,) = (await meter.read()).readings

    assert reading.flags == {"time_unknown"}


HOUR = timedelta(hours=1)
LOST = SHOWN.replace(year=2000, month=1, day=1, hour=6, minute=0)


async def test_a_clock_that_was_set_lost_set_and_set_again_moves_no_stamp_across_the_loss() -> None:
    meter = Meter(
        [
            strip(17, ago(12 * 60), 98),
            change(16, ago(17 * 60), ago(16 * 60)),
            change(15, ago(22 * 60), LOST),
            strip(14, LOST - HOUR, 103),
            strip(13, ago(28 * 60), 112),
            change(12, ago(34 * 60), ago(35 * 60)),
            strip(11, ago(39 * 60), 120),
        ]
    )

    told = [reading.device_time for reading in (await meter.read()).readings]

    assert [time and time.stamp for time in told] == [None, None, None, ago(12 * 60)]


async def test_what_a_clock_stamped_that_was_lost_is_told_by_what_it_had_been_seen_to_show() -> (
    None
):
    clock = ManualClock()
    meter = Meter(clock=clock)
    first = await meter.read()
    clock.advance(6 * 3600)
    meter.memory[:0] = [strip(13, ago(-60), 120)]
    lost = session_of(DRIVER, replace(meter, shown=None).device, clock, NEO)
    lost._bookmark = first._bookmark
    await unplugged_at(1, DRIVER, lost)
    assert lost._bookmark == first._bookmark  # a clock that is lost is no news of the one before
    meter.memory[:0] = [strip(15, ago(1), 101), change(14, ago(60), LOST)]
    session = session_of(DRIVER, meter.device, clock, NEO)
    session._bookmark = lost._bookmark

    await unplugged_at(1, DRIVER, session)

    told = [r.device_time for r in session.readings if r.device_time is not None]
    assert [(time.stamp, time.counter) for time in told] == [
        (ago(120), False),
        (ago(10), False),
        (ago(-60), False),
        (ago(1), True),
    ]


async def test_it_is_asked_who_it_is_and_nothing_else() -> None:
    device = Meter().device

    number = await DRIVER.number(session_of(DRIVER, device, ManualClock(), NEO))

    assert number == SERIAL
    assert device.asked == [b"$serlnum?"]


async def test_a_meter_without_a_serial_number_is_none() -> None:
    device = Meter().device
    del device.answers[b"$serlnum?"]

    with pytest.raises(ProtocolError, match="no serial number"):
        await DRIVER.converse(session_of(DRIVER, device, ManualClock(), NEO))


def test_it_is_chosen_by_its_usb_id() -> None:
    assert DRIVER.match(Sighting("/dev/hidraw0", Reach.HID, usb=NEO)) is Fit.MODEL
    assert DRIVER.match(Sighting("/dev/hidraw0", Reach.HID, usb=(0x1A61, 0x3650))) is Fit.NONE
