"""The table of the profiles: every row is proved, and the page says what the marks say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conformance.rows import ROWS

TOOL = Path(__file__).parents[2] / "tools" / "conformance.py"


def test_every_row_has_a_test_and_the_page_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(TOOL), "--check"], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.returncode == 0


def test_no_row_is_there_twice() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_only_deleting_is_not_offered() -> None:
    excluded = [row.id for row in ROWS if row.excluded is not None]

    assert excluded == ["GLP/COL/SPD/BV-01", "GLP/COL/SPD/BV-02"]
