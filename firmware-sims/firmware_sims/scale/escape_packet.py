"""The packet of Health o meter (Pelstar) and Rice Lake health scales: fields, each after ESC.

```
ESC R | ESC I id, 10 | ESC W weight | ESC H height | ESC B bmi | [ESC T tare] | ESC N m or c | ESC E
```
No line end, no checksum. N is the unit of all the others: m kg and cm, c lb and in.
Source: Pelstar "Communication Protocols" REV20230711; Rice Lake 140-10-7 and 160-10-7N manuals.
"""

from collections.abc import Sequence

Field = tuple[str, str]

ESCAPE = "\x1b"


def encode(fields: Sequence[Field], *, continued: bool = False) -> bytes:
    """Return the packet of these fields between its R and its E.

    `continued`: it begins with `6R`, as the packets of a stream after the first do on L models.
    """
    start = "6R" if continued else f"{ESCAPE}R"
    body = "".join(f"{ESCAPE}{letter}{value}" for letter, value in fields)
    return f"{start}{body}{ESCAPE}E".encode("ascii")
