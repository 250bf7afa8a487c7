"""What the README has a newcomer type to look around is typed, and brings them to the screens."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.tutorial.test_write_a_driver import free_port

README = Path(__file__).parents[2] / "README.md"
TIME_LIMIT_S = 60

pytestmark = pytest.mark.other_processes


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Path]:
    """The folder where the block was typed, on ports of its own; what it began ends."""
    (block,) = re.findall(r"```\n(export PATH=.*?)```", README.read_text(), re.DOTALL)
    for port in ("8470", "9001"):
        block = block.replace(port, str(free_port()))
    venv = Path(sys.executable).parent
    with (
        (tmp_path / "said").open("wb") as said,
        subprocess.Popen(
            ["bash", "-euc", f"{block.replace('$PWD/.venv/bin', str(venv))}\nwait"],
            cwd=tmp_path,
            stderr=said,
            start_new_session=True,
        ) as shell,
    ):
        try:
            yield tmp_path
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)  # what it began, and only that


def test_a_newcomer_gets_to_the_screens(typed: Path) -> None:
    asked = [str(Path(sys.executable).parent / "healthspace-gateway"), "--config", "hub.toml"]
    ends = time.monotonic() + TIME_LIMIT_S
    while "running" not in (typed / "said").read_text() and time.monotonic() < ends:
        time.sleep(0.05)

    address = subprocess.run(
        [*asked, "web"], cwd=typed / "var", capture_output=True, text=True, check=True
    ).stdout.strip()
    seen = ""
    while "Cuff A" not in seen and time.monotonic() < ends:
        ran = subprocess.run([*asked, "scan"], cwd=typed / "var", capture_output=True, text=True)
        seen = ran.stdout

    assert "bp_monitor/bluetooth_sig" in seen
    with urlopen(address) as page:
        assert page.status == 200
