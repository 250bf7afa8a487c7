"""The `firmware-sims` command: hands over to one of its subcommands.

A subcommand is a module of `firmware_sims.commands` with one function, `add(subparsers)`, that
registers its arguments and sets the default `run` to a function `(Namespace) -> int`. Modules keep
their heavy imports inside `run`, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import cast

from firmware_sims.commands import health_space, play, serial


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every subcommand."""
    parser = argparse.ArgumentParser(
        prog="firmware-sims",
        description="Virtual health devices that speak the real bytes.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (play, serial, health_space):
        command.add(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; the return value is the process's exit status.

    2, after one sentence: a file, a folder or a port that was named cannot be used.
    """
    arguments = build_parser().parse_args(argv)
    run = cast("Callable[[argparse.Namespace], int]", arguments.run)
    try:
        return run(arguments)
    except OSError as error:
        sys.stderr.write(f"firmware-sims: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
