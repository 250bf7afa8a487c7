from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

import pytest

from gateway.domain.reading import Kind, Limit, Measure, Quality
from gateway.drivers.api import HID, Fit, Reach, Sighting
from gateway.drivers.glucose_meter.contour_usb import DRIVER
from gateway.errors import LinkTimeout, ProtocolError
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.glucose_meter.contour_usb import captures
from tests.drivers.glucose_meter.contour_usb.captures import report
from tests.drivers.glucose_meter.contour_usb.meter import (
    ACK,
    EOT,
    NAK,
    SERIAL,
    USB,
    Meter,
    memory,
    session_of,
    stored,
)
from tests.drivers.serial_lines import glucose, unplugged_at

Recorded = tuple[tuple[bytes, tuple[bytes, ...]], ...]


async def heard(recorded: Recorded) -> RecordingSession:
    """Let the driver hold a published conversation; it must say what the host said then."""
    left = list(recorded)

    def answer(data: bytes) -> list[tuple[object, bytes]]:
        said, comes = left.pop(0)
        assert data == report(said)
        return [(HID, report(part)) for part in comes]

    session = session_of(Meter())
    session.link = ScriptedLink(answers={HID: answer}, clock=session.clock)  # type: ignore[dict-item]
    await unplugged_at(1, DRIVER, session)
    assert left == []
    return session


async def test_a_published_conversation_with_an_empty_meter_is_held_to_its_end() -> None:
    session = await heard(captures.EMPTY)

    assert (session.readings, session.aside, session.remarks) == ([], [], [])
    assert (session.device.model, session.device.serial) == ("Contour USB", "7390-2902076")
    assert session.device.software == "01.26 01.05 02.06.20"


async def test_a_published_conversation_with_one_result_gives_it() -> None:
    (reading,) = (await heard(captures.ONE_RESULT)).readings

    value = reading.values[Measure.GLUCOSE]
    assert (value.original, str(value.value)) == ("10.9 mmol/L", "196.4")
    assert (reading.quality, reading.flags) == (Quality.GOOD, frozenset({"postprandial"}))
    assert reading.device_time is not None
    assert reading.device_time.stamp == datetime(2015, 4, 17, 11, 54)  # noqa: DTZ001 - the meter's
    assert reading.device_time.clock is not None
    assert reading.device_time.clock.shown == datetime(2017, 8, 22, 20, 58)  # noqa: DTZ001


async def test_the_memory_is_recorded_in_one_commit_and_notes_are_passed_over() -> None:
    session = await Meter().read()

    assert glucose(session) == [112, 98]
    assert session.calls == [2]
    assert {(r.kind, r.quality) for r in session.readings} == {(Kind.BLOOD_GLUCOSE, Quality.GOOD)}
    assert [set(r.flags) for r in session.readings] == [set(), {"fasting"}]
    assert session.remarks == ["notes_passed_over: 2"]
    assert (session.device.model, session.device.serial) == ("Contour Next USB", SERIAL)


async def test_its_clock_is_read_in_the_same_conversation() -> None:
    told = (await Meter().read()).readings[0].device_time

    assert told is not None
    assert told.clock is not None
    assert told.clock.shown == datetime(2026, 11, 27, 14, 30)  # noqa: DTZ001 - the meter's
    assert told.resolution == timedelta(minutes=1)


async def test_nothing_is_said_but_stop_go_on_and_again() -> None:
    meter = Meter(damaged={3: 1})

    await meter.read(polls=2)

    assert set(meter.written) == {EOT, ACK, NAK}


@pytest.mark.parametrize("announces", ["header", "nothing", "ENQ"])
@pytest.mark.parametrize("says_eot", [True, False])
async def test_meters_that_offer_and_end_in_other_ways_are_read(
    announces: str, says_eot: bool
) -> None:
    meter = Meter(announces=announces, says_eot=says_eot)

    assert glucose(await meter.read()) == [112, 98]


async def test_a_memory_without_more_in_it_is_not_read_again() -> None:
    meter = Meter()

    session = await meter.read(polls=3)

    assert session.calls == [2]
    assert meter.written[-2:] == [EOT, EOT]


async def test_a_new_test_is_news_and_the_others_are_not() -> None:
    first = await Meter().read()
    session = await Meter([*memory(), stored(5, "130", "202611271429")]).read()

    assert await session.record(*first.readings) == 0
    assert glucose(session) == [112, 98, 130]


async def test_numbers_that_move_because_the_memory_is_full_make_no_new_reading() -> None:
    first = await Meter().read()
    session = await Meter([stored(1, "98", "202611271420", "F/M0/T1")]).read()

    assert await first.record(*session.readings) == 0


async def test_two_alike_in_the_same_minute_are_two() -> None:
    twin = stored(1, "98", "202611271420")

    assert glucose(await Meter([twin, twin.replace("R|1", "R|2")]).read()) == [98, 98]


@pytest.mark.parametrize("transfer_goes_on", [True, False])
async def test_a_cable_pulled_in_the_middle_loses_nothing(transfer_goes_on: bool) -> None:
    meter = Meter(stops=not transfer_goes_on)
    for said in (EOT, ACK, ACK, ACK):  # somebody else read so far
        meter.answer(report(said))

    assert glucose(await meter.read()) == [112, 98]


@pytest.mark.parametrize(("mark", "limit"), [("<", Limit.BELOW), (">", Limit.ABOVE)])
async def test_lo_and_hi_are_limits(mark: str, limit: Limit) -> None:
    (reading,) = (await Meter([stored(1, "600", "202611271420", f"{mark}/M0/T1")]).read()).readings

    assert (reading.limit, reading.values, reading.quality) == (limit, {}, Quality.GOOD)


@pytest.mark.parametrize("before", [[], ["O|1||||||||||Q"]])
async def test_control_solution_is_nobodys(before: list[str]) -> None:
    marks = "M0/T1" if before else "C/M0/T1"
    next_one = stored(2, "98", "202611271421")
    session = await Meter([*before, stored(1, "98", "202611271420", marks), next_one]).read()

    control, blood = session.readings
    assert (control.quality, control.flags) == (Quality.CONTROL, frozenset({"control_solution"}))
    assert blood.quality is Quality.GOOD


@pytest.mark.parametrize(
    ("marks", "flags"),
    [
        ("B", {"preprandial"}),
        ("A/Z8", {"postprandial"}),
        ("X/S", {"exercise"}),
        ("T0/M0", set()),
    ],
)
async def test_marks_say_how_it_was(marks: str, flags: set[str]) -> None:
    (reading,) = (await Meter([stored(1, "98", "202611271420", marks)]).read()).readings

    assert (set(reading.flags), reading.quality) == (flags, Quality.GOOD)


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        (stored(1, "98", "202611271420", "K/M0"), "unknown_status"),
        (stored(1, "98", "202613271420"), "time_unknown"),
        (stored(1, "0", "202611271420"), "implausible"),
    ],
)
async def test_what_is_not_sure_is_questionable(line: str, flag: str) -> None:
    (reading,) = (await Meter([line]).read()).readings

    assert (reading.quality, reading.flags) == (Quality.QUESTIONABLE, frozenset({flag}))


async def test_a_clock_that_was_lost_gives_no_sample() -> None:
    session = await Meter(shown="000000000000").read()

    assert session.readings[0].device_time is not None
    assert session.readings[0].device_time.clock is None
    assert session.remarks[0][:10] == "clock_lost"


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("place", range(7))
async def test_a_damaged_frame_is_asked_for_again(place: int, times: int) -> None:
    session = await Meter(damaged={place: times}).read()

    assert (glucose(session), session.aside) == ([112, 98], [])


async def test_a_frame_that_stays_damaged_is_set_aside_and_the_rest_is_kept() -> None:
    session = await Meter(damaged={2: 99}).read()

    assert glucose(session) == [98]
    assert [error.reason for _, error in session.aside] == ["checksum"]


async def test_a_result_that_cannot_be_read_is_set_aside_and_the_rest_is_kept() -> None:
    session = await Meter(
        [stored(1, "9x8", "202611271420"), stored(2, "98", "202611271420")]
    ).read()

    assert glucose(session) == [98]
    assert [error.reason for _, error in session.aside] == ["number"]


async def test_a_memory_that_the_meter_cuts_short_is_none() -> None:
    session = Meter(ending="L|1||E").session()

    with pytest.raises(LinkTimeout, match="not come whole"):
        await DRIVER.converse(session)

    assert session.readings == []


async def test_a_frame_that_is_missing_is_noticed() -> None:
    meter = Meter()
    session = meter.session()
    link = session.link
    assert isinstance(link, ScriptedLink)
    answers = link.answers[HID]

    def forgetful(data: bytes) -> list[tuple[object, bytes]]:
        came = list(answers(data))
        return list(answers(data)) if any(b"|98|" in frame for _, frame in came) else came

    link.answers = {HID: forgetful}  # type: ignore[dict-item]
    with pytest.raises(LinkTimeout, match="not come whole"):
        await DRIVER.converse(session)

    assert session.readings == []


@pytest.mark.parametrize("place", range(1, 7))
async def test_a_frame_that_comes_again_unasked_is_the_same(place: int) -> None:
    meter = Meter()
    session = meter.session()
    link = session.link
    assert isinstance(link, ScriptedLink)
    answers, left = link.answers[HID], [place + 1]

    def forgetful(data: bytes) -> list[tuple[object, bytes]]:
        left[0] -= data == report(ACK)
        if left[0] == 0:  # it did not hear this ACK, and sends the frame before again
            left[0] = -1
            return list(answers(report(NAK)))
        return list(answers(data))

    link.answers = {HID: forgetful}  # type: ignore[dict-item]
    await unplugged_at(1, DRIVER, session)

    assert glucose(session) == [112, 98]
    assert session.calls == [2]
    assert session.remarks == ["notes_passed_over: 2"]


async def test_a_silent_meter_is_told() -> None:
    session = Meter().session()
    session.link = ScriptedLink(answers={HID: lambda data: []}, clock=session.clock)

    with pytest.raises(LinkTimeout, match="unplug"):
        await DRIVER.converse(session)


@pytest.mark.parametrize("announces", ["header", "nothing"])
async def test_it_is_asked_who_it_is_and_read_after_that(announces: str) -> None:
    meter = Meter(announces=announces)

    assert await DRIVER.number(meter.session()) == SERIAL
    assert glucose(await meter.read()) == [112, 98]


async def test_a_meter_without_a_serial_number_is_none() -> None:
    meter = Meter(serial="")

    for asked in (DRIVER.number, DRIVER.converse):
        with pytest.raises(ProtocolError, match="no serial number"):
            await asked(replace(meter).session())


async def test_the_password_of_its_header_is_nowhere() -> None:
    session = await Meter().read()

    told = [session.device.model_dump_json(), *(r.model_dump_json() for r in session.readings)]
    assert not [each for each in chain(told, session.remarks) if "mLJsN1" in each]


def test_it_is_chosen_by_its_usb_id() -> None:
    assert DRIVER.match(Sighting("/dev/hidraw0", Reach.HID, usb=USB)) is Fit.MODEL
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL, usb=(0x1A79, 0x6001))) is Fit.NONE
