from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.glucose_meter.bluetooth_sig import codec
from gateway.errors import DecodeError
from gateway.wire.gatt_time import UnusableDateTime
from gateway.wire.ieee11073 import Special

TIME = "ea07 02 0e 08 2d 1e"  # 2026-02-14 08:45:30
MEASUREMENT_FIELDS = [(0x01, "5802"), (0x02, "6eb0 11"), (0x08, "0002")]
CONTEXT_FIELDS = [
    (0x80, "00"),
    (0x01, "02 1ed0"),
    (0x02, "03"),
    (0x04, "51"),
    (0x08, "8403 32"),
    (0x10, "01 05c0"),
    (0x40, "41f0"),
]


@pytest.mark.conformance("GLP/COL/GLF/BV-10")
@pytest.mark.parametrize("present", range(8))
def test_every_combination_of_fields_of_a_measurement_is_read(present: int) -> None:
    chosen = [field for bit, field in enumerate(MEASUREMENT_FIELDS) if present >> bit & 1]
    flags = sum(flag for flag, _ in chosen)
    octets = bytes((flags,)) + bytes.fromhex("0100" + TIME + "".join(part for _, part in chosen))

    said = codec.decode_measurement(octets)

    assert said.time_offset_min == (600 if flags & 0x01 else None)
    assert said.mg_dl == (110 if flags & 0x02 else None)
    assert (said.type, said.location) == ((1, 1) if flags & 0x02 else (None, None))
    assert said.status == (0x200 if flags & 0x08 else None)
    assert said.trailing_octets is None


@pytest.mark.conformance("GLP/COL/GLF/BV-12")
@pytest.mark.parametrize("present", range(128))
def test_every_combination_of_fields_of_a_context_is_read(present: int) -> None:
    chosen = [field for bit, field in enumerate(CONTEXT_FIELDS) if present >> bit & 1]
    flags = sum(flag for flag, _ in chosen)
    octets = bytes((flags,)) + bytes.fromhex("0100" + "".join(part for _, part in chosen))

    said = codec.decode_context(octets)

    assert said.meal == (3 if flags & 0x02 else None)
    assert said.carbohydrate_kg == (Decimal("0.030") if flags & 0x01 else None)
    assert said.exercise_duration_s == (900 if flags & 0x08 else None)
    assert said.medication_kg == (Decimal("0.0005") if flags & 0x10 else None)
    assert said.hba1c_percent == (Decimal("6.5") if flags & 0x40 else None)
    assert said.trailing_octets is None


def test_the_time_is_the_base_time_moved_by_the_offset() -> None:
    said = codec.decode_measurement(bytes.fromhex("01 0100" + TIME + "c4ff"))

    assert said.base_time == datetime.fromisoformat("2026-02-14T08:45:30")
    assert said.measured_at == datetime.fromisoformat("2026-02-14T07:45:30")


def test_an_unknown_base_time_gives_no_time() -> None:
    said = codec.decode_measurement(bytes.fromhex("01 0100 00000000000000 c4ff"))

    assert isinstance(said.base_time, UnusableDateTime)
    assert said.measured_at is None


def test_a_time_past_the_calendar_is_none() -> None:
    said = codec.decode_measurement(bytes.fromhex("01 0100 0f27 0c 1f 17 3b 3b ff7f"))

    assert said.measured_at is None


def test_the_unit_comes_from_the_flag_alone() -> None:
    in_mass = codec.decode_measurement(bytes.fromhex("02 0100" + TIME + "6fb0 11"))
    in_moles = codec.decode_measurement(bytes.fromhex("06 0100" + TIME + "3ec0 11"))

    assert (in_mass.mg_dl, in_mass.mmol_l) == (111, None)
    assert (in_moles.mg_dl, in_moles.mmol_l) == (None, Decimal("6.2"))


def test_a_special_is_no_number_in_either_unit() -> None:
    said = codec.decode_measurement(bytes.fromhex("02 0100" + TIME + "fe07 11"))

    assert (said.concentration, said.mg_dl) == (Special.ABOVE, Special.ABOVE)


@given(st.binary(min_size=11, max_size=11), st.data())
def test_a_record_cut_short_is_never_a_value(octets: bytes, data: st.DataObject) -> None:
    whole = b"\x0b" + octets[:9] + b"\x58\x02\x6e\xb0\x11\x00\x00"
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(DecodeError, match="truncated"):
        codec.decode_measurement(whole[:cut])
