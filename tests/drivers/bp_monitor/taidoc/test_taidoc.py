from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device_time import corrected
from gateway.domain.reading import Kind, Limit, Measure, Quality, Reading
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.bp_monitor.taidoc import DRIVER
from gateway.drivers.bp_monitor.taidoc.codec import (
    Command,
    Glucose,
    Packet,
    Value,
    glucose,
    message,
    packets,
    request,
    taken,
)
from gateway.errors import ConfigError, DecodeError, LinkTimeout, ProtocolError
from gateway.testing.clock import START
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from gateway.wire.stream import Framer
from tests.drivers.serial_lines import (
    cut,
    is_total,
    mangled,
    session_asking,
    session_with,
    systolic,
    unplugged_at,
)


def reply(command: int, *payload: int) -> bytes:
    body = bytes((0x51, command, *payload, 0xA5))
    return body + bytes((sum(body) & 0xFF,))


TIME = (0x04, 0x27, 0x25, 0x0D)  # 2019-08-04 13:37
OF_A_PRESSURE = (0x04, 0x27, 0x25 | 0x80, 0x0D)
"""The same, as a D40 marks it."""
VALUE = reply(0x26, 128, 95, 79, 66)


@dataclass
class Monitor:
    """A monitor with a memory, newest first, made from the description of its protocol."""

    model: tuple[int, int] = (0x28, 0x31)
    clock: tuple[int, ...] = (0x04, 0x27, 0x2F, 0x0D)  # ten minutes after TIME
    memory: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(
        default_factory=lambda: [
            (TIME, (128, 95, 79, 66)),
            ((0x04, 0x27, 0x25, 0x0C), (120, 90, 70, 60)),
        ]
    )
    asked: list[int] = field(default_factory=list)
    count: int | None = None

    def answer(self, data: bytes) -> Iterable[bytes]:
        self.asked.append(data[1])
        index = int.from_bytes(data[2:4], "little")
        match data[1]:
            case 0x22:
                return [reply(0x54, 0, 0, 0, 0)]
            case 0x24:
                return [reply(0x24, *self.model, 0, 0)]
            case 0x23:
                return [reply(0x23, *self.clock)]
            case 0x2B:
                count = len(self.memory) if self.count is None else self.count
                return [reply(0x2B, *count.to_bytes(2, "little"), 0, 0)]
            case 0x25:
                return [b"\x00", reply(0x25, *self.memory[index][0])]
            case 0x26:
                whole = reply(0x26, *self.memory[index][1])
                return [whole[:3], whole[3:]]
        raise AssertionError("nothing else may be asked")


def of_glucose(session: RecordingSession) -> list[Reading]:
    return [reading for reading in session.readings if reading.kind is Kind.BLOOD_GLUCOSE]


async def read(
    monitor: Monitor, looks: int = 1, **settings: str | int | bool | None
) -> RecordingSession:
    session = session_asking(DRIVER, monitor.answer, settings)
    return await unplugged_at(looks, DRIVER, session)


def test_a_connection_is_asked_for_as_the_captures_show() -> None:
    assert request(Command.CONNECT).hex() == "512200000000a316"
    assert request(Command.COUNT).hex() == "512b00000000a31f"


def test_nothing_that_clears_or_sets_can_be_said() -> None:
    assert not {int(command) for command in Command} & {0x33, 0x52}


def test_a_time_is_read() -> None:
    decoded = taken(bytes(TIME))

    assert str(decoded.device_time) == "2019-08-04T13:37"
    assert (decoded.ihb_raw, decoded.average) == (0, False)


def test_what_is_packed_beside_the_time_is_read() -> None:
    decoded = taken(bytes((0x04, 0x27, 0x65, 0x8D)))

    assert str(decoded.device_time) == "2019-08-04T13:37"
    assert (decoded.ihb_raw, decoded.average) == (1, True)


def test_both_layouts_of_a_value_are_read() -> None:
    assert message(VALUE) == Value(128, 79, 66, 95)
    assert message(reply(0x26, 0x05, 0x01, 79, 66)) == Value(261, 79, 66)


def test_a_request_is_recognised() -> None:
    decoded = message(request(Command.MODEL))

    assert isinstance(decoded, Packet)
    assert decoded.command == "24"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (VALUE[:-1], "length"),
        (b"\x52" + VALUE[1:], "start"),
        (VALUE[:-1] + b"\x00", "checksum"),
        (reply(0x25, 0x04, 0x21, 0x25, 0x0D)[:2] + bytes((0, 0, 0, 0, 0xA5, 0x1B)), "timestamp"),
        (bytes((0x51, 0x24, 0, 0, 0, 0, 0xA4, 0x19)), "direction"),
    ],
)
def test_what_breaks_the_rules_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        message(data)

    assert caught.value.reason == reason


@given(
    data=st.one_of(
        mangled([VALUE]),
        st.tuples(st.integers(0, 255), st.lists(st.integers(0, 255), min_size=4, max_size=4)).map(
            lambda drawn: reply(drawn[0], *drawn[1])
        ),
    )
)
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(chunks=cut(b"\x51\x00" + VALUE + b"\x51" + reply(0x25, *TIME) + VALUE[:4] + VALUE))
def test_packets_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    framer = Framer(packets)

    whole = [p for chunk in chunks for p in framer.feed(chunk) if isinstance(p, bytes)]

    assert whole == [VALUE, reply(0x25, *TIME), VALUE]


async def test_the_memory_is_recorded_oldest_first_in_one_commit() -> None:
    session = await read(Monitor())

    assert systolic(session) == [120, 128]
    assert session.calls == [4]
    assert session.device.model == "TD-3128"


async def test_its_clock_tells_when_a_record_was_taken_however_wrong_it_is() -> None:
    session = await read(Monitor())

    ages = [START - corrected(r, UTC).measured_at for r in session.readings[::2]]
    assert ages == [timedelta(minutes=70), timedelta(minutes=10)]


async def test_a_clock_that_shows_no_time_is_no_reason_to_lose_the_memory() -> None:
    session = await read(Monitor(clock=(0, 0, 0, 0)))

    assert systolic(session) == [120, 128]


async def test_an_unknown_model_is_refused_unless_the_owner_knows_it() -> None:
    unknown = Monitor(model=(0x52, 0x32), memory=[(OF_A_PRESSURE, (0x05, 0x01, 79, 66))])

    with pytest.raises(ProtocolError, match="set `layout`"):
        await DRIVER.converse(session_with_timeouts(unknown))
    session = await read(unknown, layout="d40")

    assert systolic(session) == [261]


async def test_an_unknown_layout_is_the_configurations_fault() -> None:
    with pytest.raises(ConfigError, match="d40"):
        await DRIVER.converse(session_with(DRIVER, settings={"layout": "d50"}))


async def test_a_record_without_time_is_set_aside_and_the_rest_is_kept() -> None:
    monitor = Monitor()
    monitor.memory.insert(1, ((0, 0, 0, 0), (1, 2, 3, 4)))

    session = await read(monitor)

    assert systolic(session) == [120, 128]
    assert [error.reason for _, error in session.aside if error.reason != "no_start"] == [
        "timestamp"
    ]


async def test_irregular_beats_and_an_average_are_flags() -> None:
    session = await read(Monitor(memory=[((0x04, 0x27, 0x65, 0x8D), (128, 95, 79, 66))]))

    assert session.readings[0].flags == {"irregular_pulse", "average"}


async def test_a_d40_tells_its_model_and_the_mean_beside_the_systolic_pressure() -> None:
    an_hour_before = ((0x04, 0x27, 0x25 | 0x80, 0x0C), (130, 0, 85, 66))
    memory = [(OF_A_PRESSURE, (128, 95, 79, 66)), an_hour_before]

    session = await read(Monitor(model=(0x61, 0x32), memory=memory))

    assert systolic(session) == [130, 128]
    without, with_mean = (reading.values for reading in session.readings[::2])
    assert Measure.MEAN_ARTERIAL not in without
    assert with_mean[Measure.MEAN_ARTERIAL].value == 95
    assert session.device.model == "TD-3261"


def test_glucose_is_what_a_public_client_was_told() -> None:
    # 81,38,107,0,0,0,165,135 in a comment of a client for FORA glucose meters
    said = bytes((81, 38, 107, 0, 0, 0, 165, 135))

    assert reply(0x26, *said[2:6]) == said
    assert glucose(said[2:6]) == Glucose(107, meal=0, substance=0)


async def test_glucose_in_the_memory_of_a_d40_is_no_pressure() -> None:
    glucose = ((0x04, 0x27, 0x24, 0x0D), (120, 0, 25, 0))  # 120 mg/dL, which would be 120/25
    monitor = Monitor(memory=[(OF_A_PRESSURE, (130, 0, 85, 66)), glucose, glucose])

    session = await read(monitor, looks=2, layout="d40")

    assert systolic(session) == [130]
    assert [(str(r.values[Measure.GLUCOSE].value), r.quality) for r in of_glucose(session)] == [
        ("120", Quality.GOOD)
    ]


@pytest.mark.parametrize(
    ("value", "quality", "flag"),
    [
        ((0x68, 0x01, 25, 0x40), Quality.GOOD, "preprandial"),
        ((0x68, 0x01, 25, 0x80), Quality.GOOD, "postprandial"),
        ((0x68, 0x01, 25, 0xC0), Quality.CONTROL, "control_solution"),
        ((0xFF, 0x00, 25, 0x00), Quality.QUESTIONABLE, "perhaps_no_value"),
        ((0xFF, 0x00, 25, 0xC0), Quality.CONTROL, "control_solution"),
        ((0xFF, 0x00, 25, 0x80), Quality.QUESTIONABLE, "postprandial"),
    ],
)
async def test_what_stands_beside_glucose_says_what_it_is_worth(
    value: tuple[int, ...], quality: Quality, flag: str
) -> None:
    session = await read(Monitor(memory=[(TIME, value)]), layout="d40")

    (told,) = session.readings
    assert (told.quality, flag in told.flags) == (quality, True)


@pytest.mark.parametrize(
    ("mg_dl", "limit"), [(19, Limit.BELOW), (20, None), (600, None), (601, Limit.ABOVE)]
)
async def test_lo_and_hi_are_limits(mg_dl: int, limit: Limit | None) -> None:
    value = (*mg_dl.to_bytes(2, "little"), 25, 0)
    session = await read(Monitor(memory=[(TIME, value)]), layout="d40")

    (told,) = session.readings
    assert (told.limit, bool(told.values)) == (limit, limit is None)


@pytest.mark.parametrize("none", [(0xFF, 0xFF), (0, 0)])
async def test_a_strip_that_failed_is_an_event(none: tuple[int, int]) -> None:
    session = await read(Monitor(memory=[(TIME, (*none, 25, 0))]), layout="d40")

    assert session.readings == []
    assert session.remarks == ["no_value"]


async def test_a_look_asks_for_no_record_that_the_last_one_read() -> None:
    monitor = Monitor()

    await read(monitor, looks=2)

    assert monitor.asked.count(0x26) == 2 + 1 + 1  # the memory, its newest again, and once more


@pytest.mark.parametrize(
    "then",
    [
        [((0x04, 0x27, 0x2E, 0x0D), (150, 110, 99, 88))],
        [(TIME, (150, 110, 99, 88))],
        [
            ((0x04, 0x27, 0x2E, 0x0D), (150, 110, 99, 88)),
            ((0x04, 0x27, 0x25, 0x0C), (120, 90, 70, 60)),
        ],
    ],
    ids=["emptied", "another value at the same time", "the newest was deleted"],
)
async def test_a_memory_without_the_record_that_was_newest_is_read_whole(
    then: list[tuple[tuple[int, ...], tuple[int, ...]]],
) -> None:
    monitor = Monitor()
    first = await read(monitor)
    monitor.memory = then
    session = session_asking(DRIVER, monitor.answer, {})
    session._bookmark = first._bookmark

    await unplugged_at(1, DRIVER, session)

    assert systolic(session) == [120, 150][-len(then) :]


@pytest.mark.parametrize(
    ("minute", "hour", "is_irregular"),
    [(0x80, 0, False), (0xC0, 0, True), (0x80, 0x20, True), (0x80, 0x40, True)],
)
async def test_what_marks_a_pressure_is_no_irregular_beat(
    minute: int, hour: int, is_irregular: bool
) -> None:
    time = (0x04, 0x27, 0x25 | minute, 0x0D | hour)
    session = await read(Monitor(memory=[(time, (130, 0, 85, 66))]), layout="d40")

    assert ("irregular_pulse" in session.readings[0].flags) is is_irregular


async def test_a_count_that_cannot_be_ends_the_session() -> None:
    with pytest.raises(ProtocolError, match="more than it can keep"):
        await DRIVER.converse(session_with_timeouts(Monitor(count=60000)))


async def test_an_answer_to_another_question_ends_the_session() -> None:
    monitor = Monitor()
    answer = monitor.answer
    session = session_with(
        DRIVER,
        answer=lambda data: [reply(0x23, *TIME)] if data[1] == 0x2B else answer(data),
    )
    assert isinstance(session.link, ScriptedLink)
    session.link.then = LinkTimeout

    with pytest.raises(ProtocolError, match="another question"):
        await DRIVER.converse(session)


async def test_a_measurement_taken_meanwhile_moves_no_time_to_another_record() -> None:
    monitor = Monitor()
    answer = monitor.answer
    new = ((0x04, 0x27, 0x2E, 0x0D), (150, 110, 99, 88))

    def measures_meanwhile(data: bytes) -> Iterable[bytes]:
        reply = list(answer(data))
        if data[1] == 0x26 and new not in monitor.memory:
            monitor.memory.insert(0, new)
        return reply

    monitor.answer = measures_meanwhile  # type: ignore[method-assign]
    session = await read(monitor, looks=2)

    assert systolic(session) == [120, 128, 150]


def session_with_timeouts(monitor: Monitor) -> RecordingSession:
    session = session_with(DRIVER, answer=monitor.answer)
    assert isinstance(session.link, ScriptedLink)
    session.link.then = LinkTimeout
    return session


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE
