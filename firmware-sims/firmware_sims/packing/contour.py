"""The clock of a Contour meter: 01 | Date Time in UTC | minutes that local time is ahead, s16.

Source: blessed-android, BluetoothHandler.
"""

from datetime import datetime

from firmware_sims.packing.date_time import date_time


def clock(utc: datetime, ahead_min: int) -> bytes:
    """Return what sets it."""
    return b"\x01" + date_time(utc) + ahead_min.to_bytes(2, "little", signed=True)
