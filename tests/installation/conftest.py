"""One hub for all tests of this folder, which go through its life in order."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.installation.box import BOX, ROOT, Hub

collect_ignore_glob = [] if BOX in os.environ else ["test_*.py"]

CUFF = "C4:00:00:00:00:01"
HCI = "127.0.0.1:9001"
STORED = 3
_SCENARIO = f"""
seed = 7
utc_offset_min = 60
[people.odile]
name = "Odile"
[[device]]
type = "bp_monitor"
name = "Cuff"
address = "{CUFF}"
person = "odile"
stored = {STORED}
"""
CONFIGURATION = f"""
[hub]
state = "/var/lib/healthspace-gateway"
language = "en"
time = "system"
[api]
port = 8470
[[hci]]
url = "tcp-client:{HCI}"
"""


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A Debian, as a hub has it before anything is installed."""
    hub = Hub(tmp_path_factory.mktemp("hub"))
    yield hub
    hub.off()


@pytest.fixture(scope="session")
def installed(hub: Hub) -> Hub:
    """The same with the gateway on it."""
    hub.say("/source/deploy/install.sh", "--wheels", "/wheels")
    return hub


@pytest.fixture(scope="session")
def used(installed: Hub, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """The same, after the first steps of docs/install.md: it read the memory of a cuff."""
    installed.say("tee", "/etc/healthspace-gateway/gateway.toml", given=CONFIGURATION)
    with a_cuff(installed, tmp_path_factory.mktemp("cuff")):
        installed.say("systemctl", "restart", "healthspace-gateway")
        installed.until(lambda: CUFF in installed.say("healthspace-gateway", "scan"))
        steps, check, *_ = blocks("First steps")
        for line in steps.splitlines():
            ran = installed.run(*line.split())
            assert ran.status == 0 or "doctor" in line, ran.error  # there is no Bluetooth adapter
        installed.say("healthspace-gateway", "assign", f"ble:{CUFF}", "Odile", "--since", "30d")
        installed.until(lambda: len(readings(installed)) == 2 * STORED)
        installed.say("sh", "-euc", check)
    return installed


@contextmanager
def a_cuff(hub: Hub, folder: Path) -> Iterator[None]:
    """Have a virtual cuff beside the hub: a process of this machine on the hub's loopback."""
    scenario = folder / "scenario.toml"
    scenario.write_text(_SCENARIO)
    words = [sys.executable, "-m", "firmware_sims", "play", str(scenario), "--hci", HCI]
    with subprocess.Popen(hub.inside("--net", "--", *words), stdout=subprocess.PIPE) as playing:
        assert playing.stdout is not None
        try:
            assert json.loads(playing.stdout.readline())["ready"]
            yield
        finally:
            playing.send_signal(signal.SIGTERM)


def readings(hub: Hub) -> list[str]:
    """Return the ids of all readings."""
    listed = json.loads(hub.say("healthspace-gateway", "journal", "--limit", "1000", "--json"))
    return sorted(each["id"] for each in listed)


def a_source(hub: Hub, name: str) -> Path:
    """Copy what a hub is installed from, to be changed; it is /sources/NAME in the hub."""
    folder = hub.sources / name
    folder.mkdir()
    for each in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / each, folder)
    for each in ("gateway", "deploy"):
        shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def blocks(section: str) -> list[str]:
    """Return what docs/install.md has to be typed in a section, for who is root already."""
    page = (ROOT / "docs" / "install.md").read_text().partition(f"\n## {section}\n")[2]
    typed: list[str] = re.findall(r"```\n(.*?)```", page.partition("\n## ")[0], re.S)
    return [block.replace("sudo ", "") for block in typed]
