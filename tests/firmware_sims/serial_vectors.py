"""The published frames of serial devices, kept outside the project."""

import json
import os
from pathlib import Path
from typing import Any

import pytest


def serial_vector(identity: str) -> dict[str, Any]:
    """Return one row of serial.json; skips the test when the vectors are not at hand."""
    folder = os.environ.get("GATEWAY_VECTORS")
    if folder is None:
        pytest.skip("GATEWAY_VECTORS is not set")
    rows = json.loads((Path(folder) / "serial.json").read_text(encoding="utf-8"))
    return next(row for row in rows if row["id"] == identity)


def frame_of(identity: str) -> bytes:
    """Return the bytes of one row."""
    return bytes.fromhex(serial_vector(identity)["bytes_hex"])
