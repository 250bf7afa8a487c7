from datetime import timedelta
from typing import Any

import pytest
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.scale.tanita import MC_780, Pair, Tanita, encode
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware_sims.people import body
from tests.firmware_sims.placed import placement
from tests.firmware_sims.serial_vectors import frame_of


def pairs_of(line: bytes) -> list[Pair]:
    """Split a line into its pairs, without its checksum."""
    text = line.decode("ascii").removeprefix("{").rstrip("\r\n").partition(",CS,")[0]
    fields = text.split(",")
    return list(zip(fields[::2], fields[1::2], strict=True))


def scale(ledger: Ledger | None = None, identity: str = "7", **options: Any) -> Tanita:
    where = placement(people=[(body(), identity)], clock_error=timedelta(hours=1), ledger=ledger)
    return Tanita(where, **options)


PW_650 = [
    ("0", "16"),
    ("~0", "1"),
    ("MO", '"PW-650"'),
    ("Da", '"30/04/2020"'),
    ("TI", '"20:02"'),
    ("Wk", "58.1"),
    ("Pt", "2.0"),
    ("Ta", "0.0"),
]


@pytest.mark.parametrize("identity", ["tanita-sc330", "tanita-bc601a", "tanita-transposed-digits"])
def test_the_published_lines_are_reproduced_with_their_checksum(identity: str) -> None:
    line = frame_of(identity)

    assert encode(pairs_of(line)) == line


def test_a_line_with_stray_bytes_after_it_is_reproduced() -> None:
    assert encode(PW_650) + b"\x00\xff" == frame_of("tanita-trailing-noise")


def test_a_line_with_a_wrong_checksum_can_be_made() -> None:
    wrong = [(key, "59.1" if key == "Wk" else value) for key, value in PW_650]

    assert encode(wrong, cs="D6") == frame_of("tanita-bad-cs")


def test_a_model_without_checksum_can_be_played() -> None:
    pairs = [("0", "16"), ("~0", "1"), ("MO", '"BD-815"'), ("Wg", "3972")]

    assert encode(pairs, cs=None) == frame_of("tanita-bd815-no-cs")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Wk", "FW", "fW"]), st.from_regex(r"[0-9.]{1,6}", fullmatch=True)
        )
    )
)
def test_the_checksum_is_the_sum_of_everything_before_it(pairs: list[Pair]) -> None:
    line = encode(pairs)

    before, _, after = line.rpartition(b"CS,")
    assert int(after, 16) == sum(before) % 256


def test_a_weighing_is_a_line_of_the_sc_240() -> None:
    line = scale().measure().decode()

    assert line.startswith(
        '{0,16,~0,1,~1,1,~2,1,MO,"SC-240",SN,"00000002",ID,"0000000007",'
        'Da,"10/03/2026",TI,"13:00",Bt,0,GE,1,AG,30,Hm,170.0,Pt,0.0,Wk,6'
    )
    assert " " not in line
    assert line.endswith("\r\n")


def test_the_mc_780_writes_its_date_the_other_way_round() -> None:
    pairs = dict(pairs_of(scale(model=MC_780).measure()))

    assert (pairs["DT"], pairs["ID"]) == ('"2026/03/10"', '"0000000000000007"')


def test_a_weighing_is_entered_as_weight_and_composition() -> None:
    ledger = Ledger()

    pairs = dict(pairs_of(scale(ledger).measure()))

    weight, composition = ledger.produced
    assert (weight.kind, weight.values) == (Kind.WEIGHT, {"weight": pairs["Wk"], "unit": "kg"})
    assert composition.kind is Kind.BODY_COMPOSITION
    assert composition.values["body_fat_percent"] == pairs["FW"]
    assert composition.values["fat_mass"] == pairs["fW"]


def test_weight_only_mode_says_nothing_of_composition() -> None:
    ledger = Ledger()

    pairs = dict(pairs_of(scale(ledger, composition=False).measure()))

    assert list(pairs)[-1] == "Wk"
    assert [each.kind for each in ledger.produced] == [Kind.WEIGHT]


def test_pounds_change_the_key_and_the_figures() -> None:
    ledger = Ledger()

    metric = dict(pairs_of(scale().measure()))
    imperial = dict(pairs_of(scale(ledger, pounds=True).measure()))

    assert "Wk" not in imperial
    assert float(imperial["Wp"]) == pytest.approx(float(metric["Wk"]) / 0.45359237, abs=0.2)
    assert ledger.produced[0].values["unit"] == "lb"


def test_stray_bytes_follow_the_line_on_request() -> None:
    assert scale(afterglow=True).measure().endswith(b"\r\n\x00\xff")


def test_nobody_in_particular_is_all_zeros() -> None:
    assert dict(pairs_of(scale(identity="").measure()))["ID"] == '"0000000000"'
