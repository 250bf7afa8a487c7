"""Files and their names, made to survive a power cut. Everything raises OSError."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NOT_FOR_FOLDERS = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
"""What some file systems of USB sticks and networks say, which have no more to offer."""


def sync(path: Path) -> None:
    """Make the content of a file durable, or the names in a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS or not path.is_dir():
            raise
    finally:
        os.close(fd)


def sync_tree(folder: Path) -> None:
    """Make a folder and all that is in it durable, its own name excepted."""
    for path in folder.iterdir():
        if path.is_dir():
            sync_tree(path)
        else:
            sync(path)
    sync(folder)


def write(path: Path, content: bytes) -> None:
    """Make the file whole and durable, for this user only, or leave it as it was.

    While it is written its name begins with a dot, for who watches the folder. Only one writes a
    file at a time: callers see to that.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
    sync(path.parent)


def make_folder(path: Path) -> None:
    """Have a folder there, durable; it and those it lies in are for this user only, where made."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        sync(path.parent)


def move(path: Path, to: Path) -> None:
    """Give a file or folder another name, of which nothing there is; a file to another disk too.

    Cut short it has its old name, the new one, or a file that changes disks has both.
    """
    try:
        path.rename(to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write(to, path.read_bytes())
        path.unlink()
    sync(to.parent)
    sync(path.parent)
