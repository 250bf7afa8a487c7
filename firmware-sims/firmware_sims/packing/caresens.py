"""The clock of a CareSens meter: C0 03 01 00 | Date Time; answered by 05 | 3 octets | Date Time.

One command does both: a Date Time sets the clock, one of zeros asks for it. It is what the meter
shows, local time without a zone. Nobody describes the three octets behind 05.
Sources: xDrip, TimeTx (set); Tidepool's uploader, bluetoothLEDriver.js (ask, and where the answer
has its Date Time); i-SENS's sample programs, as seanghay/caresens-ble and
huraypositive/ios-caresens-sample have them (set, and the answer's 05).
"""

from datetime import datetime

from firmware_sims.packing.date_time import Stamp, date_time

COMMAND = bytes.fromhex("c0030100")
ANSWER = 5
_NOBODY_KNOWS = bytes(3)


def command(local: datetime | None) -> bytes:
    """Return what sets the clock; what asks for it if there is no time."""
    return COMMAND + date_time(local)


def answer(shown: Stamp | None, *, unknown: bytes = _NOBODY_KNOWS) -> bytes:
    """Return what the meter says of its clock."""
    return bytes([ANSWER]) + unknown + date_time(shown)
