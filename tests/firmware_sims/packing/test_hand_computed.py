"""Octets worked out by hand from the specifications, field by field."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from firmware_sims.packing import (
    blood_pressure,
    body_composition,
    cgm,
    checksum,
    date_time,
    device_information,
    glucose,
    ieee11073,
    racp,
    weight_scale,
)
from firmware_sims.packing.ieee11073 import Special

TENTH_OF_MARCH = datetime(2026, 3, 10, 7, 5, 9)  # noqa: DTZ001 - a device's own clock has no zone


def test_an_sfloat_keeps_the_exponent_of_the_number() -> None:
    # IEEE 11073-20601 SFLOAT: 120 = 0x078 x 10^0; 36.8 = 0x170 x 10^-1; 2.0 = 0x014 x 10^-1
    assert ieee11073.sfloat(Decimal("120")).hex(" ") == "78 00"
    assert ieee11073.sfloat(Decimal("36.8")).hex(" ") == "70 f1"
    assert ieee11073.sfloat(Decimal("2.0")).hex(" ") == "14 f0"


def test_a_negative_sfloat_is_twos_complement() -> None:
    # -0.4 = -4 x 10^-1: mantissa 0xFFC, exponent 0xF
    assert ieee11073.sfloat(Decimal("-0.4")).hex(" ") == "fc ff"


def test_an_sfloat_mantissa_that_would_be_a_special_value_moves_its_zeros() -> None:
    # 20470 = 0x7FF x 10^1 is a number: a special needs exponent 0
    assert ieee11073.sfloat(Decimal("20470")).hex(" ") == "ff 17"


@pytest.mark.parametrize("number", ["2047", "-2048", "12345", "1e-9"])
def test_an_sfloat_that_cannot_hold_a_number_refuses_it(number: str) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        ieee11073.sfloat(Decimal(number))


def test_a_decimal_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="Special"):
        ieee11073.sfloat(Decimal("NaN"))


def test_a_float_has_a_24_bit_mantissa() -> None:
    # 36.4 = 364 x 10^-1: 6C 01 00 | FF
    assert ieee11073.float32(Decimal("36.4")).hex(" ") == "6c 01 00 ff"
    assert ieee11073.float32(Special.NAN).hex(" ") == "ff ff 7f 00"


def test_a_date_time_is_seven_octets_and_zeros_when_unknown() -> None:
    # 2026 = 0x07EA
    assert date_time.date_time(TENTH_OF_MARCH).hex(" ") == "ea 07 03 0a 07 05 09"
    assert date_time.date_time(None) == bytes(7)


def test_current_time_adds_day_of_week_fractions_and_reason() -> None:
    local = TENTH_OF_MARCH.replace(microsecond=500_000)

    # 2026-03-10 is a Tuesday (2); half a second is 128/256; no adjustment
    assert date_time.current_time(local).hex(" ") == "ea 07 03 0a 07 05 09 02 80 00"


def test_a_time_zone_counts_quarters_of_an_hour() -> None:
    assert date_time.time_zone(timedelta(hours=1)) == b"\x04"
    assert date_time.time_zone(timedelta(hours=-3, minutes=-30)) == b"\xf2"
    assert date_time.time_zone(None) == b"\x80"
    with pytest.raises(ValueError, match="15 minutes"):
        date_time.time_zone(timedelta(minutes=10))


def test_the_crc_agrees_with_the_catalogue_and_the_specification() -> None:
    # CRC catalogue "CRC-16/MCRF4XX" check value; CGMS 1.0.2 example 3E 01..09, sent 01 2F
    assert checksum.crc16(b"123456789") == 0x6F91
    assert checksum.with_crc(bytes.fromhex("3e010203040506070809"))[-2:].hex() == "012f"


def test_a_blood_pressure_with_every_field() -> None:
    octets = blood_pressure.measurement(
        blood_pressure.Pressures(systolic=Decimal(120), diastolic=Decimal(80), mean=Decimal(93)),
        device_local=TENTH_OF_MARCH,
        pulse_per_min=Decimal(64),
        user=2,
        status=blood_pressure.Status.IRREGULAR_PULSE,
    )

    # flags b1 b2 b3 b4 = 1E; 120 80 93; time; pulse 64 = 0x40; user; status b2
    expected = "1e 78 00 50 00 5d 00 ea 07 03 0a 07 05 09 40 00 02 04 00"
    assert octets.hex(" ") == expected


def test_a_blood_pressure_in_kilopascal_sets_bit_0() -> None:
    octets = blood_pressure.measurement(
        blood_pressure.Pressures(systolic=Decimal("16.0"), diastolic=Decimal("10.7")),
        kilopascal=True,
    )

    # 16.0 = 0x0A0 e-1; 10.7 = 0x06B e-1; mean NaN
    assert octets.hex(" ") == "01 a0 f0 6b f0 ff 07"


def test_a_cuff_pressure_leaves_the_other_two_unused() -> None:
    assert blood_pressure.cuff_pressure(Decimal(150)).hex(" ") == "00 96 00 ff 07 ff 07"


def test_an_enhanced_blood_pressure_counts_seconds_from_2000() -> None:
    octets = blood_pressure.enhanced_measurement(
        Decimal(150), taken_at=datetime(2000, 1, 2, tzinfo=UTC), user=1
    )

    # flags b1 b3 b6 = 4A; 150; 86400 s = 0x00015180; user
    assert octets.hex(" ") == "4a 96 00 80 51 01 00 01"


def test_an_enhanced_blood_pressure_can_count_from_1900() -> None:
    octets = blood_pressure.enhanced_measurement(
        Decimal(150), taken_at=datetime(1900, 1, 1, 0, 1, tzinfo=UTC), epoch_2000=False
    )

    assert octets.hex(" ") == "02 96 00 3c 00 00 00"


def test_a_blood_pressure_record_is_cut_and_counted() -> None:
    segments = blood_pressure.record_segments(
        bytes.fromhex("007800500064"),
        sequence_number=5,
        uuid=0x2B34,
        data_per_segment=4,
        counter=63,
        e2e_crc=True,
    )

    # first, counter 63: 01 | 3F<<2 = FD; last, counter wraps to 0: 02; check over both
    assert segments[0].hex(" ") == "fd 05 00 34 2b 00 78 00 50"
    assert segments[1][:7].hex(" ") == "02 05 00 34 2b 00 64"
    covered = segments[0] + segments[1][:-2]
    assert segments[1][-2:] == checksum.crc16(covered).to_bytes(2, "little")


def test_a_weight_with_every_field_in_si() -> None:
    octets = weight_scale.measurement(
        Decimal("70.000"),
        device_local=TENTH_OF_MARCH,
        user=1,
        stature=weight_scale.Stature(bmi=Decimal("24.5"), height=Decimal("1.75")),
    )

    # flags b1 b2 b3 = 0E; 70/0.005 = 14000 = 0x36B0; user; 245 = 0xF5; 1750 = 0x6D6
    assert octets.hex(" ") == "0e b0 36 ea 07 03 0a 07 05 09 01 f5 00 d6 06"


def test_an_unsuccessful_weight_is_all_ones() -> None:
    assert weight_scale.measurement(None, imperial=True).hex(" ") == "01 ff ff"


def test_a_weight_between_two_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        weight_scale.measurement(Decimal("70.001"))


def test_a_composition_that_fits_is_one_packet() -> None:
    packets = body_composition.measurement(
        body_composition.Composition(
            body_fat_percent=Decimal("19.4"),
            user=1,
            basal_metabolism_kj=6879,
            impedance_ohm=Decimal(452),
        )
    )

    # flags b2 b3 b9 = 020C; 194 = 0xC2; user; 6879 = 0x1ADF; 4520 = 0x11A8
    assert [packet.hex(" ") for packet in packets] == ["0c 02 c2 00 01 df 1a a8 11"]


def test_a_composition_too_long_for_the_link_is_split_and_every_packet_says_so() -> None:
    packets = body_composition.measurement(
        body_composition.Composition(
            body_fat_percent=Decimal("19.4"),
            device_local=TENTH_OF_MARCH,
            user=1,
            basal_metabolism_kj=6879,
            muscle_percent=Decimal("40.7"),
            fat_free_mass=Decimal("61.18"),
            body_water_mass=Decimal("43.25"),
            impedance_ohm=Decimal(452),
            weight=Decimal("75.9"),
        ),
        room=20,
    )

    # head of 12 octets leaves room for four u16; flags b12 in both
    head = "c2 00 ea 07 03 0a 07 05 09 01"
    assert packets[0].hex(" ") == f"5e 11 {head} df 1a 97 01 cc 2f ca 21"
    assert packets[1].hex(" ") == f"06 16 {head} a8 11 4c 3b"


def test_a_failed_composition_says_so() -> None:
    composition = body_composition.Composition(body_fat_percent=None)

    assert body_composition.measurement(composition) == [bytes.fromhex("0000ffff")]


def test_a_glucose_record_leaves_out_empty_annunciation_octets() -> None:
    record = cgm.Record(
        glucose_mg_dl=Decimal(100),
        time_offset_min=10,
        annunciation=cgm.Annunciation.BELOW_DEVICE_RANGE,
        trend_mg_dl_min=Decimal(-1),
    )

    # size 9; flags b0 b5 = 21; 100; 10; warning b6 (bit 22); -1 = 0xFFF e0
    assert cgm.record(record, e2e_crc=False).hex(" ") == "09 21 64 00 0a 00 40 ff 0f"


def test_records_share_a_notification_when_they_fit() -> None:
    records = [bytes([6]) * 6, bytes([7]) * 7, bytes([6]) * 6]

    values = cgm.notifications(records, room=13)

    assert [len(value) for value in values] == [13, 6]


def test_a_feature_without_crc_closes_with_ones() -> None:
    assert cgm.feature(cgm.Feature.TREND).hex(" ") == "00 80 00 59 ff ff"


def test_a_session_start_time_carries_zone_and_dst() -> None:
    octets = cgm.session_start_time(
        TENTH_OF_MARCH, zone=timedelta(hours=1), dst=date_time.DST_STANDARD, e2e_crc=False
    )

    assert octets.hex(" ") == "ea 07 03 0a 07 05 09 04 00"


def test_record_access_answers() -> None:
    # CGMS 3.9 / GLS 3.5: 06 00 <request> <code>; 05 00 <count>
    success = racp.response(racp.OpCode.REPORT, racp.ResponseCode.SUCCESS)
    assert success.hex(" ") == "06 00 01 01"
    assert racp.count_response(4032).hex(" ") == "05 00 c0 0f"


def test_specific_operations_answers() -> None:
    assert cgm.interval(5, e2e_crc=False).hex(" ") == "03 05"
    refused = cgm.specific_response(0x04, cgm.SpecificResponse.OP_CODE_NOT_SUPPORTED, e2e_crc=False)
    assert refused.hex(" ") == "1c 04 02"


def test_a_glucose_measurement_with_offset_and_status() -> None:
    octets = glucose.measurement(
        9,
        TENTH_OF_MARCH,
        time_offset_min=-60,
        concentration=glucose.Concentration(value=Decimal("0.00108"), kind=8, location=15),
        status=0,
        context_follows=True,
    )

    # flags b0 b1 b3 b4 = 1B; seq; base; -60 = FFC4; 108e-5 = B06C; F8; status
    expected = "1b 09 00 ea 07 03 0a 07 05 09 c4 ff 6c b0 f8 00 00"
    assert octets.hex(" ") == expected


def test_a_glucose_context_orders_its_fields() -> None:
    octets = glucose.context(
        glucose.Context(
            sequence=9,
            carbohydrate=(1, Decimal("0.030")),
            meal=2,
            medication=(1, Decimal("0.005")),
            medication_litres=True,
        )
    )

    # flags b0 b1 b4 b5 = 33; 30e-3 = D01E; 5e-3 = D005
    assert octets.hex(" ") == "33 09 00 01 1e d0 02 01 05 d0"


def test_a_system_id_is_the_extended_address_least_significant_octet_first() -> None:
    # DIS 1.1: address 12:34:56:78:9A:BC gives BC 9A 78 FE FF 56 34 12
    assert device_information.system_id("12:34:56:78:9A:BC").hex(" ") == "bc 9a 78 fe ff 56 34 12"
