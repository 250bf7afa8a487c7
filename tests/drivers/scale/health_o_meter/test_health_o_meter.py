from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from gateway.domain.reading import Measure, Quality
from gateway.drivers.api import Fit, Reach, Sighting
from gateway.drivers.scale.health_o_meter import DRIVER
from gateway.drivers.scale.health_o_meter.codec import OutOfRange, Request, Shown, message
from gateway.errors import ConfigError, DecodeError, LinkLost
from gateway.testing.session import RecordingSession
from tests.drivers.serial_lines import Timeline, cut, is_total, listened, mangled, session_with

# The examples of the protocol book.
FULL = b"\x1bR\x1bI1234567890\x1bW184.5\x1bH84.0\x1bB24.1\x1bT0.0\x1bNm\x1bE"
NEXT = b"6R" + FULL[2:]
POUNDS = b"\x1bR\x1bI1234567890\x1bW184.5\x1bH84.0\x1bB24.1\x1bNc\x1bE"
PLAIN = b"\x1bR\x1bI0000000000\x1bW70.1\x1bH0.0\x1bB0.0\x1bNm\x1bE"
BABY = bytes.fromhex("01 82 d7e4 3030342e393930 0d")
OVERLOAD = b"\x1bR\x1bW999.99\x1bNm\x1bE"


async def at_times(
    *arrivals: tuple[float, bytes], **settings: str | int | bool | None
) -> RecordingSession:
    timeline = Timeline(*arrivals)
    session = session_with(DRIVER, settings=settings, clock=timeline.clock)
    session.link = timeline
    with pytest.raises(LinkLost):
        await DRIVER.converse(session)
    return session


def weights(session: RecordingSession) -> list[str]:
    return [str(r.values[Measure.WEIGHT].value) for r in session.readings]


def test_a_full_packet_is_read() -> None:
    decoded = message(FULL)

    assert decoded == Shown(
        weight=Decimal("184.5"),
        unit="kg",
        patient_id="1234567890",
        height=Decimal("84.0"),
        height_unit="cm",
        bmi=Decimal("24.1"),
    )


def test_the_beginning_of_later_packets_is_known() -> None:
    assert message(NEXT) == message(FULL)


def test_imperial_packets_are_pounds() -> None:
    decoded = message(POUNDS)

    assert isinstance(decoded, Shown)
    assert (decoded.unit, decoded.height_unit) == ("lb", "in")


def test_zeros_are_nobodys_id_and_no_height() -> None:
    decoded = message(PLAIN)

    assert decoded == Shown(Decimal("70.1"), "kg", None)


@pytest.mark.parametrize("fragment", [b"\x1bR\x1bI0000000000\x1bW18", b"18", b"\x1bW18"])
def test_a_fragment_never_lends_its_weight(fragment: bytes) -> None:
    for whole in (FULL, NEXT):
        decoded = message(fragment + whole)

        assert isinstance(decoded, Shown)
        assert decoded.weight == Decimal("184.5")


def test_a_baby_scale_is_read() -> None:
    assert message(BABY) == Shown(Decimal("4.990"), "kg", None)


def test_an_overload_is_an_event() -> None:
    decoded = message(OVERLOAD)

    assert isinstance(decoded, OutOfRange)
    assert decoded.event == "device_error"


def test_a_request_is_recognised() -> None:
    assert message(b"\x1bR\x1bE") == Request("reading")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x1bR\x1bW100.0\x1bE", "missing_units"),
        (b"\x1bR\x1bW100.0\x1bNx\x1bE", "units"),
        (b"\x1bR\x1bNm\x1bE", "missing_weight"),
        (b"\x1bR\x1bW1OO.0\x1bNm\x1bE", "number"),
        (b"\x1bR\x1bW100.0\x1bW90.0\x1bNm\x1bE", "ambiguous"),
        (FULL[:-1], "no_end"),
        (FULL[3:], "no_start"),
        (BABY.replace(b".", b","), "format"),
        (BABY.replace(b"4.", b"."), "format"),  # a digit was lost
    ],
)
def test_what_breaks_the_grammar_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        message(data)

    assert caught.value.reason == reason


@given(data=mangled([FULL, NEXT, POUNDS, PLAIN, BABY, OVERLOAD]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(chunks=cut(FULL[20:] + FULL + NEXT + NEXT + FULL[:20] + PLAIN + PLAIN))
async def test_readings_do_not_depend_on_how_the_chunks_fall(chunks: list[bytes]) -> None:
    session = await listened(DRIVER, chunks)

    assert weights(session) == ["184.5", "70.1"]


async def test_a_weigh_in_is_one_reading() -> None:
    session = await at_times((0, FULL), (1, NEXT), (2, NEXT), (30, FULL), (31, NEXT))

    assert weights(session) == ["184.5", "184.5"]
    assert {r.quality for r in session.readings} == {Quality.GOOD}
    assert session.calls == [1, 1]


async def test_a_weight_shown_once_is_kept_but_questionable() -> None:
    session = await at_times((0, FULL))

    assert session.readings[0].flags == {"unsteady"}
    assert session.readings[0].quality is Quality.QUESTIONABLE


async def test_the_typed_id_goes_nowhere() -> None:
    session = await at_times((0, FULL), (1, NEXT))

    assert "1234567890" not in session.readings[0].model_dump_json()


async def test_a_packet_without_unit_is_set_aside_and_the_rest_is_kept() -> None:
    session = await at_times((0, b"\x1bR\x1bW100.0\x1bE"), (1, PLAIN), (2, PLAIN))

    assert [error.reason for _, error in session.aside] == ["missing_units"]
    assert weights(session) == ["70.1"]


async def test_noise_without_end_is_given_up() -> None:
    session = await at_times((0, b"\x1b" * 700), (1, PLAIN), (1, PLAIN))

    assert weights(session) == ["70.1"]


async def test_a_baby_scale_is_heard() -> None:
    session = await at_times((0, b"\x0d" + BABY), (1, BABY), protocol="baby")

    assert weights(session) == ["4.990"]


async def test_a_rice_lake_is_asked_and_nothing_else_is_written() -> None:
    empty = b"\x1bR\x1bW0.0\x1bNm\x1bE"
    weight = b"\x1bR\x1bW0210.9\x1bNc\x1bE"

    session = await at_times(
        *((float(n), empty) for n in range(1, 4)),
        *((float(n), weight) for n in range(4, 7)),
        (7, OVERLOAD),
        (8, empty),
        protocol="rice_lake",
    )

    assert isinstance(session.link, Timeline)
    assert set(session.link.written) == {b"\x1bR\x1bE"}
    assert [r.values[Measure.WEIGHT].original for r in session.readings] == ["210.9 lb"]
    assert session.remarks == ["device_error overload_or_underload"]


async def test_an_unknown_protocol_is_the_configurations_fault() -> None:
    with pytest.raises(ConfigError, match="rice_lake"):
        await DRIVER.converse(session_with(DRIVER, settings={"protocol": "modbus"}))


def test_it_is_chosen_by_its_name_only() -> None:
    assert DRIVER.match(Sighting("/dev/ttyUSB0", Reach.SERIAL)) is Fit.NONE
