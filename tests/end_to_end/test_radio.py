"""Bluetooth devices that break off, and a controller that goes: what was measured still arrives."""

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from firmware_sims.faults import Fault
from firmware_sims.health_space import HealthSpace
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from tests.end_to_end.home import ODILE, Home, Plan, at_home
from tests.end_to_end.passing import Passing

DRIVER = "bp_monitor/bluetooth_sig"
ADDRESS = "C4:00:00:00:00:01"
DEVICE = f"ble:{ADDRESS}"
SCENARIO = f"""
seed = 3
[people.odile]
name = "Odile Marchand"
[[device]]
type = "bp_monitor"
name = "Cuff"
address = "{ADDRESS}"
person = "odile"
stored = 3
advertise_for_s = inf
settle_s = 0.05
slow_s = 0.1
"""


@pytest.mark.parametrize(
    "faults",
    [
        {Fault.DISCONNECT_MID_RECORD: 2},
        {Fault.DUPLICATE_INDICATION: 2},
        {Fault.GARBAGE_FRAME: 1},
        {Fault.REFUSE: 2},
        {Fault.NAN_MEASUREMENT: 1},
    ],
    ids=lambda faults: next(iter(faults)),
)
async def test_whatever_a_cuff_does_each_of_its_records_arrives_once(
    faults: Mapping[Fault, int], tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    ledger = Ledger()
    async with Stage(parse(SCENARIO), ledger=ledger, now=time.utc) as stage:
        hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        for fault, times in faults.items():
            stage.devices["Cuff"].faults.arm(fault, times)
        async with at_home(tmp_path, space, time, Plan(hci=hci)) as home:
            await home.welcome(ODILE)
            await home.give(DEVICE, DRIVER, ODILE)
            stage.devices["Cuff"].measure()

            await home.hurry_until(lambda: is_empty(stage), step_s=5)
            await home.hurry_until(lambda: are_settled(home, ledger), step_s=5)
            assert_each_arrived_once(space, ledger)
            assert await home.problem(DEVICE) is None


async def test_a_cuff_with_a_code_is_paired_by_who_stands_before_it_forgotten_and_paired_again(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    ledger = Ledger()
    paired = SCENARIO + 'pairing = "passkey"\npasskey = 42\n'
    async with Stage(parse(paired), ledger=ledger, now=time.utc) as stage:
        hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        async with at_home(tmp_path, space, time, Plan(hci=hci)) as home:
            await home.welcome(ODILE)
            await home.give(DEVICE, DRIVER, ODILE)
            question = await asked(home)
            await home.post("pairing", str(question["number"]), "answer", code="000042")
            await home.hurry_until(lambda: is_empty(stage), step_s=5)
            await home.until(lambda: is_alone(home))
            forgotten = await home.post("devices", "forget", device=ADDRESS)
            stage.devices["Cuff"].measure()
            again = await asked(home)
            await home.post("pairing", str(again["number"]), "answer", code="000042")

            await home.hurry_until(lambda: is_empty(stage), step_s=5)
            await home.hurry_until(lambda: are_settled(home, ledger), step_s=5)
            events = [link.event for link in home.hub.reader.audit()]

    assert (question["device"], question["name"], question["asks"]) == (DEVICE, "Cuff", "type_code")
    assert forgotten == {"id": DEVICE, "was_bonded": True}
    assert [it for it in events if it in ("pairing_answered", "bond_forgotten")] == [
        *("pairing_answered", "bond_forgotten", "pairing_answered")
    ]
    assert_each_arrived_once(space, ledger)


async def is_alone(home: Home) -> bool:
    return not (await home.get("status"))["sessions"]


async def asked(home: Home) -> dict[str, object]:
    """Wait until a device asks something."""
    await home.hurry_until(lambda: home.get("pairing"), step_s=1)
    (question,) = await home.get("pairing")
    return dict(question)


async def test_a_controller_that_comes_and_goes_is_told_and_taken_back(
    tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    port = a_free_port()
    url = f"tcp-client:127.0.0.1:{port}"
    ledger = Ledger()
    async with (
        Stage(parse(SCENARIO), ledger=ledger, now=time.utc) as stage,
        at_home(tmp_path, space, time, Plan(hci=url)) as home,
    ):
        await home.welcome(ODILE)
        await home.give(DEVICE, DRIVER, ODILE)
        await home.until(lambda: is_in_trouble(home, "There is no Bluetooth controller to talk to"))
        await stage.radio.serve("127.0.0.1", port)
        await home.hurry_until(lambda: is_empty(stage), step_s=5)
        # The newest host has the controller: the gateway loses it as if somebody had pulled it out.
        _, other = await asyncio.open_connection("127.0.0.1", port)
        await home.until(lambda: is_in_trouble(home, f"The Bluetooth controller at {url} is gone."))
        stage.devices["Cuff"].measure()

        await home.hurry_until(lambda: is_empty(stage), step_s=5)
        await home.hurry_until(lambda: are_settled(home, ledger), step_s=5)
        other.close()
        assert await trouble(home) is None
        assert_each_arrived_once(space, ledger)


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def is_empty(stage: Stage) -> bool:
    return stage.devices["Cuff"].held == 0


async def are_settled(home: Home, ledger: Ledger) -> bool:
    return await home.states() == ["settled"] * len(ledger.produced)


async def trouble(home: Home) -> str | None:
    """Return what the status says of the radio."""
    (radio,) = (await home.get("status"))["transports"]
    problem: str | None = radio["problem"]
    return problem


async def is_in_trouble(home: Home, beginning: str) -> bool:
    return (await trouble(home) or "").startswith(beginning)


def assert_each_arrived_once(space: HealthSpace, ledger: Ledger) -> None:
    counts = space.person(ODILE).counts
    assert (counts.accepted, counts.duplicates) == (len(ledger.produced), 0)
