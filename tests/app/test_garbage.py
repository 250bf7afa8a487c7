"""A daemon does not stop to look through what never becomes garbage."""

import subprocess
import sys

_LOOK = """
import gc
import gateway.app.daemon
from gateway.app.garbage import settle

before = len(gc.get_objects())
settle()
print(before, len(gc.get_objects()))
"""


def test_what_was_loaded_at_the_start_is_left_out_of_every_later_look() -> None:
    told = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True)

    before, after = map(int, told.stdout.split())
    assert before > 10_000
    assert after < before / 10
