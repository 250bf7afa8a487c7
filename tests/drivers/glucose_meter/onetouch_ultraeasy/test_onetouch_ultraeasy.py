from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reading import Limit, Quality
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.glucose_meter.lifescan import Packet, packet, seal
from gateway.drivers.glucose_meter.onetouch_ultraeasy import DRIVER
from gateway.drivers.glucose_meter.onetouch_ultraeasy.codec import (
    Ask,
    Clock,
    Count,
    Record,
    answer,
    ask_for_record,
    packets,
    serial,
)
from gateway.errors import DecodeError, ProtocolError
from gateway.testing.session import RecordingSession
from gateway.wire.stream import Framer
from tests.drivers.serial_lines import (
    WAKING_S,
    cut,
    glucose,
    is_total,
    mangled,
    session_asking,
    unplugged_at,
)

NOW = 1_457_516_000  # 2016-03-09 09:33:20 on the meter's clock


def sealed(link: int, message: bytes = b"") -> bytes:
    body = struct.pack("BBB", 2, 6 + len(message), link) + message + b"\x03"
    return body + struct.pack("<H", crc_hqx(body, 0xFFFF))


def stored(seconds: int, mg_dl: int) -> bytes:
    return b"\x05\x06" + struct.pack("<II", seconds, mg_dl)


@dataclass
class Meter:
    """A meter with a memory, newest first, made from the description of its protocol."""

    memory: list[bytes] = field(
        default_factory=lambda: [stored(NOW - 600, 112), stored(NOW - 7200, 98)]
    )
    off_for: int = 0
    count: int | None = None
    ours: int = 0
    asked: list[bytes] = field(default_factory=list)

    def answer(self, data: bytes) -> Iterable[bytes]:
        link, message = data[2], data[3:-3]
        assert data == sealed(link, message)
        self.asked.append(message)
        if self.off_for:
            self.off_for -= 1
            return []
        if link & 8:
            self.ours = 0
            return [sealed(0x0C)]
        if link & 4:
            assert link == 4 | (1 - self.ours) | (1 - self.ours) << 1
            self.ours = 1 - self.ours
            return []
        assert link == self.ours | self.ours << 1, "the sequence is broken"
        bits = self.ours | (1 - self.ours) << 1
        reply = sealed(bits, self._reply(message))
        return [sealed(bits | 4) + reply[:5], reply[5:]]

    def _reply(self, message: bytes) -> bytes:
        match message[:3]:
            case b"\x05\x20\x02":
                return b"\x05\x06" + struct.pack("<I", NOW)
            case b"\x05\x0b\x02":
                return b"\x05\x06" + b"C176SA0GR"
        assert message[:2] == b"\x05\x1f", "nothing else may be asked"
        number = int.from_bytes(message[2:], "little")
        if number == 501:
            count = len(self.memory) if self.count is None else self.count
            return b"\x05\x0f" + struct.pack("<H", count)
        return self.memory[number]


def session_of(meter: Meter) -> RecordingSession:
    return session_asking(DRIVER, meter.answer)


async def read(meter: Meter, polls: int = 1) -> RecordingSession:
    return await unplugged_at(polls, DRIVER, session_of(meter), longer_than_s=WAKING_S)


def test_packets_are_what_published_examples_show() -> None:
    assert seal(0x08).hex() == "02060803c262"
    assert seal(0x03, b"\x05\x0d\x02").hex() == "020903050d0203089f"


def test_answers_are_told_by_their_length() -> None:
    clock = answer(sealed(2, b"\x05\x06" + struct.pack("<I", NOW)))
    record = answer(sealed(2, stored(NOW, 112)))

    assert isinstance(clock, Clock)
    assert str(clock.device_time) == "2016-03-09T09:33:20"
    assert isinstance(record, Record)
    assert record.glucose_mgdl == 112
    assert answer(sealed(2, b"\x05\x0f\x02\x00")) == Count(2)
    assert answer(sealed(6)) == Packet(6, b"", "41cd")


def test_nothing_that_clears_or_sets_can_be_said() -> None:
    assert not [ask for ask in Ask if ask.value[:2] == b"\x05\x1a"]
    assert Ask.CLOCK.value[2] == 2
    with pytest.raises(ValueError, match="no record"):
        ask_for_record(501)


def test_a_serial_number_that_is_none_is_none() -> None:
    assert serial(b"\x05\x06\x00\xff") is None
    assert serial(b"\x05\x09") is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x03" + sealed(6)[1:], "start"),
        (sealed(6)[:-1], "length"),
        (b"\x02", "length"),
        (sealed(6)[:3] + b"\x04" + sealed(6)[4:], "end"),
        (sealed(6)[:-1] + b"\x00", "crc"),
    ],
)
def test_what_breaks_the_rules_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        packet(data)

    assert caught.value.reason == reason


@given(
    data=st.one_of(
        mangled([sealed(6), sealed(2, stored(NOW, 112))]),
        st.tuples(st.integers(0, 255), st.binary(max_size=20)).map(lambda drawn: sealed(*drawn)),
    )
)
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(chunks=cut(b"\x02\x02\x09" + sealed(6) + sealed(2, stored(NOW, 112)) + sealed(5)))
def test_packets_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    framer = Framer(packets)

    whole = [p for chunk in chunks for p in framer.feed(chunk) if isinstance(p, bytes)]

    assert whole == [sealed(6), sealed(2, stored(NOW, 112)), sealed(5)]


async def test_the_memory_is_recorded_oldest_first_in_one_commit() -> None:
    session = await read(Meter())

    assert glucose(session) == [98, 112]
    assert session.calls == [2]
    assert (session.device.model, session.device.serial) == ("OneTouch UltraEasy", "C176SA0GR")


async def test_its_clock_is_read_in_the_same_conversation() -> None:
    session = await read(Meter())

    told = session.readings[0].device_time
    assert told is not None
    assert told.stamp is not None
    assert told.clock is not None
    assert (told.clock.shown - told.stamp).total_seconds() == 7200


@pytest.mark.parametrize(("value", "limit"), [(19, Limit.BELOW), (0xFFFF, Limit.ABOVE)])
async def test_lo_and_hi_are_limits(value: int, limit: Limit) -> None:
    meter = Meter([b"\x05\x06" + struct.pack("<II", NOW - 3600, value)])

    (reading,) = (await read(meter)).readings
    assert (reading.limit, reading.values, reading.quality) == (limit, {}, Quality.GOOD)


async def test_reading_it_again_is_no_news() -> None:
    session = await read(Meter(), polls=3)

    assert session.calls == [2, 2, 2]
    assert glucose(session) == [98, 112]


async def test_a_meter_that_is_off_is_waited_for() -> None:
    session = await read(meter := Meter(off_for=3))

    assert meter.asked[:4] == [b""] * 4
    assert len(session.readings) == 2


async def test_a_record_of_another_shape_is_set_aside_and_the_rest_is_kept() -> None:
    meter = Meter()
    meter.memory.insert(1, b"\x05\x09")

    session = await read(meter)

    assert glucose(session) == [98, 112]
    assert [error.reason for _, error in session.aside] == ["format"]


async def test_a_count_that_cannot_be_ends_the_session() -> None:
    with pytest.raises(ProtocolError, match="more than it can keep"):
        await DRIVER.converse(session_of(Meter(count=60_000)))


async def test_an_answer_to_another_question_ends_the_session() -> None:
    meter = Meter()
    meter._reply = lambda message: b"\x05\x06"  # type: ignore[method-assign]

    with pytest.raises(ProtocolError, match="another question"):
        await DRIVER.converse(session_of(meter))


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE
