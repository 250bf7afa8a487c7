"""Tests in tools/hid-box.sh, a Linux with USB devices made of software; `make test-hidraw`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.hidraw.gadget import Gadget

collect_ignore_glob = [] if "HID_BOX" in os.environ else ["test_*.py"]

READER = (0x1A61, 0x3650)


@pytest.fixture
def reader() -> Iterator[Gadget]:
    """A reader that was plugged in and tells its number."""
    with Gadget(READER, "JGGA001-A0001") as reader:
        yield reader
