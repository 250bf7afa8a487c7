"""The server under the API and the screens."""

import asyncio
import socket
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from starlette.responses import PlainTextResponse

from gateway.api.listener import Listener
from gateway.api.serve import until_cancelled
from tests.jumping import JumpingLoop

ASKED = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def _asked_after_an_hour() -> tuple[list[float], bytes]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    jumps: list[float] = []
    with Listener("127.0.0.1", 0) as taken, socket.socket() as connection:
        serving = asyncio.create_task(until_cancelled(PlainTextResponse("hello"), [taken]))
        await asyncio.sleep(1)
        loop.on_jump.append(jumps.append)
        await asyncio.sleep(3600)
        loop.on_jump.clear()
        connection.setblocking(False)
        await loop.sock_connect(connection, taken.getsockname())
        await loop.sock_sendall(connection, ASKED)
        answer = await loop.sock_recv(connection, 4096)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    return jumps, answer


def test_it_sleeps_until_it_is_asked_and_then_says_when_it_answered() -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        jumps, answer = runner.run(_asked_after_an_hour())

    head = dict(
        line.split(": ", 1) for line in answer.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    )
    assert len(jumps) == 1
    dated = {name.lower(): value for name, value in head.items()}["date"]
    assert abs((parsedate_to_datetime(dated) - datetime.now(UTC)).total_seconds()) < 60
