"""The conversation of Abbott's meters and readers over USB HID, whatever they measure.

```
01 -> 71 01 01                  begins it; text is answered after that only
04 -> 34 01 xx    05 -> 06 0E serial 00    15 -> 35 n software 00
60 or 21 "$name?" -> 60 ...     a text reply, see `packing.abbott_hid`
0D ...                          acknowledges the binary protocol: not answered
anything else -> 30 01 85
```
Between the reports of an answer, and before them, stands a keep-alive, 22 01 05, wherever the count
of reports gets to a multiple of three. Behind a report's data is what an earlier one left there.
Commands that change anything do nothing: they are acknowledged and recorded as forbidden.
Sources: glucometers-tech/glucometer-protocols, abbott/shared-hid-protocol.md and the first edition
of abbott/freestyle-libre.md (what lies behind the data); tidepool-org/uploader,
freeStyleLibreProtocol.js (21, 0D, the 05 in a keep-alive); glucometers-tech/freestyle-hid.

Guesses: that text before 01 stays without answer, and that moving the cable needs a new 01; the
octet after 34; that a device which lost its clock counts from the year 2000 on and shows 255; that
an unknown text command fails with an empty message. The binary protocol is not there: 0A is an
unknown command here, and is none to a real reader.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from firmware_sims.faults import Fault
from firmware_sims.packing import abbott_hid as packing
from firmware_sims.placement import Placement
from firmware_sims.requests import Split

Answers = Mapping[str, Callable[[], bytes]]
"""What is said to each text command, with its CR LF."""

BEGIN, TEXT, TIDEPOOLS_TEXT = 0x01, 0x60, 0x21
KEEP_ALIVE = 0x22
UNKNOWN = (0x30, b"\x85")
_KEEP_ALIVE_EVERY, _KEEP_ALIVE_DATA = 3, b"\x05"
_READING_WITH_A_COMMA = ("$get", "$mlcalget")  # they ask for one of several, and set nothing
_FIRST_YEAR = 2010  # before which none of these was built


def has_lost_its_time(shown: datetime) -> bool:
    """Say whether a clock that shows this lost its power and was not set since."""
    return shown.year < _FIRST_YEAR


class AbbottHid:
    """One such device's USB end; `answers` are what it says besides version, clock and owner.

    `resets` are commands that erase or restart, with what would be said to them.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        serial: str,
        software: str,
        answers: Answers,
        resets: Mapping[str, bytes] | None = None,
    ) -> None:
        self._placement = placement
        self._serial = serial
        self._software = software
        self._answers: Answers = {
            "$swver?": lambda: text(software),
            "$date?": self._date,
            "$time?": self._time,
            "$ptname?": lambda: text(placement.people[0][0].person.name),
            "$ptid?": lambda: text(placement.people[0][1]),
            **answers,
        }
        self._resets = resets or {}
        self._random = random.Random(f"abbott/{placement.seed}")  # noqa: S311 - repeatable
        self._begun = False
        self._sent = 0
        self._buffer = bytes(packing.REPORT_OCTETS)

    def cable_moved(self) -> None:
        """Forget that the conversation had begun."""
        self._begun = False

    def split(self, heard: bytes) -> Split:
        """Take each packet as one report."""
        return [heard], b""

    def answer(self, request: bytes) -> Sequence[bytes]:
        """Answer one report."""
        sends = list(self._reply(request))
        if sends and self._placement.faults.strikes(Fault.GARBAGE_FRAME):
            sends.insert(0, (0xEE, self._random.randbytes(packing.DATA_OCTETS)))
        return [each for send in sends for each in self._reports(*send)]

    def _reports(self, kind: int, data: bytes) -> Iterator[bytes]:
        self._sent += 1
        if self._sent % _KEEP_ALIVE_EVERY == 0:
            yield self._report(KEEP_ALIVE, _KEEP_ALIVE_DATA)
        yield self._report(kind, data)

    def _report(self, kind: int, data: bytes) -> bytes:
        self._buffer = packing.report(kind, data, over=self._buffer)
        return self._buffer

    def _reply(self, request: bytes) -> Iterator[tuple[int, bytes]]:
        if not 2 <= len(request) <= packing.REPORT_OCTETS or 2 + request[1] > len(request):
            return
        kind, data = request[0], request[2 : 2 + request[1]]
        match kind:
            case 0x01:
                self._begun = True
                yield 0x71, b"\x01"
            case 0x04:
                yield 0x34, b"\x05"
            case 0x05:
                yield 0x06, self._serial.encode("ascii") + b"\0"
            case 0x15:
                yield 0x35, self._software.encode("ascii") + b"\0"
            case 0x60 | 0x21:
                if self._begun:
                    for piece in packing.pieces(self._said_to(data)):
                        yield 0x60, piece
            case 0x0D:
                pass
            case _:
                yield UNKNOWN

    def _said_to(self, command: bytes) -> bytes:
        name = command.rstrip(b"\r\n\0").decode("utf-8", "replace")
        wrong_by = int(self._placement.faults.strikes(Fault.WRONG_CHECKSUM))
        if name in self._answers:
            return packing.reply(self._answers[name](), wrong_by=wrong_by)
        if name in self._resets:
            self._placement.forbidden.record(name)
            return packing.reply(self._resets[name])
        if name.startswith("$") and "," in name:
            if not name.startswith(_READING_WITH_A_COMMA):
                self._placement.forbidden.record(f"set {name[1 : name.index(',')]}")
            return packing.reply(packing.END)
        return packing.reply(b"", ok=False, wrong_by=wrong_by)

    def _date(self) -> bytes:
        return text(",".join(map(str, self._clock()[:3])))

    def _time(self) -> bytes:
        return text(",".join(map(str, self._clock()[3:])))

    def _clock(self) -> tuple[int, ...]:
        shown = self._placement.clock.device_local()
        return (255,) * 5 if has_lost_its_time(shown) else packing.time_fields(shown)


def text(said: str) -> bytes:
    """Return one line of a message."""
    return said.encode("utf-8") + packing.END
