"""Whose the files of a journal are, where root works on it for the user who runs the daemon.

That user may lay what they like into their own folder: a link, or a plan of where files are to go.
Whoever broke into the daemon would so have root write wherever they want, with the next command
that somebody runs by sudo while the daemon is stopped.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gateway.errors import JournalError
from gateway.journal import hub_key, replacing
from gateway.journal.lock import file_of as lock_file
from gateway.journal.taken_back import NAME

_FILES = (
    "journal.db",
    "journal.db-wal",
    "journal.db-shm",
    "journal.db-journal",
    "journal.db.reserve",
    "keys",
)


def refuse_snares(journal: Path) -> None:
    """Raise JournalError where root would follow what the user who runs the daemon has laid.

    Call it before anything in the folder is opened. A replacement that was cut short the daemon
    finishes, as its own user.
    """
    owner = _another(journal)
    if owner is None:
        return
    for path in _ours(journal):
        with suppress(FileNotFoundError, NotADirectoryError):
            found = path.lstat()
            is_file = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
            is_ours = is_file or stat.S_ISDIR(found.st_mode)
            if not is_ours or found.st_uid not in (0, owner.st_uid):
                raise JournalError(
                    f"{path} is a link, or somebody else's, and root does not follow it: run this"
                    " as the gateway's user, or put the file itself in its place"
                )
    if replacing.is_unfinished(journal):
        raise JournalError(
            "putting a journal in the place of this one was cut short: start the gateway, which"
            " finishes it"
        )


def refuse_another_users(journal: Path) -> None:
    """Raise JournalError where root would run the gateway itself in another user's folder.

    It would follow what is laid there, and make files that this user's service cannot open.
    """
    if _another(journal) is not None:
        raise JournalError(
            f"{journal.parent} is another user's, as whom the gateway has to run: start its service"
        )


def hand_over(journal: Path, more: Iterable[Path] = ()) -> None:
    """Give what root made to the user whose folder it is, as whom the daemon runs.

    Only what has a name of ours, and all that is in a folder of `more`; no link is followed.
    """
    owner = _another(journal)
    if owner is None:
        return
    for path in (*_ours(journal), *more):
        if path.is_dir() and path in more:
            for _, folders, files, fd in os.fwalk(path):
                for name in (*folders, *files):
                    os.chown(name, owner.st_uid, owner.st_gid, dir_fd=fd, follow_symlinks=False)
        with suppress(FileNotFoundError):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _another(journal: Path) -> os.stat_result | None:
    """Return whose folder it is, if this is root and it is another user's."""
    if os.geteuid() != 0 or not journal.parent.is_dir():
        return None
    owner = journal.parent.stat()
    return owner if owner.st_uid != 0 else None


def _ours(journal: Path) -> list[Path]:
    keys = hub_key.folder_of(journal)
    beside = [journal.with_name(name) for name in (*_FILES, NAME)]
    return [*beside, lock_file(journal), *hub_key.files(keys)]
