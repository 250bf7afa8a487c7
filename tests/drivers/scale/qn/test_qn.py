"""A QN scale is answered, and the end of each weighing is recorded once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from gateway.domain.reading import Kind, Measure, Quality
from gateway.drivers.api import Channel, Fit, Reach, Sighting, gatt
from gateway.drivers.scale.qn import DRIVER, codec, messages
from gateway.drivers.scale.qn.session import TOLD, TOLD_SHORT
from gateway.errors import DecodeError, LinkLost, ProtocolError
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.freestyle_lines import is_total
from tests.drivers.serial_lines import mangled
from tests.drivers.test_vectors import own_rows

# Published frames: docs/protocols/qn.md and tests/vectors/scale_qn.json
HELLO, WANTS_TIME, READY = (
    "12 0f 15 3dacc238c1a4 38013800 00 ef",
    "14 0b 15 00000100000000 35",
    "21 05 15 01 3c",
)
SETTLING, END = "10 0b 15 177a 00 0000 0000 c1", "10 0b 15 1c66 01 01fa 01ee 9d"
WANTS_USER, OF_A_GUEST = "21 05 ff 01 26", "10 0e ff fe 02 1d47 01f9 01f7 00d2 45"
HIDDEN = "10 0f ff fe 02 299a 10ef 10ed 0148 00 26"
SHORT = (TOLD_SHORT["fff1"], TOLD_SHORT["fff2"])
LONG = (TOLD["ffe1"], TOLD["ffe3"], TOLD["ffe4"])


async def heard(*frames: str, channels: tuple[Channel, ...] = LONG) -> RecordingSession:
    link = ScriptedLink(
        pending=[(channels[0], bytes.fromhex(each)) for each in frames],
        answers={channel: lambda _: () for channel in channels[1:]},
        then=LinkLost,
    )
    session = RecordingSession(DRIVER, link)
    await DRIVER.converse(session)
    return session


def written(session: RecordingSession) -> list[tuple[str, str]]:
    assert isinstance(session.link, ScriptedLink)
    return [(channel[-4:], data.hex()) for channel, data in session.link.written]


def weights(session: RecordingSession) -> list[str]:
    return [str(r.values[Measure.WEIGHT].value) for r in session.readings if r.kind is Kind.WEIGHT]


async def test_a_weighing_is_its_end_and_its_first_resistance() -> None:
    weight, impedance = (await heard(HELLO, READY, SETTLING, END)).readings

    assert (weight.kind, str(weight.values[Measure.WEIGHT].value)) == (Kind.WEIGHT, "72.70")
    assert (weight.live, weight.device_time, weight.quality) == (True, None, Quality.GOOD)
    assert impedance.kind is Kind.BODY_COMPOSITION
    assert {m: q.value for m, q in impedance.values.items()} == {Measure.IMPEDANCE: Decimal(506)}


async def test_it_is_answered_as_the_makers_app_answers_it() -> None:
    session = await heard(HELLO, WANTS_TIME, READY, END)

    unit, time, received = written(session)
    assert unit == ("ffe3", "1309150110" + "00000042")
    assert received == ("ffe3", "1f05151049")
    told = codec.message(bytes.fromhex(time[1]))
    since = session.now().utc.timestamp() - 946_684_800  # of 2000-01-01 in UTC
    assert (time[0], told) == ("ffe4", messages.TimeTold(0x15, int(since)))


async def test_what_is_recorded_is_safe_before_it_is_acknowledged() -> None:
    session = await heard(END)

    assert session.events == ["record"]
    assert written(session) == [("ffe3", "1f05151049")]


async def test_a_scale_that_asks_for_whom_is_told_of_a_guest() -> None:
    session = await heard(WANTS_USER, OF_A_GUEST, channels=SHORT)

    assert written(session)[0] == ("fff2", codec.guest().hex())
    assert codec.message(codec.guest()) == messages.User(0xFE, 0, 0, 0)
    assert weights(session) == ["74.95"]
    assert {m for r in session.readings for m in r.values} == {Measure.WEIGHT, Measure.IMPEDANCE}


async def test_a_scale_that_does_not_is_told_of_nobody() -> None:
    assert written(await heard(READY, "21 04 ff 01 25")) == []


async def test_the_end_that_comes_again_is_the_same_weighing() -> None:
    session = await heard(END, END, END)

    assert session.calls == [2]  # a weight and an impedance, once
    assert written(session) == [("ffe3", "1f05151049")] * 3


async def test_who_steps_on_after_that_is_weighed_anew() -> None:
    other = codec.frame(0x10, 0x15, bytes.fromhex("177a 01 01fa 01ee")).hex()

    assert weights(await heard(END, SETTLING, other)) == ["72.70", "60.10"]


async def test_the_same_weight_is_another_weighing_once_something_else_was_shown() -> None:
    assert (await heard(END, SETTLING, END)).calls == [2, 2]


async def test_what_settles_is_no_weight_yet() -> None:
    assert (await heard(SETTLING, "10 0b ff 1581 11 0000 0000 c1")).readings == []


@pytest.mark.parametrize("end", [HIDDEN, "10 0b ff 1581 01 0000 0000 b1"])
async def test_a_resistance_that_is_hidden_or_none_is_no_impedance(end: str) -> None:
    (reading,) = (await heard(end)).readings

    assert reading.kind is Kind.WEIGHT


async def test_a_scale_of_fifteen_octets_may_count_in_tenths() -> None:
    tenths = codec.frame(0x12, 0x15, bytes.fromhex("3dacc238c1a4 38 00 380000"))

    session = await heard(
        tenths.hex(), codec.frame(0x10, 0x15, bytes.fromhex("02d70100000000")).hex()
    )

    assert [Decimal(each) for each in weights(session)] == [Decimal("72.7")]


async def test_what_it_stored_is_not_asked_for() -> None:
    asked = written(await heard(HELLO, WANTS_TIME, READY, WANTS_USER, END))

    assert [data for _, data in asked if data.startswith("22")] == []


async def test_a_frame_that_cannot_be_read_is_set_aside() -> None:
    session = await heard("10 0e ff fe 00 1d47 0000 0000 0000 20", END)

    assert [error.reason for _, error in session.aside] == ["checksum"]
    assert weights(session) == ["72.70"]


async def test_a_guest_that_is_refused_is_remarked_on() -> None:
    assert (await heard("a1 06 02 fe 00 a7")).remarks == ["user_refused"]


async def test_another_scale_of_the_same_name_is_told_as_one() -> None:
    link = ScriptedLink(answers={gatt("1a10", "2a11"): lambda _: ()})

    with pytest.raises(ProtocolError, match="another model"):
        await DRIVER.converse(RecordingSession(DRIVER, link))


@pytest.mark.parametrize(
    ("name", "fit"),
    [("QN-Scale", Fit.MODEL), ("Renpho-Scale", Fit.MODEL), ("Beurer", Fit.NONE), (None, Fit.NONE)],
)
def test_it_is_known_by_its_name(name: str | None, fit: Fit) -> None:
    services = frozenset({"ffe0", "fff0"})

    assert DRIVER.match(Sighting("C0:FF:EE:00:00:01", Reach.BLE, name, services)) is fit


@pytest.mark.parametrize(
    ("data", "reason"),
    [("10 0b", "incomplete"), ("99 03 00 9c", "kind"), ("12 13 ff" + "00" * 16, "length")],
)
def test_what_is_no_frame_says_why(data: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        codec.message(bytes.fromhex(data))


KNOWN = [bytes.fromhex(row["hex"]) for row in own_rows() if row["characteristic"][:2] == "QN"]


@given(data=mangled(KNOWN))
def test_decoding_is_total(data: bytes) -> None:
    is_total(codec.message, data)
