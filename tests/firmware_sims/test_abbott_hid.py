from collections.abc import Callable
from typing import Any

import pytest
from firmware_sims.cgm.libre_reader import LibreReader
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.glucose_meter.freestyle_neo import FreeStyleNeo
from firmware_sims.placement import Placement
from firmware_sims.serial_device import SerialDevice
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware_sims.abbott_talk import answered, begin, packet, said
from tests.firmware_sims.people import NOON, Time
from tests.firmware_sims.placed import placement

BOTH = pytest.mark.parametrize("make", [LibreReader, FreeStyleNeo])
Make = Callable[..., SerialDevice]
QUESTIONS = (
    *("$swver?", "$sn?", "$serlnum?", "$date?", "$time?", "$ptname?", "$ptid?", "$uom?"),
    *("$dbrnum?", "$rdt?", "$history?", "$arresult?", "$result?", "$gunits?", "$marketlev?"),
    *("$nothing?", "nonsense", "", "$getrmndr,0", "$date,1,1,20", "$resetpatient", "é"),
)


def begun(make: Make, **where: Any) -> SerialDevice:
    device = make(placement(**where))
    begin(device)
    return device


@BOTH
def test_it_begins_and_says_who_it_is(make: Make) -> None:
    device = make(placement())

    assert answered(device, 0x01) == [(0x71, b"\x01")]
    ((kind, unknown),) = answered(device, 0x04)
    ((serial_kind, serial),) = answered(device, 0x05)
    ((version_kind, version),) = answered(device, 0x15)
    assert (kind, len(unknown)) == (0x34, 1)
    assert (serial_kind, serial[7:8], len(serial), serial[-1]) == (0x06, b"-", 14, 0)
    assert (version_kind, version) == (0x35, (said(device, "$swver?") or b"")[:-2] + b"\0")


@BOTH
def test_text_before_the_beginning_and_after_the_cable_was_moved_stays_unanswered(
    make: Make,
) -> None:
    device = make(placement())
    before = answered(device, 0x60, b"$swver?")
    begin(device)
    during = said(device, "$swver?")

    device.cable_moved()  # type: ignore[attr-defined] # of both

    assert (before, answered(device, 0x60, b"$swver?")) == ([], [])
    assert during is not None


@BOTH
@pytest.mark.parametrize("kind", [0x00, 0x0A, 0x14, 0x22, 0x31, 0xFF])
def test_an_unknown_kind_of_report_is_answered_as_that(make: Make, kind: int) -> None:
    assert answered(begun(make), kind) == [(0x30, b"\x85")]


@BOTH
def test_an_acknowledgement_is_not_answered(make: Make) -> None:
    assert answered(begun(make), 0x0D, b"\0\0\0\2") == []


@BOTH
def test_text_may_come_as_either_kind_and_with_an_end_of_line(make: Make) -> None:
    device = begun(make)

    plain = said(device, "$date?")

    assert plain == said(device, "$date?", kind=0x21) == said(device, "$date?\r\n")


@BOTH
def test_what_is_no_report_is_not_answered(make: Make) -> None:
    device = begun(make)

    assert [list(device.answer(each)) for each in (b"", b"\x01", b"\x60\x07$sn", b"\0" * 65)] == [
        [],
        [],
        [],
        [],
    ]


@BOTH
def test_date_and_time_are_those_of_its_clock(make: Make) -> None:
    device = begun(make)

    assert (said(device, "$date?"), said(device, "$time?")) == (b"3,10,26\r\n", b"12,0\r\n")


@BOTH
def test_a_clock_that_was_lost_says_255(make: Make) -> None:
    where = placement()
    device = make(where)
    begin(device)

    where.clock.lost(NOON)

    assert said(device, "$date?") == b"255,255,255\r\n"
    assert said(device, "$time?") == b"255,255\r\n"


@BOTH
def test_the_name_of_its_owner_is_there_to_be_asked_for(make: Make) -> None:
    assert said(begun(make), "$ptname?") == b"Odile\r\n"


@BOTH
def test_an_unknown_command_fails_with_a_sum_of_nothing(make: Make) -> None:
    told = answered(begun(make), 0x60, b"$nothing?")

    assert told == [(0x60, b"CKSM:00000000\r\nCMD Fail!\r\n")]


@BOTH
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("$date,3,10,26", "set date"),
        ("$time,12,30", "set time"),
        ("$ptname,Odile", "set ptname"),
        ("$lang,4", "set lang"),
    ],
)
def test_setting_anything_is_recorded_and_changes_nothing(
    make: Make, command: str, name: str
) -> None:
    forbidden = ForbiddenCommands()
    device = begun(make, forbidden=forbidden)
    before = [said(device, each) for each in ("$date?", "$time?", "$ptname?")]

    answer = said(device, command)

    assert (answer, forbidden.received) == (b"\r\n", [name])
    assert [said(device, each) for each in ("$date?", "$time?", "$ptname?")] == before


def test_asking_for_one_of_several_is_no_setting() -> None:
    forbidden = ForbiddenCommands()

    said(begun(LibreReader, forbidden=forbidden), "$getrmndr,0")

    assert forbidden.received == []


@BOTH
def test_keep_alives_stand_anywhere_and_stale_octets_behind_the_data(make: Make) -> None:
    device = begun(make)
    told: list[bytes] = []

    for _ in range(20):
        told += device.answer(packet(0x60, b"$ptname?"))
    for _ in range(20):
        told += device.answer(packet(0x60, b"$nothing?"))

    kept_alive = [each for each in told if each[:3] == bytes.fromhex("22 01 05")]
    assert len(kept_alive) == 40 // 3
    assert kept_alive[0][3:10] != bytes(7)


@BOTH
def test_a_report_of_garbage_comes_once_before_an_answer(make: Make) -> None:
    where = placement()
    device = make(where)
    begin(device)
    where.faults.arm(Fault.GARBAGE_FRAME)

    garbage, answer = answered(device, 0x60, b"$ptname?")

    assert garbage[0] == 0xEE
    assert answer[1].startswith(b"Odile\r\n")
    assert said(device, "$ptname?") == b"Odile\r\n"


def test_a_wrong_checksum_is_too_high_by_one() -> None:
    device = begun(LibreReader, faults={Fault.WRONG_CHECKSUM: 1})

    wrong, right = [answered(device, 0x60, b"$swver?")[0][1] for _ in range(2)]

    assert wrong == b"2.1.2\r\nCKSM:00000109\r\nCMD OK\r\n"
    assert right == b"2.1.2\r\nCKSM:00000108\r\nCMD OK\r\n"


def lived(make: Make) -> tuple[SerialDevice, Placement]:
    where = placement(time=Time())
    device = make(where)
    for _ in range(5):
        device.measure()
    begin(device)
    return device, where


@given(
    make=st.sampled_from([LibreReader, FreeStyleNeo]),
    asked=st.lists(st.sampled_from(QUESTIONS) | st.text(max_size=20), max_size=12),
    kind=st.sampled_from([0x60, 0x21]),
)
def test_any_questions_in_any_order_are_answered_with_a_right_sum(
    make: Make, asked: list[str], kind: int
) -> None:
    device, _ = lived(make)

    for each in asked:
        if len(each.encode()) <= 62:
            message = said(device, each, kind)
            assert message is None or message.endswith(b"\r\n")


@given(
    make=st.sampled_from([LibreReader, FreeStyleNeo]),
    packets=st.lists(st.binary(max_size=70), max_size=12),
)
def test_any_packets_get_whole_reports_or_nothing(make: Make, packets: list[bytes]) -> None:
    device, _ = lived(make)

    for each in packets:
        assert all(len(told) == 64 and told[1] <= 62 for told in device.answer(each))
