"""Telling a playing scenario what to do, one JSON object per line, one answer per line.

{"do": "quiet"}                                        no new measurements
{"do": "measure", "device": "Cuff A"}                  measure now
{"do": "fault", "device": "Cuff A", "fault": "slow"}   arm a fault, once or {"times": n}
{"do": "reset_clock", "device": "Cuff A"}              back to 2000-01-01
{"do": "pairing_mode", "device": "Cuff A"}             hold the button until it can be paired
{"do": "type", "device": "Cuff A", "code": 123456}     on its keys, while it pairs (`keypad`)
{"do": "look", "device": "Cuff A"}                     the number it shows (`numbers`), once
{"do": "unplug", "device": "Libre"}                    pull its USB cable; "plug" puts it back
{"do": "erase", "device": "Libre"}                     as its owner can
{"do": "state"}                                        what each device holds
"""

import json
from typing import Any

from firmware_sims.cabled import CabledDevice
from firmware_sims.faults import Fault
from firmware_sims.staged_device import HasPairingMode
from firmware_sims.staging import Stage


def obey(stage: Stage, line: str) -> str:
    """Carry one command out; return the answer, which says what was wrong if anything was."""
    try:
        answer = _carry_out(stage, json.loads(line))
    except json.JSONDecodeError as error:
        answer = {"ok": False, "error": f"not JSON: {error.msg}"}
    except (KeyError, TypeError, ValueError) as error:
        answer = {"ok": False, "error": f"cannot do that: {error!r}"}
    return json.dumps(answer)


def _carry_out(stage: Stage, command: dict[str, Any]) -> dict[str, Any]:
    match command["do"]:
        case "quiet":
            stage.be_quiet()
        case "measure":
            stage.devices[command["device"]].measure()
        case "fault":
            fault = Fault(command["fault"])
            stage.devices[command["device"]].faults.arm(fault, int(command.get("times", 1)))
        case "reset_clock":
            stage.devices[command["device"]].clock.reset()
        case "pairing_mode":
            _hold_the_button(stage, command["device"])
        case "plug" | "unplug" | "erase" as what:
            _move(stage, what, command["device"])
        case "type":
            stage.devices[command["device"]].identity.panel.keyed.put_nowait(int(command["code"]))
        case "look":
            shown = stage.devices[command["device"]].identity.panel.shown
            return {"ok": True, "shows": None if shown.empty() else shown.get_nowait()}
        case "state":
            return {"ok": True, "held": {name: dev.held for name, dev in stage.devices.items()}}
        case other:
            raise ValueError(f"no command {other!r}")
    return {"ok": True}


def _hold_the_button(stage: Stage, name: str) -> None:
    device = stage.devices[name]
    if not isinstance(device, HasPairingMode):
        raise ValueError(f"{name} has no pairing mode")
    device.pairing_mode()


def _move(stage: Stage, what: str, name: str) -> None:
    device = stage.devices[name]
    if not isinstance(device, CabledDevice):
        raise ValueError(f"{name} has no cable")
    match what:
        case "plug":
            stage.bench.plug(device)
        case "unplug":
            stage.bench.unplug(device)
        case _:
            device.erase(stage.now())
