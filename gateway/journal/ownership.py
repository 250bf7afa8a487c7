"""As whom root works on a journal: as the user whose folder it is, who runs the daemon.

That user may lay what they like into their own folder: a link, or a plan of where files are to go.
Whoever broke into the daemon would so have root write wherever they want, with the next command
that somebody runs by sudo. Done as this user, it reaches nothing that they could not reach
themselves, and what it makes is theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import JournalError


@contextmanager
def as_owner(journal: Path) -> Iterator[None]:
    """Let root be the user whose folder the journal is in; who is not root stays who they are.

    The whole process is this user meanwhile, all of its threads. Raises JournalError.
    """
    owner = _another(journal)
    if owner is None:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    try:
        os.setgroups([])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
    except OSError as error:
        raise JournalError(
            f"{journal.parent} is another user's: run this as that user ({error.strerror})"
        ) from error
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


@contextmanager
def as_whoever_asks() -> Iterator[None]:
    """Be root again, within `as_owner`, for a file that lies elsewhere and that root has named."""
    owner, group = os.geteuid(), os.getegid()
    if owner == os.getuid():
        yield
        return
    os.seteuid(os.getuid())
    os.setegid(os.getgid())
    try:
        yield
    finally:
        os.setegid(group)
        os.seteuid(owner)


def refuse_another_users(journal: Path) -> None:
    """Raise JournalError where root would run the gateway itself in another user's folder.

    It would follow what is laid there, and make files that this user's service cannot open.
    """
    if _another(journal) is not None:
        raise JournalError(
            f"{journal.parent} is another user's, as whom the gateway has to run: start its service"
        )


def _another(journal: Path) -> os.stat_result | None:
    """Return whose folder it is, if this is root and it is another user's."""
    if os.geteuid() != 0 or not journal.parent.is_dir():
        return None
    owner = journal.parent.stat()
    return owner if owner.st_uid != 0 else None
