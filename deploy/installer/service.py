"""The service as systemd has it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from places import DEPLOY, NAME, SYSTEM_FILES, UNIT
from release import Release
from steps import Trouble, run

_UNIT = SYSTEM_FILES[DEPLOY / UNIT]


def active() -> bool:
    """Tell whether it runs and has said that it is ready."""
    return property_of("ActiveState") == "active"


def enabled() -> bool:
    """Tell whether it starts with the system."""
    return property_of("UnitFileState") == "enabled"


def property_of(name: str) -> str:
    """Return one property of the unit; empty where systemd knows no such unit."""
    shown = subprocess.run(
        ["systemctl", "show", "--property", name, "--value", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip()


def runs(release: Release) -> bool:
    """Tell whether the running daemon is of this release, and began with the unit that lies there.

    systemd tells moments of the clock in whole seconds, in which two installations fit.
    """
    number = property_of("MainPID")
    began_us = property_of("InactiveExitTimestampMonotonic")
    try:
        of_this_release = f"{release.folder}/" in Path(f"/proc/{number}/maps").read_text()
        began_at = time.time() - (time.monotonic() - int(began_us) / 1e6)
        of_this_unit = began_at >= _UNIT.stat().st_mtime
    except (OSError, ValueError):
        return False
    return active() and of_this_release and of_this_unit


def stop() -> None:
    """Stop it, if there is one; it folds its journal into one file."""
    if property_of("ActiveState") not in ("", "inactive", "failed"):
        run("systemctl", "stop", UNIT)


def enable() -> None:
    """Let it start with the system, from its next start on."""
    run("systemctl", "enable", UNIT)


def restart() -> None:
    """Start it anew, and wait until it is ready; Trouble with its last words if it is not."""
    enable()
    run("systemctl", "reset-failed", UNIT)
    try:
        run("systemctl", "restart", UNIT)
    except Trouble as trouble:
        words = run("journalctl", "--unit", NAME, "--lines", 12, "--output", "cat", "--no-pager")
        raise Trouble(f"The gateway did not start. Its last words:\n{words}") from trouble
