from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device_time import Correction, corrected
from gateway.domain.reading import Kind, Quality
from gateway.drivers.api import SERIAL, Fit, Frame, Reach, Sighting
from gateway.drivers.scale.sanitas import DRIVER, codec
from gateway.drivers.scale.sanitas.session import DATA, HOLD_S, greeting
from gateway.errors import DecodeError, LinkError, LinkLost, LinkRefused, LinkTimeout
from gateway.testing.clock import START, ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from tests.drivers.gatt_lines import StoppedLink

SETTLING, SETTLED = "e7 58 01 0680", "e7 58 00 0687"
# The captures of ble-scale-sync issue 211: 83.55 kg, 437 Ohm, 22.3 % fat, 52.1 % water.
PARTS = (
    "e7 59 03 01 01 0000000000000065",
    "e7 59 03 02 6a21f4c6 0687 01b5 00df 02",
    "e7 59 03 03 09 018d 00e9 0717 0aa2 0108",
)
UNKNOWN = (
    "e7 59 03 01 01 0000000000000000",
    "e7 59 03 02 6a21f4c6 0687 0000 0000 00",
    "e7 59 03 03 00 0000 0000 0000 0000 0000",
)
GREETED, NO_USERS = "e6 00", "e7 f0 33 00 00 08"
USERS = (
    "e7 f0 33 00 02 08",
    "e7 34 02 01 0000000000000065 414c45 4d",
    "e7 34 02 02 ffffffffffffff66 423c00 3d",
)
TWO_SAVED = (
    "e7 f0 41 04 00",
    "e7 42 04 01 6a20a345 068c 01b3 00e1 02",
    "e7 42 04 02 07 018c 00e9 0717 0aa2 0108",
    "e7 42 04 03 6a21f4c6 0687 01b5 00df 02",
    "e7 42 04 04 09 018d 00e9 0717 0aa2 0108",
)
NONE_SAVED = "e7 f0 41 00 00"
ASK_USERS, ASK_FIRST, ASK_SECOND = "e733", "e7410000000000000065", "e741ffffffffffffff66"
"""Derived from the layout, but for the weighing of the capture, which is the second saved one."""


def scale(*frames: str, then: type[LinkError] = LinkTimeout) -> RecordingSession:
    pending = [(DATA, bytes.fromhex(frame)) for frame in frames]
    link = ScriptedLink(answers={DATA: lambda _: ()}, pending=pending, then=then)
    sighting = Sighting("x", Reach.BLE, name="SANITAS SBF70")
    return RecordingSession(DRIVER, link, sighting=sighting)


def told(session: RecordingSession) -> list[str]:
    return [
        f"{r.kind}: " + ", ".join(f"{q.value} {q.unit}" for _, q in sorted(r.values.items()))
        for r in session.readings
    ]


def written(session: RecordingSession) -> list[str]:
    assert isinstance(session.link, ScriptedLink)
    return [data.hex() for _, data in session.link.written]


@pytest.mark.parametrize("end", [LinkTimeout, LinkLost])
async def test_a_measurement_is_a_weight_and_a_body_composition(end: type[LinkError]) -> None:
    session = scale(SETTLING, SETTLED, *PARTS, then=end)

    await DRIVER.converse(session)

    assert told(session) == [
        "weight: 83.55 kg",
        "body_composition: 22.3 %, 52.1 %, 437 Ohm, 39.7 %",
    ]
    assert session.calls == [2]


@pytest.mark.parametrize("answer", ["e6 00", "f6 01"])
async def test_the_answer_to_the_greeting_is_nothing_to_read_or_to_acknowledge(answer: str) -> None:
    session = scale(answer, SETTLED, *PARTS, NO_USERS)

    await DRIVER.converse(session)

    assert (session.aside, session.remarks) == ([], [])
    assert len(written(session)) == 1 + 1 + 4


async def test_every_frame_is_acknowledged_and_the_last_part_only_once_it_is_safe() -> None:
    safe: list[int] = []
    session = scale(SETTLED, *PARTS)
    link = session.link
    assert isinstance(link, ScriptedLink)

    def noted(_: bytes) -> list[Written]:
        safe.append(len(session.readings))
        return []

    link.answers = {DATA: noted}

    await DRIVER.converse(session)

    assert [data.hex() for _, data in link.written] == [
        "e601",
        "e7f1580006",
        "e7f1590301",
        "e7f1590302",
        "e7f1590303",
    ]
    assert safe == [0, 0, 0, 0, 2]


@pytest.mark.parametrize(
    "shown", [(SETTLING, SETTLED), ("e7 58 01 0687",) * 3, (SETTLED, *UNKNOWN)]
)
async def test_a_settled_weight_without_composition_is_kept_for_itself(
    shown: tuple[str, ...],
) -> None:
    session = scale(*shown)

    await DRIVER.converse(session)

    assert told(session) == ["weight: 83.55 kg"]


@pytest.mark.parametrize("end", [LinkTimeout, LinkLost])
async def test_somebody_unknown_is_weighed_though_another_follows(end: type[LinkError]) -> None:
    heavier = [frame.replace("0687", "0700") for frame in (SETTLED, *PARTS)]
    session = scale(SETTLED, *UNKNOWN, *heavier, then=end)

    await DRIVER.converse(session)

    weights = [it for it in session.readings if it.kind is Kind.WEIGHT]
    assert [(str(it.values["weight"].value), it.slot) for it in weights] == [
        ("83.55", None),
        ("89.60", "101"),
    ]
    assert {it.quality for it in weights} == {Quality.GOOD}


async def test_who_left_before_their_composition_is_weighed_though_another_follows() -> None:
    heavier = [frame.replace("0687", "0700") for frame in (SETTLED, *PARTS)]
    session = scale(SETTLED, *heavier)

    await DRIVER.converse(session)

    assert told(session)[:2] == ["weight: 83.55 kg", "weight: 89.60 kg"]
    assert len(session.readings) == 3


async def test_a_weight_that_settles_anew_is_one_weight() -> None:
    session = scale(SETTLED, "e7 58 01 0688", "e7 58 00 0688")

    await DRIVER.converse(session)

    assert told(session) == ["weight: 83.60 kg"]


def quality_of(session: RecordingSession) -> list[tuple[Quality, frozenset[str]]]:
    return [(reading.quality, reading.flags) for reading in session.readings]


INTERRUPTED = [(Quality.QUESTIONABLE, frozenset({"interrupted"}))]
ENTIRE = [(Quality.GOOD, frozenset[str]())]


@pytest.mark.parametrize("begun", [(), (GREETED,), (GREETED, *USERS), (*PARTS[:2],)])
async def test_a_weight_whose_scale_may_have_saved_it_with_its_composition_is_not_sent(
    begun: tuple[str, ...],
) -> None:
    session = scale(SETTLED, *begun, then=LinkLost)

    await DRIVER.converse(session)

    assert told(session) == ["weight: 83.55 kg"]
    assert quality_of(session) == INTERRUPTED


async def test_a_weight_of_a_scale_without_users_is_sent_wherever_its_link_is_cut() -> None:
    session = scale(GREETED, NO_USERS, SETTLED, then=LinkLost)

    await DRIVER.converse(session)

    assert quality_of(session) == ENTIRE


async def test_a_weight_that_had_time_for_a_composition_is_entire() -> None:
    session = scale(SETTLED, NONE_SAVED, then=LinkLost)
    link = session.link
    assert isinstance(link, ScriptedLink)

    def later(_: bytes) -> list[Written]:
        session.clock.advance(HOLD_S)
        return []

    link.answers = {DATA: later}

    await DRIVER.converse(session)

    assert quality_of(session) == ENTIRE


async def test_a_weigh_in_cut_before_its_composition_counts_once() -> None:
    cut = scale(SETTLED, then=LinkLost)
    next_time = scale(GREETED, *USERS, *TWO_SAVED, NONE_SAVED)

    await DRIVER.converse(cut)
    await DRIVER.converse(next_time)

    weights = [
        str(it.values["weight"].value)
        for it in (*cut.readings, *next_time.readings)
        if it.kind is Kind.WEIGHT and it.quality is Quality.GOOD
    ]
    assert weights == ["83.80", "83.55"]


async def test_what_never_settled_is_no_weight() -> None:
    session = scale(SETTLING, "e7 58 01 0687", "e7 58 01 0690")

    await DRIVER.converse(session)

    assert session.readings == []


async def test_a_scale_that_nobody_stands_on_weighs_nothing() -> None:
    session = scale(*["e7 58 00 0000"] * 3)

    await DRIVER.converse(session)

    assert session.readings == []


async def test_who_answers_the_greeting_twice_is_asked_once() -> None:
    session = scale(GREETED, GREETED, NO_USERS)

    await DRIVER.converse(session)

    assert written(session).count(ASK_USERS) == 1


async def test_a_measurement_that_begins_anew_is_taken_from_its_beginning() -> None:
    session = scale(SETTLED, *PARTS[:2], *PARTS)

    await DRIVER.converse(session)

    assert len(session.readings) == 2


async def test_a_part_sent_again_is_taken_once() -> None:
    session = scale(PARTS[0], PARTS[1], PARTS[1], PARTS[2])

    await DRIVER.converse(session)

    assert len(session.readings) == 2


async def test_a_missing_part_is_never_bridged() -> None:
    session = scale(SETTLED, PARTS[0], PARTS[2])

    await DRIVER.converse(session)

    assert told(session) == ["weight: 83.55 kg"]
    assert [error.reason for _, error in session.aside] == ["part_missing"]


async def test_it_was_taken_now_whatever_the_scales_clock_shows() -> None:
    session = scale(PARTS[0], PARTS[1].replace("6a21f4c6", "ea21f4c6"), PARTS[2])  # 2094

    await DRIVER.converse(session)

    timing = corrected(session.readings[0], START.tzinfo or pytest.fail("no zone"))
    assert timing.measured_at == START


async def test_what_nobody_weighs_is_questionable() -> None:
    session = scale("e7 58 00 0001")

    await DRIVER.converse(session)

    assert session.readings[0].quality is Quality.QUESTIONABLE
    assert session.readings[0].kind is Kind.WEIGHT


async def test_a_scale_that_takes_no_acknowledgement_loses_no_weight() -> None:
    class Refusing(ScriptedLink):
        async def write(
            self, channel: object, data: bytes, /, *, acknowledged: bool = True
        ) -> None:
            if data[1] == 0xF1:
                raise LinkRefused("no", 0x03)

    session = scale()
    session.link = Refusing(pending=[(DATA, bytes.fromhex(SETTLED))])

    with pytest.raises(LinkRefused):
        await DRIVER.converse(session)

    assert told(session) == ["weight: 83.55 kg"]


async def test_what_was_saved_is_read_user_by_user() -> None:
    session = scale(GREETED, *USERS, *TWO_SAVED, NONE_SAVED)

    await DRIVER.converse(session)

    assert told(session) == [
        "weight: 83.80 kg",
        "body_composition: 22.5 %, 51.9 %, 435 Ohm, 39.6 %",
        "weight: 83.55 kg",
        "body_composition: 22.3 %, 52.1 %, 437 Ohm, 39.7 %",
    ]
    assert {(reading.slot, reading.live) for reading in session.readings} == {("101", False)}
    asked = [octets for octets in written(session) if octets[2:4] != "f1"]
    assert asked == ["e601", ASK_USERS, ASK_FIRST, ASK_SECOND]
    assert (session.aside, session.remarks) == ([], [])


async def test_a_user_chosen_by_a_large_number_is_named_by_it() -> None:
    session = scale(GREETED, *USERS, NONE_SAVED, *TWO_SAVED)

    await DRIVER.converse(session)

    assert {reading.slot for reading in session.readings} == {str(0xFFFFFFFFFFFFFF66)}


async def test_the_last_half_of_a_saved_weighing_is_acknowledged_only_once_it_is_safe() -> None:
    safe: dict[str, int] = {}
    session = scale(GREETED, *USERS, *TWO_SAVED, NONE_SAVED)
    link = session.link
    assert isinstance(link, ScriptedLink)

    def noted(data: bytes) -> list[Written]:
        safe[data.hex()] = len(session.readings)
        return []

    link.answers = {DATA: noted}

    await DRIVER.converse(session)

    acknowledged = [safe[f"e7f14204{part:02x}"] for part in (1, 2, 3, 4)]
    assert acknowledged == [0, 2, 2, 4]
    assert not any(octets[2:8] in {"f1f033", "f1f041"} for octets in safe)


async def test_a_weighing_is_the_same_reading_live_and_saved() -> None:
    session = scale(GREETED, SETTLED, *PARTS, *USERS, *TWO_SAVED, NONE_SAVED)

    await DRIVER.converse(session)

    assert [(reading.live, str(reading.kind)) for reading in session.readings] == [
        (True, "weight"),
        (True, "body_composition"),
        (False, "weight"),
        (False, "body_composition"),
    ]
    assert session.calls == [2, 2, 2]


async def test_saved_weighings_have_the_time_of_a_clock_that_apps_set_to_utc() -> None:
    session = scale(GREETED, *USERS, *TWO_SAVED, NONE_SAVED)
    long_after = datetime(2026, 7, 1, tzinfo=UTC)
    received = ManualClock(long_after).now()

    await DRIVER.converse(session)

    reading = session.readings[0].model_copy(update={"received": received})
    timing = corrected(reading, ZoneInfo("Europe/Paris"))
    assert timing.measured_at == datetime.fromtimestamp(0x6A20A345, UTC)
    assert timing.reason is Correction.STATED_OFFSET
    assert timing.uncertainty is not None
    assert timedelta(minutes=10) <= timing.uncertainty <= timedelta(minutes=11)


@pytest.mark.parametrize("stamp", ["00012345", "ea21f4c6"])
async def test_a_saved_weighing_of_a_clock_that_cannot_be_right_is_kept_and_not_sent(
    stamp: str,
) -> None:
    frames = [frame.replace("6a20a345", stamp) for frame in TWO_SAVED]
    session = scale(GREETED, *USERS, *frames, NONE_SAVED)

    await DRIVER.converse(session)

    timing = corrected(session.readings[0], ZoneInfo("Europe/Paris"))
    assert (timing.reason, timing.sendable) == (Correction.UNKNOWN, False)


async def test_a_live_weighing_shows_how_far_off_the_clock_is_for_the_saved_ones_after_it() -> None:
    live = [frame.replace("6a21f4c6", "6a220ae2") for frame in PARTS]  # 5660 s after the second
    session = scale(GREETED, *live, *USERS, *TWO_SAVED, NONE_SAVED)

    await DRIVER.converse(session)

    timing = corrected(session.readings[-1], UTC)
    assert timing.measured_at == START - timedelta(seconds=0x6A220AE2 - 0x6A21F4C6)
    assert timing.reason is Correction.MEASURED_OFFSET


async def test_who_stands_on_the_scale_is_heard_while_it_tells_what_it_saved() -> None:
    mixed = (TWO_SAVED[0], TWO_SAVED[1], SETTLED, PARTS[0], TWO_SAVED[2], *PARTS[1:])
    session = scale(GREETED, *USERS, *mixed, *TWO_SAVED[3:], NONE_SAVED)

    await DRIVER.converse(session)

    assert told(session)[:4] == [
        "weight: 83.80 kg",
        "body_composition: 22.5 %, 51.9 %, 435 Ohm, 39.6 %",
        "weight: 83.55 kg",
        "body_composition: 22.3 %, 52.1 %, 437 Ohm, 39.7 %",
    ]
    assert (len(session.readings), session.calls) == (4, [2, 2, 2])


async def test_a_known_person_in_shoes_has_a_weight_of_their_own_live_and_saved() -> None:
    zeros = UNKNOWN[1:]
    saved = ("e7 42 02 01 6a21f4c6 0687 0000 0000 00", "e7 42 02 02" + " 0000" * 5 + " 00")
    answer = "e7 f0 41 02 00"
    session = scale(GREETED, SETTLED, PARTS[0], *zeros, *USERS, answer, *saved, NONE_SAVED)

    await DRIVER.converse(session)

    assert [(reading.slot, reading.live) for reading in session.readings] == [("101", True)]
    assert session.calls == [1, 1]


async def test_a_half_sent_again_is_taken_once() -> None:
    session = scale(GREETED, *USERS, *(half for half in TWO_SAVED for _ in (1, 2)), NONE_SAVED)

    await DRIVER.converse(session)

    assert len(session.readings) == 4
    assert session.aside == []


async def test_a_missing_half_costs_its_own_weighing_only() -> None:
    session = scale(GREETED, *USERS, TWO_SAVED[0], *TWO_SAVED[2:], NONE_SAVED)

    await DRIVER.converse(session)

    assert told(session)[0] == "weight: 83.55 kg"
    assert [error.reason for _, error in session.aside] == ["part_missing"]
    assert session.remarks == []


@pytest.mark.parametrize("heard", [0, 1, 3, 5, 7])
async def test_a_memory_that_breaks_off_is_said_to_be_incomplete(heard: int) -> None:
    frames = (GREETED, *USERS, *TWO_SAVED)[: heard + 1]
    session = scale(*frames, then=LinkLost)

    await DRIVER.converse(session)

    assert session.remarks == ["stored_records_incomplete"]


@pytest.mark.parametrize(
    ("name", "first"), [("SANITAS SBF70", "e601"), ("Beurer BF710", "e601"), ("BF-800", "f601")]
)
def test_each_half_of_the_family_is_greeted_in_its_way(name: str, first: str) -> None:
    assert greeting(name).hex() == first


@pytest.mark.parametrize(
    ("name", "fit"),
    [("SANITAS SBF70", Fit.MODEL), ("BF720", Fit.NONE), ("HMSoft", Fit.NONE), (None, Fit.NONE)],
)
def test_it_is_chosen_by_its_name(name: str | None, fit: Fit) -> None:
    assert DRIVER.match(Sighting("x", Reach.BLE, name=name, services=frozenset({"ffe0"}))) is fit
    assert DRIVER.match(Sighting("x", Reach.SERIAL, name=name)) is Fit.NONE


@given(st.binary(max_size=24))
def test_any_bytes_are_a_message_or_a_decode_error(data: bytes) -> None:
    fault = None
    try:
        DRIVER.decode(Frame(DATA, data, ManualClock().now()))
    except DecodeError as error:
        fault = error

    assert fault is None or 0 <= fault.offset <= len(data)
    assert codec.acknowledgement(data) is None or data[0] in codec.STARTS


def test_a_channel_of_another_kind_is_refused() -> None:
    with pytest.raises(DecodeError, match="unknown_channel"):
        DRIVER.decode(Frame(SERIAL, b"", ManualClock().now()))


async def test_a_weight_that_has_settled_is_kept_when_the_gateway_stops() -> None:
    link = StoppedLink(
        answers={DATA: lambda _: ()},
        pending=[(DATA, bytes.fromhex(frame)) for frame in (SETTLING, SETTLED)],
    )
    session = RecordingSession(DRIVER, link, sighting=Sighting("x", Reach.BLE, name="SBF70"))

    with pytest.raises(asyncio.CancelledError):
        await DRIVER.converse(session)

    assert told(session) == ["weight: 83.55 kg"]
    assert quality_of(session) == INTERRUPTED
