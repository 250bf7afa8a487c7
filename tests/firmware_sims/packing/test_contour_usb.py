"""What Contour meters were seen to send on USB is reproduced from what it says."""

from datetime import datetime

import pytest
from firmware_sims.packing import contour_usb as packing
from firmware_sims.packing.contour_usb import (
    CONTOUR_NEXT,
    CONTOUR_NEXT_ONE,
    CONTOUR_NEXT_USB,
    CONTOUR_USB,
    Model,
)


def shown_at(*fields: int) -> datetime:
    return datetime(*fields)  # type: ignore[arg-type]  # noqa: DTZ001 - as a device says it


# fmt: off
HEADERS = [
    (  # glucometerutils, test_contourusb.py
        CONTOUR_USB, shown_at(2019, 9, 22, 13, 4), "7w3LBL", "7390-2336773", 1714,
        rb"H|\^&||7w3LBL|Bayer7390^01.24\01.04\09.02.20^7390-2336773^7403-|A=1^C=63^G=1^I=0200^R=0"
        rb"^S=1^U=0^V=10600^X=070070070070180130150250^Y=360126090050099050300089^Z=1|1714||||||1|"
        rb"201909221304",
        b"D7",
    ),
    (  # healer, the tests of its bayer_contour_next_usb
        CONTOUR_NEXT_USB, shown_at(2019, 6, 21, 12, 55, 55), "7EyQm2", "7428-4293200", 226,
        rb"H|\^&||7EyQm2|Bayer7410^01.10\01.05\10.03^7428-4293200^00000|A=1^C=03^G=en,en\de\fr\it"
        rb"\nl\es\pt\sl\hr\da\no\fi\sv\el^I=0200^R=0^S=01^U=303^V=20600^X=05407005405418015415425"
        rb"4054154^Y=360126099054120054252099^Z=1|226|||||P|1|20190621125555",
        b"F9",
    ),
    (  # glucometerutils, test of contournext
        CONTOUR_NEXT, shown_at(2026, 2, 8, 10, 42, 18), "0t4cvJ", "7901H33A1578", 25,
        rb"H|\^&||0t4cvJ|Contour7900^02.13\01.00\02.40^7901H33A1578|A=0^C=6^R=0^S=0^U=0^V=10600"
        rb"^X=070070180130^a=0^J=0|25|||||P|1|20260208104218|",
        b"1A",
    ),
]
# fmt: on
EVERY_MODEL = [CONTOUR_USB, CONTOUR_NEXT_USB, CONTOUR_NEXT_ONE, CONTOUR_NEXT]


@pytest.mark.parametrize(
    ("model", "shown", "password", "serial", "results", "text", "sum_"), HEADERS
)
def test_the_header_of_each_capture(
    model: Model,
    shown: datetime,
    password: str,
    serial: str,
    results: int,
    text: bytes,
    sum_: bytes,
) -> None:
    said = packing.header(
        model, shown, password=password, serial=serial, results=results, molar=False
    )

    assert said == text
    assert packing.frame(1, said) == b"\x021" + text + b"\r\x17" + sum_ + b"\r\n"


def test_the_header_of_a_contour_next_one() -> None:
    said = packing.header(
        CONTOUR_NEXT_ONE,
        shown_at(2019, 10, 17, 20, 51, 6),
        password="7yMyBR",
        serial="7801-1417178",
        results=2,
        molar=False,
    )

    # glucometerutils, test_contournextone.py
    assert said == (
        rb"H|\^&||7yMyBR|Contour7800^01.16\02.00\20.35^7801-1417178|A=1^C=7^R=0^S=1^U=0^V=10600"
        rb"^X=070070180130^a=1^J=0|2|||||P|1|20191017205106|"
    )


# fmt: off
RESULTS = [
    # bentrevett/Glucoduino, of a Contour Next USB
    (CONTOUR_NEXT_USB, 5, 11, shown_at(2014, 4, 2, 10, 52), "4.0", True, ["B"],
     b"R|11|^^^Glucose|4.0|mmol/L^P||B/M0/T1||201404021052", b"40"),
    # what glucodump was sent by one (bewest/diabetes)
    (CONTOUR_NEXT_USB, 5, 11, shown_at(2013, 2, 8, 10, 17), "10.9", True, ["F"],
     b"R|11|^^^Glucose|10.9|mmol/L^P||F/M0/T1||201302081017", b"7E"),
    # healer
    (CONTOUR_NEXT_USB, 4, 2, shown_at(2014, 2, 5, 21, 35), "102", False, [],
     b"R|2|^^^Glucose|102|mg/dL^P||M0/T1||201402052135", b"26"),
    # glucodump, test_contourusb.py, of a Contour USB
    (CONTOUR_USB, 1, 67, shown_at(2010, 11, 28, 19, 49), "7.9", True, ["B"],
     b"R|67|^^^Glucose|7.9|mmol/L^P||B||201011281949", b"04"),
    # glucometerutils, test_bacontour.py
    (CONTOUR_USB, 3, 1, shown_at(2015, 4, 17, 11, 54), "10.9", True, ["A"],
     b"R|1|^^^Glucose|10.9|mmol/L^P||A||201504171154", b"EC"),
]
# fmt: on


@pytest.mark.parametrize(
    ("model", "frame", "number", "shown", "value", "molar", "marks", "text", "sum_"), RESULTS
)
def test_the_results_of_captures(
    model: Model,
    frame: int,
    number: int,
    shown: datetime,
    value: str,
    molar: bool,
    marks: list[str],
    text: bytes,
    sum_: bytes,
) -> None:
    said = packing.result(model, number, shown, value, molar=molar, marks=marks)

    assert said == text
    assert packing.frame(frame, said) == b"\x02%d" % frame + text + b"\r\x17" + sum_ + b"\r\n"


def test_the_newer_ones_have_seconds() -> None:
    shown = shown_at(2026, 1, 25, 8, 55, 19)

    said = packing.result(CONTOUR_NEXT, 3, shown, "126", molar=False, marks=[])

    assert said == b"R|3|^^^Glucose|126|mg/dL^P||T0||20260125085519"  # glucometerutils, contournext


def test_what_was_entered() -> None:
    shown = shown_at(2014, 4, 2, 10, 53)

    food = packing.frame(6, packing.carbohydrates(12, shown, 8))
    dose = packing.frame(7, packing.insulin(13, shown, 80))

    assert food == b"\x026R|12|^^^Carb|8|3^||||201404021053\r\x17A0\r\n"  # Glucoduino
    assert dose == b"\x027R|13|^^^Insulin|80|1^||||201404021053\r\x173A\r\n"


def test_the_first_and_the_last_frame_of_what_is_always_said() -> None:
    assert (
        packing.frame(2, packing.PATIENT) == b"\x022P|1\r\x1753\r\n"
    )  # the specification, 6.1.4.2
    assert packing.frame(5, packing.END, last=True) == b"\x025L|1||N\r\x0384\r\n"  # healer
    assert packing.frame(8, b"R") == packing.frame(0, b"R")


def test_a_report_carries_sixty_octets_and_zeros() -> None:
    text = bytes(range(1, 126))

    told = list(packing.reports(text))

    assert [each[:4] for each in told] == [b"ABC\x3c", b"ABC\x3c", b"ABC\x05"]
    assert [len(each) for each in told] == [64] * 3
    assert b"".join(each[4 : 4 + each[3]] for each in told) == text
    assert told[2][9:] == bytes(55)


def test_nothing_follows_a_report_that_is_full() -> None:
    text = packing.frame(
        5,
        packing.result(
            CONTOUR_NEXT_USB,
            11,
            shown_at(2013, 2, 8, 10, 17),
            "10.9",
            molar=True,
            marks=["F"],
        ),
    )

    assert list(packing.reports(text)) == [b"ABC\x3c" + text]


@pytest.mark.parametrize("model", EVERY_MODEL, ids=lambda model: model.name)
@pytest.mark.parametrize("molar", [False, True])
def test_what_cannot_be_shown_is_one_step_beyond_and_marked(model: Model, molar: bool) -> None:
    lowest, highest = model.lowest_mg_dl, packing.HIGHEST_MG_DL

    said = [
        packing.glucose(model, mg_dl, molar=molar)
        for mg_dl in (-5, lowest - 1, lowest, highest, highest + 1, 900)
    ]

    assert [marks for _, marks in said] == [["<"], ["<"], [], [], [">"], [">"]]
    assert said[0] == said[1]
    assert said[4] == said[5]
    assert said[4][0] == ("33.4" if molar else "601")


@pytest.mark.parametrize(
    ("mg_dl", "said"), [(9, "0.5"), (19, "1.1"), (47, "2.6"), (601, "33.4"), (126, "7.0")]
)
def test_mmol_have_one_decimal(mg_dl: int, said: str) -> None:
    assert packing.mmol_l(mg_dl) == said
