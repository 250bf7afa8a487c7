"""Logging: one line per event, key=value, nothing personal.

Never log a measured value, a name, a person's id, a patient number from a wire, a frame, or a
device's id, address or serial number: whoever meets the device knows whose log it is. A port is
logged as the configuration calls it. One reading is not an event (count it); a session is.
"""

from __future__ import annotations

import logging
import sys

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure(level: str = "INFO") -> None:
    """Send the gateway's own log to standard error, from `level` up; libraries from WARNING up.

    The server from ERROR up: it warns of every request that is none, and so whoever reaches a port
    could fill the disk.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("gateway").setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
