"""The command before a daemon that does not answer as it should: one sentence, and no traceback."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gateway import client
from gateway.client import Client, NoAnswer, Refused
from gateway.config import Config, parse
from gateway.journal.hub_key import folder_of
from gateway.journal.lock import WriterLock
from tests.journal.making import open_journal

Behaviour = Callable[[socket.socket], None]


@contextmanager
def a_daemon(folder: Path, behaves: Behaviour) -> Iterator[Config]:
    """Serve the socket to one caller, in some way."""
    config = parse(f'[hub]\nstate = "{folder}"\n')
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(config.socket))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                asked, end = b"", b"\r\n\r\n"
                while not asked.endswith(end):
                    asked += connection.recv(65536)
                    end = b"}" if asked.startswith(b"POST") else end  # the whole body
                behaves(connection)

        serving = threading.Thread(target=serve)
        serving.start()
        yield config
        serving.join()


def cut_short(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def no_http(connection: socket.socket) -> None:
    connection.sendall(b"\x00\x01\x02\r\n\r\n")


def failed(connection: socket.socket) -> None:
    answer = b"Internal Server Error"
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


def gone(_: socket.socket) -> None: ...


@pytest.mark.parametrize(
    ("behaves", "sentence"),
    [
        (gone, "ended before it answered"),
        (cut_short, "ended before it answered"),
        (no_http, "ended before it answered"),
        (failed, "a fault of its own"),
    ],
)
def test_whether_it_was_done_is_not_known_and_said_so(
    behaves: Behaviour, sentence: str, tmp_path: Path
) -> None:
    with a_daemon(tmp_path, behaves) as config, pytest.raises(NoAnswer, match=sentence):
        Client(config).post("consents", "withdraw", subject="p-1")


def test_a_daemon_that_is_silent_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_ANSWER_S", 0.05)
    given_up = threading.Event()

    def silent(_: socket.socket) -> None:
        given_up.wait(5)

    with a_daemon(tmp_path, silent) as config:
        with pytest.raises(NoAnswer, match="has not answered"):
            Client(config).get("status")
        given_up.set()


async def a_journal_whose_key_only_the_daemon_has(folder: Path) -> Config:
    config = parse(f'[hub]\nstate = "{folder}"\n')
    async with open_journal(config.journal):
        pass
    (folder_of(config.journal) / "hub.key").unlink()
    return config


def answers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")


async def test_a_daemon_that_starts_and_alone_has_the_key_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = await a_journal_whose_key_only_the_daemon_has(tmp_path)
    starting = WriterLock(config.journal)
    with ExitStack() as daemon:
        monkeypatch.setattr(
            client.time, "sleep", lambda _: daemon.enter_context(a_daemon(tmp_path, answers))
        )

        assert await asyncio.to_thread(Client(config).get, "people") == []
    starting.release()


async def test_where_no_daemon_starts_a_key_that_is_missing_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = await a_journal_whose_key_only_the_daemon_has(tmp_path)
    monkeypatch.setattr(client.time, "sleep", lambda _: pytest.fail("it waited"))

    with pytest.raises(Refused, match="no key"):
        await asyncio.to_thread(Client(config).get, "people")
