from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from firmware_sims.body import Body, Person
from firmware_sims.faults import Fault
from firmware_sims.glucose_meter.freestyle_neo import CAPACITY, FreeStyleNeo, Habits
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing.freestyle_neo import glucose_line, ketone_line
from firmware_sims.placement import Placement

from tests.firmware_sims.abbott_talk import begin, listed, said
from tests.firmware_sims.people import NOON, Time, body
from tests.firmware_sims.placed import placement

HOUR = timedelta(hours=1)
SHOWN = NOON.replace(tzinfo=None)


class Used:
    """A meter, and what it truly produced."""

    def __init__(self, **options: Any) -> None:
        self.time, self.ledger = Time(), Ledger()
        where = {name: options.pop(name) for name in ("people", "faults") if name in options}
        self.placement: Placement = placement(time=self.time, ledger=self.ledger, **where)
        self.meter = FreeStyleNeo(self.placement, **options)
        begin(self.meter)

    @property
    def results(self) -> list[Sequence[bytes]]:
        return listed(self.meter, "$result?")


def texts(fields: Sequence[bytes]) -> str:
    return b",".join(fields).decode()


def test_it_says_who_it_is() -> None:
    meter = Used(mmol=True).meter

    assert said(meter, "$serlnum?") == b"LANB016-N0424\r\n"
    assert said(meter, "$sn?") is None
    assert said(meter, "$gunits?") == b"0\r\n"


def test_an_empty_memory_has_an_empty_log() -> None:
    assert said(Used().meter, "$result?") == b"Log Empty\r\n"


def test_a_memory_is_listed_newest_first_as_it_was_produced() -> None:
    used = Used()
    used.meter.remember(30, 7 * HOUR)
    used.meter.measure()

    rows = used.results

    assert [int(row[1]) for row in rows] == list(range(31, 0, -1))
    assert {(row[0], len(row)) for row in rows} == {(b"7", 19)}
    produced = [
        f"{at.month},{at.day},{at.year - 2000},{at.hour},{at.minute},1,{row.values['glucose']},0,1"
        for row in reversed(used.ledger.produced)
        for at in [row.measured_at]
    ]
    assert [texts(row[2:11]) for row in rows] == produced


def test_the_oldest_may_come_first() -> None:
    used = Used(newest_first=False)
    used.meter.remember(3, HOUR)

    assert [int(row[1]) for row in used.results] == [1, 2, 3]


@pytest.mark.parametrize(
    ("mg_dl", "said_as"), [(19, b"LO"), (20, b"20"), (500, b"500"), (501, b"HI"), (-3, b"LO")]
)
def test_what_is_out_of_range_is_a_word(mg_dl: int, said_as: bytes) -> None:
    assert glucose_line(1, SHOWN, mg_dl).split(b",")[8] == said_as


@pytest.mark.parametrize(("eighteenths", "said_as"), [(9, b"9"), (144, b"144"), (145, b"HI")])
def test_a_ketone_above_eight_is_a_word(eighteenths: int, said_as: bytes) -> None:
    assert ketone_line(1, SHOWN, eighteenths).split(b",")[8] == said_as


def test_lows_and_highs_are_produced_as_ranges() -> None:
    used = Used()
    used.meter.remember(24 * 4 * 16, HOUR / 4)

    words = {row[8] for row in used.results if not row[8].isdigit()}

    ranges = {row.values["range"] for row in used.ledger.produced if "range" in row.values}
    assert words == {b"LO"} | ({b"HI"} if "high" in ranges else set())
    assert "low" in ranges


def test_other_habits_have_records_of_their_own() -> None:
    used = Used(habits=Habits(control_every=3, ketone_every=2, insulin_every=2))

    for _ in range(6):
        used.meter.measure()

    rows = used.results[::-1]
    assert [int(row[1]) for row in rows] == list(range(1, len(rows) + 1))
    assert [row[0] for row in rows].count(b"9") == [row[0] for row in rows].count(b"10") == 3
    controls = [row for row in rows if row[0] == b"7" and row[10] == b"0"]
    assert len(controls) == 2
    kinds = [row.kind for row in used.ledger.produced]
    assert (kinds.count(Kind.BLOOD_GLUCOSE), kinds.count(Kind.BLOOD_KETONE)) == (6, 3)
    ketones = [f"{int(row[8]) / 18:.1f}" for row in rows if row[0] == b"9"]
    assert ketones == [
        row.values["ketone"] for row in used.ledger.produced if row.kind is Kind.BLOOD_KETONE
    ]


def test_setting_the_clock_is_a_record() -> None:
    used = Used()
    used.meter.measure()
    used.placement.clock.moved(used.time(), -2 * HOUR)
    used.time.pass_by(HOUR)

    used.meter.measure()

    after, change, before = [texts(row) for row in used.results]
    assert change == "6,2,3,10,26,10,0,1,3,10,26,12,0"
    assert before.startswith("7,1,3,10,26,12,0,1,")
    assert after.startswith("7,3,3,10,26,11,0,1,")


def test_a_clock_that_was_lost_marks_its_records() -> None:
    used = Used(faults={Fault.DROP_CLOCK: 1})

    used.meter.measure()

    assert texts(used.results[0]).startswith("7,1,1,1,0,0,0,0,")


def test_a_failed_strip_is_not_kept() -> None:
    used = Used(faults={Fault.ERROR_CODE: 1})

    used.meter.measure()

    assert (used.results, used.ledger.produced) == ([], [])


def test_the_oldest_goes_when_it_is_full() -> None:
    used = Used()
    used.meter.remember(CAPACITY + 2, HOUR / 4)

    assert [int(row[1]) for row in used.results] == list(range(CAPACITY + 2, 2, -1))


def test_people_take_turns_unless_it_is_said_who() -> None:
    used = Used(people=[(body(), ""), (Body(Person(name="Marcel"), 1), "")])

    for _ in range(3):
        used.meter.measure()
    used.meter.measure(NOON, (None, Body(Person(name="Jeanne"), 1)))

    assert [row.person for row in used.ledger.produced] == ["Odile", "Marcel", "Odile", "Jeanne"]
