"""Space kept back on the disk, so that a full one still takes down consent and what was sent.

A file of plain zeros lies beside the journal. Where the disk is full, new readings are refused; a
withdrawal, a grant or the outcome of a sending gives up the file and uses its space. Until it can
be made again readings stay refused, so they never eat what was kept for the others.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 4 * 2**20
"""Room for a withdrawal that drops some ten thousand deliveries."""


class Reserve:
    """The file, held or given up."""

    def __init__(self, journal: Path) -> None:
        """Look whether it is there; it is made by `hold`."""
        self._path = journal.with_name(journal.name + ".reserve")
        self.held = self._path.exists() and self._path.stat().st_size == RESERVE_BYTES

    def hold(self) -> bool:
        """Make the file if it is not there; tell whether it is."""
        if self.held:
            return True
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, RESERVE_BYTES)
            finally:
                os.close(fd)
        except OSError:
            self.give_up()
            return False
        self.held = True
        return True

    def give_up(self) -> None:
        """Remove the file: its space is free, unless the disk fails."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        self.held = False
