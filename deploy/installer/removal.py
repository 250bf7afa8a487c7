"""Takes the gateway off a hub. Readings go only where that was asked for in so many words."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import places
import service
from places import (
    COMMAND,
    CONFIGURATION,
    COPIES,
    OVERRIDES,
    PROGRAM,
    STATE,
    SYSTEM_FILES,
    UNIT,
    USER,
)
from speech import say
from steps import Step, Trouble, run

_WORDS = "delete the readings"


def make_sure(*, by_asking: bool) -> None:
    """Have a person write that the readings are to be deleted, unless told; Trouble if they do not.

    Trouble, too, where they are in a folder that may hold other things.
    """
    if places.state() != STATE or STATE.is_symlink():
        raise Trouble(
            f"the readings are in {places.state().resolve()}, which was chosen by somebody here:"
            " delete what is theirs there yourself, then uninstall without --with-readings."
        )
    if not by_asking:
        return
    words = say(_WORDS)
    print(say(f"{STATE} holds readings and consents that may be nowhere else."))
    print(say(f"To delete them for good, write '{words}':"), end=" ", flush=True)
    if sys.stdin.readline().strip() not in (_WORDS, words):
        raise Trouble("Nothing was changed.")


def steps(*, with_readings: bool) -> Sequence[Step]:
    """Return the steps that leave the hub without the gateway."""
    units = [path for path in SYSTEM_FILES.values() if path.exists()]
    programs = [path for path in (COMMAND, PROGRAM) if path.is_symlink() or path.exists()]
    personal = [
        path
        for path in (STATE, COPIES, CONFIGURATION.parent, OVERRIDES)
        if with_readings and path.exists()
    ]
    return (
        Step(
            "stop the gateway, and do not start it with the hub any more",
            "it folds its journal into one file.",
            lambda: service.property_of("LoadState") == "loaded",
            _stop_for_good,
        ),
        Step(
            f"remove {_list(personal) if personal else 'readings, consents, keys'}",
            "you asked for it. What was sent stays where it was sent.",
            lambda: bool(personal),
            lambda: _remove(personal),
        ),
        Step(
            f"remove {_list(units) if units else 'what the system was given'}",
            "what the system was given. The user stays as long as files belong to it.",
            lambda: bool(units),
            lambda: _remove_units(units, with_user=with_readings),
        ),
        Step(
            f"remove {_list(programs) if programs else 'the program'}",
            "the program.",
            lambda: bool(programs),
            lambda: _remove(programs),
        ),
    )


def farewell(*, with_readings: bool) -> str:
    """Say what is left."""
    left = [str(path) for path in (places.state(), CONFIGURATION, COPIES) if path.exists()]
    if with_readings or not left:
        return "\nNothing of the gateway is left but Debian's packages, which others may use."
    return (
        f"\nKept: {', '.join(left)}. Installing again goes on from there."
        "\n'uninstall --with-readings' deletes them."
    )


def _stop_for_good() -> None:
    run("systemctl", "disable", "--now", UNIT)


def _list(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _remove_units(paths: Sequence[Path], *, with_user: bool) -> None:
    _remove(paths)
    run("systemctl", "daemon-reload")
    if Path("/run/udev/control").exists():
        run("udevadm", "control", "--reload")
    if with_user:
        run("userdel", USER)
