"""Questions to a OneTouch meter and its answers, piece by piece, each acknowledged by either side.

One question is open at a time. The meter has it once it acknowledged it; so what comes before that
answers an earlier question, and is passed over. What comes out damaged, or not at all, is asked for
again.
"""

from __future__ import annotations

from gateway.drivers.api import Frame, Inbox, Session, gatt
from gateway.drivers.glucose_meter.onetouch_ble import codec
from gateway.drivers.glucose_meter.onetouch_ble.codec import Acknowledgement, Answer, Status
from gateway.errors import DecodeError, LinkTimeout, PairingNeeded, ProtocolError

SERVICE = "af9df7a1-e595-11e3-96b4-0002a5d5c51b"
WRITTEN = gatt(SERVICE, "af9df7a2-e595-11e3-96b4-0002a5d5c51b")
NOTIFIED = gatt(SERVICE, "af9df7a3-e595-11e3-96b4-0002a5d5c51b")

_ANSWER_S = 3.0  # guess: a public client waits two seconds, and asks up to five times
_TRIES = 3


class Meter:
    """A meter that is listened to."""

    def __init__(self, session: Session, inbox: Inbox) -> None:
        self._session = session
        self._inbox = inbox

    @classmethod
    async def subscribed(cls, session: Session) -> Meter:
        """Start to listen; raises ProtocolError if this is no such meter."""
        if not {WRITTEN, NOTIFIED} <= set(session.link.channels):
            raise ProtocolError("The meter does not offer the maker's service: is it another one?")
        return cls(session, await session.link.subscribe(NOTIFIED))

    async def ask(self, asked: bytes) -> tuple[Frame, Answer]:
        """Return the whole answer, and what it means.

        Raises PairingNeeded if the meter does not allow it, LinkTimeout if no answer came, and
        DecodeError if none could be read.
        """
        left = _TRIES
        while True:
            left -= 1
            await self._session.link.write(WRITTEN, codec.question(asked))
            try:
                frame = await self._answer()
                answer = codec.answer(frame.data)
            except (DecodeError, LinkTimeout):
                if not left:
                    raise
                continue
            if answer.status == Status.NOT_ALLOWED:
                raise PairingNeeded(
                    "The meter does not let itself be read: pair it again, with the code it shows."
                )
            return frame, answer

    async def tell(self, asked: bytes) -> tuple[Frame, bytes]:
        """Return the content of an answer that the meter has to have.

        Raises ProtocolError if it has none, and as `ask`.
        """
        try:
            frame, answer = await self.ask(asked)
        except DecodeError as error:
            raise ProtocolError("The meter's answers come damaged.") from error
        if answer.status != Status.DONE:
            raise ProtocolError("The meter does not answer what it has to: is it another model?")
        return frame, answer.content

    async def number(self, asked: bytes, octets: int) -> int:
        """Return the number that the meter answers; raises as `tell`."""
        _, content = await self.tell(asked)
        try:
            return codec.number(content, octets)
        except DecodeError as error:
            raise ProtocolError("The meter answers another question than was asked.") from error

    async def _answer(self) -> Frame:
        until = self._session.now().monotonic + _ANSWER_S
        has_it = False
        assembly = codec.Assembly()
        while True:
            left = until - self._session.now().monotonic
            if left < 0:
                raise LinkTimeout("the meter sends, but no whole answer came in time")
            frame = await self._inbox.get(within=left)
            said = codec.notification(frame.data)
            if isinstance(said, Acknowledgement):
                if said.refused:
                    raise DecodeError("refused", frame.data)
                has_it = True
            elif has_it and not assembly.ends_with(said):
                await self._session.link.write(WRITTEN, codec.acknowledgement(said))
                whole = assembly.add(said)
                if whole is not None:
                    return Frame(NOTIFIED, whole, frame.received)
