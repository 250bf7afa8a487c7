"""Omron's cuffs with the standard service, as public clients describe them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest

from gateway.domain.reading import Measure
from gateway.drivers.api import Channel, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER
from gateway.drivers.bp_monitor.bluetooth_sig.omron import COMPANY, RECORD_ACCESS, advertisement
from gateway.errors import DecodeError, LinkRefused
from gateway.testing.links import OneAtATimeLink, ScriptedLink, Written
from gateway.testing.session import RecordingSession

BP, TIME = gatt("1810", "2a35"), gatt("1805", "2a2b")


def measured(number: int) -> bytes:
    pressures = b"".join(v.to_bytes(2, "little") for v in (100 + number, 80, 90))
    return b"\x02" + pressures + bytes.fromhex("ea07030d0a") + bytes((number, 0))


def measured_by(user: int, number: int) -> bytes:
    head, rest = measured(number)[:1], measured(number)[1:]
    return bytes((head[0] | 0x08,)) + rest + bytes((user,))


@dataclass
class Cuff:
    memory: dict[int, bytes]
    shown: str = "ea07 03 0e 0a 1a 35 06 00 00"
    asked: list[bytes] = field(default_factory=list)
    tells_latest: bool = True

    def link(self) -> ScriptedLink:
        answers = {RECORD_ACCESS: self._answer, TIME: lambda data: []}
        return ScriptedLink({BP: b""}, answers, [(TIME, bytes.fromhex(self.shown))])

    def _answer(self, request: bytes) -> Iterable[Written]:
        self.asked.append(request)
        op, operator = request[0], request[1]
        if op == 0x10:
            latest = max(self.memory, default=0).to_bytes(2, "little")
            told = b"\x11\x00" + latest if self.tells_latest else bytes((6, 0, 0x10, 2))
            return [(RECORD_ACCESS, told)]
        since = int.from_bytes(request[3:5], "little") if operator == 3 else 0
        wanted = [number for number in self.memory if number >= since]
        if op == 4:
            return [(RECORD_ACCESS, b"\x05\x00" + len(wanted).to_bytes(2, "little"))]
        sent = [(BP, self.memory[number]) for number in wanted]
        return [*sent, (RECORD_ACCESS, bytes((6, 0, 1, 1 if wanted else 6)))]


@dataclass
class MeasuringCuff(Cuff):
    """Somebody measures just before it answers the request of this op."""

    op: int = 0

    def link(self) -> ScriptedLink:
        link = super().link()
        return OneAtATimeLink(link.values, link.answers, link.pending)

    def _answer(self, request: bytes) -> Iterable[Written]:
        answer = list(super()._answer(request))
        if request[0] != self.op or 9 in self.memory:
            return answer
        self.memory[9] = measured(9)
        return [(BP, self.memory[9]), *answer]


def systolic(session: RecordingSession) -> list[int]:
    return [int(r.values[Measure.SYSTOLIC].value) for r in session.readings]


async def test_the_memory_is_read_through_the_option_service() -> None:
    cuff = Cuff({n: measured(n) for n in (1, 2, 3)})
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    cuff.memory[4] = measured(4)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [101, 102, 103, 104]
    assert [request.hex() for request in cuff.asked if request[0] == 1] == ["0101", "0103040300"]


@pytest.mark.parametrize(("op", "since"), [(0x01, 2), (0x04, 2), (0x10, 2)])
async def test_who_measures_while_the_memory_is_asked_for_holds_nothing_up(
    op: int, since: int
) -> None:
    cuff = MeasuringCuff({n: measured(n) for n in (1, 2)}, op=op)
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [101, 102, 109]
    assert [request.hex() for request in cuff.asked if request[0] == 4] == [
        "0401",
        f"040304{since:02x}00",
    ]
    assert session.remarks == []


@dataclass
class InterruptedCuff(Cuff):
    """Somebody measures after the report of what is stored, and the link does not live to tell."""

    def _answer(self, request: bytes) -> Iterable[Written]:
        answer = list(super()._answer(request))
        if request[0] == 4 and 9 not in self.memory:
            self.memory[9] = measured(9)
        return answer


async def test_what_was_measured_after_the_report_is_asked_for_the_next_time() -> None:
    cuff = InterruptedCuff({n: measured(n) for n in (1, 2)})
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    assert systolic(session) == [101, 102]
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [101, 102, 109]


@dataclass
class StutteringCuff(Cuff):
    """It says one record twice and leaves another out, in its first report."""

    def _answer(self, request: bytes) -> Iterable[Written]:
        answer = list(super()._answer(request))
        is_first = request[0] == 1 and sum(asked[0] == 1 for asked in self.asked) == 1
        return [answer[1], *answer[1:]] if is_first else answer


async def test_a_record_said_twice_does_not_count_for_one_left_out() -> None:
    cuff = StutteringCuff({n: measured(n) for n in (1, 2, 3)})
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [101, 102, 103]


@dataclass
class SharedCuff(Cuff):
    """Two people, whose records the cuff numbers apart: that of the second is a low number."""

    second: dict[int, bytes] = field(default_factory=dict)

    def _answer(self, request: bytes) -> Iterable[Written]:
        answer = list(super()._answer(request))
        since = int.from_bytes(request[3:5], "little") if request[1] == 3 else 0
        wanted = [(BP, data) for number, data in self.second.items() if number >= since]
        if request[0] == 1:
            return [*wanted, *answer[:-1], (RECORD_ACCESS, bytes((6, 0, 1, 1)))]
        if request[0] == 4:
            count = answer[0][1][2] + len(wanted)
            return [(RECORD_ACCESS, b"\x05\x00" + count.to_bytes(2, "little"))]
        return answer


@pytest.mark.parametrize("tells_users", [True, False])
async def test_a_second_person_whose_numbers_lag_behind_loses_nothing(tells_users: bool) -> None:
    advertised = bytes.fromhex("01 01 0800 02 0100 01") if tells_users else b""
    cuff = SharedCuff({n: measured_by(1, n) for n in (7, 8)}, second={1: measured_by(2, 1)})
    session = RecordingSession(DRIVER, cuff.link())
    session.sighting = replace(session.sighting, manufacturer_data={COMPANY: advertised})
    await DRIVER.converse(session)
    cuff.second[2] = measured_by(2, 2)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [101, 102, 107, 108]


async def test_the_first_record_of_a_second_person_is_read_where_the_cuff_says_there_are_two() -> (
    None
):
    cuff = SharedCuff({n: measured_by(1, n) for n in (7, 8)})
    session = RecordingSession(DRIVER, cuff.link())
    two_people = {COMPANY: bytes.fromhex("01 01 0800 02 0000 00")}
    session.sighting = replace(session.sighting, manufacturer_data=two_people)
    await DRIVER.converse(session)
    cuff.second[1] = measured_by(2, 1)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [101, 107, 108]


async def test_a_refused_request_leaves_what_comes_by_itself() -> None:
    cuff = RefusingCuff({})
    session = RecordingSession(DRIVER, cuff.link())

    await DRIVER.converse(session)

    assert systolic(session) == [101]
    assert "stored_records_incomplete" in session.remarks


async def test_what_comes_at_once_is_one_commit() -> None:
    session = RecordingSession(DRIVER, Cuff({n: measured(n) for n in range(1, 60)}).link())

    await DRIVER.converse(session)

    assert session.calls == [59]


async def test_a_cuff_that_does_not_tell_its_latest_number_is_read_whole_each_time() -> None:
    cuff = Cuff({1: measured(1)}, tells_latest=False)
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [101]
    assert [request.hex() for request in cuff.asked if request[0] == 1] == ["0101", "0101"]


async def test_a_memory_that_began_anew_is_read_whole() -> None:
    cuff = Cuff({9: measured(9)})
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    cuff.memory = {1: measured(21)}
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [109, 121]
    assert "memory_reset" in session.remarks


@pytest.mark.parametrize("reached", [3, 4, 9])
async def test_a_memory_that_began_anew_and_reached_the_old_number_is_read_whole(
    reached: int,
) -> None:
    cuff = Cuff({n: measured(n) for n in (1, 2, 3)})
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    cuff.memory = {number: measured(20 + number) for number in range(1, reached + 1)}
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [101, 102, 103, *range(121, 121 + reached)]
    assert session.remarks == ["memory_reset"]


@dataclass
class RenumberingCuff(Cuff):
    """Its numbers began anew, and it kept its `old` records."""

    old: dict[int, bytes] = field(default_factory=dict)

    def _answer(self, request: bytes) -> Iterable[Written]:
        answer = list(super()._answer(request))
        since = int.from_bytes(request[3:5], "little") if request[1] == 3 else 0
        kept = [(BP, data) for number, data in self.old.items() if number >= since]
        if request[0] == 1:
            return [*kept, *answer[:-1], (RECORD_ACCESS, bytes((6, 0, 1, 1)))]
        if request[0] == 4:
            count = answer[0][1][2] + len(kept)
            return [(RECORD_ACCESS, b"\x05\x00" + count.to_bytes(2, "little"))]
        return answer


@pytest.mark.parametrize("reached", [1, 2, 3, 4])
async def test_what_is_measured_after_the_numbers_began_anew_is_read_though_the_rest_stayed(
    reached: int,
) -> None:
    cuff = RenumberingCuff({n: measured(n) for n in (2, 3)})
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    cuff.old = cuff.memory
    cuff.memory = {n: measured(20 + n) for n in range(1, reached + 1)}
    session.link = cuff.link()
    await DRIVER.converse(session)
    cuff.memory[reached + 1] = measured(21 + reached)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [102, 103, *range(121, 122 + reached)]
    assert session.remarks == ["memory_reset"]


async def test_a_bookmark_of_an_older_version_costs_one_whole_reading() -> None:
    cuff = Cuff({n: measured(n) for n in (1, 2, 3)})
    session = RecordingSession(DRIVER, cuff.link())
    await session.set_bookmark("3")

    await DRIVER.converse(session)

    assert systolic(session) == [101, 102, 103]
    assert session.remarks == []


async def test_numbers_that_may_have_begun_again_at_0_are_read_whole() -> None:
    cuff = Cuff({0xFFFE: measured(1)})
    session = RecordingSession(DRIVER, cuff.link())
    await DRIVER.converse(session)
    cuff.memory = {0xFFFF: measured(2), 0: measured(3)}
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [101, 102, 103]


async def test_a_refused_control_point_leaves_what_comes_by_itself() -> None:
    link = ScriptedLink(pending=[(BP, measured(1))], refuse={RECORD_ACCESS: 0x05})
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    assert systolic(session) == [101]


class RefusingLink(ScriptedLink):
    """It may be subscribed to, and takes no request."""

    async def write(self, channel: Channel, data: bytes, /, *, acknowledged: bool = True) -> None:
        if channel == RECORD_ACCESS:
            raise LinkRefused("not now", 0x03)


class RefusingCuff(Cuff):
    def link(self) -> ScriptedLink:
        link = super().link()
        return RefusingLink(link.values, link.answers, [*link.pending, (BP, measured(1))])


async def test_the_first_notification_is_the_sample_of_the_clock() -> None:
    session = RecordingSession(DRIVER, Cuff({1: measured(1)}).link())

    await DRIVER.converse(session)

    told = session.readings[0].device_time
    assert told is not None
    assert told.clock is not None
    assert str(told.clock.shown) == "2026-03-14 10:26:53"


def test_an_advertisement_tells_how_much_there_is_of_whom() -> None:
    told = advertisement(bytes.fromhex("01 05 d002 64 1100 11"))  # as a HEM-7361T, time not set

    assert (told.users, told.time_not_set, told.pairing_mode) == (2, True, False)
    assert [(user.last_sequence, user.records) for user in told.user] == [(720, 100), (17, 17)]


@pytest.mark.parametrize(("data", "reason"), [("0301", "unknown_format"), ("0100d0", "truncated")])
def test_another_format_is_refused(data: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        advertisement(bytes.fromhex(data))
