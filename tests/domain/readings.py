"""Any reading, as hypothesis draws it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import (
    ClockSample,
    DeviceTime,
    Kind,
    Limit,
    Measure,
    Quality,
    Reading,
)

NAIVE = st.datetimes()
"""Any device clock, however absurd."""


def instants() -> st.SearchStrategy[Instant]:
    """Moments at which a hub may receive something."""
    moments = st.datetimes(
        min_value=datetime.fromisoformat("2015-01-01"),
        max_value=datetime.fromisoformat("2060-01-01"),
        timezones=st.just(UTC),
    )
    return st.builds(Instant, moments, st.floats(0, 1e9), st.sampled_from(["boot-1", "boot-2"]))


def device_times() -> st.SearchStrategy[DeviceTime]:
    """Anything a device may say of its time."""
    samples = st.builds(ClockSample, shown=NAIVE, at=instants())
    offsets = st.timedeltas(timedelta(hours=-24), timedelta(hours=24))
    return st.builds(
        DeviceTime,
        stamp=st.none() | NAIVE,
        raw=st.binary(max_size=10).map(bytes.hex),
        utc_offset=st.none() | offsets,
        clock=st.none() | samples,
        resolution=st.sampled_from([timedelta(seconds=1), timedelta(minutes=1)]),
    )


def quantities() -> st.SearchStrategy[Quantity]:
    """Anything a device may measure."""
    numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1e6)
    return st.builds(
        Quantity, value=numbers, unit=st.sampled_from(Unit), original=st.none() | st.just("154 lb")
    )


def readings() -> st.SearchStrategy[Reading]:
    """Any reading."""
    return st.builds(
        Reading,
        device=st.sampled_from(["ble:1", "serial:2"]).map(DeviceId),
        kind=st.sampled_from(Kind),
        values=st.dictionaries(st.sampled_from(Measure), quantities(), max_size=4),
        received=instants(),
        device_time=st.none() | device_times(),
        record=st.none() | st.integers(0, 65535).map("seq:{}".format),
        slot=st.none() | st.sampled_from(["1", "2"]),
        live=st.booleans(),
        quality=st.sampled_from(Quality),
        flags=st.frozensets(st.sampled_from(["irregular_pulse", "implausible"])),
        limit=st.none() | st.sampled_from(Limit),
        period=st.none() | st.integers(1, 90).map(lambda days: timedelta(days=days)),
    )
