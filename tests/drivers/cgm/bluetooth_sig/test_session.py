from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.collect.session import ASIDE_LIMIT
from gateway.domain.device_time import Correction, corrected
from gateway.domain.reading import Limit, Quality
from gateway.drivers.api import Channel, Frame, gatt
from gateway.drivers.cgm.bluetooth_sig import DRIVER
from gateway.errors import LinkLost, LinkRefused, LinkTimeout, ProtocolError
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.cgm.bluetooth_sig.sensor import (
    MEASUREMENT,
    RACP,
    Sensor,
    damaged,
    every,
    minutes,
    sample,
)

PARIS = ZoneInfo("Europe/Paris")


@dataclass
class BusyLink(ScriptedLink):
    """Refuses whatever is written."""

    refuse_write: int = 0

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        raise LinkRefused(f"{channel} was refused", self.refuse_write)


async def talk(session: RecordingSession, link: ScriptedLink | None = None) -> None:
    """Converse until the link is lost, the usual end of a conversation with a sensor."""
    if link is not None:
        session.link = link
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)


@pytest.mark.conformance(
    "R-CGMP-D2",
    "R-CGMP-D3",
    "R-CGMP-D4",
    "R-CGMP-D5",
    "R-CGMP-D6",
    "R-CGMP-D7",
    "R-CGMP-R1",
    "R-CGMP-R4",
)
async def test_a_first_conversation_reads_the_whole_memory_in_one_commit() -> None:
    sensor = Sensor(every(5, 60, 4032 * 5 + 55), minute=20215)
    session = sensor.session()

    await talk(session)

    assert minutes(session) == list(range(60, 4032 * 5 + 56, 5))
    assert session.calls == [4032]
    assert sensor.asked == [bytes.fromhex("0101"), bytes.fromhex("0401")]


async def test_what_a_sensor_measures_of_control_solution_is_nobodys() -> None:
    sensor = Sensor(every(5, 60, 80), type=0xA, live=[sample(85)])
    session = sensor.session()

    await talk(session)

    assert minutes(session) == [60, 65, 70, 75, 80, 85]
    assert {(r.quality, r.flags) for r in session.readings} == {
        (Quality.CONTROL, frozenset({"control_solution"}))
    }


@pytest.mark.conformance("R-CGMP-R2")
async def test_the_next_conversation_asks_from_the_bookmark_on() -> None:
    sensor = Sensor(every(5, 60, 1525))
    session = sensor.session()
    await talk(session)
    sensor.memory |= every(5, 1530, 1575)
    sensor.passes(50)
    sensor.asked.clear()

    await talk(session, sensor.link())

    assert sensor.asked == [bytes.fromhex("01 03 01 f605")]
    assert minutes(session) == list(range(60, 1576, 5))


async def test_samples_are_recorded_as_they_come() -> None:
    sensor = Sensor(every(5, 1500, 1525), live=[sample(1530), sample(1535) + sample(1540)])
    session = sensor.session()

    await talk(session)

    assert minutes(session)[-3:] == [1530, 1535, 1540]
    assert session.calls == [6, 1, 2]
    assert [reading.live for reading in session.readings[-4:]] == [False, True, True, True]
    assert len(sensor.asked) == 2  # nothing is missing: nothing is asked


@pytest.mark.conformance("R-CGMP-C1")
async def test_a_backfill_cut_in_the_middle_is_resumed_where_it_ended() -> None:
    sensor = Sensor(every(5, 60, 1525), cut_after=100)
    session = sensor.session()
    await talk(session)
    assert minutes(session) == list(range(60, 560, 5))
    sensor.cut_after = None
    sensor.asked.clear()

    await talk(session, sensor.link())

    is_60_the_first = [bytes.fromhex("04 01"), bytes.fromhex("04 03 01 3c00")]
    assert sensor.asked == [bytes.fromhex("01 03 01 2c02"), *is_60_the_first]
    assert minutes(session) == list(range(60, 1526, 5))
    assert sum(session.calls) == 294  # every record exactly once


@given(cuts=st.lists(st.integers(0, 40), max_size=6), step=st.sampled_from([1, 3, 5]))
async def test_however_often_a_backfill_is_cut_every_record_is_kept_once(
    cuts: list[int], step: int
) -> None:
    sensor = Sensor(every(step, 0, 180), minute=180)
    session = sensor.session()
    for cut in cuts:
        sensor.cut_after = cut
        await talk(session, sensor.link())
    sensor.cut_after = None

    await talk(session, sensor.link())

    assert minutes(session) == list(range(0, 181, step))


@given(
    cuts=st.lists(st.integers(0, 20), max_size=4),
    lost=st.lists(st.sets(st.integers(0, 16)), max_size=4),
    counts=st.booleans(),
)
@example(cuts=[4], lost=[{0}], counts=True)
@example(cuts=[4], lost=[{0}], counts=False)
@example(cuts=[3], lost=[{1, 2, 4, 5}], counts=True)
async def test_whatever_is_lost_before_a_cut_is_not_skipped_for_good(
    cuts: list[int], lost: list[set[int]], counts: bool
) -> None:
    sensor = Sensor(every(5, 0, 80), minute=80, counts=counts)
    sensor.lose = [{5 * number for number in numbers} for numbers in lost]
    session = sensor.session()
    for cut in cuts:
        sensor.cut_after = cut
        await talk(session, sensor.link())
    sensor.cut_after, sensor.lose = None, []

    await talk(session, sensor.link())

    assert sorted(minutes(session)) == list(range(0, 81, 5))


@given(
    lost=st.lists(st.sets(st.integers(0, 36)), min_size=1, max_size=2),
    bad=st.lists(st.sets(st.integers(0, 36)), max_size=2),
)
async def test_whatever_is_lost_or_damaged_on_the_way_is_read_in_the_end(
    lost: list[set[int]], bad: list[set[int]]
) -> None:
    sensor = Sensor(every(5, 0, 180), minute=180)
    sensor.lose = [{5 * number for number in numbers} for numbers in lost]
    sensor.damage = [{5 * number for number in numbers} for numbers in bad]
    session = sensor.session()

    await talk(session)

    assert sorted(minutes(session)) == list(range(0, 181, 5))


@pytest.mark.conformance("R-CGMP-F5")
async def test_a_record_with_a_wrong_crc_is_set_aside_and_asked_for_again() -> None:
    sensor = Sensor(every(5, 60, 100), minute=100, damage=[{80}])
    session = sensor.session()

    await talk(session)

    assert [error.reason for _, error in session.aside] == ["crc"]
    assert sorted(minutes(session)) == list(range(60, 101, 5))
    assert sensor.asked[:2] == [bytes.fromhex("0101")] * 2


async def test_a_damaged_sample_is_asked_for_at_once() -> None:
    sensor = Sensor(every(5, 60, 100), minute=100, live=[damaged(sample(105))])
    session = sensor.session()
    sensor.memory[105] = sample(105)
    sensor.lose = [{105}]
    sensor.counts = False

    await talk(session)

    assert minutes(session)[-1] == 105
    assert len(session.aside) == 1


@pytest.mark.conformance("R-CGMP-C1")
async def test_a_lost_notification_shows_as_a_gap_and_is_filled() -> None:
    sensor = Sensor(every(5, 60, 100), minute=100)
    session = sensor.session()
    await talk(session)
    sensor.memory |= every(5, 105, 115)
    sensor.lose = [{105, 110, 115}]
    sensor.live = [sensor.memory[105], sensor.memory[115]]  # 110 was lost on the way
    sensor.asked.clear()

    await talk(session, sensor.link())

    assert sorted(minutes(session)) == list(range(60, 116, 5))
    assert sensor.asked[1:] == [bytes.fromhex("01 03 01 6a00")]


async def test_a_hole_that_the_sensor_itself_has_is_not_asked_for_twice() -> None:
    sensor = Sensor(every(5, 60, 100) | every(5, 160, 200), minute=200)
    session = sensor.session()
    await talk(session)
    sensor.asked.clear()

    await talk(session, sensor.link())

    assert sensor.asked == [bytes.fromhex("01 03 01 c900")]


async def test_the_owner_may_change_the_interval() -> None:
    sensor = Sensor(every(1, 60, 100), minute=100, live=[sample(m) for m in (105, 110, 115)])
    session = sensor.session()
    sensor.memory |= {105: sample(105)}
    sensor.lose = [{105}]

    await talk(session)

    assert minutes(session)[-3:] == [105, 110, 115]
    assert len(sensor.asked) <= 4


async def test_what_stays_damaged_is_left_for_the_next_connection() -> None:
    sensor = Sensor(every(5, 60, 100), minute=100, damage=[{80}] * 3, live=[sample(105)])
    session = sensor.session()
    await talk(session)
    assert "stored_records_incomplete" in session.remarks
    assert 80 not in minutes(session)
    sensor.memory[105] = sample(105)

    await talk(session, sensor.link())

    assert sorted(minutes(session)) == list(range(60, 106, 5))


@pytest.mark.conformance("R-CGMP-R5")
async def test_a_sensor_without_filters_is_asked_for_everything() -> None:
    sensor = Sensor(every(5, 60, 100), minute=100, filters=False)
    session = sensor.session()
    await talk(session)
    sensor.asked.clear()

    await talk(session, sensor.link())

    assert sensor.asked == [bytes.fromhex("01 03 01 6500"), bytes.fromhex("0101")]
    assert minutes(session) == list(range(60, 101, 5))


@pytest.mark.conformance("R-CGMP-R5")
async def test_an_empty_memory_is_no_failure() -> None:
    sensor = Sensor({}, minute=3, live=[sample(5)])
    session = sensor.session()
    sensor.lose = [set(), {5}]

    await talk(session)

    assert minutes(session) == [5]


@pytest.mark.parametrize("answer", ["0600010a", "06000108", "0600015a", "00"])
async def test_a_busy_sensor_is_left_alone_and_tried_again_later(answer: str) -> None:
    sensor = Sensor(every(5, 60, 100), answer=bytes.fromhex(answer))

    with pytest.raises(ProtocolError):
        await DRIVER.converse(sensor.session())


@pytest.mark.parametrize("code", [0x80, 0xFE])
async def test_a_procedure_already_in_progress_needs_a_new_connection(code: int) -> None:
    sensor = Sensor(every(5, 60, 100))
    link = BusyLink(sensor.link().values, refuse_write=code)

    with pytest.raises(ProtocolError, match="busy"):
        await DRIVER.converse(sensor.session(link))


async def test_a_sensor_that_falls_silent_within_a_report_is_given_up() -> None:
    sensor = Sensor(every(5, 60, 100), minute=100, cut_after=3)
    session = sensor.session(sensor.link(then=LinkTimeout))

    with pytest.raises(ProtocolError, match="silent"):
        await DRIVER.converse(session)

    assert minutes(session) == [60, 65, 70]


async def test_a_quiet_sensor_is_asked_and_after_a_while_let_go() -> None:
    sensor = Sensor(every(5, 60, 100), minute=100)
    session = sensor.session(sensor.link(then=LinkTimeout))

    await DRIVER.converse(session)

    assert [request[:2] for request in sensor.asked] == [b"\x01\x01", b"\x04\x01"] + [
        b"\x01\x03"
    ] * 2


@pytest.mark.conformance("R-CGMP-C1")
async def test_a_new_session_begins_a_new_bookmark() -> None:
    sensor = Sensor(every(5, 60, 1525))
    session = sensor.session()
    await talk(session)
    sensor.passes(180)
    sensor.memory, sensor.minute = every(5, 60, 100), 100
    sensor.start = "ea07 03 0e 0a 2e 00 00 00"
    sensor.asked.clear()

    await talk(session, sensor.link())

    assert sensor.asked[0] == bytes.fromhex("0101")
    assert minutes(session)[-9:] == list(range(60, 101, 5))
    assert len({(reading.record or "").split("+")[0] for reading in session.readings}) == 2
    assert session.remarks.count("new_sensor_session") == 2


async def test_a_session_that_begins_while_we_listen_is_noticed() -> None:
    sensor = Sensor(every(5, 60, 1525))
    session = sensor.session()
    await talk(session)
    link = sensor.link()
    sensor.memory = every(5, 0, 5)
    sensor.live = [sample(5, 45)]
    session.link = link
    sensor.clock.advance(3600)
    link.values = {
        **link.values,
        **Sensor({}, minute=6, start="0000 00 00 00 00 00 80 ff").link().values,
    }

    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert minutes(session)[-2:] == [0, 5]


async def test_a_start_that_was_rewritten_does_not_make_new_readings() -> None:
    sensor = Sensor(every(5, 60, 1525))
    session = sensor.session()
    await talk(session)
    sensor.passes(7)
    sensor.start = "ea07 03 0d 03 00 00 ec 00"  # the owner travelled
    session._bookmark = (session._bookmark or "").replace('"minute":1525', '"minute":null')

    await talk(session, sensor.link())

    assert sensor.asked[-2:] == [bytes.fromhex("0101"), bytes.fromhex("0401")]
    assert len(session.readings) == 294
    assert sum(session.calls) == 2 * 294


async def test_a_start_that_is_only_estimated_does_not_make_new_readings() -> None:
    sensor = Sensor(every(5, 60, 1525), start="0000 00 00 00 00 00 80 ff")
    session = sensor.session()
    await talk(session)
    sensor.clock.advance(6 * 60)  # the sensor's status counts on with the next sample only
    session._bookmark = (session._bookmark or "").replace('"minute":1525', '"minute":null')

    await talk(session, sensor.link())

    assert len(session.readings) == 294
    assert sum(session.calls) == 2 * 294


async def test_stored_samples_are_dated_by_the_sensors_present_minute() -> None:
    sensor = Sensor({1506: sample(1506)}, minute=1526)
    session = sensor.session()
    now = sensor.clock.now().utc
    await talk(session)

    timing = corrected(session.readings[0], PARIS)

    assert timing.measured_at == now - timedelta(minutes=20)
    assert timing.reason is Correction.MEASURED_OFFSET


async def test_samples_heard_days_later_are_dated_by_their_arrival() -> None:
    sensor = Sensor(every(5, 60, 100), minute=100, live=[sample(105)])
    session = sensor.session()
    await talk(session)

    timing = corrected(session.readings[-1], PARIS)

    assert timing.measured_at == sensor.clock.now().utc
    assert timing.reason is Correction.MEASURED_OFFSET


async def test_the_sensor_states_its_offset_from_utc() -> None:
    sensor = Sensor({5: sample(5)}, start="ea07 03 0d 08 00 00 04 04")
    session = sensor.session()
    await talk(session)

    told = session.readings[0].device_time

    assert told is not None
    assert told.stamp == datetime.fromisoformat("2026-03-13T08:05:00")
    assert told.utc_offset == timedelta(hours=2)


async def test_a_sensor_may_not_know_its_zone() -> None:
    sensor = Sensor({5: sample(5)}, start="ea07 03 0d 08 00 00 00 ff")
    session = sensor.session()
    await talk(session)

    told = session.readings[0].device_time

    assert told is not None
    assert told.utc_offset is None


@pytest.mark.conformance("R-CGMP-T1")
async def test_a_sensor_may_not_say_when_its_session_began() -> None:
    sensor = Sensor({5: sample(5)})
    link = sensor.link()
    link.refuse = {gatt("181f", "2aaa"): 0x02}
    session = sensor.session(link)
    await talk(session)

    assert [reading.record for reading in session.readings] == ["~2026-03-13T08:00Z+5"]


async def test_hi_and_lo_are_limits_even_beside_a_malfunction_bit() -> None:
    out_of_range = 1 << 3 | 1 << 23
    sensor = Sensor({5: sample(5, word="fe07", bits=out_of_range)})
    session = sensor.session()

    await talk(session)

    (reading,) = session.readings
    assert (reading.limit, reading.quality) == (Limit.ABOVE, Quality.GOOD)
    assert reading.values == {}


async def test_no_number_is_no_reading() -> None:
    sensor = Sensor({5: sample(5, word="ff07", bits=1 << 3), 10: sample(10)})
    session = sensor.session()

    await talk(session)

    assert minutes(session) == [10]
    assert "no_value" in session.remarks


class ImpatientSession(RecordingSession):
    """It takes no more than so many remarks, as a live one does in a day."""

    async def remark(self, event: str, frame: Frame | None = None, /) -> None:
        if len(self.remarks) == ASIDE_LIMIT:
            raise ProtocolError("these are no readings")
        await super().remark(event, frame)


async def test_days_without_a_value_hide_none_of_what_was_stored_beside_them() -> None:
    dead = {m: sample(m, word="ff07", bits=1 << 3) for m in range(505, 6505, 5)}
    sensor = Sensor({**every(5, 5, 500), **dead, **every(5, 6505, 6600)}, minute=6600)
    session = ImpatientSession(DRIVER, sensor.link(), clock=sensor.clock)

    await talk(session)

    assert minutes(session) == [*range(5, 501, 5), *range(6505, 6601, 5)]
    assert session.remarks.count("no_value") == 1


async def test_a_sensor_without_crc_is_read_as_well() -> None:
    sensor = Sensor(every(5, 60, 100, crc=False), minute=100, e2e_crc=False)
    session = sensor.session()

    await talk(session)

    assert minutes(session) == list(range(60, 101, 5))


async def test_a_sensor_behind_authorisation_is_named_and_left_alone() -> None:
    link = ScriptedLink({gatt("183d", "2b2f"): b"\0", gatt("181f", "2aa7"): b""})
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    assert session.remarks == ["unsupported variant: readings only with the maker's certificate"]
    assert link.written == []


async def test_something_else_is_no_sensor() -> None:
    session = RecordingSession(DRIVER, ScriptedLink({gatt("180f", "2a19"): b"\x50"}))

    with pytest.raises(ProtocolError, match="another model"):
        await DRIVER.converse(session)


async def test_a_status_that_stays_damaged_ends_the_conversation() -> None:
    sensor = Sensor(every(5, 60, 100))
    link = sensor.link()
    link.values = {**link.values, gatt("181f", "2aa9"): bytes.fromhex("6400 000000 0000")}
    session = sensor.session(link)

    with pytest.raises(ProtocolError, match="status"):
        await DRIVER.converse(session)

    assert [error.reason for _, error in session.aside] == ["crc"]


async def test_what_ails_the_sensor_is_told() -> None:
    sensor = Sensor({}, e2e_crc=False)
    link = sensor.link()
    link.values = {**link.values, gatt("181f", "2aa9"): bytes.fromhex("6400 01 08 00")}
    session = sensor.session(link)

    await talk(session)

    assert "sensor_status: calibration_required, session_stopped" in session.remarks


@pytest.mark.conformance("R-CGMP-D8", "R-CGMP-O6")
async def test_nothing_is_ever_written_but_requests_for_records() -> None:
    sensor = Sensor(every(5, 60, 100), live=[sample(300)])
    session = sensor.session()
    link = session.link
    assert isinstance(link, ScriptedLink)

    await talk(session)

    assert {channel for channel, _ in link.written} == {RACP}
    assert {data[0] for _, data in link.written} <= {1, 4}
    assert link.subscribed == [MEASUREMENT, RACP]
