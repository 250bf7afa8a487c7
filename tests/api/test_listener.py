"""Strangers on the network: they cannot take every connection, nor keep those they took."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.api import listener
from gateway.api.listener import Listener
from gateway.api.serve import until_cancelled
from gateway.web import forms

ASKED = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
NEVER_S = 3600


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REQUEST_S", NEVER_S)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def form(request: Request) -> Response:
        told = await forms.form_of(request)
        return PlainTextResponse("none" if told is None else "a form")

    async def hello(_: Request) -> Response:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", hello), Route("/form", form, methods=["POST"])])
    with Listener("127.0.0.1", 0) as taken:
        serving = asyncio.create_task(until_cancelled(app, [taken]))
        yield taken.getsockname()[1]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def connected(stack: ExitStack, port: int, come_from: str = "127.0.0.1") -> socket.socket:
    made = stack.enter_context(socket.socket())
    made.setblocking(False)
    made.bind((come_from, 0))
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    return made


async def answer(connection: socket.socket, asked: bytes) -> bytes:
    """Return what is answered; nothing if the other side has hung up."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(connection, asked)
        return await loop.sock_recv(connection, 4096)
    except ConnectionError:
        return b""


async def test_one_address_does_not_get_every_connection_and_gets_some_again_when_it_closes(
    port: int,
) -> None:
    with ExitStack() as stack:
        held = [await connected(stack, port) for _ in range(listener.MOST_OF_ONE)]
        answered = [await answer(each, ASKED) for each in held]
        one_more = await answer(await connected(stack, port), ASKED)
        elsewhere = await answer(await connected(stack, port, "127.0.0.2"), ASKED)
        await answer(held[0], ASKED.replace(b"Host", b"Connection: close\r\nHost"))
        while await answer(held[0], ASKED):
            pass
        again = await answer(await connected(stack, port), ASKED)

    assert all(each.startswith(b"HTTP/1.1 200") for each in answered)
    assert one_more == b""
    assert elsewhere.startswith(b"HTTP/1.1 200")
    assert again.startswith(b"HTTP/1.1 200")


async def test_many_addresses_together_do_not_get_them_all_of_the_machine(port: int) -> None:
    with ExitStack() as stack:
        for number in range(listener.MOST):
            held = await connected(stack, port, f"127.0.1.{number + 1}")
            assert await answer(held, ASKED) != b""
        one_more = await answer(await connected(stack, port, "127.0.2.1"), ASKED)

    assert one_more == b""


@pytest.mark.parametrize("begun", [b"", b"GET / HT", ASKED + b"GET / HT"])
async def test_who_takes_for_ever_to_ask_is_hung_up_on(
    begun: bytes, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "REQUEST_S", 0.05)
    with ExitStack() as stack:
        held = await connected(stack, port)
        async with asyncio.timeout(5):
            while await answer(held, begun):
                begun = b""


async def test_a_form_that_never_ends_is_none(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "WITHIN_S", 0.05)
    head = b"POST /form HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\ncode="
    with ExitStack() as stack:
        answered = await answer(await connected(stack, port), head)

    assert answered.endswith(b"none")
