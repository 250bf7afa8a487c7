"""The line a Tanita scale prints to its serial port after a weighing.

    {0,16,~0,1,...,MO,"SC-330",SN,"00000001",ID,"0000000000",Da,"25/09/2014",TI,"08:20",
     ...,Wk,89.2,FW,18.8,...,CS,D9 CR LF

Pairs of key and value; keys are case-sensitive, text values are in double quotes. Manuals print a
blank after each comma; the wire has none.

    MO model  SN serial number  ID typed id, zeros for none  St 1 for an error of a segment
    Da or DT  dd/mm/yyyy, of an MC-780 yyyy/mm/dd            TI or Ti  hh:mm[:ss]
    Wk kg | Wp lb | Ws stones | Wg g: exactly one, and never without its unit
    FW body fat %  fW fat kg  MW fat-free mass kg  mW muscle kg  bW bone kg  wW water kg
    ww water %  MI BMI  IF visceral fat  rb basal metabolism kJ  rB the same, kcal
    rD is the energy a whole day takes, no basal metabolism: 3245 kcal of a man in a capture
    rA metabolic age  ZF impedance foot to foot, ohm
    Hm the height that was typed in, cm
    CS the sum of all bytes from "{" to the comma before CS, modulo 256, two hex digits

What else was typed in before the weighing (GE, AG, Bt, Pt) is passed over, as are the segments; it
stays readable in `other`. A BD-815 and a KP-601 have no CS. The sum does not see digits that
changed places.

Source: Tanita manuals SC-240 p. 24, SC-330 p. 24, PW-650MA p. 25, BD-815U p. 12; the rule of CS is
in none of them, was derived from and holds for seven lines of four models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from gateway.drivers.message import null
from gateway.errors import DecodeError
from gateway.wire.stamp import Stamp, stamp
from gateway.wire.stream import Cutting, Stream
from gateway.wire.sums import sum8

LINE_BYTES = 2048
"""An MC-780 with all its segments prints some 1270."""

_WITHOUT_SUM = ("BD-815", "KP-601")
_UNITS = {b"Wk": "kg", b"Wp": "lb", b"Ws": "st", b"Wg": "kg"}
_NUMBERS = {
    b"FW": "body_fat_pct",
    b"fW": "body_fat_mass",
    b"MW": "fat_free_mass",
    b"mW": "muscle_mass",
    b"bW": "bone_mass",
    b"wW": "body_water_mass",
    b"ww": "body_water_pct",
    b"MI": "bmi",
    b"IF": "visceral_fat",
    b"rb": "basal_metabolism_kj",
    b"rB": "basal_metabolism_kcal",
    b"rA": "metabolic_age",
    b"ZF": "impedance_ohm",
    b"Hm": "height_cm",
}
_READ = {b"MO", b"SN", b"ID", b"St", b"Da", b"DT", b"TI", b"Ti", b"CS", *_UNITS, *_NUMBERS}

_LINE_END = re.compile(rb"[\r\n]")
_PAIR = re.compile(rb'([^,"{]+),(?:"([^"]*)"|([^,"]*))(?:,|$)')
_NUMBER = re.compile(rb"-?\d{1,5}(\.\d{1,3})?")
_DATE = re.compile(rb"(?:(\d\d)/(\d\d)/(\d{4})|(\d{4})/(\d\d)/(\d\d))")
_TIME = re.compile(rb"(\d\d):(\d\d)(?::(\d\d))?")


@dataclass(frozen=True, slots=True)
class Weighing:
    """One weighing. `unit` is `kg`, `lb` or `st`; grams are turned to kg.

    The other masses are in kg if the weight is; in what otherwise, no manual says.
    """

    weight: Decimal
    unit: str
    other: Mapping[str, str]
    """The pairs that mean nothing to this driver, as they came."""
    patient_id: str | None = null()
    """What was typed in at the scale: a hint, and personal."""
    cs: str | None = null()
    model: str | None = None
    serial: str | None = None
    device_time: Stamp | None = None
    """None if the scale has no clock, or one that was never set."""
    segment_error: bool = False
    trailing_bytes_ignored: int = 0
    body_fat_pct: Decimal | None = None
    body_fat_mass: Decimal | None = None
    fat_free_mass: Decimal | None = None
    muscle_mass: Decimal | None = None
    bone_mass: Decimal | None = None
    body_water_mass: Decimal | None = None
    body_water_pct: Decimal | None = None
    bmi: Decimal | None = None
    visceral_fat: Decimal | None = None
    basal_metabolism_kj: Decimal | None = None
    basal_metabolism_kcal: Decimal | None = None
    metabolic_age: Decimal | None = None
    impedance_ohm: Decimal | None = None
    height_cm: Decimal | None = None
    """Typed in, like the id."""


def frames(stream: Stream) -> Cutting:
    """Cut at "{" and at the end of its line; of two beginnings in a line, the last counts."""
    while True:
        yield from stream.pass_over(b"\r\n")
        yield from stream.skip_to(b"{", "no_line")
        size = yield from stream.find(b"\r", b"\n", limit=LINE_BYTES)
        if size is None:
            stream.discard(1, "too_long")
            continue
        line = yield from stream.need(size)
        stream.discard(line.rindex(b"{"), "incomplete")
        yield stream.take(size - line.rindex(b"{"))


def weighing(data: bytes) -> Weighing:
    """Decode one line, from "{" on; what follows its end is counted and ignored.

    Raises DecodeError: `incomplete`, `format`, `checksum`, `no_checksum` (of a model that has one),
    `no_unit` (no weight under a key with a unit), `ambiguous` (two), `number`, `timestamp`.
    """
    line = _LINE_END.split(data, maxsplit=1)[0]
    if line == data:
        raise DecodeError("incomplete", data, len(data))
    pairs, places = _pairs(line)
    model = _text(pairs.get(b"MO"))
    _check_sum(line, pairs, places, model)
    unit, weight = _weight(data, pairs, places)
    numbers = {
        name: _number(data, pairs[key], places[key])
        for key, name in _NUMBERS.items()
        if pairs.get(key)
    }
    return Weighing(
        weight=weight,
        unit=unit,
        other={_plain(key): _plain(text) for key, text in pairs.items() if key not in _READ},
        model=model,
        serial=_text(pairs.get(b"SN")),
        patient_id=_text(pairs.get(b"ID")),
        device_time=_stamp(data, pairs),
        segment_error=pairs.get(b"St", b"0") != b"0",
        cs=_plain(pairs[b"CS"]) if b"CS" in pairs else None,
        trailing_bytes_ignored=len(data[len(line) :].lstrip(b"\r\n")),
        **numbers,
    )


def _pairs(line: bytes) -> tuple[dict[bytes, bytes], dict[bytes, int]]:
    """Return the values by key, and where each value begins; of a key given twice, the first."""
    if not line.startswith(b"{"):
        raise DecodeError("format", line)
    pairs: dict[bytes, bytes] = {}
    places: dict[bytes, int] = {}
    at = 1
    while at < len(line):
        found = _PAIR.match(line, at)
        if found is None:
            raise DecodeError("format", line, at)
        key, quoted, plain = found.groups()
        if key in _UNITS and pairs.keys() & _UNITS:
            raise DecodeError("ambiguous", line, at)
        pairs.setdefault(key, plain if quoted is None else quoted)
        places.setdefault(key, found.start(2 if plain is None else 3))
        at = found.end()
    return pairs, places


def _check_sum(
    line: bytes, pairs: Mapping[bytes, bytes], places: Mapping[bytes, int], model: str | None
) -> None:
    told = pairs.get(b"CS")
    if told is None:
        if model is None or not model.startswith(_WITHOUT_SUM):
            raise DecodeError("no_checksum", line, len(line))
        return
    summed = line[: places[b"CS"] - len(b"CS,")]
    if told != b"%02X" % sum8(summed):
        raise DecodeError("checksum", line, places[b"CS"])
    if places[b"CS"] + len(told) != len(line):
        raise DecodeError("format", line, places[b"CS"] + len(told))


def _weight(
    data: bytes, pairs: Mapping[bytes, bytes], places: Mapping[bytes, int]
) -> tuple[str, Decimal]:
    for key, unit in _UNITS.items():
        if key in pairs:
            weight = _number(data, pairs[key], places[key])
            return unit, weight.scaleb(-3) if key == b"Wg" else weight
    raise DecodeError("no_unit", data, len(data))


def _number(data: bytes, text: bytes, at: int) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise DecodeError("number", data, at)
    return Decimal(text.decode("ascii"))


def _stamp(data: bytes, pairs: Mapping[bytes, bytes]) -> Stamp | None:
    date, time = pairs.get(b"Da") or pairs.get(b"DT"), pairs.get(b"TI") or pairs.get(b"Ti")
    if date is None or time is None:
        return None
    day, hour = _DATE.fullmatch(date), _TIME.fullmatch(time)
    if day is None or hour is None:
        raise DecodeError("timestamp", data, data.index(date))
    d, m, y = (int(part) for part in (day.group(1, 2, 3) if day[1] else day.group(6, 5, 4)))
    second = None if hour[3] is None else int(hour[3])
    return stamp(date + b" " + time, y, m, d, int(hour[1]), int(hour[2]), second)


def _text(value: bytes | None) -> str | None:
    """Return a text; None if it is missing, blank, or nothing but zeros."""
    return _plain(value).strip() if value is not None and value.strip(b" 0") else None


def _plain(value: bytes) -> str:
    return value.decode("latin-1")
