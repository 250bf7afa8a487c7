"""The command `healthspace-gateway`.

The daemon (`run`) starts without typer and rich: they are loaded for the other commands only.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command with the arguments of this process."""
    if sys.argv[1:2] == ["run"] and "--help" not in sys.argv:
        from gateway.cli.run import main as run

        sys.exit(run(sys.argv[2:]))
    from gateway.cli.main import command

    command()
