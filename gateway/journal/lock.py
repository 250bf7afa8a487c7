"""One writer per journal: a lock file beside the database, held for as long as the process lives.

The lock is the kernel's (flock), so it is gone with its process however that ends; the file stays.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from gateway.errors import JournalBusy, JournalError


def file_of(database: Path) -> Path:
    """Return the lock file of a journal."""
    return database.with_name(database.name + ".lock")


def is_held(database: Path) -> bool:
    """Tell whether some process is the writer of a journal now; no process becomes it by this."""
    try:
        fd = os.open(file_of(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class WriterLock:
    """The right to write one journal."""

    def __init__(self, database: Path) -> None:
        """Take the lock; raises JournalBusy, naming the process that has it, if it is taken."""
        path = file_of(database)
        try:
            self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"cannot open the lock file {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            self.release()
            raise JournalBusy(
                f"the journal {database} is in use by process {holder}: "
                "stop that one first, or read it with a reader"
            ) from error
        # A full disk must not keep the daemon from starting: the process id only informs people.
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Give the lock back; harmless if repeated."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
