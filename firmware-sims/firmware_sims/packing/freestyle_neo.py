"""The records of a FreeStyle Precision Neo or Optium Neo.

```
glucose   7,id, time, valid, mg/dL or HI or LO,0, blood,0 x 8
ketone    9,id, time, valid, mmol/L x 18 or HI, blood
insulin   10,id, time, valid, which dose, units,0,0,0
change    6,id, time, valid, time before
time      month,day,year - 2000,hour,minute
```
`blood` is 0 for a control solution. A value is mg/dL whatever the display shows; HI is more than
500, LO less than 20, and a ketone is HI above 8 mmol/L.
Sources: glucometers-tech/glucometer-protocols, abbott/freestyle-precision-neo.md; tidepool-org/
uploader, abbottFreeStyleNeo.js (control solution, changes of the clock, the limits).
Guesses: `blood` is 1 if it is not 0, and the fields that nobody knows are 0.
"""

from datetime import datetime

from firmware_sims.packing.abbott_hid import line, time_fields

GLUCOSE_LOWEST_MG_DL, GLUCOSE_HIGHEST_MG_DL = 20, 500
KETONE_HIGHEST = 8 * 18
_TIME_CHANGE, _GLUCOSE, _KETONE, _INSULIN = 6, 7, 9, 10


def glucose_line(
    record: int, shown: datetime, mg_dl: int, *, valid: bool = True, control: bool = False
) -> bytes:
    """Return the line of a blood glucose, or of a control solution."""
    said: int | str = mg_dl
    if mg_dl > GLUCOSE_HIGHEST_MG_DL:
        said = "HI"
    elif mg_dl < GLUCOSE_LOWEST_MG_DL:
        said = "LO"
    head = (_GLUCOSE, record, *time_fields(shown), int(valid))
    return line(*head, said, 0, int(not control), *(0,) * 8)


def ketone_line(record: int, shown: datetime, eighteenths: int, *, valid: bool = True) -> bytes:
    """Return the line of a ketone, in eighteenths of a mmol/L."""
    said = "HI" if eighteenths > KETONE_HIGHEST else eighteenths
    return line(_KETONE, record, *time_fields(shown), int(valid), said, 1)


def insulin_line(
    record: int, shown: datetime, which: int, units: int, *, valid: bool = True
) -> bytes:
    """Return the line of a dose that its owner entered."""
    return line(_INSULIN, record, *time_fields(shown), int(valid), which, units, 0, 0, 0)


def time_change_line(record: int, before: datetime, after: datetime) -> bytes:
    """Return the line that says that its owner set the clock, which is right from then on."""
    return line(_TIME_CHANGE, record, *time_fields(after), 1, *time_fields(before))
