"""Makers' own protocols, in which a device answers what it is asked: Microlife, OneTouch."""

from __future__ import annotations

from datetime import datetime

from firmware_sims.packing import microlife, onetouch
from firmware_sims.packing.microlife import COLLECTOR, Family, Reading
from firmware_sims.packing.onetouch import Entry, Meal
from hypothesis import strategies as st

from tests.drivers.round_trips.written import ABSENT, BOOLS, U8, U16, U32, Written, between, written

PAYLOADS = st.binary(min_size=1, max_size=60)
NEVER_SET = {"year": 2017, "month": 0, "day": 0, "hour": 0, "minute": 0, "complete": False}
ENTRIES = st.builds(
    Entry,
    number=U16,
    shown=between(2000, 2135),
    glucose_mg_dl=U16,
    control=BOOLS,
    meal=st.sampled_from(Meal),
    end=st.binary(min_size=3, max_size=3),
)


def readings(last_year: int) -> st.SearchStrategy[Reading]:
    return st.builds(
        Reading,
        systolic=U8,
        diastolic=U8,
        pulse=U8,
        shown=st.none() | between(2000, last_year),
        fits=BOOLS,
        irregular=BOOLS,
        fibrillation=BOOLS,
        mam=BOOLS,
    )


def cuff_record(family: Family, reading: Reading) -> Written:
    is_newer = family is Family.NEWER
    said = {
        "systolic": reading.systolic,
        "diastolic": reading.diastolic,
        "pulse": reading.pulse,
        "timestamp": to_the_minute(reading.shown),
        "irregular_pulse": reading.irregular,
        "averaging": 3 if reading.mam else 0,
        "cuff_fits": reading.fits if is_newer else ABSENT,
        "atrial_fibrillation": reading.fibrillation if is_newer else ABSENT,
    }
    return written(reading.pack(family), said)


def to_the_minute(shown: datetime | None) -> object:
    return NEVER_SET if shown is None else shown.isoformat(timespec="minutes")


def cuff_frame(says: int, payload: bytes) -> Written:
    return written(microlife.frame(says, payload), {"sender": says, "payload": payload.hex()})


@st.composite
def in_pieces(draw: st.DrawFn) -> Written:
    """One piece of an answer that is too long for one."""
    message = draw(st.binary(min_size=20, max_size=240))
    pieces = onetouch.pieces(onetouch.packet(0, message))
    number = draw(st.integers(0, len(pieces) - 1))
    piece = pieces[number]
    count = ABSENT if number else len(pieces)
    return written(piece, {"number": number, "count": count, "data": piece[1:].hex()})


def in_one_piece(prefix: int, status: int, content: bytes) -> bytes:
    (piece,) = onetouch.pieces(onetouch.packet(0, bytes((prefix, status)) + content))
    return piece


def meter_record(entry: Entry) -> Written:
    said = {
        "device_time": entry.shown,
        "glucose_mgdl": entry.glucose_mg_dl,
        "control": int(entry.control),
        "meal": entry.meal.value,
        "status": entry.end.hex(),
    }
    return written(in_one_piece(3, 6, entry.by_number()), said)


def meter_number(prefix: int, number: int) -> Written:
    content = number.to_bytes(4, "little")
    return written(in_one_piece(prefix, 6, content), {"status": 6, "content": content.hex()})


TRIPS: dict[str, st.SearchStrategy[Written]] = {
    "microlife": st.builds(cuff_frame, st.sampled_from(Family), PAYLOADS),
    "microlife-cmd": st.builds(cuff_frame, st.just(COLLECTOR), PAYLOADS),
    "microlife-record": st.builds(cuff_record, st.just(Family.NEWER), readings(2255)),
    "microlife-older-record": st.builds(cuff_record, st.just(Family.OLDER), readings(2063)),
    "onetouch-ble": st.one_of(
        ENTRIES.map(meter_record), st.builds(meter_number, U8, U32), in_pieces()
    ),
}
