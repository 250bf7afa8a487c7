"""One step of an installation: what it does, why, and whether it is done already."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from speech import say


class Trouble(Exception):
    """The installation cannot go on; the message says what a person can do."""


@dataclass(frozen=True)
class Step:
    """`needed` looks and changes nothing; `act` does it, and may be repeated after a cut."""

    does: str
    why: str
    needed: Callable[[], bool]
    act: Callable[[], None]


def take(steps: Sequence[Step], *, dry_run: bool) -> None:
    """Take the steps that are needed, in order; with `dry_run`, say which these are."""
    for step in steps:
        if not step.needed():
            print(say(f"  done    {step.does}"), flush=True)
            continue
        does = f"  would   {step.does}" if dry_run else f"  now     {step.does}"
        print(say(f"{does}\n          {step.why}"), flush=True)
        if not dry_run:
            step.act()


def run(*command: object, remedy: str = "") -> str:
    """Run a program and return what it wrote; Trouble with its last lines if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Trouble(
            f"'{words[0]}' cannot be run ({error.strerror}). {remedy}".rstrip()
        ) from error
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise Trouble(f"'{' '.join(words)}' failed ({done.returncode}). {remedy}\n{said}".rstrip())
    return done.stdout
