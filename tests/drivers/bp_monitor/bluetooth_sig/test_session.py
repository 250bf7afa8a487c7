"""Conversations with a scripted cuff. The hub's clock shows 2026-03-14 09:26:53 UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from gateway.domain.device_time import corrected
from gateway.domain.reading import Kind, Measure, Quality, Reading
from gateway.drivers.api import Channel, Fit, Frame, Inbox, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER
from gateway.errors import JournalFull, LinkError, LinkLost, LinkRefused, LinkTimeout, ProtocolError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from gateway.testing.specimen import Said, Specimen, SpecimenLink, Trouble
from tests.drivers.gatt_lines import TickingClock

BP, ENHANCED, CLOCK = gatt("1810", "2a35"), gatt("1810", "2b34"), gatt("1805", "2a2b")

TAKEN = "06 7800 5000 5d00 ea07 03 0e 0a 19 00 4800"  # 120/80, 2026-03-14T10:25:00, pulse 72
EARLIER = "06 8200 5500 6400 ea07 03 0d 14 00 00 4600"  # 130/85, the evening before, pulse 70
UNSET = "06 7800 5000 5d00 0000 00 00 00 00 00 4800"  # the same as TAKEN, time unknown
UNSET_TOO = "06 8200 5500 6400 0000 00 00 00 00 00 4600"
NEVER_RAN = "06 7800 5000 5d00 d007 01 01 00 00 00 4800"  # 2000-01-01T00:00:00
IN_1970 = "02 7800 5000 5d00 b207 01 03 0a 19 00"  # 1970-01-03T10:25:00: an odd clock that runs
IN_1970_TOO = "02 8200 5500 6400 b207 01 04 0a 19 00"
CLOCKLESS = "00 7800 5000 5d00"
CLOCKLESS_TOO = "00 8200 5500 6400"
FAILED = "16 ff07 ff07 ff07 ea07 03 0e 0a 19 00 ff07 0000"  # boso: all NaN, status 0
NOW = "ea07 03 0e 0a 1a 35 06 00 00"  # the cuff's clock shows 10:26:53, an hour ahead of UTC


def cuff(
    *frames: str,
    channel: Channel = BP,
    then: type[LinkError] = LinkTimeout,
    clock: str | None = None,
    apart_s: float = 0.1,
) -> RecordingSession:
    link = ScriptedLink(
        values={} if clock is None else {CLOCK: bytes.fromhex(clock)},
        pending=[(channel, bytes.fromhex(frame)) for frame in frames],
        then=then,
        clock=TickingClock(apart_s),
    )
    return RecordingSession(DRIVER, link)


def systolic(readings: list[Reading]) -> list[int]:
    pressures = [r.values for r in readings if r.kind is Kind.BLOOD_PRESSURE]
    return [int(values[Measure.SYSTOLIC].value) for values in pressures]


@pytest.mark.conformance(
    "BLP/COL/BPD/BV-04",
    "BLP/COL/BPD/BV-05",
    "BLP/COL/BPF/BV-09",
    "BLP/COL/BPF/BV-10",
    "BLP/COL/BPF/BV-11",
)
@pytest.mark.parametrize("end", [LinkTimeout, LinkLost])
async def test_every_record_is_kept_and_silence_or_the_links_end_is_the_end(
    end: type[LinkError],
) -> None:
    session = cuff(EARLIER, TAKEN, then=end)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [130, 120]
    assert [r.kind for r in session.readings[:2]] == [Kind.BLOOD_PRESSURE, Kind.HEART_RATE]
    assert session.calls == [2, 2]


@pytest.mark.conformance("BLP/COL/BPF/BV-11")
async def test_each_record_is_safe_before_the_next_is_asked_for() -> None:
    safe_when_asked: list[int] = []

    class Watching(ScriptedLink):
        def _next(self, channel: Channel) -> Frame:
            safe_when_asked.append(session.events.count("record") + session.events.count("remark"))
            return super()._next(channel)

    pending = [(BP, bytes.fromhex(frame)) for frame in (UNSET, EARLIER, TAKEN)]
    session = RecordingSession(DRIVER, Watching(pending=pending))

    await DRIVER.converse(session)

    assert safe_when_asked == [0, 1, 3, 4]  # UNSET: a remark at once, a reading with EARLIER


async def test_a_failed_measurement_is_an_event_and_no_reading() -> None:
    session = cuff(TAKEN, FAILED, then=LinkLost)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [120]
    assert session.remarks == ["measurement_failed"]


async def test_one_bad_frame_is_set_aside_and_the_rest_is_kept() -> None:
    session = cuff(EARLIER, "1e 7800 50", TAKEN)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [130, 120]
    assert [(frame.data.hex(), error.reason) for frame, error in session.aside] == [
        ("1e780050", "truncated")
    ]


async def test_a_record_sent_again_is_no_news() -> None:
    session = cuff(TAKEN, TAKEN)
    again = cuff(TAKEN)
    again.readings, again._known = session.readings, session._known

    await DRIVER.converse(session)
    await DRIVER.converse(again)

    assert systolic(session.readings) == [120]


async def test_a_silent_cuff_is_no_error() -> None:
    session = cuff(clock=NOW)
    session.link = ScriptedLink(values={BP: b""})

    await DRIVER.converse(session)

    assert session.readings == []


async def test_a_link_lost_while_the_cuff_introduces_itself_loses_no_record() -> None:
    class Leaving(ScriptedLink):
        async def read(self, channel: Channel, /) -> Frame:
            raise LinkLost("out of range")

    link = Leaving(values={CLOCK: bytes(10)}, pending=[(BP, bytes.fromhex(TAKEN))], then=LinkLost)
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [120]


async def test_a_refused_subscription_is_for_the_caller_to_handle() -> None:
    session = RecordingSession(DRIVER, ScriptedLink(refuse={BP: 0x0E}))

    with pytest.raises(LinkRefused):
        await DRIVER.converse(session)


async def test_a_device_without_the_measurement_is_another_device() -> None:
    session = RecordingSession(DRIVER, ScriptedLink(values={CLOCK: b""}))

    with pytest.raises(ProtocolError):
        await DRIVER.converse(session)


async def test_a_full_journal_ends_the_conversation() -> None:
    class Full(RecordingSession):
        async def record(self, *readings: Reading, bookmark: str | None = None) -> int:
            raise JournalFull("no room")

    session = Full(DRIVER, cuff(TAKEN, EARLIER).link)

    with pytest.raises(JournalFull):
        await DRIVER.converse(session)
    assert isinstance(session.link, ScriptedLink)
    assert len(session.link.pending) == 1


async def test_a_cuff_that_refuses_its_enhanced_measurement_is_heard_on_the_other() -> None:
    session = cuff(TAKEN)
    assert isinstance(session.link, ScriptedLink)
    session.link.refuse = {ENHANCED: 0x03}

    await DRIVER.converse(session)

    assert systolic(session.readings) == [120]


@pytest.mark.conformance("R-BLP-E1")
async def test_the_enhanced_measurement_is_preferred() -> None:
    # 120/80, 2000-01-02T00:00:00 (epoch 2000)
    session = cuff("42 7800 5000 5d00 80510100", channel=ENHANCED)
    assert isinstance(session.link, ScriptedLink)
    session.link.pending.append((BP, bytes.fromhex(TAKEN)))

    await DRIVER.converse(session)

    (reading,) = session.readings
    assert reading.device_time is not None
    assert reading.device_time.stamp == datetime.fromisoformat("2000-01-02")
    assert reading.device_time.raw == "80510100"


# -- time ------------------------------------------------------------------------------------------


async def test_the_stamp_is_kept_raw_beside_the_sample_of_the_clock() -> None:
    session = cuff(TAKEN, clock=NOW)

    await DRIVER.converse(session)

    told = session.readings[0].device_time
    assert told is not None
    assert told.clock is not None
    assert (told.raw, told.stamp) == ("ea07030e0a1900", datetime.fromisoformat("2026-03-14T10:25"))
    assert told.clock.shown == datetime.fromisoformat("2026-03-14T10:26:53")


SECONDS = 826_709_100  # from 2000-01-01 to 2026-03-13T09:25:00
BASE, SHOWN = (f"{it.to_bytes(4, 'little').hex()}" for it in (SECONDS, SECONDS + 3600))


@pytest.mark.conformance("R-BLP-E6")
@pytest.mark.parametrize(
    ("frame", "raw"),
    [
        (f"62 7800 5000 5d00 {BASE} {SHOWN}", BASE),
        (f"60 7800 5000 5d00 {SHOWN}", SHOWN),
        (f"64 7800 5000 5d00 4800 {SHOWN} 77", SHOWN),
        (f"42 7800 5000 5d00 {SHOWN}", SHOWN),
    ],
)
async def test_the_time_that_the_user_sees_is_compared_with_the_clock_that_the_user_sees(
    frame: str, raw: str
) -> None:
    session = cuff(frame, channel=ENHANCED, clock=NOW)

    await DRIVER.converse(session)

    told = session.readings[0].device_time
    assert told is not None
    assert (told.stamp, told.raw) == (datetime.fromisoformat("2026-03-13T10:25"), raw)
    measured_at = corrected(session.readings[0], UTC).measured_at
    assert measured_at is not None
    assert measured_at.replace(microsecond=0) == datetime(2026, 3, 13, 9, 25, tzinfo=UTC)


async def test_what_the_clock_says_is_just_taken_is_live() -> None:
    session = cuff(EARLIER, TAKEN, clock=NOW)

    await DRIVER.converse(session)

    assert [r.live for r in session.readings] == [False, False, True, True]


async def test_a_record_without_time_that_comes_alone_was_just_taken() -> None:
    session = cuff(UNSET)

    await DRIVER.converse(session)

    assert session.remarks == ["record_without_time"]
    assert [r.live for r in session.readings] == [True, True]
    assert session.calls == [2]


@pytest.mark.parametrize(
    "frames", [(UNSET, UNSET_TOO), (IN_1970, IN_1970_TOO), (CLOCKLESS, CLOCKLESS_TOO)]
)
async def test_records_without_time_that_come_together_have_no_known_time(
    frames: tuple[str, ...],
) -> None:
    session = cuff(*frames)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [120, 130]
    assert {r.live for r in session.readings} == {False}
    assert None not in [r.device_time for r in session.readings]


@pytest.mark.parametrize("frames", [(UNSET, UNSET_TOO), (CLOCKLESS, CLOCKLESS_TOO)])
async def test_records_without_time_that_come_apart_were_each_just_taken(
    frames: tuple[str, ...],
) -> None:
    session = cuff(*frames, apart_s=40)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [120, 130]
    assert {r.live for r in session.readings} == {True}


async def test_a_clock_that_is_years_behind_but_runs_needs_no_company_to_be_judged() -> None:
    session = cuff(IN_1970, clock="b207 01 03 0a 1a 35 06 00 00")

    await DRIVER.converse(session)

    assert session.remarks == []
    assert session.readings[0].live is True


async def test_a_cuff_that_keeps_no_time_sends_what_it_just_took() -> None:
    session = cuff(CLOCKLESS)

    await DRIVER.converse(session)

    (reading,) = session.readings
    assert reading.device_time is None
    assert reading.live is True


@pytest.mark.parametrize("record", [UNSET, NEVER_RAN])
async def test_equal_records_of_different_days_stay_two_where_the_stamp_says_nothing(
    record: str,
) -> None:
    today, tomorrow = cuff(record), cuff(record)
    tomorrow.readings, tomorrow._known = today.readings, today._known
    assert isinstance(tomorrow.link, ScriptedLink)
    tomorrow.link.clock = ManualClock(datetime(2026, 3, 15, 9, tzinfo=UTC))

    await DRIVER.converse(today)
    await DRIVER.converse(tomorrow)

    assert systolic(today.readings) == [120, 120]


async def test_the_same_record_without_time_twice_in_a_row_is_one() -> None:
    session = cuff(UNSET, UNSET)

    await DRIVER.converse(session)

    assert systolic(session.readings) == [120]
    assert session.readings[0].live is True


# -- a measurement under way -----------------------------------------------------------------------

ICP, ENHANCED_ICP = gatt("1810", "2a36"), gatt("1810", "2b35")
PUMPED = bytes.fromhex("00 9600 ff07 ff07")
FOR_A_MINUTE = [(0.5 * n, ICP, PUMPED) for n in range(1, 120)]


def measuring(*says: Said, values: dict[Channel, bytes] | None = None) -> RecordingSession:
    clock = ManualClock()
    specimen = Specimen(DRIVER, (), says, values or {})
    return RecordingSession(DRIVER, SpecimenLink(specimen, clock, Trouble()), clock=clock)


@pytest.mark.conformance("BLP/COL/BPD/BV-06", "BLP/COL/BPD/BV-07", "BLP/COL/BPF/BV-12")
async def test_while_a_cuff_measures_its_result_is_waited_for_and_nothing_else_is_a_reading() -> (
    None
):
    session = measuring(*FOR_A_MINUTE, (60, BP, bytes.fromhex(TAKEN)))

    await DRIVER.converse(session)

    assert systolic(session.readings) == [120]
    assert session.remarks == ["measurement_under_way"]
    assert session.aside == []


async def test_each_measurement_under_way_is_told_once() -> None:
    again = [(60.0 + at, channel, data) for at, channel, data in FOR_A_MINUTE]
    taken, earlier = bytes.fromhex(TAKEN), bytes.fromhex(EARLIER)
    session = measuring(*FOR_A_MINUTE, (59.9, BP, earlier), *again, (119.9, BP, taken))

    await DRIVER.converse(session)

    assert systolic(session.readings) == [130, 120]
    assert session.remarks == ["measurement_under_way"] * 2


async def test_a_cuff_that_stops_measuring_without_a_result_is_not_waited_for() -> None:
    session = measuring(*FOR_A_MINUTE, values={BP: b""})

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.clock.now().monotonic - ManualClock().now().monotonic < 75


@pytest.mark.conformance("R-BLP-E2")
async def test_of_two_intermediate_pressures_the_enhanced_one_is_subscribed_to() -> None:
    session = cuff(TAKEN)
    assert isinstance(session.link, ScriptedLink)
    session.link.values = {ICP: b"", ENHANCED_ICP: b""}

    await DRIVER.converse(session)

    assert session.link.subscribed == [BP, ENHANCED_ICP]


async def test_a_refused_intermediate_pressure_costs_no_reading() -> None:
    session = cuff(TAKEN)
    assert isinstance(session.link, ScriptedLink)
    session.link.refuse = {ICP: 0x05}

    await DRIVER.converse(session)

    assert systolic(session.readings) == [120]


# -- models with oddities --------------------------------------------------------------------------

BEURER = "56 7100 4900 0000 ea07 08 0b 14 38 00 0041 01 0000"  # a BM85: pulse 65, user 1


async def test_a_beurer_is_known_by_its_name() -> None:
    session = cuff(BEURER)
    session.sighting = Sighting("C0:FF:EE:00:00:01", Reach.BLE, name="BM85")

    await DRIVER.converse(session)

    assert [(r.slot, r.quality.value) for r in session.readings] == [("1", "good"), ("1", "good")]
    assert [int(q.value) for q in session.readings[1].values.values()] == [65]


async def test_a_beurer_of_that_list_that_follows_the_specification_is_read_as_well() -> None:
    session = cuff("16 8000 5200 0000 ea07 03 0e 0a 19 00 5700 0400")
    session.sighting = Sighting("C0:FF:EE:00:00:01", Reach.BLE, name="BM59")

    await DRIVER.converse(session)

    assert [(r.slot, r.quality.value) for r in session.readings] == [(None, "good")] * 2
    assert [int(q.value) for q in session.readings[1].values.values()] == [87]
    assert all("irregular_pulse" in r.flags for r in session.readings)


@dataclass
class Drowsy(ScriptedLink):
    """It takes any subscription, and sends nothing if that came before it was ready."""

    def __post_init__(self) -> None:
        self.ready_at = self.clock.now().monotonic + 0.05

    async def subscribe(self, channel: Channel, /) -> Inbox:
        if self.clock.now().monotonic < self.ready_at:
            self.pending.clear()
        return await super().subscribe(channel)


async def test_a_beurer_is_given_a_rest_before_it_is_subscribed_to() -> None:
    clock = ManualClock()
    session = RecordingSession(
        DRIVER, Drowsy(pending=[(BP, bytes.fromhex(BEURER))], clock=clock), clock
    )
    session.sighting = Sighting("x", Reach.BLE, name="BM85")

    await DRIVER.converse(session)

    assert systolic(session.readings) == [113]


async def test_a_beurer_that_nobody_knows_is_not_trusted() -> None:
    session = cuff(BEURER)  # read plainly, its pulse is 10000000 and its user a status

    await DRIVER.converse(session)

    assert systolic(session.readings) == [113]
    assert {r.quality for r in session.readings} == {Quality.QUESTIONABLE}


@pytest.mark.conformance("BLP/COL/BPD/BV-01")
@pytest.mark.parametrize(
    ("name", "services", "fit"),
    [
        (None, {"1810"}, Fit.PROFILE),
        ("A&D_UA-651BLE", {"1810"}, Fit.PROFILE),
        ("Beurer BM 85", {"1810"}, Fit.MODEL),
        ("ELITE 900", set(), Fit.MODEL),
        ("BM54", {"1810"}, Fit.PROFILE),
        ("BF720", {"181d"}, Fit.NONE),
    ],
)
def test_a_cuff_is_recognised_by_its_service_or_its_name(
    name: str | None, services: set[str], fit: Fit
) -> None:
    sighting = Sighting("x", Reach.BLE, name=name, services=frozenset(services))

    assert DRIVER.match(sighting) is fit


def test_a_serial_port_is_no_bluetooth_cuff() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL, name="BM85")) is Fit.NONE
