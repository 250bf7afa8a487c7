"""Folders beside a journal in which something is being made, gone when that is done.

What a power cut leaves of them is swept away when the journal is opened next: it may hold what was
erased since. One that is in use is locked by the kernel (flock), and left alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "being-made-"


@contextmanager
def scratch(journal: Path) -> Iterator[Path]:
    """Lend a folder that only this user may look into. Raises OSError."""
    folder = Path(tempfile.mkdtemp(dir=journal.parent, prefix=_PREFIX))
    try:
        fd = _locked(folder)
        try:
            yield folder
        finally:
            os.close(fd)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(journal: Path) -> None:
    """Remove the folders that nobody uses any more."""
    for folder in journal.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, or another user's
            os.close(_locked(folder))
            shutil.rmtree(folder)


def _locked(folder: Path) -> int:
    """Lock the folder for as long as what is returned stays open. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
