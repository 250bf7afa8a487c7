"""What an operator of many hubs is to be alerted on is told by the fleet plane."""

import re
from pathlib import Path

from gateway.journal.states import State
from gateway.metrics import HELP
from gateway.uplink.fleet_health import Health

PAGE = Path(__file__).parents[2] / "docs" / "install.md"
STATUS = {"online", "false"}


def test_every_sign_to_be_alerted_on_is_one_that_a_hub_tells() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("| if | then |")[2].partition("\n\n")[0]
    signs = [row.split("|")[1] for row in table.splitlines()[2:]]
    named = {name for sign in signs for name in re.findall(r"`(\w+)`", sign)}

    assert len(signs) >= 9
    assert named - STATUS - set(Health.model_fields) - set(HELP) - set(State) == set()
