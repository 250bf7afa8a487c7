"""`healthspace-gateway run`: the daemon in the foreground, for systemd or a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway import config
from gateway.errors import GatewayError


def main(arguments: Sequence[str]) -> int:
    """Run the daemon until SIGTERM or SIGINT; returns the exit status."""
    parser = argparse.ArgumentParser("healthspace-gateway run", description=__doc__)
    parser.add_argument("--config", type=Path, help="the configuration file")
    chosen = parser.parse_args(arguments)
    try:
        settings = config.load(config.find(chosen.config))
        from gateway.app import run

        run(settings)
    except GatewayError as error:
        from gateway.cli.speech import speech_of  # only for the last words

        t = speech_of(config.stated_language(chosen.config), None)
        print(f"healthspace-gateway: {t.again(str(error))}", file=sys.stderr)  # noqa: T201
        return 1
    return 0
