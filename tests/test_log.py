"""Who may fill the log: nobody who only reaches a port."""

import logging
from collections.abc import Iterator

import pytest

from gateway import log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", "gateway", "uvicorn")]
    before = [(each, each.level, each.handlers) for each in loggers]
    yield
    for each, level, handlers in before:
        each.setLevel(level)
        each.handlers = handlers


def test_the_server_does_not_log_what_strangers_send(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("DEBUG")

    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application")
    logging.getLogger("other").warning("a library warns")
    logging.getLogger("gateway.api").debug("our own")

    told = capsys.readouterr().err
    assert "Invalid HTTP request" not in told
    assert all(each in told for each in ("Exception in ASGI", "a library warns", "our own"))
