"""What the command says of the devices."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.devices import devices
from gateway.cli.speech import Speech

SENSOR = {"id": "ble:C0:FF:EE:00:00:01", "last_remark": "new_sensor_session"}
KNOWN = {**SENSOR, "last_aside": "bcc", "last_reading_at": None, "problem": None}
CUFF = {**KNOWN, "id": "serial:cuff", "last_remark": None}


class Daemon:
    """Answers what devices there are."""

    def get(self, *path: str) -> Any:
        assert path == ("devices",)
        return [KNOWN, CUFF]


@pytest.mark.parametrize(
    ("language", "arguments", "said"),
    [
        ("fr", (), "Un nouveau capteur a été posé."),
        ("en", (), "A new sensor was put on."),
        ("fr", ("--json",), '"last_remark": "new_sensor_session"'),
        ("fr", (), "Quelque chose est arrivé abîmé"),
        ("en", (), "Something came damaged"),
        ("fr", ("--json",), '"last_aside": "bcc"'),
    ],
)
def test_what_a_device_remarked_or_said_unreadably_is_a_sentence_for_people_and_a_code_for_scripts(
    language: str, arguments: tuple[str, ...], said: str
) -> None:
    obj = SimpleNamespace(client=Daemon(), t=Speech(language))
    shown = CliRunner().invoke(devices, arguments, obj=obj, env={"COLUMNS": "300"})

    assert (shown.exit_code, said in shown.output) == (0, True)
    assert ("new_sensor_session" in shown.output) == bool(arguments)
