"""Sets a Bluetooth device's clock, where its owner allows it.

It changes nothing for the readings: their times are corrected by what the clock showed before. It
helps who looks at the device's own screen, and a device whose clock was never set.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.domain.reading import ClockSample
from gateway.drivers import and_medical
from gateway.drivers.api import Channel, Session, Setting
from gateway.drivers.gatt_device import CURRENT_TIME
from gateway.errors import ConfigError, LinkError, LinkRefused
from gateway.wire.gatt_time import current_time_octets, date_time_octets

SET_CLOCK = Setting(
    "set_clock",
    "The time zone whose time the device shall show, such as Europe/Paris: its clock is then set"
    " when it is more than ten minutes off. Unset: the clock is read, never set.",
)
CLOCK_SET = "clock_set"
"""The remark after which a look at the clock says nothing of what it showed before."""
TOLERATED = timedelta(minutes=10)
"""Omron cuffs take a new time only if theirs is further off (a public client); and less than this
is nothing that a person would want to have set."""

_DATA_FIELD_IGNORED = 0x80
"""Current Time Service: the time was taken, but for a field the device has no use for."""


async def set_clock(session: Session, clock: ClockSample | None) -> None:
    """Set the clock, if the owner allows it and `clock`, what it shows, is too far off.

    Raises ConfigError if the setting names no time zone. A device that refuses, or has gone, keeps
    its time; the session is told.
    """
    shown = wanted_time(session)
    if shown is None or not is_off(clock, session, shown):
        return
    for is_this, octets in _FORMATS:
        for channel in sorted(filter(is_this, session.link.channels)):
            await write_clock(session, channel, octets(shown))
            return


async def write_clock(session: Session, channel: Channel, octets: bytes) -> None:
    """Write a clock in its own format, and remark how that went, unless the device has gone."""
    try:
        await session.link.write(channel, octets)
    except LinkRefused as error:
        taken = error.code == _DATA_FIELD_IGNORED
        await session.remark(CLOCK_SET if taken else "clock_not_set")
    except LinkError:
        return
    else:
        await session.remark(CLOCK_SET)


def wanted_time(session: Session) -> datetime | None:
    """Return what the clock shall show now, naive; None if it is to be left alone."""
    wanted = session.setting(SET_CLOCK.name)
    now = session.now()
    if wanted is None or not now.trusted:
        return None
    try:
        zone = ZoneInfo(str(wanted))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"{SET_CLOCK.name} names no time zone: write one such as Europe/Paris."
        ) from error
    return now.utc.astimezone(zone).replace(tzinfo=None, microsecond=0)


def zone_offset(session: Session, shown: datetime) -> timedelta:
    """Return how far the time that `wanted_time` gave is ahead of UTC."""
    utc = session.now().utc.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    return shown - utc


def is_off(clock: ClockSample | None, session: Session, shown: datetime) -> bool:
    """Say whether the clock is further from `shown` than is tolerated; one nobody knows is."""
    if clock is None:
        return True
    since = timedelta(seconds=session.now().monotonic - clock.at.monotonic)
    return abs(clock.shown + since - shown) > TOLERATED


_FORMATS: tuple[tuple[Callable[[Channel], bool], Callable[[datetime], bytes]], ...] = (
    (lambda channel: channel == CURRENT_TIME, current_time_octets),
    (lambda channel: channel.endswith("/2a08"), date_time_octets),  # A&D: in the measuring service
    (lambda channel: channel == and_medical.CUSTOM, and_medical.set_time),
)
"""Where a clock is set, the most common way first."""
