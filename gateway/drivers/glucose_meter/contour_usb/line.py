"""The conversation with a Contour meter: it offers its memory, and sends it frame by frame.

    EOT   ->  EOT | H ... | ENQ, or EOT ENQ, or ENQ      the offer, with the header or without
    ACK   ->  H ..., P ..., R ..., L ...                 one frame for each ACK
    NAK   ->  the last frame again
    ACK   ->  EOT, or nothing                            the last has come

Nothing else is ever written. ENQ from the host would begin a meter's command mode.
"""

from __future__ import annotations

import contextlib
from collections import deque

from gateway.drivers.api import HID, Frame, Inbox, Session
from gateway.drivers.glucose_meter.contour_usb import codec, framing
from gateway.drivers.glucose_meter.contour_usb.codec import End, Header, Record
from gateway.drivers.glucose_meter.contour_usb.framing import ENQ, EOT, STX, Say
from gateway.drivers.glucose_meter.contour_usb.memory import NOT_WHOLE, Collecting, Memory
from gateway.errors import DecodeError, LinkTimeout
from gateway.wire.stream import Framer

_TRIES = 3
_ANSWERS_WITHIN_S = 5.0  # what tidepool's uploader waits
_GOES_WITHIN_S = 1.0  # guess: how soon an EOT comes, if one comes: after the last frame, after ENQ
_MOST_FRAMES = 8192  # more than any meter keeps
_ASIDE_IN_ALL = 64  # kept in a conversation: a memory of another layout has thousands of records
_KNOCKS = (Say.STOP, Say.GO_ON) * 2
"""Most meters offer their memory after EOT, all of them after ACK unless they are sending it."""
_SILENT = "the device does not answer: unplug it and plug it in again"


class Line:
    """A meter behind its reports."""

    def __init__(self, session: Session, inbox: Inbox) -> None:
        self._session = session
        self._inbox = inbox
        self._framer = Framer(framing.pieces)
        self._waiting: deque[bytes] = deque()
        self._aside: set[tuple[str, bytes]] = set()

    @classmethod
    async def open(cls, session: Session) -> Line:
        """Begin to listen."""
        return cls(session, await session.link.subscribe(HID))

    async def offer(self) -> Header | None:
        """Have the memory offered; return the header if it comes with the offer.

        Raises LinkTimeout if it is not offered, LinkLost.
        """
        for say in _KNOCKS:
            await self._write(say)
            with contextlib.suppress(LinkTimeout):
                return await self._offered()
        raise LinkTimeout(_SILENT)

    async def header(self) -> Header:
        """Take the header of a memory that was offered. Raises LinkTimeout, LinkLost."""
        told = await self._told(Say.GO_ON)
        record = _record_if_readable(told.data)
        if not isinstance(record, Header):
            raise LinkTimeout(NOT_WHOLE)
        return record

    async def memory(self) -> Memory:
        """Take the whole memory that was offered; what cannot be read of it is set aside.

        Raises LinkTimeout if it does not come whole, LinkLost.
        """
        reading = Collecting()
        for _ in range(_MOST_FRAMES):
            told = await self._told(Say.GO_ON)
            if told.data == ENQ and reading.number is None:
                continue
            record = await self._record(told, reading)
            if isinstance(record, End):
                await self._write(Say.GO_ON)
                with contextlib.suppress(LinkTimeout):
                    await self._piece(_GOES_WITHIN_S)
                if not record.whole:
                    break
                return reading.whole(told.received)
            if record is not None:
                reading.take(record, told.received)
        raise LinkTimeout(NOT_WHOLE)

    async def set_aside(self, frame: Frame, error: DecodeError) -> None:
        """Keep what cannot be read, once in a conversation."""
        if (error.reason, frame.data) not in self._aside and len(self._aside) < _ASIDE_IN_ALL:
            self._aside.add((error.reason, frame.data))
            await self._session.set_aside(frame, DecodeError(error.reason, frame.data))

    async def _offered(self) -> Header | None:
        """Wait for the offer; whoever sends its memory, as before a break, is heard out first.

        A meter that was just plugged in says ENQ by itself, and may do so as it is asked: after one
        that no EOT comes before it is listened to a little longer.
        """
        header, answers, asks = None, False, False
        while True:
            try:
                piece = await self._piece(_GOES_WITHIN_S if asks else _ANSWERS_WITHIN_S)
            except LinkTimeout:
                if asks and header is None:
                    return None
                raise
            if piece.data == EOT:
                answers, asks = True, False
            if piece.data == ENQ:
                if answers or asks:
                    return header
                asks = True
            record = _record_if_readable(piece.data)
            if isinstance(record, Header):
                header = record
            elif record is not None:
                await self._hear_out(record)
                raise LinkTimeout(NOT_WHOLE)

    async def _hear_out(self, record: Record | None) -> None:
        for _ in range(_MOST_FRAMES):
            await self._write(Say.GO_ON)
            if isinstance(record, End):
                return
            piece = await self._piece()
            if not piece.data.startswith(STX):
                return
            record = _record_if_readable(piece.data)

    async def _record(self, told: Frame, reading: Collecting) -> Record | None:
        """Decode a frame; None if it is the last again, or cannot be read. Raises LinkTimeout."""
        try:
            frame = framing.frame(told.data)
        except DecodeError as error:
            if not told.data.startswith(STX):
                raise LinkTimeout(NOT_WHOLE) from error
            reading.skip()
            await self.set_aside(told, error)
            return None
        if not reading.is_next(frame.number):
            return None
        try:
            return codec.record(frame.text)
        except DecodeError as error:
            await self.set_aside(told, error)
            return None

    async def _told(self, say: Say) -> Frame:
        """Say it and return what comes; a frame that is damaged or missing is asked for again.

        Raises LinkTimeout if nothing comes, LinkLost.
        """
        for tries_left in reversed(range(_TRIES)):
            await self._write(say)
            say = Say.AGAIN
            try:
                piece = await self._piece()
            except LinkTimeout as error:
                if not tries_left:
                    raise LinkTimeout(_SILENT) from error
                continue
            if not piece.data.startswith(STX) or not tries_left or _is_frame(piece.data):
                break
        return piece

    async def _write(self, say: Say) -> None:
        """Write it, forgetting what came before: it answers something else."""
        with contextlib.suppress(LinkTimeout):
            for _ in range(_MOST_FRAMES):
                await self._inbox.get(within=0)
        self._framer = Framer(framing.pieces)
        self._waiting.clear()
        await self._session.link.write(HID, framing.request(say))

    async def _piece(self, within: float = _ANSWERS_WITHIN_S) -> Frame:
        """Wait for a frame or a single octet. Reports that cannot be read are set aside."""
        until = self._session.now().monotonic + within
        received = self._session.now()
        while not self._waiting:
            left = until - self._session.now().monotonic
            if left < 0:
                raise LinkTimeout("the device sends, but no answer came in time")
            report = await self._inbox.get(within=left)
            received = report.received
            try:
                data = framing.payload(report.data)
            except DecodeError as error:
                await self.set_aside(report, error)
                continue
            pieces = self._framer.feed(data)
            self._waiting.extend(piece for piece in pieces if isinstance(piece, bytes))
        return Frame(HID, self._waiting.popleft(), received)


def _is_frame(data: bytes) -> bool:
    try:
        framing.frame(data)
    except DecodeError:
        return False
    return True


def _record_if_readable(data: bytes) -> Record | None:
    try:
        return codec.record(framing.frame(data).text)
    except DecodeError:
        return None
