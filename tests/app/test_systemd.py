"""What systemd hears of the daemon, on a real socket of its kind."""

import asyncio
import os
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app.systemd import ALIVE, READY, ServiceManager
from gateway.errors import JournalFull
from gateway.testing.clock import ManualClock
from tests.journal.making import open_journal


class Ear:
    """A socket that listens as systemd's does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        words = []
        while True:
            try:
                words.append(self._socket.recv(100).decode())
            except BlockingIOError:
                return words

    def next(self) -> str:
        """Wait for a word that will come."""
        select.select([self._socket], [], [])
        return self._socket.recv(100).decode()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a file", "no file"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    listening = Ear(
        str(tmp_path / "notify") if request.param == "a file" else f"@gateway-test-{os.getpid()}"
    )
    yield listening
    listening.close()


def test_it_hears_that_the_daemon_is_ready(ear: Ear) -> None:
    ServiceManager({"NOTIFY_SOCKET": ear.address}).tell(READY)

    assert ear.heard() == ["READY=1"]


def test_nobody_is_told_anything_where_nobody_asked() -> None:
    ServiceManager({}).tell(READY)


def test_one_that_does_not_listen_any_more_costs_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell(READY)

    assert caplog.messages == ["systemd could not be told READY=1: No such file or directory"]


async def test_it_hears_that_the_daemon_lives_three_times_as_often_as_it_wants_to(
    ear: Ear, tmp_path: Path
) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": "180000000"})
    waits: list[float] = []

    async def timer(_: asyncio.Event, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise asyncio.CancelledError

    async with open_journal(tmp_path / "journal.db", ManualClock()) as journal:
        with pytest.raises(asyncio.CancelledError):
            await manager.stay_alive(journal.answers, timer)

    assert ear.heard() == [ALIVE] * 3
    assert waits == [60.0] * 3


async def test_it_hears_nothing_while_the_journal_does_not_answer(ear: Ear, tmp_path: Path) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": "180000000"})
    writing, lets_go, told = threading.Event(), threading.Event(), asyncio.Event()

    def stuck(_: object) -> None:  # as a flash card that does not come back from a sync
        writing.set()
        lets_go.wait()

    async def timer(_: asyncio.Event, __: float) -> None:
        told.set()
        await asyncio.Event().wait()

    async with open_journal(tmp_path / "journal.db", ManualClock()) as journal:
        hanging = journal._writer.run(stuck)
        await asyncio.to_thread(writing.wait)
        living = asyncio.create_task(manager.stay_alive(journal.answers, timer))
        for _ in range(10):
            await asyncio.sleep(0)
        while_stuck = ear.heard()
        lets_go.set()
        await hanging
        await told.wait()
        living.cancel()

    assert while_stuck == []
    assert ear.heard() == [ALIVE]


async def test_a_journal_that_answers_with_an_error_answers(ear: Ear) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": "180000000"})

    async def answers() -> None:
        raise JournalFull("the disk is full")

    async def timer(_: asyncio.Event, __: float) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await manager.stay_alive(answers, timer)

    assert ear.heard() == [ALIVE]


@pytest.mark.parametrize(
    "environment", [{}, {"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "1"}], ids=["none", "other"]
)
async def test_one_that_does_not_want_to_hear_it_is_left_alone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    async def timer(_: asyncio.Event, __: float) -> None:
        raise AssertionError("nobody waits")

    async with open_journal(tmp_path / "journal.db", ManualClock()) as journal:
        await ServiceManager(environment).stay_alive(journal.answers, timer)
