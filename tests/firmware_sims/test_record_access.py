import pytest
from firmware_sims.cgm.bluetooth_sig import RULES
from firmware_sims.packing.cgm import Record
from firmware_sims.packing.ieee11073 import Special
from firmware_sims.packing.racp import OpCode, Operator, ResponseCode
from firmware_sims.record_access import Refusal, Request, read_request
from hypothesis import given
from hypothesis import strategies as st

RECORDS = [Record(glucose_mg_dl=Special.NAN, time_offset_min=at) for at in (5, 10, 15, 20)]


@pytest.mark.parametrize(
    ("octets", "offsets"),
    [
        ("01 01", [5, 10, 15, 20]),
        ("01 03 01 0a 00", [10, 15, 20]),
        ("01 04 01 0a 00 0f 00", [10, 15]),
        ("01 05", [5]),
        ("01 06", [20]),
        ("04 03 01 15 00", []),
    ],
)
def test_a_request_selects_its_records(octets: str, offsets: list[int]) -> None:
    request = read_request(bytes.fromhex(octets), RULES)

    assert isinstance(request, Request)
    assert [record.time_offset_min for record in request.select(RECORDS)] == offsets


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        ("02 01", ResponseCode.OP_CODE_NOT_SUPPORTED),
        ("0c 01", ResponseCode.OP_CODE_NOT_SUPPORTED),
        ("01 00", ResponseCode.INVALID_OPERATOR),
        ("03 01", ResponseCode.INVALID_OPERATOR),
        ("01 02 01 0a 00", ResponseCode.OPERATOR_NOT_SUPPORTED),
        ("01 07", ResponseCode.OPERATOR_NOT_SUPPORTED),
        ("04 01 00", ResponseCode.INVALID_OPERAND),
        ("01 03 01 0a", ResponseCode.INVALID_OPERAND),
        ("01 03", ResponseCode.INVALID_OPERAND),
        ("03 00 00", ResponseCode.INVALID_OPERAND),
        ("01 04 01 0f 00 0a 00", ResponseCode.INVALID_OPERAND),
        ("01 03 02 0a 00", ResponseCode.OPERAND_NOT_SUPPORTED),
    ],
)
def test_a_request_that_makes_no_sense_gets_the_documented_code(
    octets: str, code: ResponseCode
) -> None:
    written = bytes.fromhex(octets)

    assert read_request(written, RULES) == Refusal(written[0], code)


def test_an_abort_is_a_request_of_its_own() -> None:
    assert read_request(b"\x03\x00", RULES) == Request(OpCode.ABORT, Operator.NULL)


@given(st.binary(min_size=2))
def test_anything_written_is_a_request_or_a_refusal(octets: bytes) -> None:
    assert isinstance(read_request(octets, RULES), Request | Refusal)
