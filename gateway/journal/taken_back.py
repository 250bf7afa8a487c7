"""What was taken back, kept beside the database: neither an older backup nor damage revives it.

A file of lines, each a withdrawal or an erasure by opaque ids, appended and synced before the
transaction that it tells of commits, and cut off again if that fails: what a person was told is not
done is not done at the next start. It travels outside backups and is never restored from one.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway import durable
from gateway.domain.subject import SubjectId
from gateway.errors import JournalError, JournalFull

NAME = "taken-back.jsonl"


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A withdrawal for one destination, or with none the erasure of the person."""

    id: str
    subject: SubjectId
    destination: str | None
    number: int | None = None
    """The withdrawal's row in the ledger; None if that is not known."""
    grants: tuple[str, ...] = ()
    """The grants that hold no more since the withdrawal, by their ids; older files do not say."""


class TakenBackFile:
    """The file of one journal."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self._path = journal.with_name(NAME)

    def add(self, *taken: TakenBack) -> int:
        """Append a line for each and sync them; return how long the file was before.

        One that is there twice says no more than once.
        """
        # Each begins a line of its own, so that one cut short spoils no other.
        lines = "".join(f"\n{json.dumps(asdict(each))}\n" for each in taken)
        try:
            new = not self._path.exists()
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "ab") as out:
                before = out.tell()
                out.write(lines.encode())
                out.flush()
                os.fsync(fd)
            if new:
                durable.sync(self._path.parent)  # its name, too
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            kind = JournalFull if full else JournalError
            raise kind(f"cannot write {self._path}: {error.strerror}") from error
        return before

    def cut(self, length: int) -> None:
        """Take back what was added when the file was so long; a full disk lets that be done."""
        try:
            with self._path.open("rb+") as file:
                file.truncate(length)
                os.fsync(file.fileno())
        except OSError as error:
            raise JournalError(f"cannot write {self._path}: {error.strerror}") from error

    def all(self) -> list[TakenBack]:
        """Return what was taken back, in order; a line cut short by a power cut is left out."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JournalError(f"cannot read {self._path}: {error.strerror}") from error
        found = []
        for line in content.decode(errors="replace").splitlines():
            try:
                told = json.loads(line)
                subject, destination = SubjectId(told["subject"]), told["destination"]
                number, grants = told.get("number"), tuple(told.get("grants", ()))
                found.append(TakenBack(told["id"], subject, destination, number, grants))
            except (ValueError, KeyError, TypeError):
                continue
        return found
