"""A disk in Python under the storage engine: it counts, fails on demand, and remembers everything.

While a `Disk` is in place every database opened lives on it, in ordinary files.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import apsw


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing done to a file: bytes written at an offset, a cut to a size, or a sync."""

    file: str
    data: bytes | None = None
    offset: int = 0
    size: int | None = None

    @property
    def is_sync(self) -> bool:
        return self.data is None and self.size is None


class Disk(apsw.VFS):
    """Ordinary files, observed. Use it as a context manager, before anything is opened."""

    def __init__(self) -> None:
        super().__init__("test-disk", "unix")
        self.done: list[Operation] = []
        self.writes = 0
        self.syncs = 0
        self._fail_from: int | None = None
        self._fail_times = 0
        self._error: type[apsw.Error] = apsw.FullError

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
        self._fail_from = self.writes + self.syncs + after
        self._fail_times = times
        self._error = error

    def heal(self) -> None:
        self._fail_from = None

    @property
    def failing_is_over(self) -> bool:
        """Whether every failure asked for has happened."""
        return self._fail_from is None or self._count >= self._fail_from + self._fail_times

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)

    def excepthook(self, *_: object) -> bool:
        """Failures asked for are not news."""
        return True

    @property
    def _count(self) -> int:
        return self.writes + self.syncs

    def _check(self) -> None:
        if self._fail_from is not None:
            first, count = self._fail_from, self._count
            if first <= count < first + self._fail_times:
                self._fail_from = first - 1 if self._fail_times > 1 else None
                self._fail_times -= 1
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
        self._name = Path(path).name if path else ""

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.wrote(self._name, bytes(data), offset)
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.cut(self._name, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.synced(self._name)
        super().xSync(flags)


def after_power_cut(
    done: Sequence[Operation], folder: Path, chance: random.Random, *, honest: bool = True
) -> None:
    """Write into `folder` what a disk may hold when the power fails after these operations.

    What was synced is there. Of the rest each operation survived or not, by chance. A disk that is
    not `honest` forgets syncs: the control that shows a test can fail.
    """
    pending: defaultdict[str, list[Operation]] = defaultdict(list)
    files: defaultdict[str, bytearray] = defaultdict(bytearray)
    for operation in done:
        if not operation.is_sync:
            pending[operation.file].append(operation)
        elif honest:
            for each in pending.pop(operation.file, []):
                _apply(files[operation.file], each)
    for name, operations in pending.items():
        for each in operations:
            if chance.random() < 0.5:
                _apply(files[name], each)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.size is not None:
        del content[operation.size :]
    elif operation.data is not None:
        end = operation.offset + len(operation.data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        content[operation.offset : end] = operation.data
