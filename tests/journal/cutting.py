"""What a disk may hold whenever the power fails, while files are made, renamed, synced and removed.

`PowerCuts` watches a folder. At every operation on a file in it, ours or the engine's, it notes
what the disk may hold then, in three ways: all that was done; only what was synced; every name, but
of the contents only what was synced (as a file system does that writes names down first).
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest.mock import patch

from tests.journal.disk import Disk

_OPERATIONS = ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir", "open", "write")
_PASSING = (".lock", "-shm")  # worth nothing after a power cut

Held = dict[str, bytes | None]
"""What a folder holds: content by path, None for a folder."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A moment at which the power may fail."""

    after: str
    """The operation that was done last."""
    acknowledged: bool
    held: Held = field(repr=False)

    def lay(self, folder: Path) -> None:
        """Put what the disk held in place of the folder."""
        shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        for name, content in sorted(self.held.items()):
            path = folder / name
            if content is None:
                path.mkdir(mode=0o700)
            else:
                path.write_bytes(content)
                path.chmod(0o600)


class PowerCuts:
    """Watches a folder, which begins synced; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.all: list[Cut] = []
        self._seen: set[int] = set()
        self._folder = folder
        self._disk = Disk()
        self._lock = threading.RLock()
        self._acknowledged = False
        self._lives: dict[int, int] = {}  # of an inode: how many files had this number before
        self._contents: dict[tuple[int, int], bytes] = {}
        self._names: dict[tuple[int, int], dict[str, tuple[int, int]]] = {}
        self._folders: set[tuple[int, int]] = set()
        self._patches: list[Any] = []
        for path in (folder, *folder.rglob("*")):
            self._synced(path)

    def __enter__(self) -> PowerCuts:
        self._disk.on_sync = self._engine_synced
        self._disk.on_removal = self._removed
        self._disk.__enter__()
        for name in _OPERATIONS:
            watched = patch(f"os.{name}", self._watched(name, getattr(os, name)))
            watched.start()
            self._patches.append(watched)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._patches:
            self._patches.pop().stop()
        self._disk.__exit__(kind, error, traceback)

    def begin(self) -> None:
        """Leave out what could happen before: from here on it counts."""
        with self._lock:
            self.all.clear()
            self._note("begun")

    def acknowledged(self) -> None:
        """Note that somebody was told that it is done."""
        with self._lock:
            self._acknowledged = True
            self._note("acknowledged")

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*given: Any, **named: Any) -> Any:
            with self._lock:
                path = _at(given[1 if name in ("rename", "replace") else 0], named)
                if name in ("rename", "replace", "unlink", "rmdir"):
                    self._removed(path)
                done = real(*given, **named)
                if name == "fsync":
                    self._synced(path)
                self._note(f"{name} {path}")
                return done

        return operation

    def _engine_synced(self, path: Path) -> None:
        with self._lock:
            self._synced(path)
            there = self._names.get(self._file(path.parent), {})
            if path.name.endswith("-wal") and there.get(path.name) != self._file(path):
                self._synced(path.parent)  # of a log that it made the engine syncs the name, once
            self._note(f"engine's sync {path}")

    def _removed(self, path: Path) -> None:
        """Note that another file may get this one's number."""
        with self._lock:
            if path.exists():
                inode = path.stat().st_ino
                self._lives[inode] = self._lives.get(inode, 0) + 1

    def _file(self, path: Path) -> tuple[int, int]:
        inode = path.stat().st_ino
        return inode, self._lives.get(inode, 0)

    def _synced(self, path: Path) -> None:
        if self._folder not in (path, *path.parents):
            return
        if path.is_dir():
            self._names[self._file(path)] = {each.name: self._file(each) for each in path.iterdir()}
            self._folders |= {self._file(each) for each in path.iterdir() if each.is_dir()}
        elif path.exists():
            self._contents[self._file(path)] = path.read_bytes()

    def _note(self, after: str) -> None:
        for held in (
            dict(self._told(synced=False)),
            dict(self._told(synced=True)),
            dict(self._sure(self._file(self._folder), "")),
        ):
            known = hash((self._acknowledged, *sorted(held.items())))
            if known not in self._seen:
                self._seen.add(known)
                self.all.append(Cut(after, self._acknowledged, held))

    def _told(self, *, synced: bool) -> Iterator[tuple[str, bytes | None]]:
        for path in self._folder.rglob("*"):
            name = str(path.relative_to(self._folder))
            if path.is_dir():
                yield name, None
            elif not name.endswith(_PASSING):
                content = self._contents.get(self._file(path), b"")
                yield name, content if synced else path.read_bytes()

    def _sure(self, folder: tuple[int, int], at: str) -> Iterator[tuple[str, bytes | None]]:
        for name, file in self._names.get(folder, {}).items():
            if file in self._folders:
                yield at + name, None
                yield from self._sure(file, f"{at}{name}/")
            elif not name.endswith(_PASSING):
                yield at + name, self._contents.get(file, b"")


def _at(given: Any, named: dict[str, Any]) -> Path:
    """Return what an operation is on."""
    if isinstance(given, int):
        return _opened(given)
    folder = named.get("dir_fd") or named.get("dst_dir_fd")
    return Path(given) if folder is None else _opened(folder) / given


def _opened(fd: int) -> Path:
    return Path(f"/proc/self/fd/{fd}").readlink()
