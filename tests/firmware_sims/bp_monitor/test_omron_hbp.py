import dataclasses
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from firmware_sims.bp_monitor.omron_hbp import Frame, OmronHbp
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.placement import Placement

from tests.firmware_sims.people import body
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of

GOOD = Frame(
    year=2026,
    month=7,
    day=11,
    hour=9,
    minute=5,
    person_id="12345678901234567890",
    systolic=120,
    diastolic=80,
    pulse=72,
)


def monitor(where: Placement | None = None, **options: Any) -> OmronHbp:
    return OmronHbp(where or placement(people=[(body(), "ABC")]), **options)


@pytest.mark.parametrize(
    ("identity", "changes"),
    [
        ("hbp9030-bad-feb29-nonleap", {"year": 2025, "month": 2, "day": 29}),
        ("hbp9030-bad-hour24", {"hour": 24}),
        ("hbp9030-bad-pulse-039", {"pulse": 39}),
        ("hbp9030-bad-sys-261", {"systolic": 261}),
        ("hbp9030-bad-mixed-error-vitals", {"error": 7, "diastolic": None}),
    ],
)
def test_the_published_frames_are_reproduced(identity: str, changes: dict[str, Any]) -> None:
    assert dataclasses.replace(GOOD, **changes).encode() == frame_of(identity)


def test_a_monitor_on_another_format_is_reproduced() -> None:
    frame = dataclasses.replace(GOOD, year=2026, person_id="99999999")

    assert frame.encode_id_format() == frame_of("hbp9030-format-id")


def test_the_frame_quoted_from_the_manual_is_reproduced() -> None:
    assert GOOD.encode() == b"2026,07,11,09,05,12345678901234567890,0,120,080,072,0\r\n"


def test_a_frame_has_fixed_places() -> None:
    frame = monitor().measure()

    commas = [place for place, byte in enumerate(frame) if byte == ord(",")]
    assert len(frame) == 55
    assert commas == [4, 7, 10, 13, 16, 37, 39, 43, 47, 51]


def test_a_measurement_is_entered_as_pressure_and_pulse() -> None:
    stream = StringIO()
    ledger = Ledger(stream)

    frame = monitor(placement(ledger=ledger)).measure().decode().strip().split(",")

    pressure, pulse = ledger.produced
    assert pressure.kind is Kind.BLOOD_PRESSURE
    assert pulse.kind is Kind.HEART_RATE
    assert [int(pressure.values["systolic"]), int(pressure.values["diastolic"])] == [
        int(frame[7]),
        int(frame[8]),
    ]
    assert int(pulse.values["pulse"]) == int(frame[9])
    assert stream.getvalue().count("\n") == 2


def test_a_failed_measurement_has_a_digit_and_no_figures_and_is_no_record() -> None:
    ledger = Ledger()

    frame = monitor(placement(ledger=ledger), error_rate=1.0).measure()

    assert frame[38:39] in b"123456789"
    assert frame[40:51] == b"   ,   ,   "
    assert ledger.produced == []


def test_the_time_shown_is_the_devices_own_to_the_minute() -> None:
    frame = monitor(placement(clock_error=timedelta(hours=-22))).measure()

    assert frame.startswith(b"2026,03,09,14,00,")


def test_an_error_that_was_asked_for_strikes_once_and_a_lost_clock_shows() -> None:
    ledger = Ledger()
    faults = {Fault.ERROR_CODE: 1, Fault.DROP_CLOCK: 1}
    kiosk = monitor(placement(ledger=ledger, faults=faults))

    failed, good = kiosk.measure(), kiosk.measure()

    assert failed.startswith(b"2000,01,01,00,00,")
    assert failed[40:51] == b"   ,   ,   "
    assert good[38:39] == b"0"
    assert len(ledger.produced) == 2


def test_people_take_turns_and_may_have_no_id() -> None:
    kiosk = monitor(placement(people=[(body("Odile"), "ODILE-1"), (body("Paul"), "")]))

    shown = [kiosk.measure()[17:37] for _ in range(3)]

    assert shown == [b"ODILE-1".ljust(20), b" " * 20, b"ODILE-1".ljust(20)]


def test_the_same_seed_measures_the_same() -> None:
    again = [monitor(placement(seed=3)).measure() for _ in range(3)]

    assert len(set(again)) == 1
