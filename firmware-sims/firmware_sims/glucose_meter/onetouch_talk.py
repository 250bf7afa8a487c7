"""How a OneTouch meter talks over Bluetooth: in pieces, and one question at a time.

A question is acknowledged piece by piece, then answered. An answer wants to be acknowledged piece
by piece as well; until it is, and while it is being made, nothing else is heard.
"""

from collections.abc import Callable
from typing import Any

from firmware_sims.faults import Fault, Faults
from firmware_sims.on_demand import OnDemand
from firmware_sims.packing import onetouch
from firmware_sims.peripheral import Peripheral

_ANSWER = b"\x0c"  # between link and message
_QUESTIONS = (b"\x03", b"\x04")  # what is there in a question
_RECORDS = (b"\xb3", b"\x31")
_ACKNOWLEDGED_WITHIN_S = 5
_CUT_OCTETS = 7


class Talk:
    """What one link has heard and said. `answer` gets a message, and returns status and data."""

    def __init__(
        self, life: OnDemand, faults: Faults, says_by: Any, answer: Callable[[bytes], bytes]
    ) -> None:
        self._life = life
        self._faults = faults
        self._says_by = says_by
        self._answer = answer
        self._heard = _Heard()
        self._answering = False
        self._owed: int | None = None
        """The number of the piece that is to be acknowledged."""

    def forget(self) -> None:
        """Begin anew: the link was lost."""
        self._heard, self._owed = _Heard(), None

    def hear(self, octets: bytes) -> None:
        """Take a piece of a question, or an acknowledgement."""
        if not octets:
            return
        kind, number = octets[0] & onetouch.KIND, octets[0] & onetouch.NUMBER
        if kind in (onetouch.ACKNOWLEDGE, onetouch.LAST):
            self._acknowledged(number)
        elif not self._answering and self._owed is None:
            self._take(kind, number, octets[1:])

    def _acknowledged(self, number: int) -> None:
        if number == self._owed:
            self._owed = None
            if self._life.peripheral is not None:
                self._life.peripheral.stir()

    def _take(self, kind: int, number: int, part: bytes) -> None:
        if not self._heard.takes(kind, number, part):
            return
        whole = self._heard.whole()
        if whole is None:
            self._life.beside(self._acknowledge(number))
        elif (asked := _message(whole)) is not None:
            self._answering = True
            self._life.beside(self._reply(number, asked))

    async def _acknowledge(self, number: int) -> None:
        await self._send(bytes([onetouch.ACKNOWLEDGE | number]))

    async def _reply(self, number: int, asked: bytes) -> None:
        try:
            await self._acknowledge(number)
            await self._life.think()
            if not self._faults.strikes(Fault.SILENCE):
                answer = onetouch.packet(0, _ANSWER + self._answer(asked))
                await self._tell(answer, is_record=asked[:1] in _RECORDS)
        finally:
            self._answering = False

    async def _tell(self, whole: bytes, *, is_record: bool) -> None:
        """Send a packet, each piece of it once the one before was acknowledged."""
        peripheral = self._life.peripheral
        if peripheral is None:
            return
        if is_record and self._faults.strikes(Fault.GARBAGE_FRAME):
            await self._send(onetouch.pieces(whole)[0][:_CUT_OCTETS])
        if is_record and self._faults.strikes(Fault.WRONG_CHECKSUM):
            whole = whole[:-1] + bytes([whole[-1] ^ 1])
        twice = is_record and self._faults.strikes(Fault.DUPLICATE_INDICATION)
        for piece in onetouch.pieces(whole):
            self._owed = piece[0] & onetouch.NUMBER
            await self._send(piece)
            if twice:
                await self._send(piece)
            if is_record and self._faults.strikes(Fault.DISCONNECT_MID_RECORD):
                await peripheral.disconnect()
            if not await self._may_go_on(peripheral):
                return

    async def _may_go_on(self, peripheral: Peripheral) -> bool:
        await peripheral.until(
            lambda: self._owed is None or not peripheral.linked, _ACKNOWLEDGED_WITHIN_S
        )
        return self._owed is None and peripheral.linked

    async def _send(self, octets: bytes) -> None:
        if self._life.peripheral is not None:
            await self._life.peripheral.notify(self._says_by, octets)


class _Heard:
    """A question that comes in pieces."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def takes(self, kind: int, number: int, part: bytes) -> bool:
        """Take a piece; False if it does not follow the one before."""
        if kind == onetouch.FIRST:
            self._parts, self._count = [], number
        elif number != len(self._parts) or not self._parts:
            return False
        self._parts.append(part)
        return True

    def whole(self) -> bytes | None:
        """Return the packet, once it has all its pieces."""
        return b"".join(self._parts) if len(self._parts) == self._count else None


def _message(whole: bytes) -> bytes | None:
    """Return what a packet asks; None if it is none, or its check is wrong."""
    link, message = whole[2:3], whole[3:-3]
    is_one = len(link) == 1 and onetouch.packet(link[0], message) == whole
    return message[1:] if is_one and message[:1] in _QUESTIONS else None
