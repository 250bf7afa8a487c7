"""An event loop in which nobody waits: once everything is still, time jumps to the next timer.

A test that plays both ends of a conversation in one process spends most of its time in waits that
nothing will end but the clock: a device hangs up after so many seconds, a driver gives up after so
many. Here those pass at once, in their order, whatever their length. What really is under way takes
its time: bytes on the way through a socket, a pty or a pipe, and what a thread of this process
does. What another process does cannot be seen: a test that waits for one is marked
`other_processes`, and has the real time.

A folder whose `conftest.py` imports `pytest_asyncio_loop_factories` from here has such time.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STILL_S = 0.002
"""How long nothing must stir. The kernel takes bytes through a pty in a hundredth of that; of
120,000 writes on a machine with three times its load, none took 1 ms."""
LOOKS = 2
"""How often it must be found still in a row: a thread that waits for the interpreter gets it when
this one looks, and is at work at the next look."""
_TASKS = Path("/proc/self/task")


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tell pytest-asyncio which loop a test runs in."""
    if item.get_closest_marker("other_processes"):
        return {"real": asyncio.new_event_loop}
    return {"jumping": JumpingLoop}


class JumpingLoop(asyncio.SelectorEventLoop):
    """The loop. Each of `on_jump` is told by how many seconds time jumped."""

    def __init__(self) -> None:
        self.on_jump: list[Callable[[float], object]] = []
        self._ahead_s = 0.0
        self._in_executors = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return super().time() + self._ahead_s

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        running = super().run_in_executor(executor, func, *args)
        self._in_executors += 1
        running.add_done_callback(self._returned)
        return running

    async def subprocess_exec(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("a test that starts a process is marked other_processes")

    def jump(self, seconds: float) -> None:
        self._ahead_s += seconds
        for tell in self.on_jump:
            tell(seconds)

    def is_still(self) -> bool:
        """Tell whether no other thread is at work."""
        return not self._in_executors and all(map(_sleeps, _other_threads()))

    def _returned(self, _: object) -> None:
        self._in_executors -= 1


class _Selector(selectors.DefaultSelector):
    """Waits until something stirs; if nothing does, lets the loop jump over the rest."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        until, still = time.monotonic() + timeout, 0
        while (left := until - time.monotonic()) > 0:
            if stirred := super().select(min(left, STILL_S)):
                return stirred
            still = still + 1 if self._loop.is_still() else 0
            if still == LOOKS:
                self._loop.jump(max(0.0, until - time.monotonic()))
                break
        return []


def _other_threads() -> list[str]:
    own = str(threading.get_native_id())
    return [number for number in os.listdir(_TASKS) if number != own]  # noqa: PTH208 - the faster


def _sleeps(thread: str) -> bool:
    """Tell whether a thread waits for somebody, and neither computes nor for a disk."""
    try:
        said = (_TASKS / thread / "stat").read_text()
    except OSError:
        return True  # it has just ended
    return said.rpartition(")")[2].split()[0] == "S"
