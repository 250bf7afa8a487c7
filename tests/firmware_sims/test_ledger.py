import io
import json
from datetime import timedelta, timezone

from firmware_sims.ledger import Kind, Ledger

from tests.firmware_sims.people import NOON


def test_a_record_of_two_kinds_is_two_lines_in_universal_time() -> None:
    stream = io.StringIO()
    ledger = Ledger(stream)

    ledger.enter(
        device="C4:00:00:00:00:01",
        model="V-1",
        record=7,
        measured_at=NOON.astimezone(timezone(timedelta(hours=2))),
        slot=None,
        kinds={
            Kind.BLOOD_PRESSURE: {"systolic": "120", "unit": "mmHg"},
            Kind.HEART_RATE: {"pulse": "64", "unit": "/min"},
        },
    )

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0] == {
        "device": "C4:00:00:00:00:01",
        "model": "V-1",
        "record": 7,
        "kind": "blood_pressure",
        "values": {"systolic": "120", "unit": "mmHg"},
        "measured_at": "2026-03-10T12:00:00+00:00",
        "slot": None,
    }
    assert [line["kind"] for line in lines] == ["blood_pressure", "heart_rate"]


def test_a_ledger_without_a_file_still_remembers() -> None:
    ledger = Ledger()

    ledger.enter(device="d", model="m", record=1, measured_at=NOON, slot=2, kinds={Kind.WEIGHT: {}})

    assert ledger.produced[0].slot == 2
