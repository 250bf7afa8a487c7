"""What a device keeps until somebody took it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class RecordMemory(Generic[T]):
    """A bounded store, oldest first; a record leaves when it is forgotten, or overwritten.

    Real devices overwrite the oldest record when they are full.
    """

    def __init__(self, capacity: int) -> None:
        self._records: deque[T] = deque(maxlen=capacity)
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._records))

    def keep(self, record: T) -> None:
        """Store a record at the end."""
        self._records.append(record)
        self._changed.set()

    def forget(self, record: T) -> None:
        """Remove a record that somebody confirmed; one already overwritten is no news."""
        if record in self._records:
            self._records.remove(record)
        self._changed.set()

    def stir(self) -> None:
        """Let whoever waits in `until` look again."""
        self._changed.set()

    async def until(self, condition: Callable[["RecordMemory[T]"], bool]) -> None:
        """Wait until the condition holds; it is looked at again after every change."""
        while not condition(self):
            self._changed.clear()
            await self._changed.wait()
