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


def test_what_shares_a_machine_or_a_browser_runs_in_one_worker(tmp_path: Path) -> None:
    for folder in ("bluez", "browser"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
    shutil.copy(CONFTEST, tmp_path / "tests")
    for place in ("bluez/test_one.py", "bluez/test_two.py", "browser/test_it.py", "test_other.py"):
        (tmp_path / "tests" / place).write_text(TESTS)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    def workers(folder: str) -> list[str]:
        return re.findall(rf"\[(gw\d)\].* PASSED tests/{folder}/", ran.stdout)

    assert (len(set(workers("bluez"))), len(workers("bluez"))) == (1, 16), ran.stdout
    assert (len(set(workers("browser"))), len(workers("browser"))) == (1, 8), ran.stdout
