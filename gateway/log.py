"""Logging: one line per event, key=value, nothing personal.

Never log a measured value, a name, a person's id, a patient number from a wire, a frame, or a
device's id, address or serial number: whoever meets the device knows whose log it is. A port is
logged as the configuration calls it. One reading is not an event (count it); a session is.

An error nobody foresaw may quote what it stumbled over, so a traceback tells where it was raised
and what it is, and no word of it; those of the gateway's own are written to be read.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType

_OURS = "gateway.errors"
"""Its errors are sentences for people, which name nobody."""
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_log = logging.getLogger(__name__)


def configure(level: str = "INFO") -> None:
    """Send the gateway's own log to standard error, from `level` up; libraries from WARNING up.

    The server from ERROR up: it warns of every request that is none, and so whoever reaches a port
    could fill the disk. The Bluetooth stacks not at all: their warnings quote frames that nobody
    expected, and the addresses of devices; what they fail at, `gateway.transport` says. What ends
    the process or a thread is logged as well, and what nobody can be told of.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Wordless(_FORMAT))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("gateway").setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    for stack in ("bleak", "bumble"):
        logging.getLogger(stack).setLevel(logging.CRITICAL)
    sys.excepthook = _log_the_end
    sys.unraisablehook = _log_what_is_told_to_nobody
    threading.excepthook = _log_what_is_told_to_nobody


class _Wordless(logging.Formatter):
    """Tells errors without their words."""

    def formatException(self, ei: object) -> str:  # noqa: N802  the library's name
        """Return the traceback of what was raised, after those of what led to it."""
        error = ei[1] if isinstance(ei, tuple) else None
        return "".join(_told(error)).rstrip("\n") if isinstance(error, BaseException) else ""


def _told(error: BaseException) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _told(before)
        yield "which led to:\n"
    yield from traceback.format_tb(error.__traceback__)
    words = _words(error)
    named = f"{type(error).__module__}.{type(error).__qualname__}"
    yield f"{named}: {words}\n" if words else f"{named}\n"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield "of which one is:\n"
            yield from _told(each)


def _words(error: BaseException) -> str | None:
    """Return what can be told of an error: it is not about a person."""
    if isinstance(error, OSError):
        return error.strerror
    if isinstance(error, ImportError):
        return error.name
    return str(error) if type(error).__module__ == _OURS else None


def _log_the_end(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
    else:
        _log.critical("ended by an error that is a bug: report it", exc_info=error)


def _log_what_is_told_to_nobody(
    raised: sys.UnraisableHookArgs | threading.ExceptHookArgs,
) -> None:
    _log.error("an error that nobody could be told of: report it", exc_info=raised.exc_value)
