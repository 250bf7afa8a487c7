"""A CareSens meter's clock is asked and set by one command: only on the owner's word."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.device_time import corrected
from gateway.drivers.api import Channel, Reach, Sighting
from gateway.drivers.glucose_meter.bluetooth_sig import DRIVER, caresens
from gateway.errors import DecodeError
from gateway.testing.links import Answer, ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.glucose_meter.bluetooth_sig.meter import RACP, Meter, records, values

PARIS = {"set_clock": "Europe/Paris"}
ASK = bytes.fromhex("c0030100 0000 00 00 00 00 00")
SET = bytes.fromhex("c0030100 ea07 03 0e 0a 1a 35")  # 10:26:53 in Paris
SHOWS = bytes.fromhex("05000301 ea07 03 0e 0b 1a 35")  # an hour fast
ZEROS = bytes.fromhex("05000301 0000 00 00 00 00 00")


def meter(channel: Channel, *answer: bytes) -> ScriptedLink:
    def told(asked: bytes) -> list[tuple[Channel, bytes]]:
        return [(channel, octets) for octets in answer] if asked == ASK else []

    link = Meter(records(1, 2)).link()
    answers: dict[Channel, Answer] = {**link.answers, channel: told}
    return ScriptedLink(link.values, answers)


def to_clock(link: ScriptedLink) -> list[bytes]:
    return [data for channel, data in link.written if channel != RACP]


@pytest.mark.parametrize(
    ("channel", "name"),
    [(caresens.CLOCK, None), (caresens.OLD_CLOCK, "CareSens 0123"), (caresens.OLD_CLOCK, "ReliOn")],
)
async def test_the_clock_is_asked_before_the_records_and_set_after_them(
    channel: Channel, name: str | None
) -> None:
    link = meter(channel, SHOWS)
    session = RecordingSession(DRIVER, link, settings=PARIS)
    session.sighting = Sighting("x", Reach.BLE, name=name)

    await DRIVER.converse(session)

    assert to_clock(link) == [ASK, SET]
    assert (link.written[0][0], link.written[-1][0]) == (channel, channel)
    timing = corrected(session.readings[0], ZoneInfo("Europe/Paris"))
    assert timing.correction == -timedelta(hours=1)
    assert session.remarks == ["clock_set"]


@pytest.mark.parametrize("answer", [(), (ZEROS,), (b"\x05",)])
async def test_a_clock_that_does_not_say_what_it_shows_is_set_all_the_same(
    answer: tuple[bytes, ...],
) -> None:
    link = meter(caresens.CLOCK, *answer)
    session = RecordingSession(DRIVER, link, settings=PARIS)

    await DRIVER.converse(session)

    assert to_clock(link) == [ASK, SET]
    assert values(session) == [101, 102]


async def test_without_the_owners_word_the_clock_is_left_alone() -> None:
    link = meter(caresens.CLOCK, SHOWS)

    await DRIVER.converse(RecordingSession(DRIVER, link))

    assert to_clock(link) == []
    assert caresens.CLOCK not in link.subscribed


async def test_what_another_maker_has_under_the_old_number_is_left_alone() -> None:
    link = meter(caresens.OLD_CLOCK, SHOWS)

    await DRIVER.converse(RecordingSession(DRIVER, link, settings=PARIS))

    assert to_clock(link) == []


def test_what_is_written_and_told_can_be_read() -> None:
    assert caresens.decode_clock(ASK).shown is None
    assert caresens.decode_clock(SET).is_command
    assert not caresens.decode_clock(SHOWS).is_command
    with pytest.raises(DecodeError):
        caresens.decode_clock(SHOWS[:-1])
