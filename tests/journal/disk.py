"""A disk in Python under the storage engine: it counts, fails on demand, and remembers everything.

While a `Disk` is in place every database opened lives on it, in ordinary files.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import apsw


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing done to a file: bytes written at an offset, a cut to a size, removal, or a sync."""

    file: str
    data: bytes | None = None
    offset: int = 0
    size: int | None = None
    removed: bool = False

    @property
    def is_sync(self) -> bool:
        return self.data is None and self.size is None and not self.removed


class Disk(apsw.VFS):
    """Ordinary files, observed. Use it as a context manager, before anything is opened."""

    def __init__(self) -> None:
        super().__init__("test-disk", "unix")
        self.done: list[Operation] = []
        self.writes = 0
        self.syncs = 0
        self._healthy = 0
        self._failures = 0
        self._error: type[apsw.Error] = apsw.FullError
        self.on_sync: Callable[[Path], None] = lambda _: None
        """Called when a file was synced."""
        self.on_removal: Callable[[Path], None] = lambda _: None
        """Called before a file is removed."""

    def __enter__(self) -> Disk:
        self._before = apsw.vfs_names()[0]
        apsw.set_default_vfs("test-disk")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        apsw.set_default_vfs(self._before)
        self.unregister()

    def fail(self, after: int, times: int = 1, error: type[apsw.Error] = apsw.FullError) -> None:
        """Let `after` more writes and syncs succeed and the `times` that follow fail."""
        self._healthy = after
        self._failures = times
        self._error = error

    def heal(self) -> bool:
        """Let everything succeed again; tell whether a failure was still to come."""
        pending = self._failures > 0
        self._failures = 0
        return pending

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)

    def excepthook(self, *_: object) -> bool:
        """Failures asked for are not news."""
        return True

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.done.append(Operation(Path(filename).name, removed=True))
        self.on_removal(Path(filename))
        super().xDelete(filename, syncdir)

    def _check(self) -> None:
        if self._failures and self._healthy:
            self._healthy -= 1
        elif self._failures:
            self._failures -= 1
            raise self._error("a failure that the test asked for")

    def wrote(self, file: str, data: bytes, offset: int) -> None:
        self._check()
        self.writes += 1
        self.done.append(Operation(file, data, offset))

    def cut(self, file: str, size: int) -> None:
        self.done.append(Operation(file, size=size))

    def synced(self, file: str) -> None:
        self._check()
        self.syncs += 1
        self.done.append(Operation(file))


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._path = Path(path or "")
        self._name = self._path.name

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.wrote(self._name, bytes(data), offset)
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.cut(self._name, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.synced(self._name)
        super().xSync(flags)
        self._disk.on_sync(self._path)


def after_power_cut(
    done: Sequence[Operation], folder: Path, chance: random.Random, *, honest: bool = True
) -> None:
    """Write into `folder` what a disk may hold when the power fails after these operations.

    What was synced is there. Of the rest each operation survived or not, by chance. A removal is
    sure once the folder was synced, which the engine does with the first sync of a file it made. A
    disk that is not `honest` forgets syncs: the control that shows a test can fail.
    """
    platter = _Platter()
    for operation in done:
        if operation.is_sync:
            if honest:
                platter.sync(operation.file)
        else:
            platter.take(operation)
    folder.mkdir()
    for name, content in platter.left(chance).items():
        (folder / name).write_bytes(content)


class _Platter:
    """What a disk holds for sure, and what it has only been told."""

    def __init__(self) -> None:
        self._files: defaultdict[str, bytearray] = defaultdict(bytearray)
        self._told: defaultdict[str, list[Operation]] = defaultdict(list)
        self._removed: set[str] = set()
        self._named: set[str] = set()

    def take(self, operation: Operation) -> None:
        if operation.removed:
            self._removed.add(operation.file)
            self._named.discard(operation.file)
        else:
            self._told[operation.file].append(operation)

    def sync(self, name: str) -> None:
        for operation in self._told.pop(name, []):
            _apply(self._files[name], operation)
        if name not in self._named:
            for gone in self._removed - {name}:
                self._files.pop(gone, None)
                self._told.pop(gone, None)
            self._removed.clear()
        self._named.add(name)

    def left(self, chance: random.Random) -> dict[str, bytearray]:
        for name, operations in self._told.items():
            for operation in operations:
                if chance.random() < 0.5:
                    _apply(self._files[name], operation)
        return {
            name: content
            for name, content in self._files.items()
            if name not in self._removed or chance.random() < 0.5
        }


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.size is not None:
        del content[operation.size :]
    elif operation.data is not None:
        end = operation.offset + len(operation.data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        content[operation.offset : end] = operation.data
