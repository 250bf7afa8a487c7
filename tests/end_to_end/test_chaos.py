"""Everything goes wrong for half a minute, and every destination holds what it should, once."""

import os
import subprocess
import sys

import pytest

from tests.end_to_end.test_demo import assert_every_sum_is_ok
from tests.uplink.brokers import needs_mosquitto

pytestmark = pytest.mark.other_processes


@needs_mosquitto
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_every_destination_holds_what_was_consented_to_once_whatever_goes_wrong() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--seconds", "25", "--seed", "3"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "160"},
    )

    assert_every_sum_is_ok(ran, at_least=21, produced=400)
