"""A cuff of service 1.1.1: its records are asked for, each one or more segments of 2B36."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from firmware_sims.packing.checksum import with_crc

from gateway.domain.reading import Kind, Measure
from gateway.drivers.api import gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER
from gateway.errors import LinkError, LinkLost, LinkTimeout
from gateway.testing.links import OneAtATimeLink, ScriptedLink, Written
from gateway.testing.session import RecordingSession

RECORD, RACP, FEATURE = gatt("1810", "2b36"), gatt("1810", "2a52"), gatt("1810", "2a49")
ENHANCED = gatt("1810", "2b34")


def measured(number: int, user: int | None = None) -> bytes:
    """A 2B34: systolic 100 + number, at that minute of 2026-03-13, of that user."""
    seconds = 826_675_200 + number * 60  # since 2000-01-01
    flags = 0x42 | (0x08 if user is not None else 0)
    pressures = b"".join(v.to_bytes(2, "little") for v in (100 + number, 80, 90))
    who = b"" if user is None else bytes((user,))
    return bytes((flags,)) + pressures + seconds.to_bytes(4, "little") + who


@dataclass
class Cuff:
    """What a cuff holds, by number, and how it behaves; `link()` is a new connection."""

    memory: dict[int, bytes]
    """By number, in their order; numbers that came a second time from 10000 (hex) on."""
    crc: bool = False
    filters: bool = True
    tells_last: bool = True
    lose: list[set[int]] = field(default_factory=list)
    """For each report in turn, the records whose last segment never arrives."""
    cut_after: int | None = None
    asked: list[bytes] = field(default_factory=list)

    def link(self, then: type[LinkError] = LinkTimeout) -> ScriptedLink:
        feature = b"\x40\x00" if self.crc else b"\x00\x00"
        values = {FEATURE: feature, RECORD: b"", ENHANCED: b""}
        return ScriptedLink(values, {RACP: self._answer}, then=then)

    def session(self) -> RecordingSession:
        return RecordingSession(DRIVER, self.link())

    def _answer(self, request: bytes) -> Iterable[Written]:
        self.asked.append(request)
        op, operator = request[0], request[1]
        if operator == 3 and not self.filters:
            return [(RACP, bytes((6, 0, op, 4)))]
        if operator == 6 and not self.tells_last:
            return [(RACP, bytes((6, 0, op, 4)))]
        since = int.from_bytes(request[3:5], "little") if operator == 3 else 0
        wanted = [number for number in self.memory if number & 0xFFFF >= since]
        if operator == 6:
            wanted = wanted[-1:]
        if op == 4:
            return [(RACP, b"\x05\x00" + len(wanted).to_bytes(2, "little"))]
        lost = self.lose.pop(0) if self.lose else set()
        sent = [
            (RECORD, segment)
            for number in wanted
            for segment in self._segments(number, whole=number not in lost)
        ]
        if self.cut_after is not None:
            return sent[: self.cut_after]
        return [*sent, (RACP, bytes((6, 0, 1, 1 if wanted else 6)))]

    def _segments(self, number: int, *, whole: bool) -> list[bytes]:
        data = self.memory[number]
        head = (number & 0xFFFF).to_bytes(2, "little") + bytes.fromhex("342b")
        first = bytes((number % 64 << 2 | 1,)) + head + data[:9]
        last = bytes(((number + 1) % 64 << 2 | 2,)) + head + data[9:]
        if self.crc:
            last = with_crc(first + last)[len(first) :]
        return [first, last] if whole else [first]


def systolic(session: RecordingSession) -> list[int]:
    return [
        int(r.values[Measure.SYSTOLIC].value)
        for r in session.readings
        if r.kind is Kind.BLOOD_PRESSURE
    ]


def memory(first: int, last: int) -> dict[int, bytes]:
    return {number: measured(number) for number in range(first, last + 1)}


@pytest.mark.conformance("R-BLP-E3")
@pytest.mark.parametrize("crc", [False, True])
async def test_the_whole_memory_is_read_once_and_then_what_is_new(crc: bool) -> None:
    cuff = Cuff(memory(1, 3), crc=crc)
    session = cuff.session()
    await DRIVER.converse(session)
    cuff.memory.update(memory(4, 5))
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [101, 102, 103, 104, 105]
    assert len(session.calls) == 2  # what comes at once is one commit
    assert [request.hex() for request in cuff.asked] == ["0101", "0401", "0103010300", "0403010300"]
    assert session.aside == []


async def test_a_cuff_whose_numbers_begin_again_at_zero_is_read_on() -> None:
    cuff = Cuff({65534: measured(1), 65535: measured(2)})
    session = cuff.session()
    await DRIVER.converse(session)
    cuff.memory |= {0: measured(3), 1: measured(4)}
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [101, 102, 103, 104]


class MeasuringCuff(Cuff):
    """Somebody measures just before it says how many records it has."""

    def link(self, then: type[LinkError] = LinkTimeout) -> ScriptedLink:
        link = super().link(then)
        return OneAtATimeLink(link.values, link.answers)

    def _answer(self, request: bytes) -> Iterable[Written]:
        answer = list(super()._answer(request))
        return [(ENHANCED, measured(9)), *answer] if request[0] == 4 else answer


async def test_who_measures_while_the_records_are_counted_holds_nothing_up() -> None:
    cuff = MeasuringCuff(memory(1, 2))
    link = cuff.link()
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    assert isinstance(link, OneAtATimeLink)
    assert link.in_vain < 10, "it waited through all 15 turns of half a minute"
    assert systolic(session) == [101, 102, 109]


async def test_a_record_whose_segment_was_lost_is_asked_for_again() -> None:
    cuff = Cuff(memory(1, 3), lose=[{2}])
    session = cuff.session()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [101, 102, 103]
    assert session.remarks == []


@pytest.mark.conformance("R-BLP-E5")
async def test_a_record_with_a_wrong_crc_is_set_aside_and_asked_for_again() -> None:
    cuff = Cuff(memory(1, 2), crc=True)
    link = cuff.link()
    answer = link.answers[RACP]
    spoiled: list[bytes] = []

    def once_spoiled(request: bytes) -> Iterable[Written]:
        sent = list(answer(request))
        if request == b"\x01\x01" and not spoiled:
            channel, data = sent[1]
            spoiled.append(data)
            sent[1] = (channel, data[:-1] + bytes((data[-1] ^ 1,)))
        return sent

    link.answers = {RACP: once_spoiled}
    session = RecordingSession(DRIVER, link)

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [101, 102]
    assert [error.reason for _, error in session.aside] == ["crc"]


async def test_a_cuff_without_filter_is_read_whole() -> None:
    cuff = Cuff(memory(1, 2), filters=False)
    session = cuff.session()
    await DRIVER.converse(session)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [101, 102]
    assert b"\x01\x01" in cuff.asked[2:]


async def test_a_memory_that_began_anew_is_read_whole() -> None:
    cuff = Cuff(memory(1, 9))
    session = cuff.session()
    await DRIVER.converse(session)
    cuff.memory = {1: measured(30), 2: measured(31)}
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session)[-2:] == [130, 131]
    assert "memory_reset" in session.remarks


@pytest.mark.parametrize("new", [(1, 2), (8, 9), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)])
async def test_what_is_measured_after_the_numbers_began_anew_is_read_though_the_rest_stayed(
    new: tuple[int, ...],
) -> None:
    cuff = Cuff(memory(7, 9))
    session = cuff.session()
    await DRIVER.converse(session)
    cuff.memory |= {0x10000 + number: measured(20 + number) for number in new}
    session.link = cuff.link()
    await DRIVER.converse(session)
    last = new[-1] + 1
    cuff.memory[0x10000 + last] = measured(20 + last)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [107, 108, 109, *(120 + n for n in (*new, last))]
    assert session.remarks == ["memory_reset"]


async def test_a_cuff_that_does_not_know_which_record_is_the_last_is_believed() -> None:
    cuff = Cuff(memory(1, 3), tells_last=False)
    session = cuff.session()
    await DRIVER.converse(session)
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert cuff.asked[-1].hex() == "0106"
    assert (systolic(session), session.remarks) == ([101, 102, 103], [])


async def test_a_second_person_whose_numbers_lag_behind_loses_nothing() -> None:
    cuff = Cuff({7: measured(7, user=1), 8: measured(8, user=1)})
    session = cuff.session()
    await DRIVER.converse(session)
    cuff.memory |= {0x10000: measured(20, user=2), 9: measured(9, user=1)}
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [107, 108, 109, 120]


async def test_the_numbers_of_several_users_are_no_bookmark() -> None:
    cuff = Cuff({1: measured(1, user=1), 2: measured(2, user=2)})
    session = cuff.session()

    await DRIVER.converse(session)

    assert await session.bookmark() in ("", None)
    assert [r.slot for r in session.readings] == ["1", "2"]


async def test_records_of_two_users_may_have_the_same_number() -> None:
    both = {1: measured(1, user=1), 2: measured(2, user=1), 0x10001: measured(3, user=2)}
    cuff = Cuff(both)
    session = cuff.session()

    await DRIVER.converse(session)

    assert systolic(session) == [101, 102, 103]
    assert [request.hex() for request in cuff.asked] == ["0101", "0401"]
    assert session.remarks == []


async def test_a_record_that_also_came_by_itself_is_one_reading() -> None:
    cuff = Cuff(memory(1, 1))
    session = cuff.session()
    assert isinstance(session.link, ScriptedLink)
    session.link.pending.append((ENHANCED, cuff.memory[1]))

    await DRIVER.converse(session)

    assert systolic(session) == [101]


async def test_a_link_lost_in_the_middle_costs_nothing_in_the_end() -> None:
    cuff = Cuff(memory(1, 4), cut_after=3)
    session = RecordingSession(DRIVER, cuff.link(LinkLost))
    await DRIVER.converse(session)
    cuff.cut_after = None
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert sorted(systolic(session)) == [101, 102, 103, 104]


async def test_a_record_of_something_else_is_remarked() -> None:
    cuff = Cuff({})
    session = cuff.session()
    assert isinstance(session.link, ScriptedLink)
    session.link.answers = {
        RACP: lambda request: (
            [(RECORD, bytes.fromhex("07 0100 362a 00 7800")), (RACP, bytes.fromhex("06000101"))]
            if request[0] == 1
            else [(RACP, bytes.fromhex("05000100"))]
        )
    }

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.remarks == ["record_of_another_kind"]
