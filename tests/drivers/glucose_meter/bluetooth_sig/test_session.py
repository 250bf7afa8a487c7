from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device_time import corrected
from gateway.domain.reading import Quality
from gateway.drivers.api import gatt
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER
from gateway.drivers.record_mark import Mark
from gateway.errors import LinkLost, ProtocolError
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from tests.drivers.glucose_meter.bluetooth_sig.meter import (
    CONTEXT,
    MEASUREMENT,
    RACP,
    Meter,
    context,
    record,
    records,
    values,
)

UTC_ZONE = ZoneInfo("UTC")


async def talk(session: RecordingSession, link: ScriptedLink | None = None) -> None:
    if link is not None:
        session.link = link
    await DRIVER.converse(session)


@pytest.mark.conformance(
    "GLP/COL/GLD/BV-04",
    "GLP/COL/GLD/BV-05",
    "GLP/COL/GLD/BV-09",
    "GLP/COL/GLF/BV-09",
    "GLP/COL/SPR/BV-01",
    "GLP/COL/SPN/BV-01",
)
async def test_a_first_conversation_reads_the_whole_memory_in_one_commit() -> None:
    meter = Meter(records(1, 500))
    session = meter.session()

    await talk(session)

    assert session.calls == [500]
    assert len(session.readings) == 500
    assert meter.asked == [bytes.fromhex("0101"), bytes.fromhex("0401")]
    assert not any(reading.live for reading in session.readings)


@pytest.mark.conformance("GLP/COL/SPR/BV-03", "GLP/COL/SPR/BV-08")
async def test_the_next_one_asks_from_the_last_record_on_and_records_what_is_new() -> None:
    meter = Meter(records(1, 20))
    session = meter.session()
    await talk(session)
    meter.memory |= records(21, 23)
    meter.asked.clear()

    await talk(session, meter.link())

    assert meter.asked == [bytes.fromhex("01 03 01 1400")]
    assert values(session) == [100 + n for n in range(1, 24)]
    assert session.calls == [20, 3]


async def test_a_meter_that_refuses_its_contexts_is_read_without_them() -> None:
    meter = Meter(records(1, 3))
    link = meter.link()
    link.refuse = {CONTEXT: 0x03}
    session = meter.session(link)

    await talk(session)

    assert values(session) == [101, 102, 103]


@pytest.mark.conformance("GLP/COL/SPR/BV-08")
async def test_nothing_new_is_no_failure() -> None:
    meter = Meter(records(1, 20))
    session = meter.session()
    await talk(session)

    await talk(session, meter.link())

    assert session.calls == [20]
    assert session.remarks == []


async def test_an_empty_meter_is_no_failure() -> None:
    session = Meter({}).session()

    await talk(session)

    assert session.readings == []


async def test_a_meter_without_filter_is_asked_for_everything() -> None:
    meter = Meter(records(1, 20), filters=False)
    session = meter.session()
    await talk(session)
    meter.memory |= records(21, 23)
    meter.asked.clear()

    await talk(session, meter.link())

    assert meter.asked == [bytes.fromhex("01 03 01 1400"), bytes.fromhex("0101")]
    assert values(session) == [100 + n for n in range(1, 24)]


@pytest.mark.parametrize("first_new", [1, 30])
async def test_after_a_reset_the_whole_memory_is_read(first_new: int) -> None:
    meter = Meter(records(1, 20))
    session = meter.session()
    await talk(session)
    meter.memory = {
        n: record(n, 300, base=f"ea07 03 01 08 {n:02x} 00")
        for n in range(first_new, first_new + 25)
    }

    await talk(session, meter.link())

    assert values(session)[20:] == [300] * 25
    assert "memory_reset" in session.remarks


async def test_what_is_measured_after_the_numbers_began_anew_is_read_though_the_rest_stayed() -> (
    None
):
    meter = Meter(records(10, 20))
    session = meter.session()
    await talk(session)
    meter.memory |= {n: record(n, 300 + n, base=f"ea07 03 01 08 {n:02x} 00") for n in (1, 2)}
    await talk(session, meter.link())
    meter.memory |= {3: record(3, 303, base="ea07 03 01 08 03 00")}

    await talk(session, meter.link())

    assert set(values(session)[11:]) >= {301, 302, 303}
    assert "memory_reset" in session.remarks


async def test_what_is_measured_after_the_numbers_began_anew_and_overtook_the_old_is_read() -> None:
    meter = Meter(records(1, 3))
    session = meter.session()
    await talk(session)
    meter.memory |= {
        0x10000 + n: record(n, 300 + n, base=f"ea07 03 01 08 {n:02x} 00") for n in range(1, 7)
    }

    await talk(session, meter.link())
    await talk(session, meter.link())

    assert sorted(values(session)) == [101, 102, 103, *range(301, 307)]
    assert session.remarks == ["memory_reset"]


async def test_a_meter_that_does_not_know_which_record_is_the_last_is_believed() -> None:
    meter = Meter(records(10, 20), tells_last=False)
    session = meter.session()
    await talk(session)

    await talk(session, meter.link())

    assert meter.asked[-1] == bytes.fromhex("0106")
    assert (len(session.readings), session.remarks) == (11, [])


async def test_the_same_records_under_new_numbers_are_no_news() -> None:
    meter = Meter(records(10, 20))
    session = meter.session()
    await talk(session)
    meter.memory = {
        n - 9: record(n - 9, 100 + n, base=f"ea07 02 0e 00 {n:02x} 00") for n in range(10, 21)
    }

    await talk(session, meter.link())

    assert len(session.readings) == 11


@pytest.mark.conformance("GLP/COL/SPR/BV-09")
async def test_a_meter_emptied_by_its_owner_starts_anew() -> None:
    meter = Meter(records(1, 20))
    session = meter.session()
    await talk(session)
    meter.memory = {}
    await talk(session, meter.link())
    meter.memory = {1: record(1, 222, base="ea07 04 01 08 00 00")}

    await talk(session, meter.link())

    assert values(session)[-1] == 222


@pytest.mark.conformance("GLP/COL/SPN/BV-02")
async def test_where_one_of_the_new_records_is_missing_they_are_counted_and_asked_for_again() -> (
    None
):
    meter = Meter(records(1, 20))
    session = meter.session()
    await talk(session)
    meter.memory |= records(21, 24)
    meter.lose = [{22}]
    meter.asked.clear()

    await talk(session, meter.link())

    report, count = bytes.fromhex("01 03 01 1400"), bytes.fromhex("04 03 01 1400")
    assert meter.asked[:3] == [report, count, report]
    assert sorted(values(session)) == [100 + n for n in range(1, 25)]


@given(
    lost=st.lists(st.sets(st.integers(1, 20)), min_size=1, max_size=2),
    holes=st.sets(st.integers(2, 19), max_size=5),
)
async def test_whatever_is_lost_on_the_way_is_read_in_the_end(
    lost: list[set[int]], holes: set[int]
) -> None:
    memory = {n: data for n, data in records(1, 20).items() if n not in holes}
    meter = Meter(memory, lose=lost)
    session = meter.session()

    await talk(session)

    assert sorted(values(session)) == [100 + n for n in memory]


@given(cuts=st.lists(st.integers(0, 12), max_size=6), late=st.booleans())
async def test_however_often_it_is_cut_every_record_is_kept_once_with_its_context(
    cuts: list[int], late: bool
) -> None:
    memory = {n: record(n, 100 + n, announces=n % 2 == 0) for n in range(1, 13)}
    contexts = {n: context(n, 3) for n in memory if n % 2 == 0}
    meter = Meter(memory, contexts, late_contexts=late)
    session = meter.session()
    for cut in cuts:
        meter.cut_after = cut
        with pytest.raises(LinkLost):
            await talk(session, meter.link(then=LinkLost))
    meter.cut_after = None

    await talk(session, meter.link())

    assert sorted(values(session)) == [100 + n for n in memory]
    assert sum("fasting" in reading.flags for reading in session.readings) == len(contexts)


@given(
    order=st.permutations(range(1, 9)),
    cuts=st.lists(st.integers(0, 8), max_size=4),
    lost=st.lists(st.sets(st.integers(1, 8)), max_size=4),
    counts=st.booleans(),
)
async def test_in_whatever_order_records_come_none_is_skipped_for_good(
    order: list[int], cuts: list[int], lost: list[set[int]], counts: bool
) -> None:
    meter = Meter({n: record(n, 100 + n) for n in order}, lose=lost, counts=counts)
    session = meter.session()
    for cut in cuts:
        meter.cut_after = cut
        with suppress(LinkLost):
            await talk(session, meter.link(then=LinkLost))
    meter.cut_after, meter.lose = None, []

    await talk(session, meter.link())

    assert sorted(values(session)) == [100 + n for n in range(1, 9)]


@pytest.mark.conformance("GLP/COL/GLD/BV-06", "GLP/COL/GLD/BV-07", "GLP/COL/GLF/BV-11")
@pytest.mark.parametrize("late", [False, True])
async def test_a_context_belongs_to_the_record_of_its_number(late: bool) -> None:
    meter = Meter(
        {1: record(1, 101, announces=True), 2: record(2, 102), 3: record(3, 103, announces=True)},
        {1: context(1, 1), 3: context(3, 2, exercise="8403 32")},
        late_contexts=late,
    )
    session = meter.session()

    await talk(session)

    flags = dict(zip(values(session), (reading.flags for reading in session.readings), strict=True))
    assert flags == {
        101: {"capillary_whole_blood", "preprandial"},
        102: {"capillary_whole_blood"},
        103: {"capillary_whole_blood", "postprandial", "exercise"},
    }


async def test_a_lost_context_is_asked_for_again() -> None:
    meter = Meter(
        {1: record(1, announces=True), 2: record(2, announces=True)},
        {1: context(1, 6), 2: context(2, 3)},
        lose_contexts=[{1}],
    )
    session = meter.session()

    await talk(session)

    assert len(session.readings) == 1
    assert "ketone_record" in session.remarks


async def test_without_its_announced_context_a_record_is_questionable() -> None:
    meter = Meter(
        {1: record(1, announces=True), 2: record(2, announces=True)},
        {2: context(2, 3)},
    )
    session = meter.session()

    await talk(session)

    found = {"context_missing" in r.flags: r.quality for r in session.readings}
    assert found == {True: Quality.QUESTIONABLE, False: Quality.GOOD}
    assert len(meter.asked) == 4  # three reports, one count: the last report settles it


@pytest.mark.conformance("GLP/COL/GLD/BV-06")
async def test_a_meter_without_contexts_is_not_waited_for() -> None:
    session = Meter({1: record(1, announces=True)}).session()

    await talk(session)

    assert len(session.readings) == 1


async def test_an_unreadable_record_costs_nothing_but_itself() -> None:
    meter = Meter(records(1, 3) | {2: record(2)[:9]})
    session = meter.session()
    await talk(session)
    meter.asked.clear()

    await talk(session, meter.link())

    assert values(session) == [101, 103]
    assert [error.reason for _, error in session.aside] == ["truncated"]
    assert meter.asked == [bytes.fromhex("01 03 01 0300"), bytes.fromhex("0106")]


async def test_an_unreadable_context_is_set_aside() -> None:
    meter = Meter({1: record(1)}, {1: b"\xff"})
    session = meter.session()

    await talk(session)

    assert [frame.channel for frame, _ in session.aside] == [CONTEXT]
    assert len(session.readings) == 1


async def test_what_no_count_confirms_is_left_for_the_next_time() -> None:
    meter = Meter(records(1, 5), lose=[{2}, {2}, {2}])
    session = meter.session()
    await talk(session)
    assert session.remarks == ["stored_records_incomplete"]

    await talk(session, meter.link())

    assert sorted(values(session)) == [101, 102, 103, 104, 105]


async def test_a_meter_that_cannot_count_is_read_twice() -> None:
    meter = Meter(records(1, 5), counts=False)

    await talk(meter.session())

    assert [request[0] for request in meter.asked] == [1, 4, 1, 4]


@pytest.mark.parametrize("filters", [True, False])
async def test_the_number_after_the_highest_is_zero(filters: bool) -> None:
    meter = Meter({65534: record(65534, 101), 65535: record(65535, 102)})
    session = meter.session()
    await talk(session)
    meter.memory |= {0: record(0, 103), 1: record(1, 104)}
    mark = Mark.from_text(await session.bookmark())
    assert mark is not None
    assert mark.sequence == 65535
    meter.filters = filters

    await talk(session, meter.link())

    assert values(session) == [101, 102, 103, 104]


async def test_a_meter_whose_numbers_begin_again_is_read_on_to_its_latest() -> None:
    memory = records(65500, 65534)
    session = Meter(memory).session()
    for number in (*range(65535, 0x10000), *range(20)):
        memory[number] = record(number, 500 + number % 500)
        await talk(session, Meter(memory).link())

    assert len(session.readings) == len(memory)


async def test_stored_readings_are_corrected_by_the_meters_clock() -> None:
    # the meter shows 2026-03-14 10:26:53 when it is 09:26:53 UTC
    meter = Meter(
        {1: record(1, base="ea07 03 0e 07 00 00", offset=180)},
        clock="ea07 03 0e 0a 1a 35 06 00 00",
    )
    session = meter.session()
    await talk(session)

    timing = corrected(session.readings[0], UTC_ZONE)

    assert timing.measured_at.isoformat() == "2026-03-14T09:00:00+00:00"
    assert timing.correction == -timedelta(hours=1)


@pytest.mark.conformance("GLP/COL/GLD/BV-08")
async def test_the_record_access_of_another_service_is_left_alone() -> None:
    meter = Meter(records(1, 3))
    link = meter.link()

    await talk(meter.session(link))

    assert {channel for channel, _ in link.written} == {RACP}
    assert link.subscribed == [MEASUREMENT, RACP]
    assert {data[0] for _, data in link.written} <= {1, 4}  # nothing is ever deleted


async def test_a_meter_busy_with_an_earlier_request_is_tried_again_later() -> None:
    link = Meter(records(1, 3)).link()
    link.answers = {RACP: lambda _: [(RACP, bytes.fromhex("0600010a"))]}
    session = RecordingSession(DRIVER, link)

    with pytest.raises(ProtocolError, match="server_busy"):
        await talk(session)


async def test_a_report_that_the_meter_breaks_off_costs_no_reading_that_came() -> None:
    came = [(MEASUREMENT, octets) for octets in records(1, 3).values()]
    broken_off = (RACP, bytes.fromhex("06000108"))
    session = Meter(records(1, 3)).session()
    session.link = ScriptedLink({MEASUREMENT: b""}, {RACP: lambda _: [*came, broken_off]})

    with pytest.raises(ProtocolError, match="not_completed"):
        await talk(session)

    assert values(session) == [101, 102]  # the third may have had a twin


async def test_something_else_is_no_meter() -> None:
    session = RecordingSession(DRIVER, ScriptedLink({gatt("180f", "2a19"): b"\x50"}))

    with pytest.raises(ProtocolError, match="another model"):
        await talk(session)


@pytest.mark.parametrize(
    "text", [None, "", "3", "{}", '{"sequence":"3","digest":""}', '{"sequence":70000,"digest":""}']
)
def test_what_is_no_bookmark_of_ours_counts_as_none(text: str | None) -> None:
    assert Mark.from_text(text) is None


@given(sequence=st.integers(0, 0xFFFF), digest=st.text())
def test_a_bookmark_reads_back(sequence: int, digest: str) -> None:
    assert Mark.from_text(Mark(sequence, digest).to_text()) == Mark(sequence, digest)


@dataclass
class Mute(Meter):
    """Reports what it is asked for, and never says that this was all."""

    def _report(self, wanted: list[int]) -> Iterable[Written]:
        return list(super()._report(wanted))[:-1]


async def test_the_newest_record_of_a_meter_that_never_says_it_has_finished_is_kept() -> None:
    session = Mute(records(1, 5)).session()

    with pytest.raises(ProtocolError, match="silent"):
        await DRIVER.converse(session)

    assert values(session) == [101, 102, 103, 104, 105]


async def test_what_a_meter_reports_by_itself_and_again_when_asked_is_kept_once() -> None:
    meter = Meter(records(228, 232))
    link = meter.link()
    link.pending = [(MEASUREMENT, octets) for octets in meter.memory.values()]
    session = meter.session(link)

    await DRIVER.converse(session)

    assert values(session) == [100 + n % 300 for n in range(228, 233)]


# -- meters that measure ketone --------------------------------------------------------------------

EVENING, MORNING = "e407 03 0e 17 17 00", "e407 03 0a 0d 31 00"
FORA = {  # as captured: of each measurement a number and a "none"
    0: record(0, 112, base=EVENING, offset=0),
    1: record(1, base=EVENING, offset=0, word="ffff"),
    2: record(2, 13, base=MORNING, offset=0),
    3: record(3, base=MORNING, offset=0, word="ffff"),
}


async def test_where_a_number_may_be_ketone_nothing_is_trusted_and_the_owner_is_told_once() -> None:
    session = Meter(FORA).session()

    await DRIVER.converse(session)

    assert values(session) == [112, 13]
    assert {r.quality for r in session.readings} == {Quality.QUESTIONABLE}
    assert [remark.split(":")[0] for remark in session.remarks] == ["may_be_ketone"]


async def test_an_owner_without_ketone_strips_has_glucose() -> None:
    session = Meter(FORA).session()
    session.settings = {"ketone_strips": False}

    await DRIVER.converse(session)

    assert [r.quality for r in session.readings] == [Quality.GOOD, Quality.QUESTIONABLE]
    assert session.remarks == []


@pytest.mark.parametrize("cut", range(1, 5))
async def test_a_number_is_not_kept_before_its_twin_can_have_come(cut: int) -> None:
    meter = Meter(FORA, cut_after=cut)
    session = meter.session(meter.link(then=LinkLost))
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)
    meter.cut_after = None
    session.link = meter.link()

    await DRIVER.converse(session)

    assert values(session) == [112, 13]
    assert all("may_be_ketone" in r.flags for r in session.readings)
