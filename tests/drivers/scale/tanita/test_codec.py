from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given

from gateway.drivers.scale.tanita import DRIVER
from gateway.drivers.scale.tanita.codec import weighing
from gateway.errors import DecodeError
from gateway.wire.sums import sum8
from tests.drivers.serial_lines import is_total, mangled

# From public captures of an SC-330 and a BC-601.
SC_330 = (
    b'{0,16,~0,1,~1,1,~2,1,MO,"SC-330",SN,"00000001",ID,"0000000000",Da,"25/09/2014",TI,"08:20"'
    b",Bt,0,GE,1,AG,34,Hm,191.0,Pt,0.0,Wk,89.2,FW,18.8,fW,16.8,MW,72.4,mW,68.8,sW,13,bW,3.6"
    b",wW,48.0,ww,53.8,MI,24.5,Sw,80.3,OV,11.1,IF,6,rb,8874,rB,2121,rJ,13,rA,29,ZF,501.8,CS,D9\r\n"
)
BC_601 = (
    b'{0,16,~0,2,~1,2,~2,3,~3,4,MO,"BC-601",DT,"02/05/2023",Ti,"11:59:02",Bt,0,GE,1,AG,30'
    b",Hm,171.0,AL,1,Wk,104.7,MI,35.8,FW,34.3,Fr,32.2,Fl,35.4,FR,31.8,FL,32.6,FT,35.9,mW,65.4"
    b",mr,4.0,ml,3.8,mR,11.9,mL,11.8,mT,33.9,bW,3.4,IF,15,rD,3245,rA,45,ww,46.0,CS,73\r\n"
)
PW_650 = b'{0,16,~0,1,MO,"PW-650",Da,"30/04/2020",TI,"20:02",Wk,58.1,Pt,2.0,Ta,0.0,CS,D6\r\n'
BD_815 = b'{0,16,~0,1,MO,"BD-815",Wg,3972\r\n'


def line(body: bytes) -> bytes:
    """A line with its checksum."""
    summed = b"{0,16," + body + b","
    return summed + b"CS,%02X\r\n" % sum8(summed)


def test_a_weighing_with_its_body_composition_is_read() -> None:
    decoded = weighing(SC_330)

    assert (decoded.model, decoded.serial, decoded.cs) == ("SC-330", "00000001", "D9")
    assert (decoded.weight, decoded.unit) == (Decimal("89.2"), "kg")
    assert (decoded.body_fat_pct, decoded.body_fat_mass) == (Decimal("18.8"), Decimal("16.8"))
    assert (decoded.fat_free_mass, decoded.muscle_mass) == (Decimal("72.4"), Decimal("68.8"))
    assert (decoded.body_water_pct, decoded.body_water_mass) == (Decimal("53.8"), Decimal("48.0"))
    assert decoded.basal_metabolism_kj == 8874
    assert decoded.impedance_ohm == Decimal("501.8")
    assert str(decoded.device_time) == "2014-09-25T08:20"
    assert decoded.patient_id is None
    assert decoded.other["sW"] == "13"


def test_the_energy_of_a_day_is_no_basal_metabolism() -> None:
    decoded = weighing(BC_601)

    assert decoded.basal_metabolism_kcal is None
    assert decoded.other["rD"] == "3245"
    assert str(decoded.device_time) == "2023-05-02T11:59:02"


def test_the_year_may_come_first() -> None:
    decoded = weighing(line(b'MO,"MC-780",DT,"2021/10/03",Ti,"07:08:09",Wk,70.0'))

    assert str(decoded.device_time) == "2021-10-03T07:08:09"


def test_a_clock_that_was_never_set_is_no_reason_to_lose_a_weight() -> None:
    decoded = weighing(line(b'MO,"SC-240",Da,"00/00/2000",TI,"00:00",Wk,70.0'))

    assert decoded.device_time is None


@pytest.mark.parametrize(
    ("pair", "weight", "unit"),
    [
        (b"Wk,82.7", "82.7", "kg"),
        (b"Wp,182.2", "182.2", "lb"),
        (b"Ws,11.5", "11.5", "st"),
        (b"Wg,3972", "3.972", "kg"),
    ],
)
def test_the_key_says_the_unit(pair: bytes, weight: str, unit: str) -> None:
    decoded = weighing(line(b'MO,"X",' + pair))

    assert (decoded.weight, decoded.unit) == (Decimal(weight), unit)


def test_a_model_without_a_checksum_is_read() -> None:
    decoded = weighing(BD_815)

    assert (decoded.weight, decoded.cs) == (Decimal("3.972"), None)


def test_a_typed_id_is_read_and_zeros_are_none() -> None:
    typed = weighing(line(b'MO,"X",ID,"0000012345",Wk,70'))

    assert typed.patient_id == "0000012345"


def test_noise_after_the_line_is_counted() -> None:
    assert weighing(PW_650 + b"\x00\xff").trailing_bytes_ignored == 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (PW_650.replace(b"58.1", b"59.1"), "checksum"),
        (PW_650.replace(b"D6", b"d6"), "checksum"),
        (b'{0,16,MO,"SC-330",Wk,70.0\r\n', "no_checksum"),
        (b"{0,16,Wk,70.0\r\n", "no_checksum"),
        (PW_650.replace(b"D6", b"D6,FW,20.0"), "format"),
        (PW_650.rstrip(), "incomplete"),
        (PW_650[1:], "format"),
        (b"{\r\n", "no_checksum"),
        (b'{MO,"X\r\n', "format"),
        (line(b'MO,"X"'), "no_unit"),
        (line(b'MO,"X",Wk,70,Wp,154'), "ambiguous"),
        (line(b'MO,"X",Wk,7O.0'), "number"),
        (line(b'MO,"X",Wk,70.0,FW,--'), "number"),
        (line(b'MO,"X",Da,"2021-10-03",TI,"07:08",Wk,70.0'), "timestamp"),
    ],
)
def test_what_breaks_the_rules_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        weighing(data)

    assert caught.value.reason == reason


@given(data=mangled([SC_330, BC_601, PW_650, BD_815]))
def test_decoding_is_total(data: bytes) -> None:
    is_total(DRIVER, data)


@given(data=mangled([SC_330, BC_601, PW_650, BD_815]).map(lambda body: line(body[6:].strip())))
def test_decoding_is_total_behind_a_right_checksum_too(data: bytes) -> None:
    is_total(DRIVER, data)
