"""Where everything of the gateway lies on a hub."""

from __future__ import annotations

import tomllib
from pathlib import Path

NAME = "healthspace-gateway"
UNIT = f"{NAME}.service"
USER = NAME

SOURCE = Path(__file__).resolve().parents[2]
DEPLOY = SOURCE / "deploy"

PROGRAM = Path("/opt") / NAME
RELEASES = PROGRAM / "releases"
GUESTS = PROGRAM / "guests"
"""Where drivers of others lie: every release finds them there, also the next one."""
CURRENT = PROGRAM / "current"
"""A link to the release that runs."""
COMMAND = Path("/usr/local/bin") / NAME
CONFIGURATION = Path("/etc") / NAME / "gateway.toml"
COPIES = Path("/var/backups") / NAME
"""The journal as it was before an upgrade changed it."""

SYSTEM_FILES = {
    DEPLOY / f"{NAME}.sysusers": Path("/etc/sysusers.d") / f"{NAME}.conf",
    DEPLOY / f"{NAME}.tmpfiles": Path("/etc/tmpfiles.d") / f"{NAME}.conf",
    DEPLOY / f"{NAME}.modules": Path("/etc/modules-load.d") / f"{NAME}.conf",
    DEPLOY / f"70-{NAME}.rules": Path("/etc/udev/rules.d") / f"70-{NAME}.rules",
    DEPLOY / UNIT: Path("/etc/systemd/system") / UNIT,
}
"""What lies here, and where the system looks for it."""
OVERRIDES = Path("/etc/systemd/system") / f"{UNIT}.d"
"""What was said of the service on this hub alone."""


STATE = Path("/var/lib") / NAME
"""Where the unit lets the gateway write."""


def state() -> Path:
    """Return the folder with the journal, as the configuration says."""
    try:
        told = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8-sig"))
    except (OSError, tomllib.TOMLDecodeError):
        return STATE
    return Path(told.get("hub", {}).get("state", STATE))


def journal() -> Path:
    """Return the journal's file."""
    return state() / "journal.db"
