from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from firmware_sims.body import Body, Person
from firmware_sims.faults import Fault
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.glucose_meter.contour_usb import ContourUsb, Habits
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing.contour_usb import (
    CONTOUR_NEXT,
    CONTOUR_NEXT_ONE,
    CONTOUR_NEXT_USB,
    CONTOUR_USB,
    Model,
)
from firmware_sims.placement import Placement

from tests.firmware_sims.contour_talk import ACK, ENQ, EOT, NAK, listed, record, results, told
from tests.firmware_sims.people import NOON, Time, body
from tests.firmware_sims.placed import placement

HOUR = timedelta(hours=1)
EVERY_MODEL = pytest.mark.parametrize(
    "model", [CONTOUR_USB, CONTOUR_NEXT_USB, CONTOUR_NEXT_ONE, CONTOUR_NEXT], ids=lambda m: m.name
)
A_COMMAND = [NAK, ENQ]


class Used:
    """A meter, and what it truly produced."""

    def __init__(self, **options: Any) -> None:
        self.time, self.ledger, self.forbidden = Time(), Ledger(), list[str]()
        where = {name: options.pop(name) for name in ("people", "faults") if name in options}
        self.placement: Placement = placement(
            time=self.time,
            ledger=self.ledger,
            forbidden=ForbiddenCommands(self.forbidden.append),
            **where,
        )
        self.meter = ContourUsb(self.placement, **options)

    def said(self, *words: bytes) -> list[bytes]:
        return [told(self.meter, word) for word in words]


@EVERY_MODEL
@pytest.mark.parametrize("molar", [False, True])
def test_all_that_it_holds_is_told_oldest_first_as_it_was_produced(
    model: Model, molar: bool
) -> None:
    used = Used(model=model, molar=molar)
    used.meter.remember(20, 7 * HOUR)
    used.meter.measure()

    rows = results(used.meter)

    unit = b"mmol/L^P" if molar else b"mg/dL^P"
    assert {(row[2], row[4], row[5], row[7], len(row)) for row in rows} == {
        (b"^^^Glucose", unit, b"", b"", 9)
    }
    seconds = "%S" if model.result_seconds else ""
    produced = [
        (row.values["glucose"].encode(), f"{row.measured_at:%Y%m%d%H%M{seconds}}".encode())
        for row in used.ledger.produced
    ]
    assert [(row[3], row[8]) for row in rows] == produced
    assert {row.values["unit"] for row in used.ledger.produced} == {"mmol/L" if molar else "mg/dL"}


@EVERY_MODEL
def test_an_empty_memory_has_no_results(model: Model) -> None:
    header, *rest = listed(Used(model=model).meter)

    assert header.split(b"|")[6] == b"0"
    assert rest == [b"P|1", b"L|1||N"]


def test_the_oldest_goes_when_it_is_full_and_all_numbers_move() -> None:
    used = Used(model=CONTOUR_NEXT)
    used.meter.remember(CONTOUR_NEXT.capacity, HOUR)
    second = results(used.meter)[1]

    used.time.pass_by(HOUR)
    used.meter.measure()
    used.meter.cable_moved()

    rows = results(used.meter)
    assert len(rows) == CONTOUR_NEXT.capacity == used.meter.held
    assert rows[0][3:] == second[3:]


def test_the_second_transfer_begins_anew_with_another_password() -> None:
    meter = Used().meter

    once = listed(meter)[0].split(b"|")[3]
    told(meter, EOT)
    again = listed(meter)[0].split(b"|")[3]

    assert once != again
    assert len(once) == len(again) == 6


def test_a_frame_that_is_not_taken_comes_again() -> None:
    used = Used(announces=False)
    used.meter.measure()

    header, again, patient, once_more, result = used.said(ACK, NAK, ACK, b"?", ACK)

    assert header == again
    assert (record(patient, 2), once_more) == (b"P|1", patient)
    assert record(result, 3).startswith(b"R|1|")


def test_what_is_not_taken_six_times_ends_it() -> None:
    used = Used(announces=False)

    said = used.said(ACK, *[NAK] * 6)

    assert len(set(said[:6])) == 1
    assert said[6] == EOT
    assert used.said(NAK) == [EOT]


def test_the_end_may_be_silent() -> None:
    used = Used(announces=False, quiet_end=True)

    said = used.said(ACK, ACK, ACK, ACK, NAK)

    assert record(said[2], 3) == b"L|1||N"
    assert said[3:] == [b"", EOT]


def test_a_meter_just_plugged_in_had_asked_for_a_host() -> None:
    used = Used()

    assert used.said(ACK)[0].startswith(ENQ + b"\x021H|")
    used.meter.cable_moved()
    assert used.said(ACK)[0].startswith(ENQ + b"\x021H|")


@pytest.mark.parametrize("word", [EOT, b"X"])
def test_anything_else_is_answered_with_who_it_is(word: bytes) -> None:
    used = Used(announces=False)

    (said,) = used.said(word)

    assert (said[:1], said[-1:]) == (EOT, ENQ)
    assert record(said[1:-1], 1).startswith(b"H|")
    assert used.said(ACK)[0].startswith(b"\x021H|")


def test_who_asks_may_hear_of_it_apart_from_the_header() -> None:
    meter = Used(announces=False, enq_apart=True).meter

    *header, asks = meter.answer(b"ABC\x01\x04")

    assert header[0].startswith(b"ABC\x3c\x04\x021H|")
    assert asks == b"ABC\x01\x05" + bytes(59)


def test_what_a_host_puts_before_the_length_does_not_matter() -> None:
    used = Used(announces=False)

    assert told(used.meter, ACK, before=b"ABC").startswith(b"\x021H|")


@pytest.mark.parametrize("report", [b"", b"ABC", b"ABC\x00", b"ABC\x02\x06"])
def test_half_a_report_is_not_heard(report: bytes) -> None:
    assert list(Used(announces=False).meter.answer(report)) == []


def test_a_setting_can_be_asked_for() -> None:
    used = Used(announces=False)
    used.meter.remember(3, HOUR)

    said = used.said(*A_COMMAND, b"R|", b"D|", b"R|", b"T|", b"\rR|", b"M|")

    answers = [ACK, b"D|260310|\r\n\x06", ACK, b"D|1200|\r\n\x06", ACK, b"D|3|\r\n\x06"]
    assert said == [EOT, ACK, *answers]
    assert used.said(EOT)[0].startswith(EOT + b"\x021H|")


def test_commands_come_after_a_transfer_too() -> None:
    used = Used()
    listed(used.meter)

    assert used.said(ENQ, b"R|", b"M|") == [ACK, ACK, b"D|0|\r\n\x06"]


@pytest.mark.parametrize("written", [b"M|", b"D|", b"T|", b"U|"])
def test_what_is_written_does_nothing_and_is_told(written: bytes) -> None:
    used = Used(announces=False)
    used.meter.remember(3, HOUR)
    before = used.placement.clock.device_local()

    said = used.said(*A_COMMAND, b"W|", written, b"260101|", b"R|", b"M|")

    assert said[2:] == [ACK, ACK, ACK, ACK, b"D|3|\r\n\x06"]
    assert used.forbidden == [f"write {written.decode()[:-1]}"]
    assert used.placement.clock.device_local() == before


@pytest.mark.parametrize("word", [b"R", b"Z|", b"\xff|", b"||"])
def test_a_command_that_it_does_not_know_is_refused(word: bytes) -> None:
    used = Used(announces=False)

    assert used.said(*A_COMMAND, word)[-1] == NAK
    assert used.said(ACK)[0].startswith(b"\x021H|")


def test_every_third_result_has_a_mark_of_a_meal() -> None:
    used = Used(habits=Habits())
    used.meter.remember(12, HOUR)

    marks = [row[6] for row in results(used.meter)]

    assert {mark for place, mark in enumerate(marks, 1) if place % 3} == {b"M0/T1"}
    assert marks[2::3] == [b"A/M0/T1", b"F/M0/T1", b"B/M0/T1", b"A/M0/T1"]


def test_a_contour_usb_has_no_other_marks() -> None:
    used = Used(model=CONTOUR_USB)
    used.meter.remember(6, HOUR)

    assert [row[6] for row in results(used.meter)] == [b"", b"", b"A", b"", b"", b"B"]


@pytest.mark.parametrize("molar", [False, True])
def test_lows_and_highs_are_marked_and_produced_as_ranges(molar: bool) -> None:
    used = Used(molar=molar, habits=Habits(meals=False, extremes_every=2))
    used.meter.remember(4, HOUR)

    rows = results(used.meter)

    assert [row[6].split(b"/")[0] for row in rows] == [b"M0", b">", b"M0", b"<"]
    assert [row[3] for row in rows[1::2]] == ([b"33.4", b"1.1"] if molar else [b"601", b"19"])
    assert [row.values.get("range") for row in used.ledger.produced] == [None, "high", None, "low"]


def test_other_habits_have_records_of_their_own() -> None:
    used = Used(habits=Habits(meals=False, control_every=3, entry_every=2))

    for _ in range(6):
        used.meter.measure()

    rows = results(used.meter)
    assert [row[2][3:] for row in rows].count(b"Carb") == 3
    assert [row[4] for row in rows if row[2] == b"^^^Insulin"] == [b"1^"] * 3
    assert [row[3] for row in rows if row[6].startswith(b"C/")] == [b"126"] * 2
    assert [row.kind for row in used.ledger.produced] == [Kind.BLOOD_GLUCOSE] * 6


def test_a_wrong_sum_comes_right_when_it_is_asked_for_again() -> None:
    used = Used(announces=False, faults={Fault.WRONG_CHECKSUM: 1})

    wrong, right = used.said(ACK, NAK)

    assert record(right, 1).startswith(b"H|")
    assert (wrong[:-4], wrong[-2:]) == (right[:-4], right[-2:])
    assert int(wrong[-4:-2], 16) == (int(right[-4:-2], 16) + 1) % 256


def test_a_garbled_report_comes_before_an_answer() -> None:
    used = Used(announces=False, faults={Fault.GARBAGE_FRAME: 1})

    garbage, *answer = used.meter.answer(b"ABC\x01\x06")

    assert len(garbage) == 64
    assert not garbage.startswith(b"ABC")
    assert answer[0].startswith(b"ABC\x3c\x021H|")


def test_a_failed_strip_is_not_kept() -> None:
    used = Used(faults={Fault.ERROR_CODE: 1})

    used.meter.measure()

    assert (results(used.meter), used.ledger.produced) == ([], [])


def test_a_clock_that_was_lost_is_shown_as_it_stands() -> None:
    used = Used(model=CONTOUR_NEXT_ONE, faults={Fault.DROP_CLOCK: 1})
    used.meter.measure()

    header, _, result, _ = listed(used.meter)

    assert header.split(b"|")[13] == result.split(b"|")[8] == b"20000101000000"


def test_people_take_turns_unless_it_is_said_who() -> None:
    used = Used(people=[(body(), ""), (Body(Person(name="Marcel"), 1), "")])

    for _ in range(3):
        used.meter.measure()
    used.meter.measure(NOON, (None, Body(Person(name="Jeanne"), 1)))

    assert [row.person for row in used.ledger.produced] == ["Odile", "Marcel", "Odile", "Jeanne"]


def test_what_a_display_shows_is_what_was_produced() -> None:
    used = Used(molar=True)
    used.meter.measure()

    (row,) = used.ledger.produced
    assert Decimal(row.values["glucose"]) == Decimal(row.values["glucose"]).quantize(Decimal("0.1"))
