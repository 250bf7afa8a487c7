"""An Omron cuff with the maker's own service: its memory is read, address by address.

A classic one (ecbe3980) cuts frames over four channels and wants to be unlocked by a key, which it
takes while it shows "-P-": 02 and sixteen zeros, then 00 and the key; later 01 and the key. A
modern one (FE4A) has one channel for whole frames, no key, and shows its service only to whom it
has paired with; who switches its notifications off loses the bond. Both pair only while they show
"-P-". Writing into the memory is answered, not done, and told as forbidden.
Sources: omblepy, hass-omron #70, #108, #136. Guesses: the answers to a wrong key and to key
programming outside "-P-", the sixteen octets after the start, and that the token of newer clients
(11, four octets of theirs) is answered and not needed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import cycle
from typing import Any

from firmware_sims.asked_device import AskedDevice
from firmware_sims.bp_monitor.omron_memory import CuffMemory, Model
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Fault
from firmware_sims.gatt import (
    NOTIFY,
    WRITE,
    Battery,
    characteristic,
    device_information_service,
    service,
)
from firmware_sims.identity import Advertisement, Identity, advertisement
from firmware_sims.packing import omron
from firmware_sims.packing.omron import Reading
from firmware_sims.peripheral import Peripheral
from firmware_sims.placement import pressure_kinds

CLASSIC, MODERN = "ECBE3980-C9A2-11E1-B1BD-0002A5D5C51B", 0xFE4A
UNLOCK = "B305B680-AEE7-11E1-A730-0002A5D5C51B"
TO_CUFF = (
    "DB5B55E0-AEE7-11E1-965E-0002A5D5C51B",
    "E0B8A060-AEE7-11E1-92F4-0002A5D5C51B",
    "0AE12B00-AEE8-11E1-A192-0002A5D5C51B",
    "10E1BA60-AEE8-11E1-89E5-0002A5D5C51B",
)
FROM_CUFF = (
    "49123040-AEE8-11E1-A74D-0002A5D5C51B",
    "4D0BF320-AEE8-11E1-A0D9-0002A5D5C51B",
    "5128CE60-AEE8-11E1-B84B-0002A5D5C51B",
    "560F1420-AEE8-11E1-8184-0002A5D5C51B",
)
_START, _END, _READ, _WRITE = 0x0000, 0x0F00, 0x0100, 0x01C0
_ANSWER = 0x8000
_KEY_OCTETS = 16
_CHARGE_PERCENT = 0.3


class OmronCuff(AskedDevice):
    """A virtual cuff. `key` is what a classic one was given before; None: nobody has paired yet."""

    def __init__(
        self,
        identity: Identity,
        people: People,
        fittings: Fittings,
        model: Model,
        *,
        key: bytes | None = None,
    ) -> None:
        who = replace(identity, model=model.name, pairable=lambda: self._shows_p)
        super().__init__(who, fittings, call=self._call)
        self.memory = CuffMemory(model, fittings.clock.device_local)
        self.advertised: Sequence[int] = (MODERN,) if model.modern else ()
        self._model = model
        self._key = key
        self._people = people
        self._turns = cycle(enumerate(people))
        self._battery = Battery()
        self._shows_p = False
        self._programming = False
        self._unlocked = False
        self._heard: dict[int, bytes] = {}
        channels = 1 if model.modern else len(TO_CUFF)
        self._to = [self._channel(at) for at in range(channels)]
        self._from = [characteristic(uuid, NOTIFY, secure=True) for uuid in FROM_CUFF[:channels]]
        self._unlock = characteristic(UNLOCK, WRITE | NOTIFY, write=self._ask, secure=True)
        for each in self._from:
            each.on("subscription", self._on_subscription)

    def services(self) -> Sequence[Any]:
        """Return what anybody may see."""
        seen = [device_information_service(self.identity), self._battery.service()]
        return seen if self._model.modern else [*seen, self._own_service()]

    @property
    def held(self) -> int:
        """How many records it remembers."""
        return sum(count for _, count in self.memory.counts)

    def pairing_mode(self) -> None:
        """Hold the button until it shows "-P-"."""
        self._shows_p = True
        self.life.wake()

    def measure(self, at: datetime | None = None) -> None:
        """Let the next person measure, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        user, slot = next(self._turns)
        self._battery.use(_CHARGE_PERCENT)
        if self.faults.strikes(Fault.NAN_MEASUREMENT):
            return  # it shows an error and keeps nothing
        taken_at = at or self.now()
        pressure = self._people[slot].pressure(taken_at)
        kinds = pressure_kinds(pressure, mean=False)
        self.enter(taken_at, kinds, slot=slot, person=self._people[slot].person.name)
        reading = Reading(
            systolic=int(pressure.systolic),
            diastolic=int(pressure.diastolic),
            pulse=int(pressure.pulse),
            shown=self.clock.device_local(taken_at),
            number=self.memory.next_number(user),
            irregular=pressure.irregular,
        )
        self.memory.keep(user, reading)
        self.life.wake()

    async def live_on(self, peripheral: Peripheral) -> None:
        """Show the service once somebody has paired, and forget each link when it is lost."""
        async with asyncio.TaskGroup() as tasks:
            if self._model.modern:
                tasks.create_task(self._appear(peripheral))
            while True:
                await peripheral.until(lambda: peripheral.linked)
                await peripheral.until(lambda: not peripheral.linked)
                if peripheral.pairings > 0:
                    self._shows_p = False
                self._programming = self._unlocked = False
                self._heard.clear()

    async def _appear(self, peripheral: Peripheral) -> None:
        await peripheral.until(lambda: peripheral.pairings > 0)
        peripheral.offer(self._own_service())

    def _own_service(self) -> Any:
        uuid = MODERN if self._model.modern else CLASSIC
        return service(uuid, self._unlock, *self._to, *self._from)

    def _call(self) -> Advertisement:
        told = omron.advertised(
            self.memory.counts,
            time_not_set=self.clock.device_local().year < 2010,
            pairing_mode=self._shows_p,
        )
        return advertisement(
            self.identity,
            self.advertised,
            vendor_service=None if self._model.modern else CLASSIC,
            maker_data=(omron.COMPANY, told) if self._model.modern else None,
        )

    def _channel(self, at: int) -> Any:
        def write(octets: bytes) -> None:
            self._hear(at, octets)

        return characteristic(TO_CUFF[at], WRITE, write=write, secure=True)

    def _hear(self, at: int, octets: bytes) -> None:
        self._heard[at] = octets
        whole = b"".join(self._heard.get(channel, b"") for channel in range(len(self._to)))
        if 0 in self._heard and len(whole) >= self._heard[0][0]:
            self._heard.clear()
            asked = whole[: whole[0]]
            if len(asked) >= 8 and omron.exclusive_or(asked) == 0 and self._may_be_read():
                self.life.beside(self._answer(asked))

    def _may_be_read(self) -> bool:
        return self._model.modern or self._unlocked

    async def _answer(self, asked: bytes) -> None:
        kind, address, size = int.from_bytes(asked[1:3], "big"), asked[3:5], asked[5]
        at = int.from_bytes(address, "big")
        if self.faults.strikes(Fault.SILENCE):
            return
        data = b""
        if kind == _START:
            data = self._model.name.encode("ascii").ljust(size, b"\x00")[:size]
        elif kind == _READ:
            data = self.memory.read(at, size) or b""
        elif kind == _WRITE:
            self.forbidden.record("write into the memory")
            size = 0
        await self._say(omron.frame(kind | _ANSWER, at, size, data), is_record=kind == _READ)

    async def _say(self, frame: bytes, *, is_record: bool) -> None:
        peripheral = self.life.peripheral
        if peripheral is None:
            return
        await self.life.think()
        if is_record and self.faults.strikes(Fault.GARBAGE_FRAME):
            await self._send(peripheral, frame[:-1] + bytes([frame[-1] ^ 1]))
        dropped = is_record and self.faults.strikes(Fault.DISCONNECT_MID_RECORD)
        await self._send(peripheral, frame[: omron.CUT_OCTETS] if dropped else frame)
        if dropped:
            await peripheral.disconnect()

    async def _send(self, peripheral: Peripheral, frame: bytes) -> None:
        pieces = omron.cuts(frame, peripheral.room if self._model.modern else omron.CUT_OCTETS)
        for at, piece in enumerate(pieces):
            await peripheral.notify(self._from[at % len(self._from)], piece)

    def _ask(self, octets: bytes) -> None:
        """Take a key, or compare one."""
        command, operand = octets[:1], octets[1:]
        answer = b"\x0f" + command
        if command == b"\x02" and self._shows_p:
            self._programming = True
            answer = b"\x82\x00"
        elif command == b"\x00" and self._programming and len(operand) == _KEY_OCTETS:
            self._key = operand
            answer = b"\x80\x00"
        elif command == b"\x01" and self._key is not None and operand == self._key:
            self._unlocked = True
            answer = b"\x81\x00"
        elif command == b"\x11" and self._model.modern:
            answer = b"\x91\x00" + operand[:4]
        if self.life.peripheral is not None:
            self.life.beside(self.life.peripheral.notify(self._unlock, answer))

    def _on_subscription(self, _link: Any, notifies: bool, _indicates: bool) -> None:
        if self._model.modern and not notifies and self.life.peripheral is not None:
            self.forbidden.record("switch notifications off")
            self.life.beside(self.life.peripheral.forget_bonds())
