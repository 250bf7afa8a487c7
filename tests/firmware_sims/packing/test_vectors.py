"""Our encoders against octets that real devices and published tests produced."""

import json
import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from firmware_sims.packing import (
    blood_pressure,
    blood_pressure_beurer,
    caresens,
    cgm,
    checksum,
    date_time,
    device_information,
    glucose,
    ieee11073,
    omron,
    racp,
    sanitas,
    user_data,
    weight_scale,
    xiaomi,
)
from firmware_sims.packing.body_composition import Composition
from firmware_sims.packing.body_composition import feature as composition_feature
from firmware_sims.packing.body_composition import measurement as composition
from firmware_sims.packing.ieee11073 import Number, Special

FOLDER = os.environ.get("GATEWAY_VECTORS")

NOT_OURS = {
    "2A08-013": "not a date",
    "2A08-014": "a date before any device",
    "2A35-033": "trailing octet",
    "2A35-015": "pulse and status big-endian, trailing octet",
    "2A35-014": "a vendor frame on this characteristic",
    "2A35-010": "reserved flag bits, exponents the value does not show",
    "2A35-019": "exponents the value does not show",
    "2A35-023": "exponents the value does not show",
    "2A36-003": "zeros where the specification says NaN",
    "2B36-002": "a first segment without data",
    "2A9D-017": "an all-zero date is checked by hand",
    "2A9D-020": "trailing octet",
    "2A9C-018": "a lone packet of a split composition",
    "2AA7-010": "exponents the value does not show",
    "2AA7-018": "exponents the value does not show",
    "2AA7-014": "exponents the value does not show",
    "2A18-028": "exponents the value does not show",
    "2A18-027": "exponents the value does not show",
    "2A34-011": "exponents the value does not show",
    "2A2B-002": "a wrong day of the week",
    "2A34-002": "trailing octets",
    "2A34-007": "exponents the value does not show",
    "2A34-008": "exponents the value does not show",
    "MI-V2-013": "an impedance that failed without a claim to be there",
}


def number(value: Any) -> Number:
    return Special(value) if isinstance(value, str) else Decimal(str(value))


def maybe(value: Any) -> Number | None:
    return None if value is None else number(value)


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def scaled(value: Any, exponent: int) -> Decimal:
    """Return the value with the exponent that meters use for this field."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(exponent))


def sfloat_value(expected: dict[str, Any]) -> Number:
    return Decimal(expected["text"]) if "text" in expected else Special(expected["value"])


def pressures(expected: dict[str, Any]) -> blood_pressure.Pressures:
    return blood_pressure.Pressures(
        systolic=number(expected["systolic"]),
        diastolic=number(expected["diastolic"]),
        mean=number(expected["map"]),
    )


def encode_2a35(expected: dict[str, Any]) -> bytes:
    return blood_pressure.measurement(
        pressures(expected),
        kilopascal=expected["unit"] == "kPa",
        device_local=moment(expected.get("timestamp")),
        pulse_per_min=maybe(expected.get("pulse")),
        user=expected.get("user_id"),
        status=expected.get("status"),
    )


def encode_beurer(expected: dict[str, Any]) -> bytes:
    shown = moment(expected["timestamp"])
    assert shown is not None
    return blood_pressure_beurer.measurement(
        pressures(expected),
        kilopascal=False,
        device_local=shown,
        pulse_per_min=number(expected["pulse"]),
        user=expected["user_id"],
        status=expected["status"],
    )


def encode_2b34(expected: dict[str, Any]) -> bytes:
    def utc(text: str | None) -> datetime | None:
        return None if text is None else datetime.fromisoformat(f"{text}+00:00")

    return blood_pressure.enhanced_measurement(
        pressures(expected),
        taken_at=utc(expected.get("timestamp")),
        pulse_per_min=maybe(expected.get("pulse")),
        user=expected.get("user_id"),
        status=expected.get("status"),
        user_facing_time=utc(expected.get("user_facing_time")),
        epoch_2000="timestamp" in expected,
    )


def decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def encode_2a9d(expected: dict[str, Any]) -> bytes:
    stature = None
    if "bmi" in expected:
        bmi, height = Decimal(str(expected["bmi"])), Decimal(str(expected["height"]))
        stature = weight_scale.Stature(bmi=bmi, height=height)
    return weight_scale.measurement(
        decimal(expected["weight"]),
        imperial=expected["unit"] == "lb",
        device_local=moment(expected.get("timestamp")),
        user=expected.get("user_id"),
        stature=stature,
    )


def encode_2a9e(expected: dict[str, Any]) -> bytes:
    return weight_scale.feature(
        time=expected["timestamp"],
        several_users=expected["multiple_users"],
        bmi=expected["bmi"],
        weight=expected["weight_resolution_index"],
        height=expected["height_resolution_index"],
    )


def encode_2a9c(expected: dict[str, Any]) -> bytes:
    (packet,) = composition(
        Composition(
            body_fat_percent=decimal(expected["body_fat_percent"]),
            imperial=expected["unit"] == "lb",
            user=expected.get("user_id"),
            basal_metabolism_kj=expected.get("basal_metabolism_kj"),
            muscle_percent=decimal(expected.get("muscle_percent")),
            muscle_mass=decimal(expected.get("muscle_mass")),
            fat_free_mass=decimal(expected.get("fat_free_mass")),
            soft_lean_mass=decimal(expected.get("soft_lean_mass")),
            body_water_mass=decimal(expected.get("body_water_mass")),
            impedance_ohm=decimal(expected.get("impedance_ohm")),
        )
    )
    return packet


def encode_2aa7(expected: dict[str, Any], *, e2e_crc: bool) -> bytes:
    octets = b""
    for row in expected["records"]:
        annunciation = row["status"] | row["cal_temp"] << 8 | row["warning"] << 16
        record = cgm.Record(
            glucose_mg_dl=number(row["glucose_mg_dl"]),
            time_offset_min=row["time_offset_min"],
            annunciation=annunciation,
            trend_mg_dl_min=maybe(row.get("trend_mg_dl_min")),
            quality_percent=maybe(row.get("quality_percent")),
        )
        octets += cgm.record(record, e2e_crc=e2e_crc)
    return octets


def encode_2aaa(expected: dict[str, Any]) -> bytes:
    zone_min = expected["time_zone_min"]
    return cgm.session_start_time(
        moment(expected["session_start"]),
        zone=None if zone_min is None else timedelta(minutes=zone_min),
        dst=expected["dst_offset"],
        e2e_crc=expected["crc_checked"],
    )


def encode_2a18(expected: dict[str, Any]) -> bytes:
    base = moment(expected["base_time"])
    assert base is not None
    molar = expected["concentration_unit"] == "mol/L"
    value = expected["concentration"]
    if not isinstance(value, str):
        value = scaled(value, -4 if molar and value == Decimal("0.008") else -5)
    return glucose.measurement(
        expected["sequence"],
        base,
        time_offset_min=expected.get("time_offset_min"),
        concentration=glucose.Concentration(
            value=number(value),
            kind=expected["type"],
            location=expected["location"],
            molar=molar,
        ),
        status=expected.get("status"),
        context_follows=expected["context_follows"],
    )


def encode_2a34(expected: dict[str, Any]) -> bytes:
    def pair(first: str, second: str) -> Any:
        return (expected[first], expected[second]) if first in expected else None

    carbohydrate = pair("carbohydrate_id", "carbohydrate_kg")
    exercise = pair("exercise_duration_s", "exercise_intensity_percent")
    if exercise is not None and exercise[0] == "overrun":
        exercise = (0xFFFF, exercise[1])
    medication = pair("medication_id", "medication_l")
    return glucose.context(
        glucose.Context(
            sequence=expected["sequence"],
            extended=expected.get("extended_flags"),
            carbohydrate=carbohydrate and (carbohydrate[0], number(carbohydrate[1])),
            meal=expected.get("meal"),
            tester_health=pair("tester", "health"),
            exercise=exercise,
            medication=medication and (medication[0], number(medication[1])),
            medication_litres=medication is not None,
            hba1c_percent=maybe(expected.get("hba1c_percent")),
        )
    )


def encode_2a52(expected: dict[str, Any]) -> bytes:
    if expected["op"] == "count_response":
        return racp.count_response(expected["count"])
    code = racp.ResponseCode(expected["response_code"])
    return racp.response(expected["request_op"], code)


def encode_2aac(expected: dict[str, Any]) -> bytes:
    if expected["op"] == "interval":
        return cgm.interval(expected["interval_min"], e2e_crc=expected["crc_checked"])
    code = cgm.SpecificResponse(expected["response_code"])
    request = expected["request_op"]
    return cgm.specific_response(request, code, e2e_crc=expected["crc_checked"])


def encode_2a2b(expected: dict[str, Any]) -> bytes:
    local = moment(expected["date_time"])
    assert local is not None
    microseconds = -(-expected["fractions256"] * 1_000_000 // 256)
    reason = expected["adjust_reason"]
    return date_time.current_time(local.replace(microsecond=microseconds), adjust_reason=reason)


def encode_2aab(expected: dict[str, Any]) -> bytes:
    return cgm.session_run_time(expected["run_time_hours"], e2e_crc=expected["crc_checked"])


def encode_2aa9(expected: dict[str, Any]) -> bytes:
    annunciation = expected["status"] | expected["cal_temp"] << 8 | expected["warning"] << 16
    offset = expected["time_offset_min"]
    return cgm.status(offset, annunciation, e2e_crc=expected["crc_checked"])


def encode_2a08(expected: dict[str, Any]) -> bytes:
    return date_time.date_time(moment(expected["date_time"]))


def display(expected: dict[str, Any], *, thing: bool) -> xiaomi.Display:
    measured_at = moment(expected["timestamp"])
    assert measured_at is not None
    return xiaomi.Display(
        weight=Decimal(expected["weight"]),
        unit=xiaomi.Unit(expected["unit"]),
        device_local=measured_at,
        still=expected["stabilized"],
        stepped_off=expected["removed"],
        thing=thing,
        impedance_ohm=expected.get("impedance_ohm"),
    )


def encode_mi_v1(expected: dict[str, Any]) -> bytes:
    return xiaomi.version_1(display(expected, thing=bool(expected["control"] & 1 << 6)))


def encode_mi_v2(expected: dict[str, Any]) -> bytes:
    return xiaomi.version_2(display(expected, thing=bool(expected["control0"] & 1 << 2)))


OMRON_NUMBERS = {"OMRON-14LE-005": 12, "OMRON-14LE-004": 13, "OMRON-14LE-003": 14}
"""What the records say besides what is expected of them."""


def encode_omron(row: dict[str, Any]) -> bytes:
    expected = row["expected"]
    record = omron.record_big if row["characteristic"] == "OMRON-14BE" else omron.record_little
    shown = moment(expected["timestamp"])
    assert shown is not None
    return record(
        omron.Reading(
            systolic=expected["systolic"],
            diastolic=expected["diastolic"],
            pulse=expected["pulse"],
            shown=shown,
            number=OMRON_NUMBERS.get(row["id"], 20),
            irregular=bool(expected["irregular_pulse"]),
            movement=bool(expected["body_movement"]),
            cuff=bool(expected.get("cuff", 1)),
        )
    )


def encode_omron_frame(expected: dict[str, Any]) -> bytes:
    kind, address = int(expected["packet_type"], 16), int(expected["address"], 16)
    return omron.frame(kind, address, expected["size"], bytes.fromhex(expected["data"]))


def encode_omron_advertised(expected: dict[str, Any]) -> bytes:
    users = [(user["last_sequence"], user["records"]) for user in expected["user"]]
    return omron.advertised(
        users, time_not_set=expected["time_not_set"], pairing_mode=expected["pairing_mode"]
    )


def encode_2a9f(expected: dict[str, Any]) -> bytes:
    request = {"consent": user_data.OpCode.CONSENT, "list_all_users": user_data.OpCode.LIST}
    result = {
        "success": user_data.Result.SUCCESS,
        "op_code_not_supported": user_data.Result.OP_CODE_NOT_SUPPORTED,
        "invalid_parameter": user_data.Result.INVALID_PARAMETER,
    }
    count = expected.get("number_of_users")
    return user_data.response(
        request[expected["request_op"]],
        result[expected["result"]],
        b"" if count is None else bytes([count]),
    )


def encode_2a85(expected: dict[str, Any]) -> bytes:
    return user_data.date_of_birth(date(expected["year"], expected["month"], expected["day"]))


def encode_sbf70(row: dict[str, Any]) -> bytes:
    family = sanitas.BF700 if row["hex"].startswith("f7") else sanitas.SBF70
    expected = row["expected"]
    return sanitas.live_weight(family, Decimal(expected["weight_kg"]), still=expected["stable"])


def encode_sbf70_parts(expected: dict[str, Any]) -> bytes:
    weighing = sanitas.Weighing(
        at_device=datetime(1970, 1, 1) + timedelta(seconds=expected["unix_time"]),  # noqa: DTZ001
        weight=Decimal(expected["weight_kg"]),
        impedance_ohm=expected["impedance_ohm"],
        fat_percent=Decimal(expected["fat_percent"]),
        water_percent=Decimal(expected["water_percent"]),
        muscle_percent=Decimal(expected["muscle_percent"]),
        # What the capture says besides what is expected of it.
        bone=Decimal("11.65"),
        basal_kcal=1815,
        active_kcal=2722,
        bmi=Decimal("26.4"),
    )
    return b"".join(sanitas.live(sanitas.SBF70, weighing, user=101))


ENCODERS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "SFLOAT": lambda row: ieee11073.sfloat(sfloat_value(row)),
    "2A08": encode_2a08,
    "2A2B": encode_2a2b,
    "2A35": encode_2a35,
    "BEURER-BM85": encode_beurer,
    "2A36": lambda row: blood_pressure.cuff_pressure(number(row["cuff_pressure"])),
    "2A49": lambda row: blood_pressure.feature(row["raw"]),
    "2B34": encode_2b34,
    "2B35": lambda row: blood_pressure.enhanced_measurement(number(row["cuff_pressure"])),
    "2A19": lambda row: device_information.battery_level(row["percent"]),
    "2A85": encode_2a85,
    "2A8E": lambda row: user_data.height(Decimal(row["height_m"])),
    "2A99": lambda row: user_data.increment(row["increment"]),
    "2A9F": encode_2a9f,
    "2A9D": encode_2a9d,
    "2A9E": encode_2a9e,
    "2A9B": lambda row: composition_feature(time=False, several_users=False),
    "2A9C": encode_2a9c,
    "2AA8": lambda row: cgm.feature(row["raw"], type_location=row["type"] | row["location"] << 4),
    "2AA9": encode_2aa9,
    "2AAA": encode_2aaa,
    "2AAB": encode_2aab,
    "2AAC": encode_2aac,
    "2A18": encode_2a18,
    "2A34": encode_2a34,
    "2A51": lambda row: glucose.feature(row["raw"]),
    "CARESENS-TIME": lambda row: caresens.command(moment(row["date_time"])),
    "2A52": encode_2a52,
    "OMRON-FRAME": encode_omron_frame,
    "OMRON-ADV": encode_omron_advertised,
    "MI-V1": encode_mi_v1,
    "MI-V2": encode_mi_v2,
    "SBF70-3PART": encode_sbf70_parts,
}

WHOLE_ROWS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "2AA7": lambda row: encode_2aa7(row["expected"], e2e_crc=row["ctx"]["e2e_crc"]),
    "SBF70": encode_sbf70,
    "OMRON-14LE": encode_omron,
    "OMRON-14BE": encode_omron,
}


def rows() -> list[Any]:
    if FOLDER is None:
        return []
    text = (Path(FOLDER) / "ble.json").read_text()
    return list(json.loads(text, parse_float=Decimal))


def encodable(row: dict[str, Any]) -> bool:
    """Say whether a row is something one of our devices would send."""
    command = (row.get("ctx") or {}).get("direction") == "command"
    answer = row["expected"].get("op") in (None, "count_response", "response", "interval")
    known = row["characteristic"] in {*ENCODERS, *WHOLE_ROWS}
    return known and answer and not (command or row["must_reject"] or row["id"] in NOT_OURS)


@pytest.mark.skipif(FOLDER is None, reason="GATEWAY_VECTORS names no folder")
@pytest.mark.parametrize(
    "row", [row for row in rows() if encodable(row)], ids=lambda row: row["id"]
)
def test_what_a_device_meant_is_encoded_as_the_device_sent_it(row: dict[str, Any]) -> None:
    if row["characteristic"] in WHOLE_ROWS:
        octets = WHOLE_ROWS[row["characteristic"]](row)
    else:
        octets = ENCODERS[row["characteristic"]](row["expected"])

    assert octets.hex() == row["hex"]


@pytest.mark.skipif(FOLDER is None, reason="GATEWAY_VECTORS names no folder")
@pytest.mark.parametrize(
    "row", [row for row in rows() if row["characteristic"] == "E2E-CRC"], ids=lambda row: row["id"]
)
def test_the_checksum_agrees_with_every_example(row: dict[str, Any]) -> None:
    assert f"{checksum.crc16(bytes.fromhex(row['hex'])):04X}" == row["expected"]["crc"]
