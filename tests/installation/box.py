"""A hub of its own: a Debian that real systemd starts, in a container, with nothing on it yet."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOX = "GATEWAY_HUB_BOX"
"""The folder that tools/hub-box.sh made; the tests are collected only where it is named."""

WITHIN_S = 60.0
_LOOK_S = 0.2
_ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LC_ALL=en_GB.UTF-8",
)

# A mount namespace of its own holds what the box is changed by, and goes away with it.
_START = """
mount -t tmpfs tmpfs "$2"
mkdir "$2/changed" "$2/work" "$2/hub"
mount -t overlay overlay -o "lowerdir=$1/root,upperdir=$2/changed,workdir=$2/work" "$2/hub"
while true; do
  setpriv --pdeathsig KILL systemd-nspawn --quiet --directory "$2/hub" --register=no --keep-unit \
    --boot --machine=hub --console=pipe --private-network \
    --bind-ro="$3:/source" --bind-ro="$1/wheels:/wheels" --bind-ro="$4:/sources" || ended=$?
  [ "${ended:-0}" = 133 ] || exit "${ended:-0}"
done
"""
"""It ends with 133 when the hub wants to be started anew."""


class Ran:
    """What became of a command."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.status = done.returncode
        self.output = done.stdout
        self.error = done.stderr


class Hub:
    """The container. Its loopback is its own; it has no other network."""

    def __init__(self, folder: Path) -> None:
        """Start it. `folder` is for its changes; what lies in `sources` there is /sources in it."""
        self.sources = folder / "sources"
        self.sources.mkdir()
        (folder / "disk").mkdir()
        with (folder / "console").open("wb") as console:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount"),
                    *("sh", "-euc", _START, "hub"),
                    *(os.environ[BOX], str(folder / "disk"), str(ROOT), str(self.sources)),
                ],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        self.wait_for_systemd()

    def run(self, *command: str, given: str = "") -> Ran:
        """Run a command in it as root."""
        return Ran(
            subprocess.run(
                self.inside("--all", "--", "env", "-i", *_ENVIRONMENT, *command),
                input=given,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        )

    def say(self, *command: str, given: str = "") -> str:
        """Run a command in it that has to work; return what it wrote."""
        ran = self.run(*command, given=given)
        assert ran.status == 0, f"{command}: {ran.output}{ran.error}"
        return ran.output

    def inside(self, *how: str) -> list[str]:
        """Return how a program of this machine is started in namespaces of the container."""
        return ["nsenter", "--target", str(self._leader()), *how]

    def unit(self, name: str, unit: str = "healthspace-gateway") -> str:
        """Return a property of a unit, as systemd has it."""
        return self.say("systemctl", "show", "--value", "--property", name, unit).strip()

    def path(self, path: str) -> Path:
        """Return where a file of the hub is for this machine."""
        return Path(f"/proc/{self._leader()}/root{path}")

    def until(self, holds: Callable[[], bool], within_s: float = WITHIN_S) -> None:
        """Wait until something holds."""
        end = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < end, self.say("journalctl", "--lines=30", "--no-pager")
            time.sleep(_LOOK_S)

    def reboot(self) -> None:
        """Start it anew, as after `sudo reboot`."""
        before = self._leader()
        self.run("systemctl", "reboot")
        end = time.monotonic() + WITHIN_S
        while self._leaders() in ([], [before]):
            assert time.monotonic() < end, "the hub did not start anew"
            time.sleep(_LOOK_S)
        self.wait_for_systemd()

    def wait_for_systemd(self) -> None:
        """Wait until everything that starts with the hub has started."""
        end = time.monotonic() + WITHIN_S
        while True:
            assert self._process.poll() is None, "the container ended"
            assert time.monotonic() < end, "the hub did not start in time"
            if self._leaders() and self.run("systemctl", "is-system-running", "--wait").status == 0:
                return
            time.sleep(_LOOK_S)

    def off(self) -> None:
        """Switch it off; all that it holds is gone."""
        self._process.kill()
        self._process.wait(WITHIN_S)

    def _leader(self) -> int:
        (leader,) = self._leaders()
        return leader

    def _leaders(self) -> list[int]:
        """Return the first process of the container, if there is one now."""
        return [leader for it in _children(self._process.pid) for leader in _children(it)]


def _children(process: int) -> list[int]:
    try:
        told = Path(f"/proc/{process}/task/{process}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(number) for number in told.split()]
