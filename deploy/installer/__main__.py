"""Installs the gateway on this hub, upgrades it, goes back, takes it off. Root only.

Every step says what it does and why, and is left out where it is done already, so that an
installation that was cut short is completed by running it again.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import installation
import removal
from speech import say
from steps import Trouble, take

_DOES = "Installs the gateway on this hub, upgrades it, goes back, takes it off. Root only."
_LOCK = Path("/run/healthspace-gateway-install.lock")
"""Not in /run/lock: anybody may lay a link there, or hold the lock for ever."""


def main(arguments: Sequence[str]) -> int:
    """Do what was asked; returns the exit status."""
    chosen = _parser().parse_args(arguments)
    if os.geteuid() != 0:
        print(say("install: this needs root: run it with sudo."), file=sys.stderr)
        return 1
    os.umask(0o022)
    os.chdir("/")  # Python's own tools import from the folder they stand in, such as /tmp
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    try:
        with _LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _do(chosen)
    except BlockingIOError:
        print(say("install: another installation is running: wait for its end."), file=sys.stderr)
        return 1
    except Trouble as trouble:
        print(say(f"install: {trouble}"), file=sys.stderr)
        return 1
    except OSError as error:
        told = (
            f"install: {error.filename or 'a file'}: {error.strerror or error}. What was done so"
            " far stays: mend that, and run the same command again."
        )
        print(say(told), file=sys.stderr)
        return 1
    return 0


def _do(chosen: argparse.Namespace) -> None:
    if chosen.command == "rollback":
        take(installation.back_to(chosen.release), dry_run=chosen.dry_run)
    elif chosen.command == "uninstall":
        if chosen.with_readings:
            removal.make_sure(by_asking=not (chosen.dry_run or chosen.yes))
        take(removal.steps(with_readings=chosen.with_readings), dry_run=chosen.dry_run)
        print(say(removal.farewell(with_readings=chosen.with_readings)))
    else:
        installation.check_machine()
        image = chosen.image
        take(
            installation.steps(chosen.wheels, copy=chosen.copy, image=image),
            dry_run=chosen.dry_run,
        )
        if not chosen.dry_run:
            print(say(installation.IMAGE_GREETING if image else installation.GREETING))


def _absolute(path: str) -> Path:
    return Path(path).absolute()


def _parser() -> argparse.ArgumentParser:
    vars(argparse)["_"] = say  # its own words, for which it has no other place
    parser = argparse.ArgumentParser("deploy/install.sh", description=say(_DOES))
    parser.add_argument(
        "--dry-run", action="store_true", help=say("say what would be done, and why")
    )
    parser.add_argument(
        "--wheels",
        type=_absolute,
        help=say("take the packages from this folder, not from the network"),
    )
    parser.add_argument(
        "--without-copy",
        dest="copy",
        action="store_false",
        help=say("the journal was copied by hand: let the upgrade change it"),
    )
    parser.add_argument(
        "--image",
        action="store_true",
        help=say("prepare a disk to be copied: the gateway starts first on each copy"),
    )
    commands = parser.add_subparsers(dest="command", metavar=say("COMMAND"))
    commands.add_parser("install", help=say("install, or upgrade to what lies here (the default)"))
    back = commands.add_parser("rollback", help=say("run the former release again"))
    back.add_argument("release", nargs="?", help=say("its name; by default the last one"))
    away = commands.add_parser("uninstall", help=say("take the gateway off; readings stay"))
    away.add_argument(
        "--with-readings",
        action="store_true",
        help=say(
            "also delete the readings, the consents, the keys and the configuration, for good"
        ),
    )
    away.add_argument("--yes", action="store_true", help=say("do not ask again"))
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
