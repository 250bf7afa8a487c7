"""Every error the gateway raises. The class says who must act.

    GatewayError
    |- ConfigError            the operator: change the configuration
    |  `- NotRunning          the operator: start the daemon, which this needs
    |- DriverError
    |  |- DecodeError         nobody: set the frame aside, go on   (reason, payload, offset)
    |  |- ProtocolError       nobody: end this session, try again later
    |  `- PairingNeeded       a person at the device
    |- LinkError              nobody: retry with back-off
    |  |- LinkTimeout
    |  |- LinkLost
    |  |- LinkRefused         the device answered the request with an error code  (code)
    |  `- RadioUnavailable    the operator: see its reason
    |- JournalError           the operator: disk full, file damaged
    |  |- JournalFull         the operator: free some space; it goes on by itself afterwards
    |  |- JournalDamaged      nobody: the daemon ends; the next start salvages it
    |  |- JournalBusy         nobody: another process writes it now; try again shortly
    |  `- Unreadable          nobody: what is damaged or erased is named and left out
    `- UplinkError
       |- UplinkUnavailable   nobody: retry, after retry_after if given; nothing was accepted
       |- OutcomeUnknown      nobody: it may have been accepted; search before any resend
       |- UplinkRejected      the operator: same input, same answer; parked
       |- UplinkRefused       the person: the destination says they do not consent there
       `- UplinkUnauthorised  the operator: credentials of the gateway, its rights, the contract
          |- PairingOver      the person: pair again, or for the first time
          |- CodeRefused      the person: the code was wrong, used or too old; ask for another
          `- AccountTaken     the person: sign in there as the person whose readings they are

Expected answers are values (`Withheld`, `Fit.NONE`, `None` for "no number"), never one of these.
Messages never carry a measured value, a name or an identifier of a person.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum


class GatewayError(Exception):
    """The root: whatever the gateway raises on purpose."""


class ConfigError(GatewayError):
    """The configuration cannot be used. The message names the file, the line and the remedy."""


class NotRunning(ConfigError):
    """What was asked for needs the daemon, and none runs."""

    def __init__(self) -> None:
        super().__init__(
            "The daemon is not running: start it with 'sudo systemctl start healthspace-gateway',"
            " or by hand with 'run'."
        )


class DriverError(GatewayError):
    """A device said something that its driver cannot go on from."""


class DecodeError(DriverError):
    """These bytes do not follow the specification.

    `payload` holds the bytes as received (it is kept in the journal, never logged); `offset` is the
    index of the first byte that could not be used.
    """

    def __init__(self, reason: str, payload: bytes = b"", offset: int = 0) -> None:
        super().__init__(f"{reason} at byte {offset} of {len(payload)}")
        self.reason = reason
        self.payload = payload
        self.offset = offset


class ProtocolError(DriverError):
    """The device broke the rules of the conversation; the session ends and is tried again later."""


class PairingNeeded(DriverError):
    """The device wants to be paired, or paired again, by a person who stands beside it."""


class LinkError(GatewayError):
    """The link to a device failed."""


class LinkTimeout(LinkError):
    """The device did not answer in time."""


class LinkLost(LinkError):
    """The link is gone: out of range, switched off, unplugged."""


class LinkRefused(LinkError):
    """The device answered with an error code of its protocol (for Bluetooth: an ATT error code)."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class RadioTrouble(StrEnum):
    """Why there is no usable radio, so that a person can be told what to do."""

    NO_ADAPTER = "no_adapter"
    POWERED_OFF = "powered_off"
    NO_SERVICE = "no_service"
    """The Bluetooth service (bluetoothd) is not running."""
    DENIED = "denied"
    BUSY = "busy"
    UNKNOWN = "unknown"


class RadioUnavailable(LinkError):
    """There is no usable radio, or no such port."""

    def __init__(self, message: str, reason: RadioTrouble = RadioTrouble.UNKNOWN) -> None:
        super().__init__(message)
        self.reason = reason


class JournalError(GatewayError):
    """The journal could not do what was asked; nothing was written."""


class JournalFull(JournalError):
    """The disk is full: new readings are refused and stay in the devices' memories.

    What came by a cable or an advertisement waits in ours.
    """


class JournalDamaged(JournalError):
    """The journal's file is damaged. Nothing is deleted."""


class JournalBusy(JournalError):
    """Another process is the journal's writer: the daemon, or a command that is about done."""


class Unreadable(JournalError):
    """Something sealed cannot be opened: it is damaged, or its key was destroyed."""


class UplinkError(GatewayError):
    """A destination did not take a reading."""


class UplinkUnavailable(UplinkError):
    """The destination could not be reached or asks to wait; it certainly took nothing."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(UplinkError):
    """The request left and no answer came back: the destination may have taken the reading."""


class UplinkRejected(UplinkError):
    """The destination refuses this reading and always will: same input, same answer."""


class UplinkRefused(UplinkError):
    """The destination refuses this person's readings: they did not consent there, or no longer."""


class UplinkUnauthorised(UplinkError):
    """The destination does not accept this gateway: its credentials, rights or contract.

    Of the classes below a person can mend something.
    """


class PairingOver(UplinkUnauthorised):
    """The pairing with this person is good no more, or there is none: they pair again."""


class CodeRefused(UplinkUnauthorised):
    """The code to pair with is wrong, was used before, or is too old."""


class AccountTaken(UplinkUnauthorised):
    """Somebody signed in with the account that another person here is paired with."""
