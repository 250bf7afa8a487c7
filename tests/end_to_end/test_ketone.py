"""One meter, two strips: what may go to the health space goes, what has no place there stays."""

from collections import Counter
from pathlib import Path

from firmware_sims.ledger import Ledger
from firmware_sims.scenario import parse
from firmware_sims.staging import Stage

from tests.end_to_end.home import ODILE, Plan, a_health_space, at_home
from tests.end_to_end.passing import Passing
from tests.end_to_end.room import CODE

ADDRESS = "C4:00:00:00:00:01"
SCENARIO = f"""
seed = 11
utc_offset_min = 60
[people.odile]
name = "Odile"
weight_kg = 64.5
[[device]]
type = "caresens_meter"
name = "CareSens 0131"
address = "{ADDRESS}"
person = "odile"
passkey = {CODE}
advertise_for_s = inf
idle_s = 0.5
stored = 7
ketone_every = 2
"""


async def test_ketone_stays_on_the_hub_and_the_glucose_of_its_meter_arrives(tmp_path: Path) -> None:
    scenario, ledger = parse(SCENARIO), Ledger()
    time = Passing(scenario.begins)
    async with (
        a_health_space(time) as space,
        Stage(scenario, ledger=ledger, now=time.utc) as stage,
    ):
        hci = f"tcp-client:{await stage.radio.serve('127.0.0.1', 0)}"
        async with at_home(tmp_path, space, time, Plan(hci=hci)) as home:
            await home.welcome(ODILE)
            await home.give(f"ble:{ADDRESS}", "glucose_meter/bluetooth_sig", ODILE)

            async def all_settled() -> bool:
                for asked in home.hub.questions():
                    await home.hub.answer(asked, CODE)
                kept = await home.readings(ODILE)
                ways = [way["state"] for each in kept for way in each["deliveries"]]
                return len(kept) == len(ledger.produced) and set(ways) == {"settled"}

            await home.hurry_until(all_settled, step_s=2)
            kept = await home.readings(ODILE)

    produced = Counter(str(one.kind) for one in ledger.produced)
    assert Counter(each["kind"] for each in kept) == produced
    ketone = [each for each in kept if each["kind"] == "blood_ketone"]
    assert produced["blood_ketone"] == 3
    assert [each["deliveries"] for each in ketone] == [[]] * 3
    assert sum(len(each["deliveries"]) for each in kept) == produced["blood_glucose"]
