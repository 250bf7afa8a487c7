"""The command `healthspace-gateway`.

The daemon (`run`) starts without typer and rich: they are loaded for the other commands only.
"""

from __future__ import annotations

import gc
import sys

_NEW_OBJECTS = 10_000
"""Made and not freed before Python looks for garbage. What loading a daemon makes is there to stay:
at Python's own 700, a twentieth of the processor time of a start went into looks."""


def main() -> None:
    """Run the command with the arguments of this process."""
    if sys.argv[1:2] == ["run"] and "--help" not in sys.argv:
        gc.set_threshold(_NEW_OBJECTS)
        from gateway.cli.run import main as run

        sys.exit(run(sys.argv[2:]))
    from gateway.cli.main import command

    command()
