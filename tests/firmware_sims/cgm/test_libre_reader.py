import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.body import Body, Person
from firmware_sims.cgm.libre_reader import HISTORY_KEPT, Habits, LibreReader
from firmware_sims.device_clock import DeviceClock
from firmware_sims.faults import Fault, Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Kind, Ledger, Produced
from firmware_sims.packing.freestyle_libre import Notes
from firmware_sims.placement import Placement
from firmware_sims.serial_device import plugged_in
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware_sims.abbott_talk import answered, begin, listed, packet, said
from tests.firmware_sims.hid_host import Host
from tests.firmware_sims.people import NOON, Time
from tests.firmware_sims.placed import placement

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)


class Worn:
    """A reader, its owner's time, and what it truly produced."""

    def __init__(self, *, worn_for: timedelta = 5 * HOUR, **options: Any) -> None:
        self.time, self.ledger, self.forbidden = Time(), Ledger(), ForbiddenCommands()
        where = {
            name: options.pop(name)
            for name in ("faults", "people", "clock_error")
            if name in options
        }
        self.placement: Placement = placement(
            time=self.time, ledger=self.ledger, forbidden=self.forbidden, **where
        )
        self.reader = LibreReader(self.placement, put_on_at=NOON - worn_for, **options)
        begin(self.reader)

    def scan(self, after: timedelta = timedelta()) -> None:
        self.time.pass_by(after)
        self.reader.measure()

    @property
    def history(self) -> list[Sequence[bytes]]:
        return listed(self.reader, "$history?")

    @property
    def results(self) -> list[Sequence[bytes]]:
        return listed(self.reader, "$arresult?")

    def produced(self, kind: Kind) -> list[Produced]:
        return [row for row in self.ledger.produced if row.kind is kind]


def numbers(fields: Sequence[bytes]) -> list[int]:
    return [int(field) for field in fields if not field.startswith(b'"')]


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute)  # noqa: DTZ001 - as a device says it


def shown(fields: Sequence[bytes], start: int = 2) -> datetime:
    month, day, year, *rest = [int(field) for field in fields[start : start + 6]]
    return datetime(2000 + year, month, day, *rest)  # noqa: DTZ001 - as a device says it


def value_in_ledger(row: Produced) -> int:
    return int(row.values.get("glucose") or {"low": 40, "high": 500}[row.values["range"]])


def test_it_says_who_it_is() -> None:
    worn = Worn()

    assert said(worn.reader, "$sn?") == b"JCGM222-T0033\r\n"
    assert said(worn.reader, "$brandname?") == b"FreeStyle Libre\r\n"
    assert said(worn.reader, "$serlnum?") is None


@pytest.mark.parametrize(("mmol", "unit"), [(True, b"0\r\n"), (False, b"1\r\n")])
def test_its_unit_is_that_of_the_display(mmol: bool, unit: bytes) -> None:
    assert said(Worn(mmol=mmol).reader, "$uom?") == unit


def test_a_reader_that_never_scanned_has_an_empty_log() -> None:
    worn = Worn()

    assert (worn.history, worn.results) == ([], [])
    assert said(worn.reader, "$history?") == b"Log Empty\r\n"


def test_a_scan_brings_what_the_sensor_measured_since_and_the_value_of_the_moment() -> None:
    worn = Worn(newest_first=False)

    worn.scan()
    first = len(worn.history)
    worn.scan(after=HOUR)

    assert first == 5 * 4
    assert [numbers(each)[14] for each in worn.history] == list(range(15, 6 * 60 + 1, 15))
    times = [shown(each) for each in worn.history]
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {QUARTER}
    assert [numbers(each)[9] for each in worn.results] == [2, 2]
    assert shown(worn.results[-1]) == local(10, 13)


def test_what_is_listed_and_valid_is_what_was_produced() -> None:
    worn = Worn(worn_for=20 * 24 * HOUR)
    worn.reader.remember(NOON - 20 * 24 * HOUR, NOON, scan_every=7 * HOUR)

    listed_values = sorted(
        (shown(each), numbers(each)[13]) for each in worn.history if int(each[15]) == 0
    ) + sorted((shown(each), numbers(each)[12]) for each in worn.results if int(each[28]) == 0)

    produced = worn.produced(Kind.INTERSTITIAL_GLUCOSE)
    entered = [(row.measured_at.replace(tzinfo=None), value_in_ledger(row)) for row in produced]
    assert sorted(listed_values) == sorted(entered)
    assert {40, 500} & {value for _, value in listed_values}
    assert all(row.person == "Odile" for row in produced)


def test_the_first_hour_is_an_error_and_the_first_value_says_that_it_is_the_first() -> None:
    worn = Worn(worn_for=2 * HOUR, newest_first=False)

    worn.scan()

    assert [int(each[15]) & 0x8000 for each in worn.history] == [0x8000] * 3 + [0] * 5
    assert [int(each[13]) == 0 for each in worn.history] == [True] * 3 + [False] * 5
    assert [int(each[12]) for each in worn.history] == [1] + [0] * 7
    assert len(worn.produced(Kind.INTERSTITIAL_GLUCOSE)) == 5 + 1


def test_a_scan_in_the_first_hour_is_an_error() -> None:
    worn = Worn(worn_for=HOUR / 2)

    worn.scan()

    assert (int(worn.results[0][11]), int(worn.results[0][12])) == (1, 0)
    assert int(worn.results[0][28]) & 0x8000
    assert worn.ledger.produced == []


def test_a_sensor_forgets_what_is_older_than_eight_hours() -> None:
    worn = Worn(newest_first=False)
    worn.scan()

    worn.scan(after=10 * HOUR)

    minutes = [int(each[14]) for each in worn.history]
    assert minutes == [*range(15, 301, 15), *range(7 * 60 + 15, 15 * 60 + 1, 15)]


def test_a_new_sensor_is_put_on_after_fourteen_days_and_counts_anew() -> None:
    worn = Worn(worn_for=14 * 24 * HOUR - HOUR, newest_first=False)
    worn.scan()

    worn.scan(after=3 * HOUR)

    minutes = [int(each[14]) for each in worn.history[-12:]]
    assert minutes == [20115, 20130, 20145, 20160, *range(15, 121, 15)]
    assert [int(each[12]) for each in worn.history[-12:]] == [0] * 4 + [1] + [0] * 7


def test_a_failed_value_and_a_failed_scan_are_no_record_produced() -> None:
    worn = Worn(newest_first=False)
    worn.scan()
    produced = len(worn.ledger.produced)
    worn.placement.faults.arm(Fault.NAN_MEASUREMENT)
    worn.placement.faults.arm(Fault.ERROR_CODE)

    worn.scan(after=QUARTER)

    assert len(worn.ledger.produced) == produced
    assert int(worn.history[-1][15]) & 0x8000
    assert int(worn.results[-1][28]) & 0x8000


def test_records_of_all_kinds_share_one_count_and_the_newest_comes_first() -> None:
    worn = Worn(first_record=34_412, habits=Habits(strip_every=1))
    worn.scan()
    worn.placement.clock.moved(worn.time(), HOUR)
    worn.scan(after=HOUR)

    counts = [[int(each[0]) for each in rows] for rows in (worn.history, worn.results)]
    assert all(each == sorted(each, reverse=True) for each in counts)
    assert sorted(counts[0] + counts[1]) == list(range(34_412, 34_412 + worn.reader.held))
    last = max(counts[0] + counts[1])
    assert said(worn.reader, "$dbrnum?") == b"DB Record Number = %d\r\n" % last


def test_the_numbers_of_records_may_have_sixteen_bits() -> None:
    worn = Worn(worn_for=2 * HOUR, first_record=65_530, record_bits=16, newest_first=False)

    worn.scan()

    assert [int(each[0]) for each in worn.history] == [*range(65_530, 65_536), 0, 1]
    assert said(worn.reader, "$dbrnum?") == b"DB Record Number = 65538\r\n"


def test_a_strip_and_a_ketone_strip_say_what_they_are() -> None:
    worn = Worn(habits=Habits(strip_every=2, ketone_every=4))

    for _ in range(4):
        worn.scan(after=HOUR)

    kinds = [int(each[9]) for each in reversed(worn.results)]
    assert kinds == [2, 2, 0, 2, 2, 0, 1]
    ketone = next(each for each in worn.results if each[9] == b"1")
    (entered,) = worn.produced(Kind.BLOOD_KETONE)
    assert f"{int(ketone[12]) / 18:.1f}" == entered.values["ketone"]
    strips = [int(each[12]) for each in reversed(worn.results) if each[9] == b"0"]
    assert strips == [value_in_ledger(row) for row in worn.produced(Kind.BLOOD_GLUCOSE)]
    assert {int(each[13]) for each in worn.results if each[9] in (b"0", b"1")} == {0}


def test_a_scan_has_an_arrow_and_a_strip_has_none() -> None:
    worn = Worn(worn_for=30 * HOUR, habits=Habits(strip_every=1))

    for _ in range(96):
        worn.scan(after=QUARTER)

    arrows = [{int(each[14]) for each in worn.results if each[9] == kind} for kind in (b"2", b"0")]
    assert {2, 3, 4} <= arrows[0] <= {1, 2, 3, 4, 5}
    assert arrows[1] == {0}


def test_notes_stand_in_their_fields_and_only_rapid_insulin_lengthens_a_record() -> None:
    comments = ("marché".encode(), b"stress, au travail", b"", b"", b"", "fatigué".encode()[:-1])
    worn = Worn(comments=comments)
    both = Notes(food_g=45, rapid_half_units=11, sport=True, comments=frozenset({0, 5}))

    worn.reader.scan(NOON, both)
    message = said(worn.reader, "$arresult?") or b""

    line = message.split(b"\r\n")[0]
    quoted = b",".join(b'"%b"' % each for each in comments)
    assert b"," + quoted + b"," in line
    before, after = line.split(quoted)
    assert [int(each) for each in before.split(b",")[15:-1]] == [
        *(1, 0, 1, 0, 33),  # sport, medicine, rapid, long, comments
        *(0, 0, 0, 0, 0, 1, 45, 0, 0),
    ]
    assert after == b",7,3,10,26,12,0,0,1,11"


def test_a_record_without_rapid_insulin_has_thirty_five_fields() -> None:
    worn = Worn()

    worn.reader.scan(NOON, Notes(long_half_units=24, medicine=True))

    (fields,) = worn.results
    assert (len(fields), int(fields[16]), int(fields[18]), int(fields[23])) == (35, 1, 1, 24)


def test_setting_the_time_is_a_record_between_what_was_scanned_before_and_after() -> None:
    worn = Worn()
    worn.scan()
    worn.placement.clock.moved(worn.time(), -2 * HOUR)

    worn.scan(after=HOUR)

    after, change, before = worn.results
    assert [int(each[1]) for each in (before, change, after)] == [2, 5, 2]
    assert shown(change) == local(10, 10)
    assert shown(change, 9) == local(10, 12)
    assert len(change) == 20
    assert shown(worn.history[0]) == shown(after) == local(10, 11)
    assert int(before[0]) < int(change[0]) < int(worn.history[0][0])


@pytest.mark.parametrize(("restamps", "hour"), [(False, 13), (True, 11)])
def test_a_value_from_before_a_change_that_is_scanned_after_it(restamps: bool, hour: int) -> None:
    worn = Worn(restamps=restamps, newest_first=False)
    worn.scan()
    worn.placement.clock.moved(worn.time() + 1.1 * HOUR, -2 * HOUR)

    worn.scan(after=1.5 * HOUR)

    *_, one_o_clock, after_it, last = worn.history
    changes = [int(each[0]) for each in worn.results if each[1] == b"5"]
    assert shown(one_o_clock) == local(10, hour)
    assert [shown(each) for each in (after_it, last)] == [local(10, 11, 15), local(10, 11, 30)]
    assert int(one_o_clock[0]) > changes[0]


def test_setting_another_day_makes_two_records() -> None:
    worn = Worn()
    worn.placement.clock.moved(worn.time(), 15 * HOUR)

    time, date = worn.results

    assert (shown(date, 9), shown(date)) == (local(10, 12), local(11, 12))
    assert (shown(time, 9), shown(time)) == (local(11, 12), local(11, 3))


def test_a_clock_that_was_lost_marks_its_records_and_is_set_again() -> None:
    worn = Worn()
    worn.scan()
    worn.placement.faults.arm(Fault.DROP_CLOCK)

    worn.scan(after=HOUR)
    lost = worn.results[0]
    worn.placement.clock.set_right(worn.time())

    assert (shown(lost).year, int(lost[8])) == (2000, 0)
    assert {shown(each).year for each in worn.history[:4]} == {2000}
    assert int(worn.history[0][8]) == 0
    time, date, *_ = worn.results
    assert (int(date[1]), int(date[8]), shown(date, 9).year) == (5, 1, 2000)
    assert shown(time) == local(10, 13)


def test_the_readers_own_time_and_what_its_owner_added_make_what_it_shows() -> None:
    worn = Worn()
    worn.placement.clock.moved(NOON, -HOUR)

    year, month, day, *time, valid, added = (said(worn.reader, "$rdt?") or b"").split(b",")

    assert [int(each) for each in (year, month, day, *time)] == [26, 3, 10, 12, 0, 0]
    assert (int(valid), int(added)) == (1, -3600)


def test_a_clock_that_drifts_takes_the_values_with_it() -> None:
    worn = Worn()
    clock = DeviceClock(worn.time, drift_ppm=1000)
    worn.placement.clock = clock

    worn.scan(after=10 * HOUR)

    assert shown(worn.history[0]) - local(10, 22) == timedelta(seconds=36)


def test_an_owner_who_erases_begins_anew_and_the_count_goes_on() -> None:
    worn = Worn()
    worn.scan()
    last = int(worn.results[0][0])

    worn.reader.erase(worn.time())
    empty = (worn.history, worn.results)
    worn.scan(after=2 * HOUR)

    assert empty == ([], [])
    assert [int(each[14]) for each in reversed(worn.history)] == list(range(15, 121, 15))
    assert int(worn.history[-1][0]) == last + 1


def test_ninety_days_are_kept() -> None:
    days = 95 * 24 * HOUR
    worn = Worn(worn_for=days)

    worn.reader.remember(NOON - days, NOON, scan_every=6 * HOUR)

    assert len(worn.history) == HISTORY_KEPT == 90 * 96
    assert shown(worn.history[-1]) == local(10, 12, 15) - timedelta(days=90)


@pytest.mark.parametrize("command", ["$resetpatient", "$swreset"])
def test_a_host_that_resets_is_reported_and_nothing_is_erased(command: str) -> None:
    worn = Worn()
    worn.scan()
    before = (worn.history, worn.results)

    assert said(worn.reader, command)

    assert worn.forbidden.received == [command]
    assert (worn.history, worn.results) == before


@given(
    passing=st.lists(
        st.tuples(st.integers(1, 20 * 60), st.sampled_from(["scan", "move", "lose", "erase"])),
        max_size=12,
    )
)
def test_whatever_happens_the_lists_agree_with_the_ledger(
    passing: list[tuple[int, str]],
) -> None:
    worn = Worn()
    erased = 0

    for minutes, what in passing:
        worn.time.pass_by(timedelta(minutes=minutes))
        match what:
            case "move":
                worn.placement.clock.moved(worn.time(), timedelta(minutes=minutes - 600))
            case "lose":
                worn.placement.clock.lost(worn.time())
            case "erase":
                worn.reader.erase(worn.time())
                erased = len(worn.ledger.produced)
            case _:
                worn.scan()

    values = [int(each[13]) for each in reversed(worn.history) if int(each[15]) == 0]
    values += [
        int(each[12]) for each in reversed(worn.results) if each[1] == b"2" and int(each[28]) == 0
    ]
    assert sorted(values) == sorted(map(value_in_ledger, worn.ledger.produced[erased:]))
    ids = [int(each[0]) for each in worn.history + worn.results]
    assert len(set(ids)) == len(ids)


async def test_a_history_over_its_socket_survives_a_pulled_cable(tmp_path: Path) -> None:
    worn = Worn()
    worn.scan()
    faults = Faults({Fault.UNPLUG_MID_FRAME: 1})

    async with plugged_in(worn.reader, tmp_path / "libre", faults=faults, faults_after=6) as port:
        with Host(port.link) as host:
            await host.write(packet(0x01))
            await host.write(packet(0x60, b"$history?"))
            begun = [await host.read() for _ in range(7)]
        port.plug()
        with Host(port.link) as host:
            await host.write(packet(0x01))
            await host.write(packet(0x60, b"$history?"))
            whole = b""
            while not whole.endswith(b"CMD OK\r\n"):
                report = await host.read()
                whole += report[2 : 2 + report[1]] if report[0] == 0x60 else b""

    assert begun[-1] == b""
    begin(worn.reader)
    assert whole == b"".join(data for _, data in answered(worn.reader, 0x60, b"$history?"))


def test_two_people_are_two_readers() -> None:
    marcel = Body(Person(name="Marcel"), 1)
    worn = Worn(people=[(marcel, "")])

    worn.scan()

    assert {row.person for row in worn.ledger.produced} == {"Marcel"}
    assert said(worn.reader, "$ptname?") == b"Marcel\r\n"
