"""The frame that A&D TM-265x and InBody BPBIO monitors share.

```
SYN SYN SOH | address, 2 characters | STX | text, fields ended by RS | ETX | BCC
16  16  01    "00" data, "0 " control 02                               03    XOR of the text
```
Source: public clients of both makers and a captured TM-2657P frame, whose BCC the rule reproduces.
"""

from collections.abc import Sequence
from functools import reduce
from operator import xor

from firmware_sims.requests import Split

HEAD = b"\x16\x16\x01"
ACK, NAK = b"\x06", b"\x15"
DATA, CONTROL = b"00", b"0 "
_LONGEST = 256


def bcc(text: bytes) -> int:
    """Return the check of what lies between STX and ETX."""
    return reduce(xor, text, 0)


def encode(text: bytes, address: bytes = DATA) -> bytes:
    """Return the frame of a text."""
    return HEAD + address + b"\x02" + text + b"\x03" + bytes([bcc(text)])


def encode_fields(fields: Sequence[str]) -> bytes:
    """Return the data frame of some fields, each of them ended by RS."""
    return encode("".join(f"{field}\x1e" for field in fields).encode("ascii"))


def text_of(request: bytes) -> bytes | None:
    """Return what a frame says; None if its BCC is wrong."""
    text = request[len(HEAD) + 3 : -2]
    return text if request[-1] == bcc(text) else None


def split(heard: bytes) -> Split:
    """Find frames by their head; what is too long is skipped up to the next one."""
    requests: list[bytes] = []
    while (start := heard.find(HEAD)) >= 0:
        heard = heard[start:]
        end = heard.find(b"\x03", len(HEAD) + 3)
        if 0 <= end < len(heard) - 1 and end < _LONGEST:
            requests.append(heard[: end + 2])
            heard = heard[end + 2 :]
        elif len(heard) < _LONGEST:
            return requests, heard
        else:
            heard = heard[len(HEAD) :]
    return requests, heard[-2:]
