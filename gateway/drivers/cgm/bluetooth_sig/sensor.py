"""What a sensor says of itself: its values, read until they come undamaged.

The names of its characteristics, and what its status and session start say together.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from gateway.drivers.api import Channel, Frame, Session, Setting, gatt
from gateway.drivers.cgm.bluetooth_sig.codec import START_OCTETS, CgmSessionStart
from gateway.drivers.cgm.bluetooth_sig.sensor_session import Statement
from gateway.errors import DecodeError, LinkRefused

MEASUREMENT = gatt("181f", "2aa7")
FEATURE = gatt("181f", "2aa8")
STATUS = gatt("181f", "2aa9")
START = gatt("181f", "2aaa")
RUN_TIME = gatt("181f", "2aab")
CONTROL_POINT = gatt("181f", "2aac")
RECORD_ACCESS = gatt("181f", "2a52")

READS = 3
"""How often a value, or the same stored records, are asked for before going on without."""

WARM_UP_MIN = Setting(
    "warm_up_min",
    "For how many minutes after its start a sensor's values are kept but not counted in means and"
    " reports. An Accu-Chek SmartGuide warms up for 60, and most sensors for no less; 0 counts"
    " everything.",
    default=60,
)

_AUTHORISATION_SERVICE = "183d/"
_USABLE_YEARS = range(2010, 2100)  # besides, start + offset then stays within what datetime holds

_Value = TypeVar("_Value")


async def read(
    session: Session, channel: Channel, decode: Callable[[bytes], _Value]
) -> tuple[Frame, _Value] | None:
    """Read a value, again if it comes damaged; None if it is not to be had."""
    for attempt in range(1, READS + 1):
        try:
            frame = await session.link.read(channel)
            return frame, decode(frame.data)
        except LinkRefused:
            return None
        except DecodeError as error:
            if attempt == READS:
                await session.set_aside(frame, error)
    return None


def is_locked(session: Session) -> bool:
    """Whether the sensor wants an authorised client: newer Accu-Chek SmartGuide firmware does."""
    return any(channel.startswith(_AUTHORISATION_SERVICE) for channel in session.link.channels)


def statement(
    started: tuple[Frame, CgmSessionStart] | None, minute: int, status: Frame
) -> Statement:
    """Put together what says which sensor session this is, as of the moment of `status`."""
    if started is None:
        return Statement("", None, minute, status.received.utc)
    frame, said = started
    octets = frame.data[:START_OCTETS].hex()
    start = said.session_start
    if isinstance(start, datetime) and start.year in _USABLE_YEARS:
        return Statement(octets, start, minute, status.received.utc)
    return Statement(octets, None, minute, status.received.utc)


def utc_offset(said: CgmSessionStart) -> timedelta | None:
    """Return the offset of the sensor's local time from UTC; None if it does not know it."""
    if said.time_zone_min is None or said.dst_min is None:
        return None
    return timedelta(minutes=said.time_zone_min + said.dst_min)
