"""What the reason codes of a broker mean. Pure.

Spec: MQTT Version 5.0, sections 3.2.2.2 (CONNACK), 3.4.2.1 (PUBACK).
"""

from __future__ import annotations

from gateway.errors import UplinkError, UplinkRejected, UplinkUnauthorised, UplinkUnavailable

FAILURE = 0x80
"""Reason codes from here on are failures."""

_NO_SUBSCRIBERS = 0x10
_OURS_TO_FIX = frozenset({0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x90, 0x9A, 0x9B})
"""Malformed, protocol, version, client id, password, authorisation, ban, method, topic name,
retain or QoS not supported: nothing changes by itself."""
_BAD_PAYLOAD = 0x99


def check_puback(code: int, *, retained: bool) -> None:
    """Return if the broker has the message. Raises UplinkError otherwise."""
    if code == _NO_SUBSCRIBERS and not retained:
        raise UplinkUnavailable(
            "Nobody is subscribed, so the broker forgets readings at once: start the subscriber."
        )
    if code == _BAD_PAYLOAD:
        raise UplinkRejected("The broker says that the message is not what it demands.")
    if code >= FAILURE:
        raise refused(code, "does not take the reading")


def refused(code: int, what: str) -> UplinkError:
    """Say who must act on a failure; `what` is what the broker does with it."""
    if code in _OURS_TO_FIX:
        return UplinkUnauthorised(
            f"The broker {what} (MQTT reason 0x{code:02X}): check user, password, certificate and "
            "its access list."
        )
    return UplinkUnavailable(f"The broker {what} for now (MQTT reason 0x{code:02X}).")
