from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device_time import corrected
from gateway.domain.reading import Kind, Quality
from gateway.drivers.api import SERIAL, Fit, Frame, Reach, Sighting
from gateway.drivers.scale.sanitas import DRIVER, codec
from gateway.drivers.scale.sanitas.session import DATA, greeting
from gateway.errors import DecodeError, LinkError, LinkLost, LinkRefused, LinkTimeout
from gateway.testing.clock import START, ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession

SETTLING, SETTLED = "e7 58 01 0680", "e7 58 00 0687"
# The captures of ble-scale-sync issue 211: 83.55 kg, 437 Ohm, 22.3 % fat, 52.1 % water.
PARTS = (
    "e7 59 03 01 01 0000000000000065",
    "e7 59 03 02 6a21f4c6 0687 01b5 00df 02",
    "e7 59 03 03 09 018d 00e9 0717 0aa2 0108",
)
UNKNOWN = (
    PARTS[0],
    "e7 59 03 02 6a21f4c6 0687 0000 0000 00",
    "e7 59 03 03 00 0000 0000 0000 0000 0000",
)


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
    session = scale(answer, SETTLED, *PARTS)

    await DRIVER.converse(session)

    assert (session.aside, session.remarks) == ([], [])
    assert isinstance(session.link, ScriptedLink)
    assert len(session.link.written) == 1 + 4


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


async def test_what_never_settled_is_no_weight() -> None:
    session = scale(SETTLING, "e7 58 01 0687", "e7 58 01 0690")

    await DRIVER.converse(session)

    assert session.readings == []


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
