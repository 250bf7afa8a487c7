"""Reading a TaiDoc or FORA monitor over Bluetooth: a question is written, its answer notified.

It is not switched off in the end, as its maker's apps do: it goes to sleep by itself, and until
then a person may measure again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from gateway.drivers.api import Frame, Inbox, Session, gatt
from gateway.drivers.bp_monitor.taidoc import codec, memory
from gateway.drivers.bp_monitor.taidoc.codec import Command, Layout
from gateway.drivers.gatt_device import introduce
from gateway.errors import DecodeError, LinkTimeout

SERVICE = "00001523-1212-efde-1523-785feabcd123"
PIPE = gatt(SERVICE, "00001524-1212-efde-1523-785feabcd123")

_ANSWER_WITHIN_S = 3.0
_TRIES = 3
_LOOKS = 3


async def converse(session: Session) -> None:
    """Talk with a monitor; which values it stores the owner says, or its model."""
    await talk(session, memory.chosen(session))


async def talk(session: Session, layout: Layout | None) -> None:
    """Read what is new in the memory; again if somebody measures meanwhile.

    Without a layout, the model is asked for and tells it.
    """
    monitor = _Monitor(session, await session.link.subscribe(PIPE))
    await introduce(session)
    layout = layout or await memory.told(session, monitor)
    for _ in range(_LOOKS):
        if await memory.read(session, monitor, layout):
            return


@dataclass(frozen=True, slots=True)
class _Monitor:
    session: Session
    inbox: Inbox

    async def ask(self, command: Command, index: int = 0) -> Frame:
        """Ask, and once more after a silence; what came before answers something else."""
        request = codec.request(command, index)
        for _ in range(_TRIES - 1):
            await self._write_afresh(request)
            with contextlib.suppress(LinkTimeout):
                return await self._answer(command)
        await self._write_afresh(request)
        return await self._answer(command)

    async def set_aside(self, frame: Frame, error: DecodeError) -> None:
        await self.session.set_aside(frame, error)

    async def _write_afresh(self, request: bytes) -> None:
        with contextlib.suppress(LinkTimeout):
            while True:
                await self.inbox.get(within=0)
        await self.session.link.write(PIPE, request)

    async def _answer(self, command: Command) -> Frame:
        until = self.session.now().monotonic + _ANSWER_WITHIN_S
        while (left := until - self.session.now().monotonic) > 0:
            frame = await self.inbox.get(within=left)
            try:
                codec.packet(frame.data)
            except DecodeError as error:
                await self.set_aside(frame, error)
                continue
            if frame.data[1] == command:
                return frame
        raise LinkTimeout("the monitor did not answer the question")
