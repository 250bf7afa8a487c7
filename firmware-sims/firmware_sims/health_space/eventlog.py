"""What the sandbox remembers across a kill: one JSON line per event, appended and flushed."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from firmware_sims.health_space import exact_json
from firmware_sims.health_space.exact_json import JsonObject


class EventLog:
    """An append-only file of events, or nothing at all when `path` is None.

    An event is in the kernel's hands when `append` returns: it survives a kill, not a power cut,
    which is all a sandbox needs. A last line torn by a kill is cut off at opening.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = self._path.open("a+b")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def replay(self) -> Iterator[JsonObject]:
        """Yield every event of earlier runs, oldest first; call once, before appending."""
        if self._file is None:
            return
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            yield exact_json.parse(line)
            whole += len(line)
        self._file.truncate(whole)

    def append(self, event: JsonObject) -> None:
        """Append one event."""
        if self._file is not None:
            self._file.write(exact_json.dump(event).encode() + b"\n")
            self._file.flush()
