"""Where a device on a cable is not there, or cannot be opened: why, and what a person can do."""

from __future__ import annotations

import errno

from gateway.errors import RadioTrouble, RadioUnavailable

POLL_S = 2.5
"""How often what is not there is looked for: a person who plugs in waits this long."""

PORT = "Port {path} cannot be opened: {what}."
HID_DEVICE = "HID device {path} cannot be opened: {what}."
"""What people are told of one."""

_TROUBLES = {
    errno.ENOENT: (
        RadioTrouble.NO_ADAPTER,
        "it does not exist; plug the device in, or correct its path",
    ),
    errno.ENODEV: (RadioTrouble.NO_ADAPTER, "it is unplugged; plug the device in"),
    errno.ENXIO: (RadioTrouble.NO_ADAPTER, "it is unplugged; plug the device in"),
    errno.EIO: (RadioTrouble.NO_ADAPTER, "it is unplugged; plug the device in"),
    errno.EACCES: (
        RadioTrouble.DENIED,
        "the gateway may not open it; add the service's user to the group dialout and restart it",
    ),
    errno.EPERM: (
        RadioTrouble.DENIED,
        "the gateway may not open it; allow the service this device (DeviceAllow in its unit)",
    ),
    errno.EBUSY: (RadioTrouble.BUSY, "another program has it open; stop that program"),
    errno.EAGAIN: (RadioTrouble.BUSY, "another program has it open; stop that program"),
    errno.ECONNREFUSED: (
        RadioTrouble.NO_SERVICE,
        "nobody serves it; start what serves it, or correct its address",
    ),
}


def unavailable(
    path: str, error: Exception, kind: str = PORT, denied: str | None = None
) -> RadioUnavailable:
    """Make the error that says why a port cannot be opened, or in the sentence of another `kind`.

    `denied`: what to do about missing permission to its file, if it is not what helps with a port.
    """
    number = _errno(error)
    trouble, what = _TROUBLES.get(number or 0, (RadioTrouble.UNKNOWN, str(error)))
    if denied is not None and number == errno.EACCES:
        what = f"the gateway may not open it; {denied}"
    return RadioUnavailable(kind.format(path=path, what=what), trouble)


def gone(path: str, kind: str = PORT) -> RadioUnavailable:
    """Make the error that says that there is no such port or device."""
    return unavailable(path, FileNotFoundError(errno.ENOENT, ""), kind)


def _errno(error: BaseException | None) -> int | None:
    """Find the number that pyserial hides: in the error, in its arguments, or in its context."""
    while error is not None:
        number = getattr(error, "errno", None) or next(iter(error.args), None)
        if isinstance(number, int):
            return number
        error = error.__context__
    return None
