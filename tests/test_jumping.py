"""What may be relied on in a loop that jumps."""

import asyncio
import os
import threading
import time
import tty
from collections.abc import Awaitable, Callable

import pytest

from tests.jumping import JumpingLoop

HOUR_S = 3600.0


def run(test: Callable[[], Awaitable[object]]) -> float:
    """Run it in a loop that jumps; return how many seconds that took in truth."""
    begun = time.monotonic()
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(_awaited(test))
    return time.monotonic() - begun


async def _awaited(test: Callable[[], Awaitable[object]]) -> None:
    await test()


def loop() -> JumpingLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, JumpingLoop)
    return running


def test_who_waits_for_a_clock_alone_does_not_wait() -> None:
    async def waits() -> None:
        jumped: list[float] = []
        loop().on_jump.append(jumped.append)
        begun = loop().time()

        await asyncio.sleep(HOUR_S)

        assert loop().time() - begun >= HOUR_S
        assert HOUR_S - 1 < sum(jumped) <= HOUR_S

    assert run(waits) < 10


def test_timers_end_in_their_order() -> None:
    async def waits() -> None:
        ended = []

        async def wait(seconds: float) -> None:
            await asyncio.sleep(seconds)
            ended.append(seconds)

        await asyncio.gather(*map(wait, (30, 10, 20, 10.5)))

        assert ended == [10, 10.5, 20, 30]

    run(waits)


@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_what_a_thread_does_takes_its_time(seconds: float) -> None:
    """A thread that computes, and one that was handed out and sleeps."""

    async def computes() -> None:
        done = asyncio.Event()
        running = loop()

        def work() -> None:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                pass
            running.call_soon_threadsafe(done.set)

        threading.Thread(target=work).start()
        async with asyncio.timeout(HOUR_S):
            await done.wait()

    async def sleeps() -> None:
        async with asyncio.timeout(HOUR_S):
            await asyncio.to_thread(time.sleep, seconds)

    assert run(computes) >= seconds
    assert run(sleeps) >= seconds


def test_a_process_is_not_started_where_it_could_not_be_waited_for() -> None:
    async def starts() -> None:
        with pytest.raises(RuntimeError, match="other_processes"):
            await asyncio.create_subprocess_exec("true")

    run(starts)


@pytest.mark.parametrize("bytes_at_once", [1, 3000])
def test_nobody_gives_up_on_bytes_that_are_on_their_way(bytes_at_once: int) -> None:
    async def talks() -> None:
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        came = asyncio.Event()
        loop().add_reader(theirs, came.set)
        for _ in range(100):
            os.write(ours, b"x" * bytes_at_once)
            async with asyncio.timeout(1):
                await came.wait()
            os.read(theirs, 4096)
            came.clear()
        loop().remove_reader(theirs)
        os.close(ours)
        os.close(theirs)

    run(talks)
