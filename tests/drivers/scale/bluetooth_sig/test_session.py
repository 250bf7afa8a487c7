"""Conversations with a scripted scale. The hub's clock shows 2026-03-14 09:26:53 UTC."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from decimal import Decimal

import pytest

from gateway.domain.quantity import Unit
from gateway.domain.reading import Kind, Measure, Quality, Reading
from gateway.drivers.api import Channel, Fit, Frame, Reach, Sighting, gatt
from gateway.drivers.scale.bluetooth_sig import DRIVER
from gateway.drivers.scale.bluetooth_sig.consent import CONTROL_POINT
from gateway.errors import LinkError, LinkLost, LinkRefused, LinkTimeout, ProtocolError
from gateway.testing.links import OneAtATimeLink, ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.gatt_lines import StoppedLink, TickingClock

WEIGHT, COMPOSITION = gatt("181d", "2a9d"), gatt("181b", "2a9c")
AND_SERVICE = "23434100-1fe4-1eff-80cb-00ff78297d8b"
AND_WEIGHT = gatt(AND_SERVICE, "23434101-1fe4-1eff-80cb-00ff78297d8b")

W = (WEIGHT, "06 983a ea07 03 0e 0a 19 00 01")  # 75.000 kg, 2026-03-14T10:25:00, user 1
W2 = (WEIGHT, "06 7017 ea07 03 0e 0a 19 1e 02")  # 30.000 kg, half a minute later, user 2
C = (
    COMPOSITION,
    "1602 fa00 ea07 03 0e 0a 19 00 01 9001 8813",
)  # fat 25.0 %, muscle 40.0 %, 500 Ohm
C_WEIGHT = (COMPOSITION, "0604 fa00 ea07 03 0e 0a 19 00 01 983a")  # fat 25.0 %, 75.000 kg
C_PLAIN = (COMPOSITION, "0000 fa00")  # fat 25.0 %, no time, no user
C_STUB = (COMPOSITION, "9803 0000 0000 0000 0000 0000 0000")  # Beurer BF788: all zero
C_FAILED = (COMPOSITION, "0004 ffff 983a")
W_UNSET = (WEIGHT, "02 983a 0000 00 00 00 00 00")
W_UNSET_TOO = (WEIGHT, "02 7017 0000 00 00 00 00 00")
C_UNSET = (COMPOSITION, "0200 fa00 0000 00 00 00 00 00")
FIRST_PACKET = (COMPOSITION, "1610 fa00 ea07 03 0e 0a 19 00 01 9001")  # fat, muscle; goes on
SECOND_PACKET = (COMPOSITION, "0412 fa00 01 8813")  # the same user, 500 Ohm

Sent = tuple[Channel, str]


@dataclass
class AllArrived(ScriptedLink):
    """All that is pending has come, a tenth of a second apart, before the first frame is taken.

    So it is over BlueZ, which confirms by itself: each channel is then read to its end.
    """

    def __post_init__(self) -> None:
        clock = TickingClock(0.1)
        self.arrived = deque(Frame(*sent, clock.now()) for sent in self.pending)

    def _next(self, channel: Channel) -> Frame:
        for frame in self.arrived:
            if frame.channel == channel:
                self.arrived.remove(frame)
                return frame
        raise LinkTimeout(f"nothing on {channel}")


def scale(
    *sent: Sent,
    then: type[LinkError] = LinkTimeout,
    apart_s: float = 0.1,
    link: type[ScriptedLink] = OneAtATimeLink,
) -> RecordingSession:
    pending = [(channel, bytes.fromhex(frame)) for channel, frame in sent]
    return RecordingSession(DRIVER, link(pending=pending, then=then, clock=TickingClock(apart_s)))


def told(readings: list[Reading]) -> list[str]:
    """Say each reading as `kind: numbers`, in alphabetical order of the numbers' names."""
    return [
        f"{r.kind}: " + ", ".join(f"{q.value} {q.unit}" for _, q in sorted(r.values.items()))
        for r in readings
    ]


@pytest.mark.conformance("R-WSP-3", "R-BCP-3")
@pytest.mark.parametrize("end", [LinkTimeout, LinkLost])
async def test_a_weighing_is_a_weight_and_a_body_composition(end: type[LinkError]) -> None:
    session = scale(W, C, then=end)

    await DRIVER.converse(session)

    assert told(session.readings) == [
        "weight: 75.000 kg",
        "body_composition: 25.0 %, 500.0 Ohm, 40.0 %",
    ]
    assert {r.slot for r in session.readings} == {"1"}
    assert session.calls == [1, 1]


async def test_a_weight_alone_is_kept() -> None:
    session = scale(W)

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg"]


@pytest.mark.conformance("R-WSP-4")
async def test_a_height_is_a_reading_and_the_body_mass_index_is_not() -> None:
    session = scale((WEIGHT, "08 983a fa00 d606"))  # 75 kg, BMI 25.0, 1.750 m

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg", "height: 175.0 cm"]


@pytest.mark.conformance("R-WSP-4")
async def test_pounds_and_inches_are_converted_and_the_original_is_kept() -> None:
    session = scale((WEIGHT, "09 9740 fa00 b202"))  # 165.35 lb, 69.0 in

    await DRIVER.converse(session)

    weight, height = session.readings
    assert weight.values[Measure.WEIGHT].original == "165.35 lb"
    assert weight.values[Measure.WEIGHT].value == Decimal("75.000")
    assert height.values[Measure.HEIGHT].original == "69.0 in"
    assert height.values[Measure.HEIGHT].value == Decimal("175.3")


async def test_a_composition_that_carries_the_weight_is_a_weight_too() -> None:
    session = scale(C_WEIGHT)

    await DRIVER.converse(session)

    assert told(session.readings) == ["body_composition: 25.0 %", "weight: 75.000 kg"]
    assert session.calls == [2]


async def test_a_weight_that_was_told_before_is_not_taken_from_the_composition_again() -> None:
    session = scale(W, C_WEIGHT)

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg", "body_composition: 25.0 %"]


async def test_a_composition_has_time_and_user_of_its_weight_where_it_has_none() -> None:
    session = scale(W, C_PLAIN)

    await DRIVER.converse(session)

    weight, composition = session.readings
    assert (composition.slot, composition.device_time) == ("1", weight.device_time)


@pytest.mark.conformance("R-WSP-3")
async def test_stored_compositions_find_their_weights_by_user_and_time() -> None:
    session = scale(W2, W, C_WEIGHT)

    await DRIVER.converse(session)

    assert told(session.readings) == [
        "weight: 30.000 kg",
        "weight: 75.000 kg",
        "body_composition: 25.0 %",
    ]
    assert [r.slot for r in session.readings] == ["2", "1", "1"]


EITHER_WAY = pytest.mark.parametrize("link", [OneAtATimeLink, AllArrived])
"""The stack leaves confirming to the gateway, or does it."""


@EITHER_WAY
async def test_stored_compositions_without_time_come_after_their_weights(
    link: type[ScriptedLink],
) -> None:
    session = scale(W, C_PLAIN, W2, (COMPOSITION, "0000 c800"), link=link)

    await DRIVER.converse(session)

    compositions = [r for r in session.readings if r.kind is Kind.BODY_COMPOSITION]
    assert told(compositions) == ["body_composition: 25.0 %", "body_composition: 20.0 %"]
    assert [r.slot for r in compositions] == ["1", "2"]


@EITHER_WAY
@pytest.mark.parametrize("nothing", ["0000 ffff", "00"])
async def test_a_composition_that_came_to_nothing_leaves_the_next_one_to_its_own_weight(
    nothing: str, link: type[ScriptedLink]
) -> None:
    session = scale(W, (COMPOSITION, nothing), W2, C_PLAIN, link=link)

    await DRIVER.converse(session)

    assert told(session.readings)[-1] == "body_composition: 25.0 %"
    assert [r.slot for r in session.readings] == ["1", "2", "2"]


@EITHER_WAY
async def test_a_composition_belongs_to_the_weight_right_before_it(
    link: type[ScriptedLink],
) -> None:
    again = (WEIGHT, "06 8e3a ea07 03 0e 0a 1a 00 01")  # the same person, a minute later
    session = scale(W, again, C_PLAIN, link=link)

    await DRIVER.converse(session)

    _, second, composition = session.readings
    assert composition.device_time == second.device_time


@EITHER_WAY
async def test_a_composition_behind_the_weights_of_two_people_is_nobodys(
    link: type[ScriptedLink],
) -> None:
    session = scale(W, W2, C_PLAIN, link=link)

    await DRIVER.converse(session)

    assert [r.slot for r in session.readings] == ["1", "2", None]


@EITHER_WAY
async def test_a_composition_whose_weight_failed_is_not_that_of_an_earlier_weight(
    link: type[ScriptedLink],
) -> None:
    session = scale(W, C_PLAIN, (WEIGHT, "00 ffff"), (COMPOSITION, "0000 c800"), link=link)

    await DRIVER.converse(session)

    assert [r.slot for r in session.readings] == ["1", "1", None]


async def test_a_composition_of_another_user_stands_for_itself() -> None:
    session = scale(W2, C_WEIGHT)

    await DRIVER.converse(session)

    assert [r.slot for r in session.readings] == ["2", "1", "1"]
    assert told(session.readings)[1:] == ["body_composition: 25.0 %", "weight: 75.000 kg"]


@pytest.mark.conformance("R-WSP-4", "R-BCP-5")
async def test_an_unsuccessful_measurement_is_an_event_and_no_reading() -> None:
    session = scale((WEIGHT, "00 ffff"), C_FAILED)

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.remarks == ["measurement_failed", "measurement_failed"]


async def test_zeros_of_a_history_stub_are_not_measurements() -> None:
    session = scale(W, C_STUB)

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg"]
    assert session.remarks == ["nothing_measured"]


async def test_one_bad_frame_is_set_aside_and_the_rest_is_kept() -> None:
    session = scale((WEIGHT, "0e 783e"), W, (COMPOSITION, "00"))

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg"]
    assert [error.reason for _, error in session.aside] == ["truncated", "truncated"]


async def test_a_weighing_sent_again_is_no_news() -> None:
    session = scale(W, C, W, C)

    await DRIVER.converse(session)

    assert len(session.readings) == 2


async def test_a_detecto_below_zero_is_no_weight() -> None:
    session = scale((WEIGHT, "10 2800"))
    session.sighting = Sighting("x", Reach.BLE, name="DETECTO 7550")

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.remarks == ["below_zero"]


async def test_a_reserved_flag_of_another_brand_says_nothing() -> None:
    session = scale((WEIGHT, "12 983a ea07 03 0e 0a 19 00"))

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg"]


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ((WEIGHT, "00 0000"), Kind.WEIGHT),  # 0 kg
        ((WEIGHT, "08 983a fa00 0100"), Kind.HEIGHT),  # 1 mm
        ((COMPOSITION, "0000 e703"), Kind.BODY_COMPOSITION),  # 99.9 % fat
        ((COMPOSITION, "0002 fa00 feff"), Kind.BODY_COMPOSITION),  # 6553.4 Ohm
    ],
)
async def test_numbers_that_nobody_has_are_questionable(sent: Sent, kind: Kind) -> None:
    session = scale(sent)

    await DRIVER.converse(session)

    (odd,) = [r for r in session.readings if r.kind is kind]
    assert odd.quality is Quality.QUESTIONABLE
    assert odd.flags == {"implausible"}


BF450 = (COMPOSITION, "9803 e100 be1d a901 4e02 9f01 8813")  # 59.0 kg and 41.5 kg, in 0.1 kg


@pytest.mark.parametrize(
    ("sent", "quality"),
    [
        ([W, BF450], Quality.QUESTIONABLE),
        ([(COMPOSITION, "0005 fa00 9f01 983a")], Quality.QUESTIONABLE),  # its own weight: 75.000 kg
        ([W, (COMPOSITION, "0001 fa00 6c20")], Quality.GOOD),  # 41.5 kg of water
        ([W, (COMPOSITION, "8000 fa00 993a")], Quality.QUESTIONABLE),  # 75.005 kg, soft and lean
        ([BF450], Quality.GOOD),  # nothing to compare it with
    ],
)
async def test_a_mass_that_is_no_part_of_the_weight_is_questionable(
    sent: list[Sent], quality: Quality
) -> None:
    session = scale(*sent)

    await DRIVER.converse(session)

    (composition,) = [r for r in session.readings if r.kind is Kind.BODY_COMPOSITION]
    assert composition.quality is quality
    assert ("inconsistent" in composition.flags) is (quality is Quality.QUESTIONABLE)


@pytest.mark.conformance("R-BCP-5")
async def test_masses_and_metabolism_keep_their_units() -> None:
    session = scale((COMPOSITION, "e901 fa00 581b 1027 1027 1027 1027"))  # imperial, 100.00 lb each

    await DRIVER.converse(session)

    (composition,) = session.readings
    assert composition.values[Measure.BASAL_METABOLISM].unit is Unit.KILOJOULE
    assert composition.values[Measure.BASAL_METABOLISM].value == 7000
    masses = {Measure.MUSCLE_MASS, Measure.FAT_FREE_MASS, Measure.SOFT_LEAN_MASS}
    assert {composition.values[mass].original for mass in masses} == {"100.00 lb"}


# -- time ------------------------------------------------------------------------------------------


async def test_a_weighing_without_time_that_comes_alone_was_just_taken() -> None:
    session = scale(W_UNSET, C_UNSET)

    await DRIVER.converse(session)

    assert [(r.kind, r.live) for r in session.readings] == [
        (Kind.WEIGHT, True),
        (Kind.BODY_COMPOSITION, True),
    ]
    assert session.remarks == ["record_without_time", "record_without_time"]
    assert session.calls == [2]


async def test_weighings_without_time_that_come_together_have_no_known_time() -> None:
    session = scale(W_UNSET, W_UNSET_TOO)

    await DRIVER.converse(session)

    assert [r.live for r in session.readings] == [False, False]


async def test_weighings_without_time_that_come_apart_were_each_just_taken() -> None:
    session = scale(W_UNSET, W_UNSET_TOO, apart_s=20)

    await DRIVER.converse(session)

    assert [r.live for r in session.readings] == [True, True]


# -- two packets -----------------------------------------------------------------------------------


@pytest.mark.conformance("R-BCP-4")
async def test_two_packets_are_one_composition() -> None:
    session = scale(W, FIRST_PACKET, SECOND_PACKET)

    await DRIVER.converse(session)

    assert told(session.readings) == [
        "weight: 75.000 kg",
        "body_composition: 25.0 %, 500.0 Ohm, 40.0 %",
    ]
    assert session.remarks == ["first_of_two_packets"]


@pytest.mark.conformance("R-BCP-4")
async def test_a_first_packet_whose_second_never_comes_is_kept() -> None:
    session = scale(FIRST_PACKET, then=LinkLost)

    await DRIVER.converse(session)

    assert told(session.readings) == ["body_composition: 25.0 %, 40.0 %"]


async def test_a_packet_of_another_measurement_is_not_its_second() -> None:
    other = (COMPOSITION, "0402 c800 02 8813")  # user 2: fat 20.0 %, 500 Ohm
    session = scale(FIRST_PACKET, other)

    await DRIVER.converse(session)

    assert [(r.slot, str(r.values[Measure.BODY_FAT].value)) for r in session.readings] == [
        ("1", "25.0"),
        ("2", "20.0"),
    ]


# -- reach -----------------------------------------------------------------------------------------


async def test_a_refused_composition_leaves_the_weight() -> None:
    session = scale(W)
    assert isinstance(session.link, ScriptedLink)
    session.link.refuse = {COMPOSITION: 0x80}

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg"]


async def test_a_device_that_sends_neither_is_another_device() -> None:
    with pytest.raises(ProtocolError):
        await DRIVER.converse(RecordingSession(DRIVER, ScriptedLink(refuse={WEIGHT: 0x05})))


@pytest.mark.conformance("R-WSP-1", "R-BCP-1")
@pytest.mark.parametrize(
    ("services", "fit"),
    [
        ({"181d"}, Fit.PROFILE),
        ({"181b", "180f"}, Fit.PROFILE),
        ({AND_SERVICE}, Fit.PROFILE),
        ({"1810"}, Fit.NONE),
    ],
)
def test_a_scale_is_recognised_by_its_services(services: set[str], fit: Fit) -> None:
    assert DRIVER.match(Sighting("x", Reach.BLE, services=frozenset(services))) is fit


@pytest.mark.parametrize(
    ("sent", "original"),
    [("02 ee02 ea07 03 0e 0a 19 00", "75.0 kg"), ("03 9406 ea07 03 0e 0a 19 00", "168.4 lb")],
)
async def test_an_and_scale_without_the_weight_scale_service_is_heard(
    sent: str, original: str
) -> None:
    clock = {gatt(AND_SERVICE, "2a08"): bytes.fromhex("ea07 03 0e 0a 1b 00")}
    link = ScriptedLink(clock, pending=[(AND_WEIGHT, bytes.fromhex(sent))])
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    (reading,) = session.readings
    weight = reading.values[Measure.WEIGHT]
    assert original in (weight.original, f"{weight.value} kg")
    assert reading.device_time is not None
    assert reading.device_time.clock is not None


async def test_a_scale_with_both_services_is_heard_once() -> None:
    session = scale(W, (AND_WEIGHT, "02 ee02 ea07 03 0e 0a 19 00"))

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg"]


@pytest.mark.parametrize(
    ("sent", "kept"), [(W_UNSET, "weight"), (FIRST_PACKET, "body_composition")]
)
async def test_what_waits_for_what_may_follow_is_kept_when_the_gateway_stops(
    sent: Sent, kept: str
) -> None:
    channel, frame = sent
    session = RecordingSession(DRIVER, StoppedLink(pending=[(channel, bytes.fromhex(frame))]))

    with pytest.raises(asyncio.CancelledError):
        await DRIVER.converse(session)

    (reading,) = session.readings
    assert reading.kind == kept
    assert not reading.live


class UnaskableLink(ScriptedLink):
    """It may be subscribed to, and takes no question."""

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        raise LinkRefused("not now", 0xFE)


async def test_a_scale_that_takes_no_question_about_its_users_is_heard_all_the_same() -> None:
    link = UnaskableLink({CONTROL_POINT: b""}, pending=[(WEIGHT, bytes.fromhex(W[1]))])
    session = RecordingSession(DRIVER, link, settings={"consents": "1:1"})

    await DRIVER.converse(session)

    assert told(session.readings) == ["weight: 75.000 kg"]
    assert session.remarks == ["users_not_heard: the scale takes no question about them"]
