"""Who may fill the log: nobody who only reaches a port; and what it never says."""

import errno
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from bumble.att import ATT_PDU
from bumble.gatt_client import Client

from gateway import log
from gateway.errors import JournalError


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    names = ("", "gateway", "uvicorn", "bleak", "bumble")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each, each.level, each.handlers) for each in loggers]
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    yield
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
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


def test_what_a_bluetooth_stack_did_not_expect_is_not_quoted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure()
    client = Client(Bearer())

    client.on_gatt_pdu(ATT_PDU.from_bytes(bytes.fromhex("23 1200 0300 deface")))
    logging.getLogger("bleak.backends.bluezdbus.client").warning("/org/bluez/hci0/dev_C0_FF")

    told = capsys.readouterr().err
    assert "deface" not in told
    assert "C0_FF" not in told


class Bearer:
    """A connection, as bumble's client of attributes needs one."""

    EVENT_DISCONNECTION = "disconnection"
    handle = 0x40

    def on(self, *_: object) -> None:
        """Take note of nothing."""


def _stumble(value: str) -> None:
    try:
        raise KeyError(value)
    except KeyError as error:
        raise ValueError(f"71.3 kg of {value}") from error


def test_a_traceback_tells_where_and_no_word_of_what_was_stumbled_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure()

    try:
        _stumble("Odile")
    except ValueError as error:
        group = ExceptionGroup("of Odile", [error, JournalError("the disk is full")])
        logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=group)

    told = capsys.readouterr().err
    assert "Odile" not in told.replace('_stumble("Odile")', "")
    assert "71.3" not in told.replace("71.3 kg of {value}", "")
    assert all(each in told for each in ("KeyError", "ValueError", "test_log.py", "disk is full"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/home/odile"), "Permission denied"),
        (ModuleNotFoundError("No module named Odile", name="bumble"), "bumble"),
        (OSError("Odile"), "OSError"),
    ],
)
def test_what_a_system_or_an_installation_lacks_is_told(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()

    logging.getLogger("gateway").error("it failed", exc_info=error)

    told = capsys.readouterr().err
    assert words in told
    assert "odile" not in told.lower()


def test_what_ends_the_process_is_told_in_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()

    sys.excepthook(ValueError, ValueError("Odile"), None)

    told = capsys.readouterr().err
    assert "CRITICAL" in told
    assert "ValueError" in told
    assert "Odile" not in told


class Grudging:
    def __del__(self) -> None:
        raise ValueError(self.__dict__)


def test_so_is_what_nobody_could_be_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()

    grudging = Grudging()
    grudging.__dict__["of"] = "Odile"
    del grudging
    thread = threading.Thread(target=_stumble, args=["Odile"])
    thread.start()
    thread.join()

    told = capsys.readouterr().err
    assert told.count("ERROR") == 2
    assert "Odile" not in told
