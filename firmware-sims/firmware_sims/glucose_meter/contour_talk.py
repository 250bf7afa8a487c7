"""How a Contour meter talks on USB: it sends all that it holds, or is asked for its settings.

```
waiting    ACK -> the first frame   NAK -> EOT   ENQ -> ACK   other -> EOT, header's frame, ENQ
sending    ACK -> the next frame, EOT after the last   EOT -> as waiting   other -> the same again
           (after the last a Contour Next One is said to be silent: `quiet_end`)
ended      ENQ -> ACK   NAK -> EOT   other -> as waiting
asked      R| D| -> D|yymmdd|, T| hhmm, M| how many results   W| -> forbidden   EOT -> as waiting
```
A frame that was not taken six times ends it. A meter that is plugged in asks for a host by ENQ,
which comes before the first answer. Each time that it begins it has a new password.
Sources: Bayer's Blood Glucose Meter Computer Interface Specification, 99993952 revision C, 6.1, 6.2
and 7; what USB meters answer to an EOT or an X: glucodump, test_contourusb.py; and issue 3 of
pazaan/decoding-contour-next-link, with ENQ apart from the frame; for the silence after the end, the
Contour Next One in a fork of glucometerutils, which does not listen any more.

Guesses: that EOT begins anew wherever it comes, and that the seconds between EOT and ENQ do not
matter to a host.
"""

import random
import string
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto

from firmware_sims.packing import contour_usb as packing
from firmware_sims.packing.contour_usb import ACK, ENQ, EOT, NAK

_TRIES = 6
_PASSWORD_LETTERS = 6

Asked = Mapping[str, Callable[[], str]]
"""What is said to each setting that can be asked for."""


class _Phase(Enum):
    WAITING = auto()
    SENDING = auto()
    ENDED = auto()
    ASKED = auto()


class ContourTalk:
    """One meter's side of it. `records` gives all of them, the header first, for a password.

    `wrong_by` says how far the sum of the next frame is off. `announces`: whether the ENQ of its
    plugging in is heard. `enq_apart`: ENQ has a report of its own behind the header's frame.
    `quiet_end`: no EOT tells that the last frame was taken.
    """

    def __init__(
        self,
        records: Callable[[str], Sequence[bytes]],
        asked: Asked,
        *,
        forbid: Callable[[str], None],
        wrong_by: Callable[[], int],
        announces: bool,
        enq_apart: bool,
        quiet_end: bool,
        seed: int,
    ) -> None:
        self._records = records
        self._asked = asked
        self._forbid = forbid
        self._wrong_by = wrong_by
        self._announces = announces
        self._enq_apart = enq_apart
        self._quiet_end = quiet_end
        self._random = random.Random(f"contour/{seed}")  # noqa: S311 - not a secret
        self.plugged_in()

    def plugged_in(self) -> None:
        """Begin anew, and ask for a host."""
        self._phase = _Phase.WAITING
        self._unheard = [ENQ] if self._announces else []
        self._sends: Sequence[bytes] = []
        self._number, self._tries = 0, 0
        self._token = ""

    def hear(self, said: bytes) -> Sequence[bytes]:
        """Return what is answered, each thing in reports of its own."""
        unheard, self._unheard = self._unheard, []
        return [*unheard, *self._answer(said)]

    def _answer(self, said: bytes) -> Sequence[bytes]:
        match self._phase:
            case _Phase.WAITING if said == ACK:
                self._sends = self._records(self._password())
                self._phase, self._number = _Phase.SENDING, 0
                return self._next()
            case _Phase.WAITING | _Phase.ENDED if said == NAK:
                self._phase = _Phase.ENDED
                return [EOT]
            case _Phase.WAITING | _Phase.ENDED if said == ENQ:
                self._phase, self._token = _Phase.ASKED, ""
                return [ACK]
            case _Phase.SENDING if said == ACK:
                return self._next()
            case _Phase.SENDING if said != EOT:
                return self._again()
            case _Phase.ASKED if said != EOT:
                return [self._told(said.decode("ascii", "replace"))]
        return self._begin()

    def _begin(self) -> Sequence[bytes]:
        self._phase = _Phase.WAITING
        header = packing.frame(1, self._records(self._password())[0], wrong_by=self._wrong_by())
        said = EOT + header
        return [said, ENQ] if self._enq_apart else [said + ENQ]

    def _next(self) -> Sequence[bytes]:
        self._number, self._tries = self._number + 1, 0
        return self._again()

    def _again(self) -> Sequence[bytes]:
        self._tries += 1
        if self._number > len(self._sends) or self._tries > _TRIES:
            self._phase = _Phase.ENDED
            return [] if self._quiet_end and self._tries == 1 else [EOT]
        last = self._number == len(self._sends)
        record = self._sends[self._number - 1]
        return [packing.frame(self._number, record, last=last, wrong_by=self._wrong_by())]

    def _told(self, said: str) -> bytes:
        """Answer one word of a command, which ends with a bar; an end of line before it is none."""
        word = said.lstrip("\r\n")
        if not word.endswith("|"):
            return self._refused()
        word = word[:-1]
        match self._token:
            case "" if word in ("R", "W"):
                self._token = word
                return ACK
            case "R" if word in self._asked:
                self._token = ""
                return packing.token(self._asked[word]())
            case "W":
                self._token = f"write {word}"
                return ACK
            case str(write) if write.startswith("write "):
                self._forbid(write)
                self._token = ""
                return ACK
        return self._refused()

    def _refused(self) -> bytes:
        self._phase = _Phase.WAITING
        return NAK

    def _password(self) -> str:
        letters = string.ascii_letters + string.digits
        return "".join(self._random.choices(letters, k=_PASSWORD_LETTERS))


def yymmdd(shown: datetime) -> str:
    """Return a date as a setting."""
    return shown.strftime("%y%m%d")


def hhmm(shown: datetime) -> str:
    """Return a time of day as a setting."""
    return shown.strftime("%H%M")
