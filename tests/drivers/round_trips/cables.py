"""What comes over a cable: a Contour meter's frames on USB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from firmware_sims.packing import contour_usb
from firmware_sims.packing.contour_usb import CONTROL, HIGH, LOW, MODELS, Model
from hypothesis import strategies as st

from tests.drivers.round_trips.written import ABSENT, BOOLS, Written, between, written

CONTOURS = st.sampled_from(list(MODELS.values()))
NUMBERS = st.integers(1, 2000)
FRAMES = st.integers(0, 7)
SHOWN = between(2000, 2099)
MG_DL = st.integers(0, 700)
SERIALS = st.from_regex(r"[0-9]{4}[-A-Z][0-9A-Z]{7}", fullmatch=True)
PASSWORDS = st.from_regex(r"[0-9A-Za-z]{6}", fullmatch=True)
LIMITS = {LOW: "below", HIGH: "above"}


@st.composite
def contour_results(draw: st.DrawFn) -> tuple[bytes, dict[str, object]]:
    """A result, and what it says."""
    model, molar, shown, number = draw(CONTOURS), draw(BOOLS), draw(SHOWN), draw(NUMBERS)
    value, limits = contour_usb.glucose(model, draw(MG_DL), molar=molar)
    marks = [*limits, *draw(st.lists(st.sampled_from([*model.meals, CONTROL]), max_size=2))]
    record = contour_usb.result(model, number, shown, value, molar=molar, marks=marks)
    return record, {
        "record_number": number,
        "glucose": ABSENT if limits else Decimal(value),
        "unit": "mmol/L" if molar else "mg/dL",
        "reference": "P",
        "marks": [*marks, *model.always],
        "device_time": to_what_it_shows(shown, seconds=model.result_seconds),
        "control": CONTROL in marks,
        "limit": LIMITS[limits[0]] if limits else ABSENT,
    }


@st.composite
def contour_headers(draw: st.DrawFn) -> tuple[bytes, dict[str, object]]:
    """A header, and what it says; its password it says to nobody."""
    model, shown, serial, count = draw(CONTOURS), draw(SHOWN), draw(SERIALS), draw(NUMBERS)
    record = contour_usb.header(
        model,
        shown,
        password=draw(PASSWORDS),
        serial=serial,
        results=count,
        molar=draw(BOOLS),
    )
    return record, {
        "product": model.sender[0].split("^")[0],
        "versions": versions(model),
        "serial": serial,
        "record_count": count,
        "device_time": to_what_it_shows(shown, seconds=model.header_seconds),
        "password": ABSENT,
    }


@st.composite
def contour_notes(draw: st.DrawFn) -> tuple[bytes, dict[str, object]]:
    """What an owner entered."""
    number, shown, amount = draw(NUMBERS), draw(SHOWN), draw(st.integers(0, 500))
    what, entered = draw(
        st.sampled_from(
            [("Carb", contour_usb.carbohydrates), ("Insulin", contour_usb.insulin)],
        )
    )
    return entered(number, shown, amount), {"record_number": number, "noted": what}


CONTOUR_RECORDS = st.one_of(
    contour_results(),
    contour_headers(),
    contour_notes(),
    st.just((contour_usb.PATIENT, {"record_type": "P"})),
    st.just((contour_usb.END, {"whole": True})),
)


def contour_frame(number: int, record: tuple[bytes, dict[str, object]]) -> Written:
    text, said = record
    return written(contour_usb.frame(number, text, last=text == contour_usb.END), said)


def contour_control(said: bytes, name: str) -> Written:
    (report,) = contour_usb.reports(said)
    return written(report, {"control_character": name})


def to_what_it_shows(shown: datetime, *, seconds: bool) -> str:
    return shown.isoformat(timespec="seconds" if seconds else "minutes")


def versions(model: Model) -> str:
    return model.sender[0].split("^")[1].replace("\\", " ")


CONTROLS: Sequence[tuple[bytes, str]] = [
    (contour_usb.ENQ, "ENQ"),
    (contour_usb.ACK, "ACK"),
    (contour_usb.NAK, "NAK"),
    (contour_usb.EOT, "EOT"),
]
TRIPS: dict[str, st.SearchStrategy[Written]] = {
    "contour-usb": st.one_of(
        st.builds(contour_frame, FRAMES, CONTOUR_RECORDS),
        st.sampled_from(CONTROLS).map(lambda each: contour_control(*each)),
    ),
}
