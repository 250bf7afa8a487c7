from __future__ import annotations

import contextlib
from datetime import UTC, timedelta

import pytest

from gateway.domain.device_time import Correction, corrected
from gateway.domain.identity import identity
from gateway.domain.reading import Limit, Measure, Quality, Reading
from gateway.drivers.api import SERIAL, Fit, Reach, Sighting
from gateway.drivers.cgm.dexcom_receiver import DRIVER
from gateway.drivers.cgm.dexcom_receiver.session import POLL_S
from gateway.errors import LinkLost, LinkTimeout, ProtocolError
from gateway.testing.clock import START, ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.cgm.dexcom_receiver.receiver import (
    DISPLAY_OFFSET,
    Receiver,
    egv,
    egv_5,
    framed,
)
from tests.drivers.serial_lines import DEVICE, session_with

NOW = 206_500_000  # what the receiver's system clock shows; it is nobody's time


def history(count: int, start: int = 0) -> list[bytes]:
    """A reading every five minutes, the last one a minute ago."""
    first = NOW - 60 - 300 * (count - 1)
    return [egv(first + 300 * n, 100 + n % 50) for n in range(start, count)]


def plugged_in(receiver: Receiver) -> RecordingSession:
    session = session_with(DRIVER, answer=receiver.answer)
    link = session.link
    assert isinstance(link, ScriptedLink)
    link.then = LinkTimeout
    return session


async def test_it_is_asked_who_it_is_and_nothing_is_recorded() -> None:
    session = plugged_in(Receiver(history(10), serial="SM11111111"))

    number = await DRIVER.number(session)

    assert number == "SM11111111"
    assert session.readings == []


async def polled(session: RecordingSession, receiver: Receiver, times: int = 1) -> None:
    """Let the gateway poll, then unplug the receiver."""
    pauses = 0

    async def pause(seconds: float, /) -> None:
        nonlocal pauses
        assert seconds == POLL_S
        pauses += 1
        if pauses == times:
            raise LinkLost("unplugged")

    session.pause = pause  # type: ignore[method-assign]
    with contextlib.suppress(LinkLost):
        await DRIVER.converse(session)


def glucose(readings: list[Reading]) -> list[int]:
    return [int(r.values[Measure.GLUCOSE].value) for r in readings]


async def test_the_whole_memory_is_read_oldest_first() -> None:
    receiver = Receiver(history(100))
    session = plugged_in(receiver)

    await polled(session, receiver)

    assert glucose(session.readings) == [100 + n % 50 for n in range(100)]
    assert session.calls == [100]
    assert await session.bookmark() == f"SM44792675:99@{NOW - 60}"


async def test_the_receiver_is_introduced() -> None:
    session = plugged_in(receiver := Receiver())

    await polled(session, receiver)

    device = session.device
    assert (device.manufacturer, device.model) == ("Dexcom", "Dexcom G4 Receiver")
    assert (device.serial, device.firmware) == ("SM44792675", "2.0.1.104")
    assert session.readings == []


async def test_a_record_is_measured_when_the_receivers_clock_says_however_wrong_it_is() -> None:
    session = plugged_in(receiver := Receiver(history(3)))

    await polled(session, receiver)

    timing = corrected(session.readings[-1], UTC)
    assert timing.measured_at == START - timedelta(seconds=60)
    assert timing.reason is Correction.MEASURED_OFFSET
    assert [r.live for r in session.readings] == [False, False, True]


async def test_only_what_is_new_is_read_and_the_growing_page_again() -> None:
    receiver = Receiver(history(100))
    session = plugged_in(receiver)
    await polled(session, receiver)
    receiver.asked.clear()

    receiver.records.append(egv(NOW - 10, 180))
    await polled(session, receiver)

    assert glucose(session.readings[-1:]) == [180]
    assert session.calls == [100, 1]
    pages = [payload[1] for command, payload in receiver.asked if command == 17 and payload[0] == 4]
    assert pages == [2]


async def test_nothing_new_is_nothing_recorded() -> None:
    receiver = Receiver(history(10))
    session = plugged_in(receiver)

    await polled(session, receiver, times=3)

    assert session.calls == [10]


async def test_a_receiver_that_was_emptied_is_read_whole_again() -> None:
    receiver = Receiver(history(100))
    session = plugged_in(receiver)
    await polled(session, receiver)

    receiver.records = [egv(NOW - 300, 90), egv(NOW, 95)]
    await polled(session, receiver)

    assert glucose(session.readings[-2:]) == [90, 95]
    assert await session.bookmark() == f"SM44792675:1@{NOW}"


@pytest.mark.parametrize("reached", [9, 10, 25, 60])
async def test_a_receiver_that_was_emptied_and_reached_its_old_index_is_read_whole(
    reached: int,
) -> None:
    receiver = Receiver(history(10))
    session = plugged_in(receiver)
    await polled(session, receiver)

    receiver.system_now = NOW + 86_400
    # The same values at the same indices: another day's nevertheless.
    receiver.records = [egv(NOW + 3600 + 300 * n, 100 + n % 50) for n in range(reached)]
    await polled(session, receiver, times=2)

    assert glucose(session.readings[10:]) == [100 + n % 50 for n in range(reached)]
    assert session.calls[1:] == [reached]


async def test_a_bookmark_of_an_older_version_is_understood() -> None:
    session = plugged_in(receiver := Receiver(history(10)))
    await session.set_bookmark("SM44792675:7")

    await polled(session, receiver)

    assert glucose(session.readings) == [108, 109]
    assert await session.bookmark() == f"SM44792675:9@{NOW - 60}"


async def test_another_receiver_on_the_same_cable_is_read_whole() -> None:
    session = plugged_in(first := Receiver(history(10)))
    await polled(session, first)

    second = plugged_in(other := Receiver(history(10), serial="SM11111111"))
    second._bookmark = await session.bookmark()
    await polled(second, other)

    assert len(second.readings) == 10
    assert {identity(r) for r in session.readings}.isdisjoint(identity(r) for r in second.readings)


async def test_reading_it_all_again_gives_the_same_identities() -> None:
    first, again = (plugged_in(Receiver(history(40))) for _ in range(2))
    again.clock = ManualClock(START + timedelta(days=3))

    for session in (first, again):
        await polled(session, Receiver())

    assert [identity(r) for r in first.readings] == [identity(r) for r in again.readings]
    assert first.readings[0].device == DEVICE


async def test_values_out_of_range_have_a_limit_and_no_number() -> None:
    session = plugged_in(receiver := Receiver([egv(NOW - 600, 39), egv(NOW - 300, 401)]))

    await polled(session, receiver)

    assert [r.limit for r in session.readings] == [Limit.BELOW, Limit.ABOVE]
    assert all(not r.values for r in session.readings)


async def test_superseded_values_and_reasons_are_no_readings() -> None:
    records = [egv(NOW - 900, 0x8000 | 140), egv(NOW - 600, 5), egv(NOW - 300, 120)]
    session = plugged_in(receiver := Receiver(records))

    await polled(session, receiver)

    assert glucose(session.readings) == [120]
    assert await session.bookmark() == f"SM44792675:2@{NOW - 300}"


async def test_heavy_noise_and_an_unknown_state_are_doubts() -> None:
    noisy = plugged_in(Receiver([egv(NOW - 300, 120, trend_and_noise=0x44)]))
    odd = plugged_in(Receiver([egv_5(NOW - 300, 120, NOW - 300, state=42)], revision=5))

    await polled(noisy, Receiver())
    await polled(odd, Receiver())

    assert noisy.readings[0].flags == {"noise_heavy"}
    assert odd.readings[0].flags == {"algorithm_state_42"}
    assert odd.readings[0].quality is Quality.QUESTIONABLE


async def test_a_backfilled_value_was_measured_when_the_transmitter_says() -> None:
    offset = 5000  # the transmitter's idea of the system clock, against the receiver's
    records = [
        egv_5(NOW - 3600, 110, NOW - 3600 + offset),
        egv_5(NOW - 60, 0x2000 | 120, NOW - 1800 + offset),
        egv_5(NOW - 50, 130, NOW - 50 + offset),
    ]
    session = plugged_in(receiver := Receiver(records, revision=5))

    await polled(session, receiver)

    ages = [START - corrected(r, UTC).measured_at for r in session.readings]
    assert [age.total_seconds() for age in ages] == [3600, 1800, 50]


async def test_a_backfilled_value_without_any_other_has_no_time() -> None:
    session = plugged_in(
        receiver := Receiver([egv_5(NOW - 60, 0x2000 | 120, NOW - 1800)], revision=5)
    )

    await polled(session, receiver)

    assert session.readings[0].flags == {"time_unknown"}
    assert not corrected(session.readings[0], UTC).sendable


async def test_what_a_touchscreen_receiver_keeps_apart_is_read_too_and_once() -> None:
    offset = 5000
    receiver = Receiver(
        [egv_5(NOW - 3600, 110, NOW - 3600 + offset), egv_5(NOW - 50, 130, NOW - 50 + offset)],
        revision=5,
        product=b"OrionReceiver",
        backfilled=[egv_5(NOW - 60, 0x2000 | 120, NOW - 1800 + offset)],
    )
    session = plugged_in(receiver)

    await polled(session, receiver, times=2)

    ages = [START - corrected(r, UTC).measured_at for r in session.readings]
    assert glucose(session.readings) == [110, 130, 120]
    assert [age.total_seconds() for age in ages] == [3600, 50, 1800]
    assert session.calls == [3]
    assert await session.bookmark() == f"SM44792675:1@{NOW - 50}:0@{NOW - 60}"


async def test_the_first_backfilled_value_may_come_later() -> None:
    receiver = Receiver([egv_5(NOW - 50, 130, NOW - 50)], revision=5, product=b"ScoutReceiver")
    session = plugged_in(receiver)
    await polled(session, receiver)

    receiver.backfilled = [egv_5(NOW - 40, 0x2000 | 120, NOW - 1800)]
    await polled(session, receiver)

    assert glucose(session.readings) == [130, 120]


async def test_a_record_newer_than_the_clock_has_no_time() -> None:
    session = plugged_in(receiver := Receiver([egv(NOW + 86_400, 120), egv(NOW - 60, 121)]))

    await polled(session, receiver)

    before, after = session.readings
    assert before.flags == {"clock_reset"}
    assert not corrected(before, UTC).sendable
    assert after.quality is Quality.GOOD


async def test_what_was_stored_before_the_clock_fell_back_has_no_time() -> None:
    before = [egv(NOW - 900, 110), egv(NOW - 600, 111)]
    session = plugged_in(receiver := Receiver([*before, egv(NOW - 7000, 112), egv(NOW - 400, 113)]))

    await polled(session, receiver)

    assert [set(r.flags) for r in session.readings] == [
        {"clock_reset"},
        {"clock_reset"},
        set(),
        set(),
    ]
    assert [corrected(r, UTC).sendable for r in session.readings] == [False, False, True, True]


async def test_the_clocks_of_a_receiver_may_differ_by_a_second() -> None:
    session = plugged_in(receiver := Receiver([egv(NOW - 599, 110), egv(NOW - 600, 111)]))

    await polled(session, receiver)

    assert [set(r.flags) for r in session.readings] == [set(), set()]


async def test_a_display_may_be_behind_the_system_clock() -> None:
    behind = -9 * 3600
    session = plugged_in(
        receiver := Receiver([egv(NOW - 600, 110, offset=behind)], display_offset=behind)
    )

    await polled(session, receiver)

    assert session.readings[0].flags == set()


@pytest.mark.parametrize(("hours", "is_dated"), [(0, True), (1, True), (-26, True), (27, False)])
async def test_a_record_whose_display_was_another_than_any_zone_explains_has_no_time(
    hours: int, is_dated: bool
) -> None:
    session = plugged_in(
        receiver := Receiver([egv(NOW - 600, 110, offset=DISPLAY_OFFSET - 3600 * hours)])
    )

    await polled(session, receiver)

    (reading,) = session.readings
    assert (reading.flags == set()) is is_dated
    assert corrected(reading, UTC).sendable is is_dated
    assert is_dated or reading.flags == {"clock_set"}


async def test_a_damaged_record_is_set_aside_once_and_the_others_are_kept() -> None:
    damaged = bytearray(egv(NOW - 300, 120))
    damaged[8] ^= 1
    receiver = Receiver([egv(NOW - 600, 110), bytes(damaged), egv(NOW - 60, 130)])
    session = plugged_in(receiver)

    await polled(session, receiver, times=3)

    receiver.records.append(egv(NOW - 10, 140))
    await polled(session, receiver)

    assert glucose(session.readings) == [110, 130, 140]
    assert [error.reason for _, error in session.aside] == ["crc"]


async def test_a_damaged_page_is_set_aside_and_holds_the_bookmark() -> None:
    receiver = Receiver(history(100))
    session = plugged_in(receiver)
    answer = receiver.answer

    def spoiled(data: bytes) -> list[bytes]:
        if data[3] == 17 and data[4] == 4 and data[5] == 1:
            receiver.asked.append((17, data[4:-2]))
            return [framed(1, b"\x00" * 528)]
        return list(answer(data))

    assert isinstance(session.link, ScriptedLink)
    session.link.answers = {SERIAL: lambda data: [(SERIAL, c) for c in spoiled(data)]}
    await polled(session, receiver, times=2)

    assert len(session.readings) == 62
    assert len(session.aside) == 1
    assert await session.bookmark() is None


async def test_a_blinded_receiver_is_not_read() -> None:
    session = plugged_in(receiver := Receiver(history(10), blinded=True))

    await polled(session, receiver)

    assert session.readings == []
    assert "blinded" in session.remarks[0]
    assert not [payload for command, payload in receiver.asked if payload[:1] == b"\x04"]


async def test_noise_before_an_answer_is_passed_over() -> None:
    session = plugged_in(receiver := Receiver(history(10), noise=b"AT\r\n\x01\xff\xff"))

    await polled(session, receiver)

    assert len(session.readings) == 10


async def test_a_receiver_that_is_slow_to_wake_is_asked_again() -> None:
    session = plugged_in(receiver := Receiver(history(1), deaf=2))

    await polled(session, receiver)

    assert [command for command, _ in receiver.asked[:3]] == [10, 10, 10]
    assert len(session.readings) == 1


async def test_a_silent_receiver_needs_a_person() -> None:
    session = plugged_in(Receiver(deaf=3))

    with pytest.raises(LinkTimeout, match="plug it in again"):
        await DRIVER.converse(session)


async def test_a_refusal_ends_the_session() -> None:
    session = plugged_in(Receiver())
    assert isinstance(session.link, ScriptedLink)
    session.link.answers = {SERIAL: lambda data: [(SERIAL, framed(6))]}

    with pytest.raises(ProtocolError, match="refused ping"):
        await DRIVER.converse(session)


async def test_only_reading_is_ever_asked() -> None:
    session = plugged_in(receiver := Receiver(history(50)))

    await polled(session, receiver)

    assert {command for command, _ in receiver.asked} <= {10, 11, 16, 17, 29, 34, 39}


def test_the_usb_id_tells_a_receiver() -> None:
    assert DRIVER.match(Sighting("/dev/ttyACM0", Reach.SERIAL, usb=(0x22A3, 0x47))) is Fit.MODEL
    assert DRIVER.match(Sighting("/dev/ttyACM0", Reach.SERIAL, usb=(0x22A3, 0x48))) is Fit.NONE
