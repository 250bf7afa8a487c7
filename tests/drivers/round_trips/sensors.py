"""Glucose: meters, sensors, and the control points of both."""

from __future__ import annotations

from datetime import datetime, timedelta

from firmware_sims.packing import caresens, cgm, contour, date_time, glucose, racp
from firmware_sims.packing.ieee11073 import sfloat
from hypothesis import strategies as st

from tests.drivers.round_trips.times import DST, ZONES, dst_minutes, minutes
from tests.drivers.round_trips.written import (
    BOOLS,
    MOMENTS,
    NIBBLE,
    NUMBERS,
    S16,
    U8,
    U16,
    Written,
    between,
    bits,
    some,
    written,
)

ANNUNCIATIONS = st.integers(0, 0xFF_FFFF)
METER_FEATURES = {
    0: "low_battery",
    1: "malfunction",
    2: "sample_size",
    3: "strip_insertion_error",
    4: "strip_type_error",
    5: "result_high_low",
    6: "temperature_high_low",
    7: "read_interrupt",
    8: "general_fault",
    9: "time_fault",
    10: "multiple_bonds",
}
NEVER_SET = {
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "second"), 0),
    "complete": False,
}
LEVELS = ("patient_high", "patient_low", "hypo", "hyper", "rate_decrease", "rate_increase")


def three(annunciation: int) -> dict[str, object]:
    status, calibration, warning = annunciation.to_bytes(3, "little")
    return {"status": status, "cal_temp": calibration, "warning": warning}


@st.composite
def records(draw: st.DrawFn) -> Written:
    e2e_crc = draw(BOOLS)
    samples = draw(
        st.lists(
            st.builds(
                cgm.Record,
                glucose_mg_dl=NUMBERS,
                time_offset_min=U16,
                annunciation=ANNUNCIATIONS,
                trend_mg_dl_min=some(NUMBERS),
                quality_percent=some(NUMBERS),
            ),
            min_size=1,
            max_size=4,
        )
    )
    octets = b"".join(cgm.record(sample, e2e_crc=e2e_crc) for sample in samples)
    said = [
        written(
            b"",
            {
                "glucose_mg_dl": sample.glucose_mg_dl,
                "time_offset_min": sample.time_offset_min,
                "trend_mg_dl_min": sample.trend_mg_dl_min,
                "quality_percent": sample.quality_percent,
                **three(sample.annunciation),
            },
        ).said
        for sample in samples
    ]
    return Written(octets, {"records": said}, {"e2e_crc": e2e_crc})


@st.composite
def starts(draw: st.DrawFn) -> Written:
    at, zone, dst, e2e_crc = draw(some(MOMENTS)), draw(ZONES), draw(DST), draw(BOOLS)
    octets = cgm.session_start_time(at, zone=zone, dst=dst, e2e_crc=e2e_crc)
    said = {
        "session_start": NEVER_SET if at is None else at.isoformat(),
        "time_zone_min": minutes(zone),
        "dst_offset": dst,
        "dst_min": dst_minutes(dst),
        "crc_checked": e2e_crc,
    }
    return Written(octets, said, {"e2e_crc": e2e_crc})


@st.composite
def specific_operations(draw: st.DrawFn) -> Written:
    e2e_crc = draw(BOOLS)
    op, operand, said = draw(st.one_of(INTERVALS, CALIBRATIONS, LEVEL_SETTINGS, PLAIN, RESPONSES))
    octets = cgm.specific(op, operand, e2e_crc=e2e_crc)
    return written(octets, {**said, "crc_checked": e2e_crc}, e2e_crc=e2e_crc)


Operation = tuple[int, bytes, dict[str, object]]
INTERVALS: st.SearchStrategy[Operation] = st.builds(
    lambda op, every: (op[0], bytes([every]), {"op": op[1], "interval_min": every}),
    st.sampled_from([(0x01, "set_interval"), (0x03, "interval")]),
    U8,
)
PLAIN: st.SearchStrategy[Operation] = st.sampled_from(
    [
        (0x02, b"", {"op": "get_interval"}),
        (0x08, b"", {"op": "get_patient_high"}),
        (0x17, b"", {"op": "get_rate_increase"}),
        (0x19, b"", {"op": "reset_device_specific_alert"}),
        (0x1A, b"", {"op": "start_session"}),
        (0x1B, b"", {"op": "stop_session"}),
    ]
)
RESPONSES: st.SearchStrategy[Operation] = st.builds(
    lambda request, code: (
        0x1C,
        bytes([request, code]),
        {"op": "response", "request_op": request, "response_code": code},
    ),
    U8,
    st.integers(1, 5),
)
LEVEL_SETTINGS: st.SearchStrategy[Operation] = st.builds(
    lambda at, answer, value: (
        0x07 + 3 * at + 2 * answer,
        sfloat(value),
        {"op": LEVELS[at] if answer else f"set_{LEVELS[at]}", "value": value},
    ),
    st.integers(0, len(LEVELS) - 1),
    BOOLS,
    NUMBERS,
)


@st.composite
def calibrations(draw: st.DrawFn) -> Operation:
    level, offset, kind, place = draw(NUMBERS), draw(U16), draw(NIBBLE), draw(NIBBLE)
    following, number, status = draw(U16), draw(U16), draw(U8)
    operand = cgm.calibration(
        level,
        offset,
        kind | place << 4,
        next_calibration_min=following,
        record_number=number,
        status=status,
    )
    said: dict[str, object] = {
        "op": "calibration",
        "glucose_mg_dl": level,
        "time_offset_min": offset,
        "type": kind,
        "location": place,
        "next_calibration_min": following,
        "record_number": number,
        "calibration_status": status,
    }
    return 0x06, operand, said


CALIBRATIONS = calibrations() | U16.map(
    lambda number: (
        0x05,
        number.to_bytes(2, "little"),
        {"op": "get_calibration", "record_number": number},
    )
)


@st.composite
def measurements(draw: st.DrawFn) -> Written:
    sequence, base, offset = draw(U16), draw(between(1700, 9000)), draw(some(S16))
    concentration = draw(
        some(
            st.builds(
                glucose.Concentration, value=NUMBERS, kind=NIBBLE, location=NIBBLE, molar=BOOLS
            )
        )
    )
    status, follows = draw(some(U16)), draw(BOOLS)
    octets = glucose.measurement(
        sequence,
        base,
        time_offset_min=offset,
        concentration=concentration,
        status=status,
        context_follows=follows,
    )
    said: dict[str, object] = {
        "sequence": sequence,
        "base_time": base,
        "time_offset_min": offset,
        "measured_at": base + timedelta(minutes=offset or 0),
        "status": status,
        "context_follows": follows,
        "concentration": concentration and concentration.value,
        "type": None if concentration is None else concentration.kind,
        "location": None if concentration is None else concentration.location,
    }
    if concentration is not None:
        said["concentration_unit"] = "mol/L" if concentration.molar else "kg/L"
    return written(octets, said)


AMOUNTS = some(st.tuples(U8, NUMBERS))


@st.composite
def contexts(draw: st.DrawFn) -> Written:
    values = draw(
        st.builds(
            glucose.Context,
            sequence=U16,
            extended=some(U8),
            carbohydrate=AMOUNTS,
            meal=some(U8),
            tester_health=some(st.tuples(NIBBLE, NIBBLE)),
            exercise=some(st.tuples(U16, U8)),
            medication=AMOUNTS,
            medication_litres=BOOLS,
            hba1c_percent=some(NUMBERS),
        )
    )
    carbohydrate, carbohydrate_kg = values.carbohydrate or (None, None)
    tester, health = values.tester_health or (None, None)
    seconds, percent = values.exercise or (None, None)
    medication, amount = values.medication or (None, None)
    said = {
        "sequence": values.sequence,
        "extended_flags": values.extended,
        "carbohydrate_id": carbohydrate,
        "carbohydrate_kg": carbohydrate_kg,
        "meal": values.meal,
        "tester": tester,
        "health": health,
        "exercise_duration_s": "overrun" if seconds == 0xFFFF else seconds,
        "exercise_intensity_percent": percent,
        "medication_id": medication,
        "medication_l" if values.medication_litres else "medication_kg": amount,
        "hba1c_percent": values.hba1c_percent,
    }
    return written(glucose.context(values), said)


def record_access(numbered_by: str, *, by_time: bool) -> st.SearchStrategy[Written]:
    """Return requests and answers of a control point whose filter 1 is called so."""
    counts = U16.map(
        lambda count: written(racp.count_response(count), {"op": "count_response", "count": count})
    )
    responses = st.builds(
        lambda request, code: written(
            racp.response(request, code),
            {"op": "response", "request_op": request, "response_code": int(code)},
        ),
        U8,
        st.sampled_from(racp.ResponseCode),
    )
    return counts | responses | requests(numbered_by, by_time=by_time)


@st.composite
def requests(draw: st.DrawFn, numbered_by: str, *, by_time: bool) -> Written:
    op = draw(st.sampled_from([racp.OpCode.REPORT, racp.OpCode.COUNT]))
    operator = draw(st.sampled_from(racp.Operator))
    said: dict[str, object] = {"op": op.name.lower(), "operator": OPERATORS[operator]}
    limits = LIMITS.get(operator, ())
    if not limits:
        return written(racp.request(op, operator), said, direction="command")
    timed = by_time and draw(BOOLS)
    of: st.SearchStrategy[int | datetime] = MOMENTS if timed else U16
    values = [draw(of) for _ in limits]
    operands = [
        date_time.date_time(it) if isinstance(it, datetime) else it.to_bytes(2, "little")
        for it in values
    ]
    said["filter"] = "user_facing_time" if timed else numbered_by
    said |= dict(zip(limits, values, strict=True))
    return written(racp.request(op, operator, 2 if timed else 1, *operands), said)


OPERATORS = dict(
    zip(racp.Operator, ("null", "all", "le", "ge", "range", "first", "last"), strict=True)
)
LIMITS = {
    racp.Operator.LESS_OR_EQUAL: ("max",),
    racp.Operator.GREATER_OR_EQUAL: ("min",),
    racp.Operator.RANGE: ("min", "max"),
}

CARESENS_CLOCKS = st.one_of(
    some(MOMENTS).map(
        lambda at: written(caresens.command(at), {"is_command": True, "shown": at}),
    ),
    st.builds(
        lambda at, unknown: written(
            caresens.answer(at, unknown=unknown), {"is_command": False, "shown": at}
        ),
        MOMENTS,
        st.binary(min_size=3, max_size=3),
    ),
)

TRIPS: dict[str, st.SearchStrategy[Written]] = {
    "2aa7": records(),
    "2aa8": st.builds(
        lambda raw, kind, place: written(
            cgm.feature(raw, type_location=kind | place << 4),
            {"raw": raw, "type": kind, "location": place},
        ),
        ANNUNCIATIONS,
        NIBBLE,
        NIBBLE,
    ),
    "2aa9": st.builds(
        lambda offset, annunciation, e2e_crc: written(
            cgm.status(offset, annunciation, e2e_crc=e2e_crc),
            {"time_offset_min": offset, **three(annunciation), "crc_checked": e2e_crc},
            e2e_crc=e2e_crc,
        ),
        U16,
        ANNUNCIATIONS,
        BOOLS,
    ),
    "2aaa": starts(),
    "2aab": st.builds(
        lambda hours, e2e_crc: written(
            cgm.session_run_time(hours, e2e_crc=e2e_crc),
            {"run_time_hours": hours, "crc_checked": e2e_crc},
            e2e_crc=e2e_crc,
        ),
        U16,
        BOOLS,
    ),
    "2aac": specific_operations(),
    "2a18": measurements(),
    "2a34": contexts(),
    "2a51": U16.map(lambda raw: written(glucose.feature(raw), {"raw": raw}))
    | st.integers(0, 0x7FF).map(
        lambda raw: written(glucose.feature(raw), {"features": bits(raw, METER_FEATURES)})
    ),
    "2a52": record_access("sequence_number", by_time=True),
    "2a52-cuff": record_access("sequence_number", by_time=True),
    "2a52-cgm": record_access("time_offset", by_time=False),
    "contour-clock": st.builds(
        lambda utc, ahead: written(
            contour.clock(utc, ahead), {"op": 1, "utc": utc, "local_offset_min": ahead}
        ),
        MOMENTS,
        S16,
    ),
    **dict.fromkeys(("caresens-clock", "caresens-old-clock"), CARESENS_CLOCKS),
}
