"""Data types, times, and what every device has."""

from __future__ import annotations

from datetime import datetime, timedelta

from firmware_sims.packing import checksum, date_time, device_information, ieee11073
from hypothesis import strategies as st

from tests.drivers.round_trips.written import (
    MOMENTS,
    NUMBERS,
    U8,
    Written,
    numbers,
    some,
    written,
)

ZONES = some(st.integers(-48, 56).map(lambda quarters: timedelta(minutes=15 * quarters)))
DST = st.sampled_from([0, 2, 4, 8, 255])
FRACTIONS = st.datetimes(datetime(1582, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001
OCTETS = st.binary(max_size=40)
DEGREES = numbers(8_388_605, -128, 127)


def number(value: ieee11073.Number, octets: bytes) -> Written:
    special = isinstance(value, ieee11073.Special)
    return written(octets, {"value": value} if special else {"value": value, "text": f"{value:f}"})


def exact(local: datetime) -> dict[str, object]:
    fractions = local.microsecond * 256 // 1_000_000
    shown = local.replace(microsecond=0)
    return {"date_time": shown, "day_of_week": local.isoweekday(), "fractions256": fractions}


def minutes(offset: timedelta | None) -> int | None:
    return None if offset is None else offset // timedelta(minutes=1)


def dst_minutes(dst: int) -> int | None:
    return None if dst == date_time.DST_UNKNOWN else dst * 15


def eui64(address: bytes) -> str:
    return (address[:3] + b"\xff\xfe" + address[3:]).hex().upper()


LETTERS = st.characters(codec="utf-8", categories=["L", "Nd", "P", "S"])
WORDS = st.text(LETTERS, min_size=1, max_size=20).filter(lambda text: bool(text.strip("0")))
TEXTS = st.builds(
    lambda text, padding: Written(device_information.text(text, padding=padding), {"text": text}),
    WORDS,
    st.integers(0, 3),
)

TRIPS: dict[str, st.SearchStrategy[Written]] = {
    "sfloat": NUMBERS.map(lambda value: number(value, ieee11073.sfloat(value))),
    "float": DEGREES.map(lambda value: number(value, ieee11073.float32(value))),
    "e2e-crc": OCTETS.map(lambda octets: written(octets, {"crc": f"{checksum.crc16(octets):04X}"})),
    "crc-frame": st.binary(min_size=1, max_size=40).map(
        lambda octets: written(checksum.with_crc(octets), {"crc_ok": True})
    ),
    "2a08": MOMENTS.map(lambda at: written(date_time.date_time(at), {"date_time": at})),
    "2a0a": MOMENTS.map(
        lambda at: written(
            date_time.day_date_time(at), {"date_time": at, "day_of_week": at.isoweekday()}
        )
    ),
    "2a0c": FRACTIONS.map(lambda at: written(date_time.exact_time_256(at), exact(at))),
    "2a0d": DST.map(lambda dst: Written(bytes([dst]), {"dst_min": dst_minutes(dst)})),
    "2a0e": ZONES.map(
        lambda zone: Written(date_time.time_zone(zone), {"time_zone_min": minutes(zone)})
    ),
    "2a0f": st.builds(
        lambda zone, dst: Written(
            date_time.local_time_information(zone, dst),
            {"time_zone_min": minutes(zone), "dst_min": dst_minutes(dst)},
        ),
        ZONES,
        DST,
    ),
    "2a2b": st.builds(
        lambda at, reason: written(
            date_time.current_time(at, adjust_reason=reason), {**exact(at), "adjust_reason": reason}
        ),
        FRACTIONS,
        U8,
    ),
    "2a19": st.integers(0, 100).map(
        lambda percent: written(device_information.battery_level(percent), {"percent": percent})
    ),
    "2a23": st.binary(min_size=6, max_size=6).map(
        lambda address: written(
            device_information.system_id(address.hex(":")), {"eui64": eui64(address)}
        )
    ),
    **dict.fromkeys(("2a24", "2a25", "2a26", "2a27", "2a28", "2a29"), TEXTS),
}
