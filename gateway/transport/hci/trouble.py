"""What keeps a controller from being used, and who has to do what about it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bumble.transport.common import TransportInitError, TransportLostError, TransportSpecError

from gateway.errors import LinkError, LinkTimeout, RadioTrouble, RadioUnavailable
from gateway.transport.hci.peer import FAILURES

_OF_LIBRARIES = {"usb1": "USBError", "websockets.exceptions": "WebSocketException"}
"""Bases of the errors of what bumble opens a controller with; loaded where it is used only."""
_LIBUSB_ACCESS, _LIBUSB_BUSY = -3, -6


@contextmanager
def as_radio_trouble() -> Iterator[None]:
    """Raise RadioUnavailable for whatever a controller, or the way to it, fails with."""
    try:
        yield
    except TransportSpecError as error:
        raise RadioUnavailable(
            f"The url of a Bluetooth controller under [[hci]] is not understood: {error}"
        ) from error
    except (LinkError, TransportInitError, TransportLostError, *FAILURES) as error:
        raise _unavailable(error) from error
    except Exception as error:
        if not _is_of_a_library(error):
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> RadioUnavailable:
    number = getattr(error, "value", None)
    if isinstance(error, PermissionError) or number == _LIBUSB_ACCESS:
        return RadioUnavailable(
            "The gateway may not open the Bluetooth controller: give its user access.",
            RadioTrouble.DENIED,
        )
    if number == _LIBUSB_BUSY or getattr(error, "errno", None) == errno.EBUSY:
        return RadioUnavailable(
            "The Bluetooth controller is in use, by another program or by Linux itself: stop that,"
            " or use [ble] in the place of [[hci]].",
            RadioTrouble.BUSY,
        )
    if isinstance(error, LinkTimeout):
        return RadioUnavailable(
            "The Bluetooth controller does not answer. The gateway tries again; if that does not"
            " help, unplug it and plug it in again."
        )
    return RadioUnavailable(
        f"There is no Bluetooth controller to talk to ({type(error).__name__}: {error}):"
        " plug it in, or correct its url under [[hci]].",
        RadioTrouble.NO_ADAPTER,
    )


def _is_of_a_library(error: Exception) -> bool:
    bases = (getattr(sys.modules.get(module), name, None) for module, name in _OF_LIBRARIES.items())
    # A Python built without Bluetooth sockets: bumble raises the base of all errors.
    return type(error) is Exception or isinstance(error, tuple(filter(None, bases)))
