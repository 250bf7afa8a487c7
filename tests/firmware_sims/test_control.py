import json
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.control import obey
from firmware_sims.device_clock import FACTORY_TIME
from firmware_sims.faults import Fault
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import load, parse
from firmware_sims.staging import Stage

from tests.firmware_sims.people import Time

SCENARIO = """
    [people.odile]
    [[device]]
    type = "bp_monitor"
    name = "Cuff"
    address = "C4:00:00:00:00:01"
    person = "odile"
"""


def stage() -> Stage:
    return Stage(parse(SCENARIO), ledger=Ledger(), now=Time())


def told(staged: Stage, **command: Any) -> Any:
    return json.loads(obey(staged, json.dumps(command)))


async def test_a_device_measures_when_told() -> None:
    async with stage() as staged:
        told(staged, do="measure", device="Cuff")

        assert told(staged, do="state") == {"ok": True, "held": {"Cuff": 1}}


async def test_a_fault_is_armed_as_often_as_told() -> None:
    async with stage() as staged:
        told(staged, do="fault", device="Cuff", fault="slow", times=2)

        faults = staged.devices["Cuff"].faults
        assert [faults.strikes(Fault.SLOW) for _ in range(3)] == [True, True, False]


async def test_a_clock_is_reset_and_a_stage_is_quiet_when_told() -> None:
    async with stage() as staged:
        assert told(staged, do="reset_clock", device="Cuff") == {"ok": True}
        assert told(staged, do="quiet") == {"ok": True}
        assert staged.devices["Cuff"].clock.device_local() == FACTORY_TIME


async def test_a_cable_is_pulled_and_put_back_and_a_reader_erased_when_told(
    tmp_path: Path,
) -> None:
    scenario = load(Path("usb.toml"))
    async with Stage(scenario, ledger=Ledger(), now=Time(), sockets=tmp_path) as staged:
        before = staged.devices["Libre"].held
        told(staged, do="unplug", device="Libre")
        pulled = (tmp_path / "libre").exists()
        told(staged, do="plug", device="Libre")

        assert (pulled, (tmp_path / "libre").is_socket()) == (False, True)
        assert told(staged, do="erase", device="Libre") == {"ok": True}
        assert (before > 1900, staged.devices["Libre"].held) == (True, 0)
        assert told(staged, do="erase", device="Neo")["ok"] is False


async def test_somebody_at_a_device_types_and_looks_when_told() -> None:
    async with stage() as staged:
        panel = staged.devices["Cuff"].identity.panel
        told(staged, do="type", device="Cuff", code=42)
        before = told(staged, do="look", device="Cuff")
        panel.shown.put_nowait(123456)

        assert panel.keyed.get_nowait() == 42
        assert before == {"ok": True, "shows": None}
        assert told(staged, do="look", device="Cuff") == {"ok": True, "shows": 123456}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"do": "dance"}',
        '{"do": "measure", "device": "Nothing"}',
        '{"do": "unplug", "device": "Cuff"}',
        '{"do": "fault", "device": "Cuff", "fault": "fire"}',
    ],
)
async def test_what_cannot_be_done_is_said(line: str) -> None:
    async with stage() as staged:
        answer = json.loads(obey(staged, line))

    assert answer["ok"] is False
    assert answer["error"]


async def test_a_device_lets_itself_be_paired_when_told_and_one_without_a_button_does_not() -> None:
    scenario = parse(SCENARIO.replace("bp_monitor", "and_bp_monitor"))
    async with Stage(scenario, ledger=Ledger(), now=Time()) as staged:
        before = staged.devices["Cuff"].identity.pairable()

        assert told(staged, do="pairing_mode", device="Cuff") == {"ok": True}
        assert (before, staged.devices["Cuff"].identity.pairable()) == (False, True)
    async with stage() as staged:
        assert told(staged, do="pairing_mode", device="Cuff")["ok"] is False
