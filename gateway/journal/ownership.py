"""Whose the files of a journal are, where root works on it for the user who runs the daemon."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gateway.journal import hub_key
from gateway.journal.lock import file_of as lock_file
from gateway.journal.taken_back import NAME

_FILES = ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.reserve", "keys")


def hand_over(journal: Path, more: Iterable[Path] = ()) -> None:
    """Give what root made to the user whose folder it is, as whom the daemon runs.

    Only what has a name of ours, and no link is followed: that user could have laid one.
    """
    if os.geteuid() != 0 or not journal.parent.is_dir():
        return
    owner = journal.parent.stat()
    if owner.st_uid == 0:
        return
    keys = hub_key.folder_of(journal)
    beside = [journal.with_name(name) for name in (*_FILES, NAME)]
    for path in (*beside, lock_file(journal), *hub_key.files(keys), *more):
        with suppress(FileNotFoundError):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
