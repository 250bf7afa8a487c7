"""Mi scales, by what they advertise. The hub's clock shows 2026-03-14 09:26:53 UTC."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device_time import corrected
from gateway.domain.reading import Kind, Quality
from gateway.drivers.api import SERIAL, Channel, Fit, Frame, Reach, Sighting
from gateway.drivers.scale.xiaomi import DRIVER
from gateway.drivers.scale.xiaomi.session import V1, V2
from gateway.errors import DecodeError, LinkError, LinkLost, LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.gatt_lines import TickingClock

MOVING = (V1, "02 983a ea07030e0a1a35")
STANDING = (V1, "22 983a ea07030e0a1a35")  # 75.000 kg, 2026-03-14T10:26:53
GONE = (V1, "a2 983a ea07030e0a1a35")
OBJECT = (V1, "62 983a ea07030e0a1a35")
V2_STANDING = (V2, "02 24 ea07030e0a1a35 0000 983a")
V2_MEASURED = (V2, "02 26 ea07030e0a1a3a f401 983a")  # five seconds later: 500 Ohm


async def heard(
    *advertised: tuple[Channel, str], then: type[LinkError] = LinkTimeout
) -> RecordingSession:
    pending = [(channel, bytes.fromhex(data)) for channel, data in advertised]
    session = RecordingSession(DRIVER, ScriptedLink(pending=pending, then=then))
    await DRIVER.converse(session)
    return session


def told(session: RecordingSession) -> list[str]:
    return [f"{q.value} {q.unit}" for r in session.readings for q in r.values.values()]


@pytest.mark.parametrize("end", [LinkTimeout, LinkLost])
async def test_one_weigh_in_is_one_weight(end: type[LinkError]) -> None:
    session = await heard(MOVING, STANDING, STANDING, GONE, then=end)

    assert told(session) == ["75.000 kg"]
    assert session.readings[0].live is True


async def test_the_next_person_is_another_weight() -> None:
    another = (V1, "22 7017 ea07030e0a1b1e")  # 30 kg

    assert told(await heard(STANDING, GONE, MOVING, another)) == ["75.000 kg", "30.000 kg"]


async def test_the_impedance_comes_after_the_weight_and_is_its_own_reading() -> None:
    session = await heard(V2_STANDING, V2_MEASURED)

    assert told(session) == ["75.000 kg", "500 Ohm"]
    assert [r.kind for r in session.readings] == [Kind.WEIGHT, Kind.BODY_COMPOSITION]


@pytest.mark.parametrize("advertised", [MOVING, GONE])
async def test_what_is_not_standing_is_nobodys_weight(advertised: tuple[Channel, str]) -> None:
    assert told(await heard(advertised)) == []


async def test_an_object_is_an_event_once() -> None:
    later = (V1, "62 983a ea07030e0a1a36")

    session = await heard(OBJECT, later)

    assert told(session) == []
    assert session.remarks == ["object_weighed"]


async def test_other_units_become_kilograms_and_the_original_is_kept() -> None:
    jin, pounds = (V1, "30 983a ea07030e0a1a35"), (V1, "21 9740 ea07030e0a1b35")

    session = await heard(jin, MOVING, pounds)

    values = [value for r in session.readings for value in r.values.values()]
    assert [(str(v.value), v.original) for v in values] == [
        ("75.000", "150.00 jin"),
        ("75.000", "165.35 lb"),
    ]


@pytest.mark.parametrize(
    "stamp",
    [
        "ea07030e0a1a35",  # right, in Paris
        "b20701010a1a35",  # 1970
        "2e0809100a1a35",  # 2094
        "ea070101081a35",  # since the new year, ten weeks ago
        "ea07030e021a35",  # in another zone
        "00000000000000",
    ],
)
async def test_a_weigh_in_is_of_now_whatever_the_clock_of_the_scale_shows(stamp: str) -> None:
    session = await heard((V1, f"22 983a {stamp}"))

    (weight,) = session.readings
    time = corrected(weight, UTC)
    assert weight.live is True
    assert time.measured_at == weight.received.utc
    assert time.uncertainty == weight.taken_within


async def test_a_stamp_heard_late_is_moved_by_what_the_clock_showed_before() -> None:
    link = ScriptedLink(clock=TickingClock(20))  # twenty seconds between two advertisements
    link.pending = [
        (V1, bytes.fromhex("02 0000 ea070101081a00")),  # stepping on
        (V1, bytes.fromhex("22 983a ea070101081a05")),  # five seconds later by the scale
    ]
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    (weight,) = session.readings
    heard_late = weight.received.utc - corrected(weight, UTC).measured_at
    assert heard_late == timedelta(seconds=15)


async def test_a_clock_that_is_set_meanwhile_is_looked_at_again() -> None:
    before, after = (V1, "02 983a ea070c01081a00"), (V1, "22 983a ea07030e0a1a35")
    session = await heard(before, after)

    (weight,) = session.readings
    assert corrected(weight, UTC).measured_at == weight.received.utc


async def test_the_same_advertisement_heard_again_is_the_same_weigh_in() -> None:
    session = await heard(STANDING)
    session.link = ScriptedLink(pending=[(V1, bytes.fromhex(STANDING[1]))])
    assert isinstance(session.clock, ManualClock)
    session.clock.advance(60)

    await DRIVER.converse(session)

    assert told(session) == ["75.000 kg"]


async def test_what_nobody_weighs_is_questionable() -> None:
    session = await heard((V1, "22 0000 ea07030e0a1a35"))

    assert session.readings[0].quality is Quality.QUESTIONABLE


async def test_an_unreadable_advertisement_is_set_aside_once() -> None:
    session = await heard((V1, "22"), (V1, "22"), STANDING)

    assert told(session) == ["75.000 kg"]
    assert [error.reason for _, error in session.aside] == ["bad_length"]


@given(st.sampled_from([V1, V2]), st.binary(max_size=20))
def test_any_bytes_are_a_message_or_a_decode_error(channel: Channel, data: bytes) -> None:
    fault = None
    try:
        DRIVER.decode(Frame(channel, data, ManualClock().now()))
    except DecodeError as error:
        fault = error

    assert (fault is None) is (len(data) == (10 if channel == V1 else 13))


def test_a_channel_of_another_kind_is_refused() -> None:
    with pytest.raises(DecodeError, match="unknown_channel"):
        DRIVER.decode(Frame(SERIAL, b"", ManualClock().now()))


@pytest.mark.parametrize(
    ("name", "data", "fit"),
    [
        ("MI_SCALE", {"181d": bytes(10)}, Fit.MODEL),
        ("MIBFS", {"181b": bytes(13)}, Fit.MODEL),
        (None, {"181b": bytes(13)}, Fit.FAMILY),
        ("MI_SCALE", {}, Fit.NONE),
        (None, {"181d": bytes(4)}, Fit.NONE),
    ],
)
def test_a_scale_is_recognised_by_its_service_data(
    name: str | None, data: dict[str, bytes], fit: Fit
) -> None:
    assert DRIVER.match(Sighting("x", Reach.BLE, name=name, service_data=data)) is fit
