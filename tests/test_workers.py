"""How the suite is shared out to its workers."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).with_name("conftest.py")
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(8))
def test_something(number):
    pass
"""


def test_what_shares_the_virtual_machine_runs_in_one_worker(tmp_path: Path) -> None:
    (tmp_path / "tests" / "bluez").mkdir(parents=True)
    shutil.copy(CONFTEST, tmp_path / "tests")
    for place in ("bluez/test_one.py", "bluez/test_two.py", "test_other.py"):
        (tmp_path / "tests" / place).write_text(TESTS)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    workers = dict(re.findall(r"\[(gw\d)\].* PASSED tests/(bluez/.*)", ran.stdout))
    ran_there = re.findall(r"\[gw\d\].* PASSED tests/bluez/", ran.stdout)

    assert (len(workers), len(ran_there)) == (1, 16), ran.stdout
