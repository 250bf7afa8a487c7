"""The `firmware-sims` command: finds its subcommands in a table and hands over.

A subcommand is a module of `firmware_sims.commands` with one function, `add(subparsers)`, that
registers its arguments and sets the default `run` to a function `(Namespace) -> int`. Modules keep
their heavy imports inside `run`, so that `--help` answers at once.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import cast

COMMAND_MODULES = (
    "firmware_sims.commands.play",
    "firmware_sims.commands.serial",
    "firmware_sims.commands.health_space",
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every subcommand whose module is installed."""
    parser = argparse.ArgumentParser(
        prog="firmware-sims",
        description="Virtual health devices that speak the real bytes.",
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMAND_MODULES:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            # A build may leave a subcommand out; a module that is there but broken must say so.
            if error.name != name:
                raise
            continue
        module.add(subparsers)
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
