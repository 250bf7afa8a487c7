"""FORA and TaiDoc devices over Bluetooth: a D40 (TD-3261) and a meter for strips, GD40 (TD-4272).

A question is written to 1524 of service 1523, with a response or without one, and its answer is
notified there. A D40 has the Blood Pressure Service, too, is found by it, and says nothing there.
Told to switch itself off it hangs up without an answer; it calls again after the next measurement.
Sources: those of `packing.taidoc`; that a D40 advertises 1810: a public client's description of a
D40b; that it wants to be paired: pico-vitals-gateway. That an answer may come in pieces is what
iOS-Demo is ready for, and no capture shows. Guesses: that a meter advertises no service.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from firmware_sims.asked_device import AskedDevice
from firmware_sims.body import Body
from firmware_sims.bp_monitor.taidoc_memory import D40, Habits, Model, TaiDocMemory
from firmware_sims.episodic import Fittings
from firmware_sims.faults import Fault
from firmware_sims.gatt import (
    INDICATE,
    NOTIFY,
    WRITE,
    WRITE_WITHOUT_RESPONSE,
    characteristic,
    is_secure,
    service,
)
from firmware_sims.identity import Identity
from firmware_sims.packing.taidoc import Command
from firmware_sims.peripheral import Peripheral

SERVICE = "00001523-1212-EFDE-1523-785FEABCD123"
PIPE = "00001524-1212-EFDE-1523-785FEABCD123"
_BLOOD_PRESSURE, _MEASUREMENT = 0x1810, 0x2A35
_CUT_SHORT = 5


class TaiDocDevice(AskedDevice):
    """One of them; who measures on it is the user that is chosen.

    `writes` is how its characteristic can be written: with a response, without one, or both.
    """

    def __init__(
        self,
        identity: Identity,
        body: Body,
        fittings: Fittings,
        model: Model = D40,
        *,
        habits: Habits | None = None,
        writes: Any = WRITE | WRITE_WITHOUT_RESPONSE,
    ) -> None:
        super().__init__(identity, fittings)
        self.advertised: Sequence[int] = (_BLOOD_PRESSURE,) if model.cuff else ()
        self._model = model
        self._body = body
        self._memory = TaiDocMemory(
            model, fittings.clock, fittings.forbidden, habits, serial=identity.serial
        )
        self._answering = asyncio.Lock()
        secure = is_secure(identity)
        self._pipe = characteristic(PIPE, writes | NOTIFY, write=self._hear, secure=secure)
        self._silent = characteristic(_MEASUREMENT, INDICATE, secure=secure)

    def services(self) -> Sequence[Any]:
        """Return the maker's service, and of a D40 the one that is found."""
        own = service(SERVICE, self._pipe)
        return (service(_BLOOD_PRESSURE, self._silent), own) if self._model.cuff else (own,)

    @property
    def held(self) -> int:
        """How many records it remembers."""
        return len(self._memory)

    def choose(self, user: int) -> None:
        """Choose who measures from now on, and whose memory user 0 is."""
        self._memory.chosen = user

    def measure(self, at: datetime | None = None) -> None:
        """Let somebody measure, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        taken_at = at or self.now()
        failed = self.faults.strikes(Fault.NAN_MEASUREMENT)
        shown = self._memory.take(self._body, taken_at, failed=failed)
        if shown:
            self.enter(taken_at, shown, person=self._body.person.name)
        self.life.wake()

    async def live_on(self, peripheral: Peripheral) -> None:
        """Do nothing of its own: it is asked."""

    def _hear(self, request: bytes) -> None:
        self.life.beside(self._reply(request))

    async def _reply(self, request: bytes) -> None:
        async with self._answering:
            answer = self._memory.answer(request)
            if answer is None or self.faults.strikes(Fault.SILENCE):
                return
            command = request[1]
            if command == Command.SWITCH_OFF:
                self.life.dismiss()
                return
            await self.life.think()
            if self.faults.strikes(Fault.WRONG_CHECKSUM):
                answer = answer[:-1] + bytes([answer[-1] ^ 0x01])
            if command == Command.RECORD_VALUE:
                await self._send_record(answer)
            else:
                await self._send(answer)

    async def _send_record(self, answer: bytes) -> None:
        if self.faults.strikes(Fault.GARBAGE_FRAME):
            await self._send(answer[:_CUT_SHORT])
        await self._send(answer)
        if self.faults.strikes(Fault.DUPLICATE_INDICATION):
            await self._send(answer)
        if self.faults.strikes(Fault.DISCONNECT_MID_RECORD) and self.life.peripheral is not None:
            await self.life.peripheral.disconnect()

    async def _send(self, octets: bytes) -> None:
        if self.life.peripheral is not None:
            await self.life.peripheral.notify(self._pipe, octets)
