r"""What a Contour meter says on USB: reports that carry frames (ASTM E1381) of records (E1394).

```
report   "ABC" | length u8 | text, 60 octets at most | zeros
frame    STX | number, "0" to "7" | record | CR | ETB, or ETX after the last | sum, 2 digits | CR LF
header   H|\^&||password|code^versions^serial...|settings|how many||||||1|time
patient  P|1
result   R|n|^^^Glucose|value|unit^P||marks||time      n from 1, the oldest result first
end      L|1||N
```
A frame as long as its reports' texts ends with the last full one: no empty report follows. The sum
is of all octets from the number to ETB or ETX. Marks stand between slashes.
Sources: Bayer's Blood Glucose Meter Computer Interface Specification, 99993952 revision C, 6.1
(frames, sums; the highest and lowest values); for USB, captures: glucometerutils,
test_bacontour.py, test_contourusb.py, test_contournextone.py; glucodump, test_contourusb.py;
bentrevett/Glucoduino (carbohydrates and insulin); pazaan/decoding-contour-next-link, issue 3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

REPORT_OCTETS = 64
TEXT_OCTETS = REPORT_OCTETS - 4
EOT, ENQ, ACK, NAK = b"\x04", b"\x05", b"\x06", b"\x15"
LOW, HIGH, CONTROL = "<", ">", "C"
BEFORE_MEAL, AFTER_MEAL, FASTING = "B", "A", "F"
PATIENT, END = b"P|1", b"L|1||N"
_STX, _ETX, _ETB, _CR, _LF = b"\x02", b"\x03", b"\x17", b"\r", b"\n"
_FRAME_NUMBERS = 8
_MG_DL_PER_MMOL_L = 18  # a HI is 601 mg/dL or 33.39 mmol/L, a LO 9 or 0.50: ibid., table 12
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What differs from meter to meter, each as a capture shows it.

    `sender` is what stands before and behind its number; `settings` has a place for the unit, which
    `units` say: mg/dL, mmol/L. `always` are the marks that every result has, `meals` those that its
    owner can give. `header_end` stands behind the time of the header.
    """

    name: str
    sender: tuple[str, str]
    settings: str
    units: tuple[str, str]
    lowest_mg_dl: int
    always: Sequence[str] = ()
    meals: Sequence[str] = (BEFORE_MEAL, AFTER_MEAL, FASTING)
    processing: str = "P"
    header_seconds: bool = True
    result_seconds: bool = False
    header_end: str = ""
    capacity: int = 2000


CONTOUR_USB = Model(
    name="Contour USB",
    sender=(r"Bayer7390^01.24\01.04\09.02.20^", "^7403-"),
    settings="A=1^C=63^G=1^I=0200^R=0^S=1^U={unit}^V=10600^X=070070070070180130150250"
    "^Y=360126090050099050300089^Z=1",
    units=("0", "1"),
    lowest_mg_dl=10,
    meals=(BEFORE_MEAL, AFTER_MEAL),
    processing="",
    header_seconds=False,
)
CONTOUR_NEXT_USB = Model(
    name="Contour Next USB",
    sender=(r"Bayer7410^01.10\01.05\10.03^", "^00000"),
    settings=r"A=1^C=03^G=en,en\de\fr\it\nl\es\pt\sl\hr\da\no\fi\sv\el^I=0200^R=0^S=01^U={unit}"
    "^V=20600^X=054070054054180154154254054154^Y=360126099054120054252099^Z=1",
    units=("303", "311"),
    lowest_mg_dl=20,
    always=("M0", "T1"),
)
CONTOUR_NEXT_ONE = Model(
    name="Contour Next One",
    sender=(r"Contour7800^01.16\02.00\20.35^", ""),
    settings="A=1^C=7^R=0^S=1^U={unit}^V=10600^X=070070180130^a=1^J=0",
    units=("0", "1"),
    lowest_mg_dl=10,
    always=("T0", "M0"),
    result_seconds=True,
    header_end="|",
    capacity=800,
)
CONTOUR_NEXT = Model(
    name="Contour Next",
    sender=(r"Contour7900^02.13\01.00\02.40^", ""),
    settings="A=0^C=6^R=0^S=0^U={unit}^V=10600^X=070070180130^a=0^J=0",
    units=("0", "1"),
    lowest_mg_dl=10,
    always=("T0",),
    result_seconds=True,
    header_end="|",
    capacity=800,
)
MODELS = {
    model.name: model for model in (CONTOUR_USB, CONTOUR_NEXT_USB, CONTOUR_NEXT_ONE, CONTOUR_NEXT)
}
HIGHEST_MG_DL = 600


def reports(text: bytes) -> Iterator[bytes]:
    """Give the reports that carry one thing said."""
    for start in range(0, len(text), TEXT_OCTETS):
        piece = text[start : start + TEXT_OCTETS]
        yield (b"ABC" + bytes([len(piece)]) + piece).ljust(REPORT_OCTETS, b"\0")


def frame(number: int, record: bytes, *, last: bool = False, wrong_by: int = 0) -> bytes:
    """Return the frame of a record, the first of which is number 1; its sum `wrong_by` too high."""
    summed = b"%d" % (number % _FRAME_NUMBERS) + record + _CR + (_ETX if last else _ETB)
    return _STX + summed + b"%02X" % ((sum(summed) + wrong_by) % 256) + _CR + _LF


def header(
    model: Model, shown: datetime, *, password: str, serial: str, results: int, molar: bool
) -> bytes:
    """Return the record that says which meter this is, and what its clock shows."""
    before, behind = model.sender
    fields = [
        r"H|\^&",
        "",
        password,
        before + serial + behind,
        model.settings.format(unit=model.units[molar]),
        str(results),
        *[""] * 4,
        model.processing,
        "1",
        _time(shown, seconds=model.header_seconds),
    ]
    return ("|".join(fields) + model.header_end).encode("ascii")


def result(
    model: Model, number: int, shown: datetime, value: str, *, molar: bool, marks: Sequence[str]
) -> bytes:
    """Return the record of one strip; `value` as `glucose` writes it."""
    unit = "mmol/L^P" if molar else "mg/dL^P"
    said = "/".join([*marks, *model.always])
    return _entry(number, "Glucose", value, unit, said, _time(shown, seconds=model.result_seconds))


def insulin(number: int, shown: datetime, tenths: int) -> bytes:
    """Return the record of a dose that the owner entered, in tenths of a unit."""
    return _entry(number, "Insulin", str(tenths), "1^", "", _time(shown, seconds=False))


def carbohydrates(number: int, shown: datetime, amount: int) -> bytes:
    """Return the record of food that the owner entered."""
    return _entry(number, "Carb", str(amount), "3^", "", _time(shown, seconds=False))


def glucose(model: Model, mg_dl: int, *, molar: bool) -> tuple[str, Sequence[str]]:
    """Return what a meter writes of a value, and the mark of one that it shows as LO or HI.

    Those are one below the lowest that it can show, and one above the highest.
    """
    value = min(max(mg_dl, model.lowest_mg_dl - 1), HIGHEST_MG_DL + 1)
    marks = [LOW] if value < model.lowest_mg_dl else [HIGH] if value > HIGHEST_MG_DL else []
    return (mmol_l(value) if molar else str(value)), marks


def mmol_l(mg_dl: int) -> str:
    """Return mmol/L with the one decimal that the display has."""
    return str((Decimal(mg_dl) / _MG_DL_PER_MMOL_L).quantize(_TENTH, ROUND_HALF_UP))


def token(said: str) -> bytes:
    """Return the answer to a command that asks for a setting."""
    return f"D|{said}|\r\n".encode("ascii") + ACK


def _entry(number: int, what: str, value: str, unit: str, marks: str, time: str) -> bytes:
    fields = ["R", str(number), f"^^^{what}", value, unit, "", marks, "", time]
    return "|".join(fields).encode("ascii")


def _time(shown: datetime, *, seconds: bool) -> str:
    return shown.strftime("%Y%m%d%H%M%S" if seconds else "%Y%m%d%H%M")
