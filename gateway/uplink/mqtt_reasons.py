"""What the reason codes of a broker mean. Pure.

Spec: MQTT Version 5.0, sections 3.2.2.2 (CONNACK), 3.4.2.1 (PUBACK), 3.14.2.1 (DISCONNECT).
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
_TAKEN_OVER = 0x8E


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


def ended(code: int) -> UplinkError:
    """Say why the broker ended a connection."""
    if code == _TAKEN_OVER:
        return UplinkUnauthorised(
            "Another client signed in at the broker under this one's name: give each gateway, and "
            "each relay, a name of its own."
        )
    return refused(code, "ended the connection")


def lost() -> UplinkError:
    """Say that a connection ended of which the broker said nothing: not each does when asked."""
    return UplinkUnavailable(
        "The connection to the broker does not last: perhaps another client bears the same name."
    )


def refused(code: int, what: str) -> UplinkError:
    """Say who must act on a failure; `what` is what the broker does with it."""
    if code in _OURS_TO_FIX:
        return UplinkUnauthorised(
            f"The broker {what} (MQTT reason 0x{code:02X}): check user, password, certificate and "
            "its access list."
        )
    return UplinkUnavailable(f"The broker {what} for now (MQTT reason 0x{code:02X}).")
