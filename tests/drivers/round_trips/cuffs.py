"""Blood pressure, of the standard and of makers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from firmware_sims.body import Pressure
from firmware_sims.packing import (
    and_medical,
    blood_pressure,
    blood_pressure_beurer,
    omron,
    taidoc,
    yonker,
)
from firmware_sims.packing.ieee11073 import Number, Special
from hypothesis import strategies as st

from tests.drivers.round_trips.written import (
    BOOLS,
    COUNTED,
    MOMENTS,
    NIBBLE,
    NUMBERS,
    U8,
    U16,
    Written,
    between,
    bits,
    some,
    written,
)

PRESSURES = st.builds(blood_pressure.Pressures, systolic=NUMBERS, diastolic=NUMBERS, mean=NUMBERS)
PULSES = st.integers(9, 255).map(Decimal) | st.sampled_from(Special)
"""What a Beurer can show: by more, the order of its octets could not be told."""
FEATURES = {
    0: "body_movement",
    1: "cuff_fit",
    2: "irregular_pulse",
    3: "pulse_rate_range",
    4: "measurement_position",
    5: "multiple_bond",
}
COMMANDS = {
    (True, 0x01): "set_time",
    (True, 0x03): "disconnect",
    (False, 0x04): "read_time",
    (True, 0x12): "delete_all_memory",
    (False, 0xDB): "read_settings",
}
CUFF_TIMES = between(2001, 2063)


def three(pressures: blood_pressure.Pressures) -> dict[str, object]:
    return {
        "systolic": pressures.systolic,
        "diastolic": pressures.diastolic,
        "map": pressures.mean,
    }


@st.composite
def measurements(draw: st.DrawFn) -> Written:
    pressures, kilopascal = draw(PRESSURES), draw(BOOLS)
    at, pulse = draw(some(MOMENTS)), draw(some(NUMBERS))
    user, status = draw(some(U8)), draw(some(U16))
    octets = blood_pressure.measurement(
        pressures,
        kilopascal=kilopascal,
        device_local=at,
        pulse_per_min=pulse,
        user=user,
        status=status,
    )
    said = {"timestamp": at, "pulse": pulse, "user_id": user, "status": status}
    return written(octets, {**three(pressures), **said, **unit(kilopascal)})


@st.composite
def enhanced(draw: st.DrawFn, *, cuff_only: bool) -> Written:
    pressures: blood_pressure.Pressures | Number = draw(NUMBERS if cuff_only else PRESSURES)
    kilopascal, epoch_2000 = draw(BOOLS), draw(BOOLS)
    at, facing = draw(some(COUNTED)), draw(some(COUNTED))
    pulse, user, status = draw(some(NUMBERS)), draw(some(U8)), draw(some(U16))
    octets = blood_pressure.enhanced_measurement(
        pressures,
        kilopascal=kilopascal,
        taken_at=at,
        pulse_per_min=pulse,
        user=user,
        status=status,
        user_facing_time=facing,
        epoch_2000=epoch_2000,
    )
    if isinstance(pressures, blood_pressure.Pressures):
        said = three(pressures)
    else:
        said = {"cuff_pressure": pressures}
    said |= {"timestamp": at, "pulse": pulse, "user_id": user, "status": status}
    return written(octets, {**said, **unit(kilopascal), "user_facing_time": facing})


@st.composite
def segments(draw: st.DrawFn) -> Written:
    data, sequence = draw(st.binary(min_size=1, max_size=40)), draw(U16)
    size, counter = draw(st.integers(1, 20)), draw(st.integers(0, 63))
    made = blood_pressure.record_segments(
        data, sequence_number=sequence, uuid=0x2B34, data_per_segment=size, counter=counter
    )
    at = draw(st.integers(0, len(made) - 1))
    said = {
        "first": at == 0,
        "last": at == len(made) - 1,
        "counter": (counter + at) % 64,
        "sequence": sequence,
        "uuid": "2B34",
        "data": data[at * size : (at + 1) * size].hex(),
    }
    return written(made[at], said)


@st.composite
def beurer(draw: st.DrawFn) -> Written:
    pressures, at = draw(PRESSURES), draw(MOMENTS)
    pulse, user, status = draw(PULSES), draw(U8), draw(U16)
    octets = blood_pressure_beurer.measurement(
        pressures, kilopascal=False, device_local=at, pulse_per_min=pulse, user=user, status=status
    )
    said = {"timestamp": at, "pulse": pulse, "user_id": user, "status": status, "map": 0}
    return written(octets, {**three(pressures), **said})


READINGS = st.builds(
    omron.Reading,
    systolic=st.integers(25, 250),
    diastolic=st.integers(1, 254),
    pulse=U8,
    shown=CUFF_TIMES,
    number=U16,
    irregular=BOOLS,
    movement=BOOLS,
    cuff=BOOLS,
)


def said_of(reading: omron.Reading) -> dict[str, object]:
    return {
        "systolic": reading.systolic,
        "diastolic": reading.diastolic,
        "pulse": reading.pulse,
        "timestamp": reading.shown,
        "irregular_pulse": int(reading.irregular),
        "body_movement": int(reading.movement),
    }


@st.composite
def frames(draw: st.DrawFn) -> Written:
    kind, address, data = draw(U16), draw(U16), draw(st.binary(max_size=0x38))
    said = {
        "length": len(data) + 8,
        "packet_type": f"{kind:04x}",
        "address": f"0x{address:04x}",
        "size": len(data),
        "data": data.hex(),
    }
    return written(omron.frame(kind, address, len(data), data), said)


def advertised(users: list[tuple[int, int]], unset: bool, pairing: bool) -> Written:
    told = [{"last_sequence": last, "records": count} for last, count in users]
    said = {"users": len(users), "time_not_set": unset, "pairing_mode": pairing, "user": told}
    octets = omron.advertised(users, time_not_set=unset, pairing_mode=pairing)
    return written(octets, said)


def yonkers(systolic: int, diastolic: int, pulse: int, shown: datetime) -> Written:
    said = {"systolic": systolic, "diastolic": diastolic, "pulse": pulse}
    shown = shown.replace(second=0)
    octets = yonker.measurement(systolic, diastolic, pulse, shown)
    return written(octets, {**said, "timestamp": shown})


def of_a_taidoc(systolic: int, mean: int, diastolic: int, pulse: int) -> Written:
    said = {"systolic": systolic, "map": mean, "diastolic": diastolic, "pulse": pulse}
    pressure = Pressure(
        Decimal(systolic), Decimal(diastolic), Decimal(mean), Decimal(pulse), irregular=False
    )
    return written(taidoc.frame(0x26, taidoc.figures(pressure)), said)


def of_a_strip(mg_dl: int, meal: int, substance: int) -> Written:
    said = {"mg_dl": mg_dl, "meal": meal, "substance": substance}
    octets = taidoc.strip(mg_dl, purpose=meal, substance=substance)
    return written(taidoc.frame(0x26, octets), said)


def when_of_a_taidoc(shown: datetime, irregular: bool, marked: bool) -> Written:
    said = {"device_time": f"{shown:%Y-%m-%dT%H:%M}", "ihb_raw": irregular | marked << 1}
    stamp = taidoc.stamp(shown, irregular=irregular, pressure=marked)
    return written(taidoc.frame(0x25, stamp), said)


def commands(known: tuple[bool, int], payload: bytes) -> Written:
    write, number = known
    said: Mapping[str, object] = {
        "length": len(payload) + 2,
        "write": write,
        "command": COMMANDS[known],
        "payload": payload.hex(),
    }
    return written(and_medical.command(number, payload, write=write), said)


def unit(kilopascal: bool) -> dict[str, object]:
    return {"unit": "kPa" if kilopascal else "mmHg"}


TRIPS: dict[str, st.SearchStrategy[Written]] = {
    "2a35": measurements(),
    "2a36": st.builds(
        lambda pressure, kilopascal: written(
            blood_pressure.cuff_pressure(pressure, kilopascal=kilopascal),
            {"cuff_pressure": pressure, **unit(kilopascal)},
        ),
        NUMBERS,
        BOOLS,
    ),
    "2a49": U16.map(lambda raw: written(blood_pressure.feature(raw), {"raw": raw}))
    | st.integers(0, 0x3F).map(
        lambda raw: written(blood_pressure.feature(raw), {"features": bits(raw, FEATURES)})
    ),
    "2b34": enhanced(cuff_only=False),
    "2b35": enhanced(cuff_only=True),
    "2b36": segments(),
    "beurer-bm85": beurer(),
    "omron-14le": READINGS.map(
        lambda it: written(omron.record_little(it), {**said_of(it), "cuff": int(it.cuff)})
    ),
    "omron-14be": READINGS.map(lambda it: written(omron.record_big(it), said_of(it))),
    "omron-frame": frames(),
    "omron-adv": st.builds(
        advertised, st.lists(st.tuples(U16, U8), min_size=1, max_size=4), BOOLS, BOOLS
    ),
    "taidoc/ble": st.builds(of_a_taidoc, U8, st.integers(2, 0xFF), U8, U8)
    | st.builds(when_of_a_taidoc, between(2000, 2127), BOOLS, BOOLS),
    "taidoc/meter": st.builds(of_a_strip, U16, st.integers(0, 3), NIBBLE),
    "yonker": st.builds(yonkers, U8, U8, U8, between(2000, 2255)),
    "and-cmd": st.builds(commands, st.sampled_from(list(COMMANDS)), st.binary(max_size=8)),
}
