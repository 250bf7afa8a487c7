import pytest
from firmware_sims.cgm.control_point import ControlPoint


def answer(point: ControlPoint, octets: str) -> str:
    return point.answer(bytes.fromhex(octets)).hex(" ")


def test_the_interval_can_be_read_and_set() -> None:
    point = ControlPoint(e2e_crc=False)

    assert answer(point, "02") == "03 05"
    assert answer(point, "01 0f") == "1c 01 01"
    assert answer(point, "02") == "03 0f"


def test_an_interval_without_its_operand_is_invalid() -> None:
    assert answer(ControlPoint(e2e_crc=False), "01") == "1c 01 03"


@pytest.mark.parametrize("op_code", ["04", "05", "07", "19", "1a", "1b", "99"])
def test_what_a_sensor_was_not_made_for_is_not_supported(op_code: str) -> None:
    assert answer(ControlPoint(e2e_crc=False), op_code) == f"1c {op_code} 02"


def test_a_session_can_be_started_where_allowed() -> None:
    point = ControlPoint(e2e_crc=False, start=lambda: True, stop=lambda: False)

    assert answer(point, "1a") == "1c 1a 01"
    assert answer(point, "1b") == "1c 1b 04"
    assert answer(point, "1a 00") == "1c 1a 03"


def test_answers_carry_their_check() -> None:
    assert answer(ControlPoint(e2e_crc=True, start=lambda: True), "1a") == "1c 1a 01 6d 60"
