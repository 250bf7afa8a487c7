"""`python -m tests.chaos`: run, print the table of sums, and end with 1 if one does not add up."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    lasting = parser.add_mutually_exclusive_group()
    lasting.add_argument("--seconds", type=float, default=30)
    lasting.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=7, help="the same seed, the same trouble")
    parser.add_argument("--keep", type=Path, help="a folder to keep everything in")
    arguments = parser.parse_args()
    seconds = arguments.seconds if arguments.minutes is None else 60 * arguments.minutes
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        return run(seconds, arguments.seed, arguments.keep.resolve())
    with tempfile.TemporaryDirectory(prefix="healthspace-chaos-") as folder:
        return run(seconds, arguments.seed, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
