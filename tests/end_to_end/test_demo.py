"""The demonstration as anybody runs it, and with the daemon killed twenty times under way."""

import os
import re
import subprocess
import sys

import pytest


def test_the_demonstration_adds_up() -> None:
    assert_every_sum_is_ok(demonstration("--seconds", "12"))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_demonstration_adds_up_with_the_daemon_killed_twenty_times() -> None:
    assert_every_sum_is_ok(demonstration("--seconds", "40", "--kills", "20"))


def demonstration(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "demo", *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "160"},
    )


def assert_every_sum_is_ok(
    ran: subprocess.CompletedProcess[str], *, at_least: int = 9, produced: int = 4000
) -> None:
    """Assert that it says so itself, and that each line of its table has two equal numbers."""
    sums = re.findall(r"│ +(\d+) │ +(\d+) │ *(.*)$", ran.stdout, re.MULTILINE)

    assert "WRONG" not in ran.stdout, ran.stdout
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Every sum adds up." in ran.stdout
    assert len(sums) >= at_least
    assert all(expected == found and verdict.strip() == "ok" for expected, found, verdict in sums)
    assert int(sums[0][0]) > produced
