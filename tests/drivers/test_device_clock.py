"""Clocks are set only where the owner allows it. The hub's clock shows 2026-03-14 09:26:53 UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from gateway.clock import Instant
from gateway.domain.reading import ClockSample
from gateway.drivers import and_medical
from gateway.drivers.api import Channel, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER
from gateway.drivers.device_clock import set_clock
from gateway.drivers.gatt_device import CURRENT_TIME
from gateway.errors import ConfigError, LinkLost
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession

DATE_TIME = gatt("1810", "2a08")
PARIS = {"set_clock": "Europe/Paris"}


def showing(text: str) -> ClockSample:
    return ClockSample(shown=datetime.fromisoformat(text), at=ManualClock().now())


def device(*channels: Channel, **settings: str) -> tuple[ScriptedLink, RecordingSession]:
    link = ScriptedLink(values=dict.fromkeys(channels, b""))
    return link, RecordingSession(DRIVER, link, settings=dict(settings))


@pytest.mark.conformance("R-WSP-7")
@pytest.mark.parametrize(
    ("channel", "octets"),
    [
        (CURRENT_TIME, "ea07 03 0e 0a 1a 35 06 00 01"),
        (DATE_TIME, "ea07 03 0e 0a 1a 35"),
        (and_medical.CUSTOM, "08 01 01 1a 03 0e 0a 1a 35"),
    ],
)
async def test_a_clock_is_set_in_the_format_of_its_device(channel: Channel, octets: str) -> None:
    link, session = device(channel, **PARIS)

    await set_clock(session, showing("2020-01-01T00:00:00"))

    assert link.written == [(channel, bytes.fromhex(octets))]
    assert session.remarks == ["clock_set"]


@pytest.mark.conformance("R-WSP-7")
async def test_without_the_owners_word_a_clock_is_left_alone() -> None:
    link, session = device(CURRENT_TIME)

    await set_clock(session, None)

    assert link.written == []


@pytest.mark.parametrize(
    ("shown", "is_set"),
    [("2026-03-14T10:36:53", False), ("2026-03-14T10:36:54", True), ("2026-03-14T10:16:52", True)],
)
async def test_ten_minutes_are_tolerated(shown: str, is_set: bool) -> None:
    link, session = device(CURRENT_TIME, **PARIS)

    await set_clock(session, showing(shown))

    assert bool(link.written) is is_set


async def test_a_clock_that_shows_no_time_is_set() -> None:
    link, session = device(CURRENT_TIME, **PARIS)

    await set_clock(session, None)

    assert len(link.written) == 1


@pytest.mark.conformance("R-WSP-7")
@pytest.mark.parametrize(("code", "event"), [(0x80, "clock_set"), (0x05, "clock_not_set")])
async def test_a_field_the_device_ignores_is_no_refusal(code: int, event: str) -> None:
    link, session = device(CURRENT_TIME, **PARIS)
    link.refuse = {CURRENT_TIME: code}

    await set_clock(session, None)

    assert session.remarks == [event]


async def test_a_device_that_has_gone_is_no_trouble() -> None:
    class Gone(ScriptedLink):
        async def write(
            self, channel: Channel, data: bytes, /, *, acknowledged: bool = True
        ) -> None:
            raise LinkLost("gone")

    session = RecordingSession(DRIVER, Gone(values={CURRENT_TIME: b""}), settings=dict(PARIS))

    await set_clock(session, None)

    assert session.remarks == []


async def test_a_hub_that_does_not_know_the_time_sets_no_clock() -> None:
    class Unset(ManualClock):
        def now(self) -> Instant:
            return replace(super().now(), trusted=False)

    link, session = device(CURRENT_TIME, **PARIS)
    session.clock = Unset()

    await set_clock(session, None)

    assert link.written == []


async def test_a_zone_that_is_none_is_the_operators_to_correct() -> None:
    _, session = device(CURRENT_TIME, set_clock="Mars/Olympus")

    with pytest.raises(ConfigError, match="time zone"):
        await set_clock(session, None)
