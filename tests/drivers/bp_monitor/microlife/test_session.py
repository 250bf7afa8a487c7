"""Conversations with a scripted cuff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.device_time import Correction, corrected
from gateway.domain.reading import Quality
from gateway.drivers.api import Channel, Frame, Inbox
from gateway.drivers.bp_monitor.microlife import DRIVER
from gateway.errors import ConfigError, LinkLost, LinkTimeout, ProtocolError
from gateway.testing.links import ScriptedLink, Written
from gateway.testing.session import RecordingSession
from tests.drivers.bp_monitor.microlife.cuff import (
    COMMANDS,
    DATA,
    EARLIER,
    EMPTY,
    TAKEN,
    THEIRS,
    UNDATED,
    Cuff,
    sealed,
    systolic,
)

CAPTURED = bytes.fromhex(
    "4d3a01490000001d01" + 33 * "00" + "90443311000000008000934332110000000080007f41321100000000"
    "80008f463a11000000008000933f3211000000008000903d3011000000008000903d3411000000008000823733"
    "11000000008000833d2a11000000008000893c301100000000800086464416071111028000933b301607111138"
    "c000833b31160711113980009b4a2e1607111605800094482d160711160780008d452c16071116098000914a2e"
    "160711161780008f472f16071116268000993f2d160711173180009d48371607120c0380009e46371607120c04"
    "800094463c1607120c0700009953381607120c338000773d361607120c3880008c48411607120d1800008f4734"
    "160712060980008a3b2d1607120a008000893e311607120b20800079442f160712151e800023"
)
"""A whole answer, read over USB from a B3 Comfort PC: vytautas-valaitis/microlife_bp, notes."""


async def test_what_each_user_has_is_kept_and_the_cuff_is_told_to_hang_up() -> None:
    cuff = Cuff({1: [EARLIER, TAKEN], 2: [THEIRS]})
    session = cuff.session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120), ("2", 110)]
    assert cuff.commands == [0x05, 0x0C, 0x00, 0x00, 0x04]
    assert [question[-2] for question in cuff.asked if question[4] == 0] == [1, 2]
    assert session.device.model == "BP3GY1"
    assert (session.aside, session.remarks) == ([], [])


async def test_a_captured_memory_is_read_whole_also_what_has_no_time() -> None:
    class Captured(Cuff):
        def framed(self, payload: bytes) -> bytes:
            return CAPTURED if payload[0] == 0 else super().framed(payload)

    session = Captured({1: [TAKEN]}).session()

    await DRIVER.converse(session)

    pressures = session.readings[::2]
    questionable = [r for r in pressures if r.quality is Quality.QUESTIONABLE]
    undated = [r for r in pressures if r.device_time and r.device_time.stamp is None]
    irregular = [r for r in pressures if r.flags == {"irregular_pulse"}]
    assert (len(pressures), len(questionable), len(undated), len(irregular)) == (29, 2, 10, 1)
    assert {r.flags for r in questionable} == {frozenset({"cuff_too_loose"})}
    assert not any(corrected(r, UTC).sendable for r in undated)


@pytest.mark.parametrize("pieces", [1, 7, 20, 244])
async def test_however_an_answer_is_cut_it_is_the_same(pieces: int) -> None:
    session = Cuff(pieces=pieces, waits=1).session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]


async def test_reading_it_again_is_no_news_also_once_the_oldest_has_left() -> None:
    cuff = Cuff({1: [UNDATED, UNDATED, EARLIER, TAKEN]})
    session = cuff.session()
    await DRIVER.converse(session)
    cuff.memory[1] = [UNDATED, EARLIER, TAKEN]
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert [it for _, it in systolic(session)] == [144, 144, 130, 120]


async def test_a_wrong_clock_is_read_and_its_stamps_are_corrected_by_it() -> None:
    clock = bytes.fromhex("01 1a030d 161b00")  # half a day slow in Paris, where it is 10:26:53
    session = Cuff({1: [EARLIER]}, clock=clock).session()

    await DRIVER.converse(session)

    taken = corrected(session.readings[0], ZoneInfo("Europe/Paris"))
    assert taken.measured_at.replace(tzinfo=None) == datetime(2026, 3, 14, 7, 59, 53)  # noqa: DTZ001
    assert taken.reason is Correction.MEASURED_OFFSET


@pytest.mark.parametrize("clock", [None, "00 11 00 00 00 00 00", "01 1a 0d 0e 0a 1b 00", "01"])
async def test_a_clock_that_shows_nothing_costs_no_reading(clock: str | None) -> None:
    cuff = Cuff(clock=clock and bytes.fromhex(clock))
    session = cuff.session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]
    assert {r.device_time.clock for r in session.readings if r.device_time} == {None}


async def test_its_clock_is_left_alone_unless_the_owner_allows_more() -> None:
    wrong = bytes.fromhex("01 1a030d 0a1b00")
    left, allowed = Cuff(clock=wrong), Cuff(clock=wrong)
    session = allowed.session(set_clock="Europe/Paris")

    await DRIVER.converse(left.session())
    await DRIVER.converse(session)

    assert left.clock == wrong
    assert allowed.clock == bytes.fromhex("01 1a030e 0a1a35")
    assert session.remarks == ["clock_set"]


async def test_a_clock_that_takes_no_time_costs_no_reading() -> None:
    class Stubborn(Cuff):
        def says(self, command: int, data: bytes) -> bytes | None:
            return None if command == 0x0D else super().says(command, data)

    session = Stubborn(clock=None).session(set_clock="Europe/Paris")

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]
    assert session.remarks == ["clock_not_set"]


async def test_a_cuff_that_says_done_when_it_is_asked_for_data_is_asked_again() -> None:
    class Hasty(Cuff):
        def framed(self, payload: bytes) -> bytes:
            is_first = [question[4] for question in self.asked].count(payload[0]) == 1
            return sealed(b"\x81") if is_first else super().framed(payload)

    session = Hasty({1: [EARLIER, TAKEN]}).session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]


async def test_a_clock_that_is_right_is_not_set() -> None:
    cuff = Cuff()

    await DRIVER.converse(cuff.session(set_clock="Europe/Paris"))

    assert 0x0D not in cuff.commands


async def test_what_was_measured_just_now_waits_until_the_memory_says_whose_it_is() -> None:
    cuff = Cuff({1: [], 2: [THEIRS]}, present=[TAKEN])
    session = cuff.session()

    await DRIVER.converse(session)

    assert systolic(session) == [("2", 110)]
    assert session.remarks == ["stored_records_incomplete"]


async def test_fewer_records_than_it_claims_are_kept_and_remarked_on() -> None:
    session = Cuff({1: [EARLIER, EMPTY, TAKEN]}, stored=4).session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]
    assert session.remarks == ["stored_records_incomplete"]


@pytest.mark.parametrize("users", [0, 5])
async def test_a_cuff_that_does_not_say_how_many_use_it_is_asked_for_the_one_it_is_set_to(
    users: int,
) -> None:
    class Vague(Cuff):
        version = bytes((users, 99, 7, 60))

    cuff = Vague({2: [THEIRS]}, selected=2)
    session = cuff.session()

    await DRIVER.converse(session)

    assert systolic(session) == [("2", 110)]
    assert [question[-2] for question in cuff.asked if question[4] == 0] == [0xFD]


@pytest.mark.parametrize(
    ("octets", "flags", "quality"),
    [
        ("7850481a030e0a190000", {"cuff_too_loose"}, Quality.QUESTIONABLE),
        ("7850481a030e0a19c000", {"irregular_pulse"}, Quality.GOOD),
        ("7850481a030e0a19a000", {"atrial_fibrillation"}, Quality.GOOD),
        ("7850481a030e0a199800", {"averaged"}, Quality.GOOD),
        ("7850481a030e0a198800", set(), Quality.GOOD),
        ("7878481a030e0a198000", {"implausible"}, Quality.QUESTIONABLE),
    ],
)
async def test_marks_are_doubts_about_the_measurement_or_findings_about_the_person(
    octets: str, flags: set[str], quality: Quality
) -> None:
    session = Cuff({1: [bytes.fromhex(octets)]}).session()

    await DRIVER.converse(session)

    pressure = session.readings[0]
    assert (pressure.flags, pressure.quality) == (flags, quality)


async def test_a_cuff_that_never_says_that_it_sits_well_can_be_taken_at_its_numbers() -> None:
    session = Cuff({1: [TAKEN[:8] + bytes(2)]}).session(cuff_check=False)

    await DRIVER.converse(session)

    assert [(r.quality, r.flags) for r in session.readings] == 2 * [(Quality.GOOD, frozenset())]


async def test_two_measurements_of_one_minute_are_two() -> None:
    session = Cuff({1: [TAKEN, b"\x79" + TAKEN[1:]]}).session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 120), ("1", 121)]
    assert len({(r.kind, r.record) for r in session.readings}) == len(session.readings)


async def test_a_cuff_that_hangs_up_before_it_is_told_to_has_told_everything() -> None:
    class Hasty(Cuff):
        def says(self, command: int, data: bytes) -> bytes | None:
            if command == 0x04:
                raise LinkLost("it hung up")
            return super().says(command, data)

    session = Hasty().session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]


@pytest.mark.parametrize("pressure", ["0000", "7800", "0050"])
async def test_a_record_without_a_pressure_is_a_failed_measurement(pressure: str) -> None:
    failed = bytes.fromhex(f"{pressure}001a030e0a190000")
    session = Cuff({1: [failed, TAKEN]}).session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 120)]
    assert session.remarks == ["measurement_failed"]


async def test_a_record_without_a_pulse_is_a_pressure_alone() -> None:
    session = Cuff({1: [TAKEN[:2] + b"\0" + TAKEN[3:]]}).session()

    await DRIVER.converse(session)

    assert len(session.readings) == 1


@pytest.mark.parametrize("date", ["0d0e", "000e"])
async def test_a_record_of_an_impossible_time_is_set_aside_and_the_rest_is_kept(date: str) -> None:
    odd = bytes.fromhex(f"7850481a{date}0a198000")
    session = Cuff({1: [odd, TAKEN]}).session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 120)]
    assert [(frame.data, error.reason) for frame, error in session.aside] == [(odd, "timestamp")]


class Spoilt(Cuff):
    """Its first answer about its memory is damaged."""

    spoils = 1

    def framed(self, payload: bytes) -> bytes:
        sent = super().framed(payload)
        if payload[0] == 0 and self.spoils:
            self.spoils -= 1
            return self.spoil(sent)
        return sent

    def spoil(self, sent: bytes) -> bytes:
        return sent[:50] + bytes((sent[50] ^ 1,)) + sent[51:]


async def test_what_comes_twice_counts_once_also_where_a_part_looks_like_the_one_before() -> None:
    class Echoing(Cuff):
        def answer(self, question: bytes) -> Iterable[Written]:
            return [part for part in super().answer(question) for _ in range(2)]

    cuff = Echoing({1: [EARLIER, TAKEN], 2: [THEIRS]}, pieces=10)
    empty = Echoing({1: [], 2: [THEIRS]})
    session, other = cuff.session(), empty.session()

    await DRIVER.converse(session)
    await DRIVER.converse(other)

    assert systolic(session) == [("1", 130), ("1", 120), ("2", 110)]
    assert systolic(other) == [("2", 110)]
    assert session.aside == []


class Torn(Spoilt):
    def spoil(self, sent: bytes) -> bytes:
        return sent[:20] + sent[40:]


@pytest.mark.parametrize(("kind", "aside"), [(Spoilt, ["checksum"]), (Torn, [])])
async def test_an_answer_that_was_damaged_on_the_way_is_asked_for_again(
    kind: type[Spoilt], aside: list[str]
) -> None:
    session = kind().session()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]
    assert [error.reason for _, error in session.aside] == aside


class Beheaded(Cuff):
    """The first part of its first answer about its memory is lost."""

    def answer(self, question: bytes) -> Iterable[Written]:
        parts = list(super().answer(question))
        return parts[1:] if self.commands.count(0) == 1 and question[4] == 0 else parts


@dataclass
class Late(ScriptedLink):
    """What it sends is never there yet; it comes to who waits for it."""

    async def subscribe(self, channel: Channel, /) -> Inbox:
        return LateInbox(await super().subscribe(channel))


@dataclass
class LateInbox:
    inbox: Inbox

    async def get(self, *, within: float) -> Frame:
        if within == 0:
            raise LinkTimeout("nothing yet")
        return await self.inbox.get(within=within)


async def test_what_comes_late_of_a_damaged_answer_is_none_to_the_next_question() -> None:
    cuff = Beheaded({1: [EARLIER, TAKEN, *([EMPTY] * 9)]}, stored=2)
    link = cuff.link()
    session = RecordingSession(DRIVER, Late(link.values, link.answers))

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]
    assert [error.reason for _, error in session.aside] == ["bad_header"]


async def test_one_user_is_safe_before_the_next_is_asked_for() -> None:
    class Leaving(Cuff):
        def history(self, data: bytes) -> bytes:
            if data[6] == 2:
                raise LinkLost("out of range")
            return super().history(data)

    session = Leaving().session()

    with pytest.raises(LinkLost):
        await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]


async def test_a_cuff_that_only_asks_for_time_is_given_up() -> None:
    class Busy(Cuff):
        def framed(self, payload: bytes) -> bytes:
            return 40 * sealed(b"\x91")

    with pytest.raises(ProtocolError):
        await DRIVER.converse(Busy().session())


async def test_a_deaf_cuff_is_given_up() -> None:
    class Deaf(Cuff):
        def says(self, command: int, data: bytes) -> bytes | None:
            return None

    with pytest.raises(ProtocolError):
        await DRIVER.converse(Deaf().session())


@pytest.mark.parametrize(
    "said", ["55aa0601", "4d51000281 21", "00", "4d"], ids=["lamp", "WatchBP", "zero", "half"]
)
async def test_whatever_answers_otherwise_is_no_such_cuff_and_is_asked_nothing_more(
    said: str,
) -> None:
    asked: list[bytes] = []

    def answer(question: bytes) -> list[Written]:
        asked.append(question)
        return [(DATA, bytes.fromhex(said))]

    session = RecordingSession(DRIVER, ScriptedLink({DATA: b""}, {COMMANDS: answer}))

    with pytest.raises(ProtocolError):
        await DRIVER.converse(session)

    assert set(asked) == {bytes.fromhex("4dff00020553")}
    assert session.readings == []


async def test_a_device_without_both_characteristics_is_not_talked_to() -> None:
    link = ScriptedLink({DATA: b""})

    with pytest.raises(ProtocolError):
        await DRIVER.converse(RecordingSession(DRIVER, link))

    assert (link.written, link.subscribed) == ([], [])


@given(st.binary(max_size=60))
async def test_any_payload_that_is_sealed_well_ends_in_order(payload: bytes) -> None:
    class Odd(Cuff):
        def says(self, command: int, data: bytes) -> bytes | None:
            return super().says(command, data) if command == 5 else bytes((command,)) + payload

    session = Odd().session()

    try:
        await DRIVER.converse(session)
    except ProtocolError:
        assert session.aside


OLD = bytes.fromhex("785048ce0a191a")  # as TAKEN: low bits of March, day 14 | hour 10 | 25 | 2026
OLD_MARKED = bytes.fromhex("825546cd1400da")  # as EARLIER, averaged, with an irregular pulse


def older(*records: bytes, present: tuple[bytes, ...] = ()) -> Cuff:
    return Cuff({1: list(records)}, present=list(present), older=True, clock=None)


async def test_an_older_cuff_is_not_read_without_leave_to_set_its_clock() -> None:
    cuff = older(OLD)

    with pytest.raises(ConfigError, match="set_clock"):
        await DRIVER.converse(cuff.session())

    assert cuff.commands == [0x05]


async def test_an_older_cuff_is_read_with_the_time_its_owner_wants() -> None:
    cuff = older(OLD_MARKED, OLD)
    session = cuff.session(set_clock="Europe/Paris")

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 130), ("1", 120)]
    assert session.readings[0].flags == {"averaged", "irregular_pulse"}
    assert session.remarks == ["clock_set"]
    assert cuff.clock == bytes.fromhex("01 1a030e 0a1a35")
    taken = corrected(session.readings[-1], ZoneInfo("Europe/Paris"))
    assert taken.measured_at.replace(tzinfo=None) == datetime(2026, 3, 14, 10, 25)  # noqa: DTZ001
    assert taken.uncertainty is not None
    assert taken.uncertainty >= timedelta(hours=1)  # what its clock showed before, nobody knows


async def test_an_older_cuff_tells_what_was_just_measured_and_later_remembers_the_same() -> None:
    cuff = older(present=(OLD,))
    session = cuff.session(set_clock="Europe/Paris")
    await DRIVER.converse(session)
    cuff.present, cuff.memory = [], {1: [OLD_MARKED, OLD]}
    session.link = cuff.link()

    await DRIVER.converse(session)

    assert systolic(session) == [("1", 120), ("1", 130)]


async def test_of_three_measurements_that_are_averaged_none_is_taken_for_the_result() -> None:
    session = older(present=(OLD, OLD_MARKED, OLD)).session(set_clock="Europe/Paris")

    await DRIVER.converse(session)

    assert session.readings == []
    assert session.remarks == ["clock_set", "stored_records_incomplete"]


async def test_a_guest_of_an_older_cuff_is_nobody_it_knows() -> None:
    cuff = older()
    cuff.selected, cuff.present = 3, [OLD]
    session = cuff.session(set_clock="Europe/Paris")

    await DRIVER.converse(session)

    assert systolic(session) == [(None, 120)]
