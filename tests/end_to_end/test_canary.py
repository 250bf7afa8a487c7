"""What tells something about a person is put into a running daemon, and looked for in what it says.

The log, at its most talkative, and the metrics go to whoever looks after the machine; the status
tells the household how it is. None of them is about a person.
"""

import asyncio
import re
from pathlib import Path

import pytest
from firmware_sims.health_space import HealthSpace
from firmware_sims.ledger import Ledger
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from gateway.client import Client
from gateway.errors import GatewayError
from tests.end_to_end.home import LONG_AGO, Home, Plan
from tests.end_to_end.passing import Passing
from tests.end_to_end.processes import a_daemon
from tests.end_to_end.test_command import CAPTURE, SCALE

pytestmark = pytest.mark.other_processes

NAME, OTHER = "Canary Ada", "Canary Bruno"
ADDRESS, CUFF, CODE = "CA:4A:21:00:00:01", "CanaryCuff", "424242"
SERIAL_NUMBER = "00000117"
"""Of the scale in the capture."""
UNITS = re.compile(r"mmHg|mm\[Hg\]|\bkg\b|\d/min", re.IGNORECASE)
SCENARIO = f"""
seed = 3
[people.ada]
name = "{NAME}"
[[device]]
type = "bp_monitor"
name = "{CUFF}"
address = "{ADDRESS}"
person = "ada"
stored = 3
advertise_for_s = inf
idle_s = 0.5
settle_s = 0.05
pairing = "passkey"
passkey = {CODE}
"""


async def test_what_a_daemon_logs_and_counts_names_no_person_no_device_and_no_value(
    tmp_path: Path, space: HealthSpace
) -> None:
    time, ledger = Passing(), Ledger()
    async with Stage(parse(SCENARIO), ledger=ledger, now=time.utc) as stage:
        plan = Plan(
            hci=f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}",
            captures=(CAPTURE,),
            hub={"log_level": "DEBUG"},
        )
        async with a_daemon(tmp_path, space, time, plan) as (home, daemon):
            await lived_in(home, ledger)
            await refused(home)
            client = Client(home.config)
            metrics = (await asyncio.to_thread(client.get_file, "metrics")).decode()
            status = (await asyncio.to_thread(client.get_file, "status")).decode()
            readings = await home.readings()
        log = daemon.log.read_text()

    values = {
        quantity["value"]
        for reading in readings
        for quantity in reading["values"].values()
        if "." in quantity["value"]  # a whole number may be a count of something
    }
    people = {NAME, OTHER, *home.people.values()}
    never = {*people, *values, ADDRESS, CUFF, CODE, SERIAL_NUMBER, *(r["id"] for r in readings)}
    assert len(values) >= 2
    assert len(readings) == 3 + len(ledger.produced)
    for said in (log, metrics):
        assert [canary for canary in never if canary.lower() in said.lower()] == []
        assert UNITS.search(said) is None
    assert [canary for canary in people | values if canary in status] == []
    assert "session device=" in log
    assert "asks=type_code" in log
    assert "one person's deliveries wait" in log
    assert 'gateway_sessions_total{driver="bp_monitor/bluetooth_sig",outcome="complete"}' in metrics


async def lived_in(home: Home, ledger: Ledger) -> None:
    """Let two people have readings; one of them consents and is not known to the destination."""
    await home.welcome(NAME)
    home.people[OTHER] = (await home.post("people", label=OTHER))["id"]
    await home.grant(OTHER)
    await home.give(SCALE, "scale/tanita", OTHER)
    await home.give(f"ble:{ADDRESS}", "bp_monitor/bluetooth_sig", NAME)
    await home.until(lambda: home.get("pairing"))
    (question,) = await home.get("pairing")
    await home.post("pairing", str(question["number"]), "answer", code=CODE)

    async def arrived() -> bool:
        states = await home.states(NAME)
        return states == ["settled"] * len(ledger.produced)

    async def over() -> bool:
        return not (await home.get("status"))["sessions"]

    await home.until(arrived)
    await home.until(over)


async def refused(home: Home) -> None:
    """Ask for what there is not, naming people and devices in vain."""
    for path, body in (
        (("people",), {"label": NAME, "weight": "81.375"}),
        (("assignments",), {"device": ADDRESS, "subject": NAME, "since": LONG_AGO}),
        (("readings", SERIAL_NUMBER, "claim"), {"subject": NAME}),
        (("consents", "grant"), {"subject": NAME, "destination": OTHER, "given_by": NAME}),
    ):
        try:
            await home.post(*path, **body)
        except GatewayError:
            continue
        raise AssertionError(f"{path} was not refused")
