from __future__ import annotations

from collections.abc import Iterable

import pytest

from gateway.drivers.api import Fit, Frame, Reach, Sighting, gatt
from gateway.drivers.bp_monitor.taidoc_ble import DRIVER
from gateway.drivers.bp_monitor.taidoc_ble.session import PIPE, SERVICE
from gateway.drivers.registry import installed
from gateway.errors import DecodeError, LinkTimeout, ProtocolError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from tests.drivers.bp_monitor.taidoc.test_taidoc import OF_A_PRESSURE, Monitor, reply
from tests.drivers.serial_lines import systolic

GLUCOSE = ((0x04, 0x27, 0x24, 0x0D), (107, 0, 24, 0x40))


def a_d40(*newer: tuple[tuple[int, ...], tuple[int, ...]]) -> Monitor:
    memory = [*newer, GLUCOSE, (OF_A_PRESSURE, (128, 95, 79, 66))]
    return Monitor(model=(0x61, 0x32), memory=memory)


def meeting(monitor: Monitor) -> RecordingSession:
    """Let it say each answer whole, as on the air."""

    def answer(data: bytes) -> Iterable[Written]:
        return [(PIPE, b"".join(monitor.answer(data))[-8:])]

    return RecordingSession(DRIVER, ScriptedLink(answers={PIPE: answer}))


async def test_pressures_and_glucose_are_recorded_oldest_first_in_one_commit() -> None:
    session = meeting(a_d40())

    await DRIVER.converse(session)

    assert [(r.kind, str(next(iter(r.values.values())).value)) for r in session.readings] == [
        ("blood_pressure", "128"),
        ("heart_rate", "66"),
        ("blood_glucose", "107"),
    ]
    assert session.calls == [3]
    assert session.device.model == "TD-3261"


async def test_the_next_conversation_asks_for_what_is_new_and_no_further() -> None:
    monitor = a_d40()
    session = meeting(monitor)
    await DRIVER.converse(session)
    monitor.memory.insert(0, ((0x04, 0x27, 0x2E | 0x80, 0x0D), (150, 110, 99, 88)))
    monitor.asked.clear()

    await DRIVER.converse(session)

    assert systolic(session) == [128, 150]
    assert monitor.asked.count(0x26) == 3  # the new one, the known one, and whether it stood still


async def test_a_memory_without_news_is_left_alone() -> None:
    monitor = a_d40()
    session = meeting(monitor)
    await DRIVER.converse(session)
    monitor.asked.clear()

    await DRIVER.converse(session)

    assert monitor.asked == [0x24, 0x23, 0x2B, 0x25, 0x26]


async def test_whoever_measures_meanwhile_has_it_read_again() -> None:
    monitor = a_d40()
    answer = monitor.answer
    new = ((0x04, 0x27, 0x2E | 0x80, 0x0D), (150, 110, 99, 88))

    def measures_meanwhile(data: bytes) -> Iterable[bytes]:
        said = list(answer(data))
        if data[1] == 0x26 and new not in monitor.memory:
            monitor.memory.insert(0, new)
        return said

    monitor.answer = measures_meanwhile  # type: ignore[method-assign]
    session = meeting(monitor)

    await DRIVER.converse(session)

    assert systolic(session) == [128, 150]


async def test_a_late_answer_is_not_taken_for_that_of_another_record() -> None:
    monitor = a_d40()
    late: list[bytes] = []

    def answer(data: bytes) -> Iterable[Written]:
        said = [(PIPE, b"".join(monitor.answer(data))[-8:])]
        if data[1] == 0x25 and not late:  # the first of its time is told twice, once too late
            late.append(said[0][1])
            return [*said, *said]
        return said

    session = RecordingSession(DRIVER, ScriptedLink(answers={PIPE: answer}))
    await DRIVER.converse(session)

    stamps = [
        r.device_time.stamp for r in session.readings if r.device_time and r.device_time.stamp
    ]
    assert {stamp.minute for stamp in stamps} == {0x24, 0x25}


async def test_an_answer_that_cannot_be_read_is_set_aside_and_asked_for_again() -> None:
    monitor = a_d40()
    broken = [True]

    def answer(data: bytes) -> Iterable[Written]:
        whole = b"".join(monitor.answer(data))[-8:]
        if data[1] == 0x26 and broken.pop() if broken else False:
            return [(PIPE, whole[:-1] + bytes((whole[-1] ^ 1,)))]
        return [(PIPE, whole)]

    session = RecordingSession(DRIVER, ScriptedLink(answers={PIPE: answer}))
    await DRIVER.converse(session)

    assert len(session.readings) == 3
    assert [error.reason for _, error in session.aside] == ["checksum"]


async def test_a_monitor_that_falls_silent_is_tried_again_by_the_next_conversation() -> None:
    session = RecordingSession(DRIVER, ScriptedLink(answers={PIPE: lambda _: []}))

    with pytest.raises(LinkTimeout):
        await DRIVER.converse(session)


async def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ProtocolError, match="set `layout` for this device"):
        await DRIVER.converse(meeting(Monitor(model=(0x40, 0x31))))


@pytest.mark.parametrize("name", ["FORA D40", "TAIDOC TD3261", "FORA P60", "TAIDOC TD3128"])
def test_it_is_chosen_by_its_name_before_the_standard_service_that_tells_nothing(name: str) -> None:
    seen = Sighting("C0:26:DA:00:00:01", Reach.BLE, name, services=frozenset({"1810"}))

    best = installed().best(seen)

    assert best is not None
    assert best.manifest.name == "bp_monitor/taidoc_ble"


def test_the_service_alone_is_an_example_that_many_things_have() -> None:
    seen = Sighting("C0:26:DA:00:00:01", Reach.BLE, "FR:R20", services=frozenset({SERVICE}))

    assert DRIVER.match(seen) is Fit.NONE


def test_another_channel_is_none_of_its_own() -> None:
    with pytest.raises(DecodeError, match="unknown_channel"):
        DRIVER.decode(Frame(gatt("1810", "2a35"), reply(0x22, 0, 0, 0, 0), ManualClock().now()))
