"""The records of a FreeStyle Libre reader: what its sensors gave, what its owner did, its clock.

```
history   id,12, time, valid,0,0,0, first, mg/dL, minutes of the sensor, errors
reading   id,2, time, valid, kind,0, odd, value, of a sensor, arrow, sport, medicine, rapid, long,
          comments,0,0,0, long dose,0, food, grams,0, errors, "comment" x 6
          [,7, time, valid, rapid dose]                        only where rapid insulin was entered
change    id,5, time, valid, time before,0,0,0,0,0
time      month,day,year - 2000,hour,minute,second
```
Glucose is mg/dL whatever the display shows, ketone is mmol/L times 18, doses are half units. Errors
have 8000h set where there is no value; `odd` is 1 with an error, and where the value is LO.
Source: glucometers-tech/glucometer-protocols, abbott/freestyle-libre.md; that the ninth field says
whether the clock was right is a guess, from TIME_VALID in tidepool-org/uploader's binary records.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from firmware_sims.packing.abbott_hid import line, time_fields

INVALID = 0x8000
COMMENTS = 6
_HISTORY, _READING, _TIME_CHANGE = 12, 2, 5


class ReadingKind(IntEnum):
    """What a reading was made of."""

    BLOOD = 0
    KETONE = 1
    SENSOR = 2


class Stamp(NamedTuple):
    """What the reader's clock showed, and whether it was right to its knowledge."""

    shown: datetime
    valid: bool = True

    @property
    def fields(self) -> tuple[int, ...]:
        """The six fields of the time."""
        return (*time_fields(self.shown), self.shown.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What its owner enters with a reading. Doses are half units; comments are those that apply."""

    sport: bool = False
    medicine: bool = False
    food_g: int | None = None
    rapid_half_units: int | None = None
    long_half_units: int | None = None
    comments: frozenset[int] = frozenset()


def history_line(
    record: int,
    stamp: Stamp,
    *,
    glucose: int,
    sensor_min: int,
    first: bool = False,
    errors: int = 0,
) -> bytes:
    """Return the line of an automatic value."""
    head = (record, _HISTORY, *stamp.fields, int(stamp.valid), 0, 0, 0)
    return line(*head, int(first), glucose, sensor_min, errors)


def reading_line(
    record: int,
    stamp: Stamp,
    *,
    kind: ReadingKind,
    value: int,
    low: bool = False,
    arrow: int = 0,
    errors: int = 0,
    notes: Notes | None = None,
    comments: Sequence[bytes] = (b"",) * COMMENTS,
) -> bytes:
    """Return the line of what its owner measured; `comments` are all that the reader offers."""
    said = notes or Notes()
    time = (*stamp.fields, int(stamp.valid))
    applying = sum(1 << number for number in said.comments)
    flags = (
        int(said.sport),
        int(said.medicine),
        int(said.rapid_half_units is not None),
        int(said.long_half_units is not None),
        applying,
    )
    fields: list[int | bytes] = [
        *(record, _READING, *time, int(kind), 0, int(low or errors > 0), value),
        *(int(kind is ReadingKind.SENSOR), arrow, *flags, 0, 0, 0),
        *(said.long_half_units or 0, 0, int(said.food_g is not None), said.food_g or 0, 0, errors),
        *(b'"%b"' % comment for comment in comments),
    ]
    if said.rapid_half_units is not None:
        fields += [7, *time, said.rapid_half_units]
    return line(*fields)


def time_change_line(record: int, before: Stamp, after: Stamp) -> bytes:
    """Return the line that says that its owner set the clock."""
    changed = (*after.fields, int(after.valid), *before.fields)
    return line(record, _TIME_CHANGE, *changed, *(0,) * 5)
