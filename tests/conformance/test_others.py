"""Rows of the other profiles that no driver test stands for by itself."""

from __future__ import annotations

import pytest

from gateway.drivers.api import Frame, gatt
from gateway.drivers.bp_monitor.bluetooth_sig import DRIVER as CUFF
from gateway.drivers.bp_monitor.bluetooth_sig import codec as cuff
from gateway.drivers.cgm.bluetooth_sig import codec as cgm
from gateway.drivers.cgm.bluetooth_sig import control_point
from gateway.drivers.scale.bluetooth_sig import codec as scale
from gateway.testing.clock import ManualClock

ICP = gatt("1810", "2a36")


@pytest.mark.conformance("BLP/COL/BPD/BV-06", "BLP/COL/BPF/BV-12")
def test_any_number_of_intermediate_pressures_is_understood() -> None:
    said = [
        CUFF.decode(Frame(ICP, bytes.fromhex(f"00 {raw} ff07 0000"), ManualClock().now()))
        for raw in ("6400", "5a00", "5000")
    ]

    assert [it.cuff_pressure for it in said if isinstance(it, cuff.CuffPressure)] == [100, 90, 80]


@pytest.mark.conformance("BLP/COL/BPF/BI-*")
def test_reserved_bits_and_octets_after_the_fields_change_nothing() -> None:
    said = cuff.measurement(bytes.fromhex("f6 7800 5000 5d00 ea07 03 0e 0a 19 00 4800 c0ff 77"))
    pressure = cuff.intermediate(bytes.fromhex("e0 6400 0000 0000 77"))

    assert [said.systolic, said.pulse, said.reserved_flag_bits] == [120, 72, 0xE0]
    assert (said.status, said.trailing_octets) == (0xFFC0, b"\x77")
    assert [pressure.cuff_pressure, pressure.trailing_octets] == [100, b"\x77"]


@pytest.mark.conformance("BLP/COL/BPF/BV-15")
def test_the_features_of_a_cuff_are_read() -> None:
    said = cuff.feature(bytes.fromhex("05fe"))

    assert said.features[:2] == ("body_movement", "irregular_pulse")
    assert said.raw == 0xFE05


@pytest.mark.conformance("R-BLP-E2", "R-BLP-E6")
@pytest.mark.parametrize(("flags", "year"), [("62", 2000), ("22", 1900)])
def test_the_time_shown_to_the_user_counts_from_either_epoch(flags: str, year: int) -> None:
    said = cuff.enhanced_intermediate(bytes.fromhex(f"{flags} 6400 80510100 00a30200"))

    assert said.timestamp is not None
    assert said.user_facing_time is not None
    assert (said.timestamp.year, said.user_facing_time.day) == (year, 3)


@pytest.mark.conformance("R-CGMP-F4")
def test_reserved_flags_and_octets_inside_of_the_size_change_nothing() -> None:
    said = cgm.decode_measurement(bytes.fromhex("08 1c 6e00 0500 aabb"), e2e_crc=False)

    (record,) = said.records
    assert record.glucose_mg_dl == 110
    assert record.time_offset_min == 5
    assert (record.reserved_flag_bits, record.trailing_octets) == (0x1C, "aabb")


@pytest.mark.conformance("R-CGMP-F4")
def test_reserved_features_of_a_sensor_change_nothing() -> None:
    said = cgm.decode_feature(bytes.fromhex("0080fe 59 ffff"))

    assert (said.features, said.type, said.location) == (("trend",), 9, 5)


@pytest.mark.conformance("R-CGMP-O1", "R-CGMP-O2", "R-CGMP-O3", "R-CGMP-O4", "R-CGMP-O5")
@pytest.mark.parametrize(
    ("octets", "op"),
    [
        ("01 05", "set_interval"),
        ("02", "get_interval"),
        ("05 ffff", "get_calibration"),
        ("07 b400", "set_patient_high"),
        ("0e", "get_hypo"),
        ("19", "reset_device_specific_alert"),
        ("1a", "start_session"),
        ("1b", "stop_session"),
        ("1c 1a 05", "response"),
    ],
)
def test_an_operation_is_known_by_name(octets: str, op: str) -> None:
    said = control_point.decode(bytes.fromhex(octets), False)

    assert said.op == op


@pytest.mark.conformance("R-WSP-2", "R-BCP-2")
def test_features_of_a_scale_with_reserved_resolutions_are_read() -> None:
    weight = scale.weight_feature(bytes.fromhex("ff030000"))
    composition = scale.composition_feature(bytes.fromhex("ffffffff"))

    assert (weight.weight_resolution_index, weight.weight_resolution_kg) == (15, None)
    assert (weight.height_resolution_index, weight.height_resolution_m) == (7, None)
    assert len(composition.features) == 11


@pytest.mark.conformance("R-WSP-5")
def test_reserved_flags_and_octets_after_a_weight_change_nothing() -> None:
    said = scale.weight(bytes.fromhex("f0 983a 77"))

    assert said.weight == 75
    assert (said.reserved_flag_bits, said.trailing_octets) == (0xF0, b"\x77")
