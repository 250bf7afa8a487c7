"""A scale with users: it sends what it has of a user once that user's code was given."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.domain.reading import Measure
from gateway.drivers.api import Channel, gatt
from gateway.drivers.scale.bluetooth_sig import DRIVER
from gateway.drivers.scale.bluetooth_sig.consent import CONTROL_POINT
from gateway.errors import ConfigError, LinkLost, ProtocolError
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from gateway.testing.specimen import Specimen, SpecimenLink, Trouble

WEIGHT = gatt("181d", "2a9d")
INCREMENT, HEIGHT = gatt("181c", "2a99"), gatt("181c", "2a8e")


def weighed(user: int, kg: int) -> bytes:
    raw = (kg * 200).to_bytes(2, "little")
    return b"\x06" + raw + bytes.fromhex("ea07030e0a19") + bytes((user, user))


@dataclass
class Scale:
    """Users with their codes, and one weighing of each."""

    codes: dict[int, int]
    silent: bool = False
    register_as: int | None = 3
    asked: list[bytes] = field(default_factory=list)
    deleted: bool = False

    def link(self) -> ScriptedLink:
        values: dict[Channel, bytes] = {
            WEIGHT: b"",
            INCREMENT: b"\x07\0\0\0",
            HEIGHT: b"\xaf\0",
        }
        return ScriptedLink(values, {CONTROL_POINT: self._answer})

    def session(self, **settings: str | bool) -> RecordingSession:
        return RecordingSession(DRIVER, self.link(), settings=dict(settings))

    def _answer(self, request: bytes) -> Iterable[Written]:
        self.asked.append(request)
        if self.silent:
            return []
        op = request[0]
        if op == 1:
            result = b"\x04" if self.register_as is None else bytes((1, self.register_as))
            return [(CONTROL_POINT, b"\x20\x01" + result)]
        assert op == 2, "nothing else may be asked, least of all to delete"
        user, code = request[1], int.from_bytes(request[2:], "little")
        if self.codes.get(user) != code:
            return [(CONTROL_POINT, bytes.fromhex("200205"))]
        return [(CONTROL_POINT, bytes.fromhex("200201")), (WEIGHT, weighed(user, 60 + user))]


def kilograms(session: RecordingSession) -> list[int]:
    return [int(r.values[Measure.WEIGHT].value) for r in session.readings]


@pytest.mark.conformance("R-UDS-1", "R-UDS-3")
async def test_each_user_whose_code_is_known_is_heard() -> None:
    scale = Scale({1: 3752, 2: 42})
    session = scale.session(consents="1:3752, 2:0042")

    await DRIVER.converse(session)

    assert [request.hex() for request in scale.asked] == ["0201a80e", "02022a00"]
    assert kilograms(session) == [61, 62]
    assert [r.slot for r in session.readings] == ["1", "2"]


@pytest.mark.conformance("R-UDS-1")
async def test_a_refused_code_is_never_given_again() -> None:
    scale = Scale({1: 3752})
    session = scale.session(consents="1:1234")
    await DRIVER.converse(session)
    session.link = scale.link()

    await DRIVER.converse(session)

    assert [request.hex() for request in scale.asked] == ["0201d204"]
    assert session.remarks == ["consent_refused: user 1, user_not_authorized"]


@pytest.mark.conformance("R-UDS-1")
async def test_after_one_refusal_no_other_code_is_given_until_the_next_conversation() -> None:
    scale = Scale({1: 3752, 2: 42})
    session = scale.session(consents="1:1234, 2:0042")
    await DRIVER.converse(session)
    in_the_first = [request.hex() for request in scale.asked]
    session.link = scale.link()
    await DRIVER.converse(session)

    assert in_the_first == ["0201d204"]
    assert [request.hex() for request in scale.asked[1:]] == ["02022a00"]
    assert kilograms(session) == [62]


async def test_another_code_of_the_owner_is_given_once() -> None:
    scale = Scale({1: 3752})
    session = scale.session(consents="1:1234")
    await DRIVER.converse(session)
    session.settings["consents"] = "1:3752"
    session.link = scale.link()

    await DRIVER.converse(session)

    assert kilograms(session) == [61]


async def test_the_next_user_is_heard_before_a_scale_hangs_up_for_want_of_traffic() -> None:
    clock = ManualClock()
    scale = Specimen(
        DRIVER,
        (),
        values={WEIGHT: b""},
        answers=lambda: {CONTROL_POINT: Scale({1: 3752, 2: 42})._answer},
        lasts_s=5,
    )
    link = SpecimenLink(scale, clock, Trouble())
    settings: dict[str, str | int | bool | None] = {"consents": "1:3752, 2:0042"}
    session = RecordingSession(DRIVER, link, clock=clock, settings=settings)

    await DRIVER.converse(session)

    assert kilograms(session) == [61, 62]


async def test_who_was_heard_last_comes_last() -> None:
    scale = Scale({1: 1, 2: 2})
    session = scale.session(consents="1:1, 2:2")
    await DRIVER.converse(session)
    await session.set_bookmark(json.dumps({"refused": [], "registered": None, "last": 1}))
    session.link = scale.link()

    await DRIVER.converse(session)

    assert [request[1] for request in scale.asked] == [1, 2, 2, 1]


@pytest.mark.conformance("R-UDS-2")
async def test_a_user_is_registered_on_order_and_once() -> None:
    scale = Scale({})
    session = scale.session(register="4711")
    await DRIVER.converse(session)
    session.link = scale.link()

    await DRIVER.converse(session)

    assert [request.hex() for request in scale.asked] == ["016712"]
    assert "user_registered: 3" in session.remarks


@pytest.mark.conformance("R-UDS-2")
async def test_a_lost_answer_does_not_register_a_second_user() -> None:
    scale = Scale({}, silent=True)
    session = scale.session(register="4711")
    with pytest.raises(ProtocolError):
        await DRIVER.converse(session)
    scale.silent = False
    session.link = scale.link()

    await DRIVER.converse(session)

    assert len(scale.asked) == 1


async def test_a_refusal_to_register_is_told() -> None:
    scale = Scale({}, register_as=None)
    session = scale.session(register="4711")

    await DRIVER.converse(session)

    assert "registering_refused: operation_failed" in session.remarks


@pytest.mark.conformance("R-UDS-1")
async def test_a_question_left_open_ends_the_conversation() -> None:
    session = Scale({1: 1}, silent=True).session(consents="1:1")

    with pytest.raises(ProtocolError, match="open"):
        await DRIVER.converse(session)


@pytest.mark.conformance("R-UDS-3")
async def test_without_codes_a_silent_scale_asks_for_them() -> None:
    scale = Scale({1: 3752})
    session = scale.session()

    await DRIVER.converse(session)

    assert scale.asked == []
    assert session.remarks == ["consent_needed: write the scale's users into `consents`"]


async def test_a_scale_that_needs_no_code_is_heard_without() -> None:
    session = Scale({}).session()
    assert isinstance(session.link, ScriptedLink)
    session.link.pending.append((WEIGHT, weighed(1, 70)))

    await DRIVER.converse(session)

    assert kilograms(session) == [70]
    assert session.remarks == []


@pytest.mark.conformance("R-UDS-3")
async def test_a_profile_is_committed_unchanged_and_counted_where_the_owner_says_so() -> None:
    scale = Scale({1: 1})
    session = scale.session(consents="1:1", commit_profile=True)
    link = session.link
    assert isinstance(link, ScriptedLink)

    await DRIVER.converse(session)

    assert link.written[1:] == [(HEIGHT, b"\xaf\0"), (INCREMENT, b"\x08\0\0\0")]


async def test_a_profile_that_cannot_be_written_costs_no_reading() -> None:
    session = Scale({1: 1}).session(consents="1:1", commit_profile=True)
    assert isinstance(session.link, ScriptedLink)
    session.link.refuse = {INCREMENT: 0x80}

    await DRIVER.converse(session)

    assert kilograms(session) == [61]
    assert session.remarks == ["profile_not_committed"]


async def test_an_unreadable_answer_is_set_aside_and_the_right_one_awaited() -> None:
    scale = Scale({1: 1})
    session = scale.session(consents="1:1")
    assert isinstance(session.link, ScriptedLink)
    session.link.pending += [
        (CONTROL_POINT, bytes.fromhex("20")),
        (CONTROL_POINT, bytes.fromhex("20040103")),
    ]

    await DRIVER.converse(session)

    assert kilograms(session) == [61]
    assert len(session.aside) == 1


async def test_a_refused_control_point_is_no_end() -> None:
    session = Scale({1: 1}).session(consents="1:1")
    assert isinstance(session.link, ScriptedLink)
    session.link.refuse = {CONTROL_POINT: 0x05}
    session.link.pending.append((WEIGHT, weighed(1, 70)))

    await DRIVER.converse(session)

    assert kilograms(session) == [70]


@pytest.mark.parametrize("text", ["1", "1:", "1:12345", "300:1", "one:1234", "1:2;2:3"])
async def test_codes_that_cannot_be_read_are_the_operators_to_correct(text: str) -> None:
    with pytest.raises(ConfigError, match="consents"):
        await DRIVER.converse(Scale({}).session(consents=text))


@pytest.mark.parametrize("bookmark", ["", "not json", '{"refused": 1}', "[]"])
async def test_what_is_no_bookmark_of_ours_counts_as_none(bookmark: str) -> None:
    session = Scale({1: 1}).session(consents="1:1")
    await session.set_bookmark(bookmark)

    await DRIVER.converse(session)

    assert kilograms(session) == [61]


@pytest.mark.skipif("GATEWAY_VECTORS" not in os.environ, reason="GATEWAY_VECTORS is not set")
@pytest.mark.parametrize("name", ["UDS-CONSENT-BAD", "AND-CLOSE"])
async def test_the_published_dialogue_is_held(name: str) -> None:
    rows = json.loads((Path(os.environ["GATEWAY_VECTORS"]) / "dialogues.json").read_text())
    steps = next(row for row in rows if row["id"] == name)["steps"]
    where = {
        "2A9F": CONTROL_POINT,
        "2A9D": WEIGHT,
        "233BF001": gatt(
            "233bf000-5a34-1b6d-975c-000d5690abe4", "233bf001-5a34-1b6d-975c-000d5690abe4"
        ),
    }
    told = {
        direction: [
            (where[s["char"]], bytes.fromhex(s["hex"])) for s in steps if s["dir"] == direction
        ]
        for direction in ("write", "indicate")
    }
    answers = {channel: lambda _: () for channel, _ in told["write"]}
    link = ScriptedLink({WEIGHT: b""}, answers, told["indicate"], then=LinkLost)
    session = RecordingSession(DRIVER, link, settings={"consents": "1:1234"})

    await DRIVER.converse(session)

    assert link.written == told["write"]
    assert bool(session.readings) is (name == "AND-CLOSE")
