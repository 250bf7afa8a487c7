"""Reading a TaiDoc or FORA monitor over its cable, whenever it answers, until the link is gone."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.drivers.api import Frame, Session
from gateway.drivers.bp_monitor.taidoc import codec, memory
from gateway.drivers.bp_monitor.taidoc.codec import CONNECTED, Command
from gateway.drivers.framing import FramedInbox, framed
from gateway.drivers.polling import read_again_and_again
from gateway.errors import DecodeError, LinkTimeout, ProtocolError

_ANSWER_WITHIN_S = 1.0
_TRIES = 3


async def converse(session: Session) -> None:
    """Read the memory whenever the monitor answers, until the link is gone."""
    chosen = memory.chosen(session)
    monitor = _Monitor(await framed(session, codec.packets))

    async def read() -> None:
        layout = chosen or await memory.told(session, monitor)
        await memory.read(session, monitor, layout)

    await read_again_and_again(session, monitor.is_there, read)


@dataclass(frozen=True, slots=True)
class _Monitor:
    inbox: FramedInbox

    async def is_there(self) -> bool:
        try:
            answer = await self.inbox.ask(codec.request(Command.CONNECT), within=_ANSWER_WITHIN_S)
        except LinkTimeout:
            return False
        return answer.data[1] in CONNECTED

    async def ask(self, command: Command, index: int = 0) -> Frame:
        request = codec.request(command, index)
        frame = await self.inbox.ask(request, within=_ANSWER_WITHIN_S, tries=_TRIES)
        if frame.data[1] != command:
            raise ProtocolError("The monitor answers another question than was asked.")
        return frame

    async def set_aside(self, frame: Frame, error: DecodeError) -> None:
        await self.inbox.set_aside(frame, error)
