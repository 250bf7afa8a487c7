"""What Abbott's meters and readers say over USB HID: reports, text replies, lists of records.

```
report    kind u8 | length u8 | data, 62 octets at most | what an earlier report left there
reply     message | CKSM:XXXXXXXX CR LF | CMD OK CR LF           (or CMD Fail!)
records   line CR LF ... | count , XXXXXXXX CR LF                (none: Log Empty CR LF)
```
Both checksums are the plain sum of the octets before them; that of the records leaves out their
count. Text is UTF-8, and is summed and cut as octets.
Source: glucometers-tech/glucometer-protocols, abbott/shared-hid-protocol.md; its sums in the tests
of tidepool-org/uploader, testFreeStyleLibreProtocol.js.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

REPORT_OCTETS = 64
DATA_OCTETS = REPORT_OCTETS - 2
END = b"\r\n"
NO_RECORDS = b"Log Empty\r\n"
_FIRST = datetime(2000, 1, 1)  # noqa: DTZ001 - as a device says it


def report(kind: int, data: bytes = b"", *, over: bytes = bytes(REPORT_OCTETS)) -> bytes:
    """Return a report; behind its data is what `over`, a report sent before, has there."""
    octets = bytes([kind, len(data)]) + data
    return octets + over[len(octets) :]


def pieces(text: bytes) -> Iterator[bytes]:
    """Cut a text into what fits a report each."""
    return (text[start : start + DATA_OCTETS] for start in range(0, len(text), DATA_OCTETS))


def reply(message: bytes, *, ok: bool = True, wrong_by: int = 0) -> bytes:
    """Return a reply to a text command; its checksum is `wrong_by` too high."""
    status = b"OK" if ok else b"Fail!"
    return message + b"CKSM:%08X\r\nCMD %b\r\n" % (checksum(message) + wrong_by, status)


def records(lines: Sequence[bytes]) -> bytes:
    """Return the message that lists records."""
    if not lines:
        return NO_RECORDS
    text = b"".join(line + END for line in lines)
    return text + b"%d,%08X\r\n" % (len(lines), checksum(text))


def line(*fields: int | str | bytes) -> bytes:
    """Return the line of one record."""
    return b",".join(
        each if isinstance(each, bytes) else str(each).encode("utf-8") for each in fields
    )


def time_fields(shown: datetime) -> tuple[int, int, int, int, int]:
    """Return month, day, year, hour and minute; there is no year before 2000."""
    said = max(shown, _FIRST)
    return said.month, said.day, said.year - _FIRST.year, said.hour, said.minute


def checksum(octets: bytes) -> int:
    """Return the sum."""
    return sum(octets)
