"""A Microlife cuff with the maker's own service: asked by frames, answers in pieces of 20 octets.

It tells its memory user by user, and forgets nothing for having been told; a collector that is done
says so, and the cuff hangs up. A newer one (B3 BT, B6 Connect, BP3GY1-2N) shows its clock and lets
it be set; an older one (A6 BT, A7 Touch BT) tells the user who is selected, shows no clock, and
takes the time that comes with the question for the memory. Erasing, and writing a user, are
answered as if done, not done, and told as forbidden.
Sources: as in `packing.microlife`. Guesses: that it calls after each measurement (a person may have
to hold a button for it) and is found by its service; that it wants to be paired if it is a newer
one, and how; that a time of zeros leaves the clock alone; that a frame with a wrong sum gets no
answer; the capacity; that a clock whose battery was changed stands still until it is set; that a
failed measurement leaves no record, and that MAM is marked by 3. Left out: the kit's measure mode,
in which current measurements are told in place of the memory, as nobody says when it ends.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import cycle
from typing import Any

from firmware_sims.asked_device import AskedDevice
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Fault
from firmware_sims.gatt import (
    NOTIFY,
    WRITE,
    characteristic,
    device_information_service,
    is_secure,
    service,
)
from firmware_sims.identity import Identity
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import microlife
from firmware_sims.packing.microlife import Family, Firmware, Reading
from firmware_sims.peripheral import Peripheral
from firmware_sims.placement import pressure_kinds

SERVICE, ANSWERS, QUESTIONS = 0xFFF0, 0xFFF1, 0xFFF2
_PIECE_OCTETS = 20
_CAPACITY = 99
_TIME_OCTETS = 6
_AGE = 60
_HISTORY, _END, _USERS, _DEVICE, _CLOCK, _SET_CLOCK = 0x00, 0x04, 0x05, 0x0B, 0x0C, 0x0D
_FORBIDDEN: Mapping[int, str] = {
    0x03: "erase memory",
    0x06: "write user",
    0x08: "erase last measurement",
    0x0A: "erase device info",
}
_DONE, _NOT_NOW = b"\x81", b"\x92"


class MicrolifeCuff(AskedDevice):
    """A virtual cuff. User 1 is whoever has no number; `mam`: each record is a mean of three."""

    advertised: Sequence[int] = (SERVICE,)

    def __init__(
        self,
        identity: Identity,
        people: People,
        fittings: Fittings,
        *,
        family: Family = Family.NEWER,
        mam: bool = False,
    ) -> None:
        super().__init__(identity, fittings)
        self._family = family
        self._mam = mam
        self._people = people
        self._turns = cycle(people)
        self._selected = min(map(_user, people))
        self._memories: dict[int, RecordMemory[Reading]] = {
            _user(slot): RecordMemory(_CAPACITY) for slot in people
        }
        self._measurements = 0
        self._failures = 0
        self._heard = b""
        self._talking = asyncio.Lock()
        secure = is_secure(identity)
        self._answers = characteristic(ANSWERS, NOTIFY, secure=secure)
        self._questions = characteristic(QUESTIONS, WRITE, write=self._hear, secure=secure)

    def services(self) -> Sequence[Any]:
        """Return its own and what it says of itself."""
        own = service(SERVICE, self._answers, self._questions)
        return [own, device_information_service(self.identity)]

    @property
    def held(self) -> int:
        """How many records it remembers."""
        return sum(map(len, self._memories.values()))

    def measure(self, at: datetime | None = None) -> None:
        """Let the next person measure, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        slot = next(self._turns)
        self._selected = _user(slot)
        self._measurements += 1
        self.life.wake()
        if self.faults.strikes(Fault.NAN_MEASUREMENT):
            self._failures += 1  # it shows "Err 1" and keeps nothing
            return
        taken_at = at or self.now()
        body = self._people[slot]
        pressure = body.pressure(taken_at)
        kinds = pressure_kinds(pressure, mean=False)
        self.enter(taken_at, kinds, slot=slot, person=body.person.name)
        reading = Reading(
            systolic=int(pressure.systolic),
            diastolic=int(pressure.diastolic),
            pulse=int(pressure.pulse),
            shown=self._shown(taken_at),
            irregular=pressure.irregular,
            mam=self._mam,
        )
        self._memories[self._selected].keep(reading)

    async def live_on(self, peripheral: Peripheral) -> None:
        """Forget half a question when its link is lost."""
        while True:
            await peripheral.until(lambda: peripheral.linked)
            await peripheral.until(lambda: not peripheral.linked)
            self._heard = b""

    def _shown(self, at: datetime | None = None) -> datetime | None:
        """Return what the clock shows, or showed at a true time; None while it was not set."""
        stamp = self.clock.stamp(at or self.now())
        return stamp if isinstance(stamp, datetime) and stamp.year >= 2010 else None

    def _hear(self, octets: bytes) -> None:
        self._heard += octets
        length = microlife.whole(self._heard)
        if length is None or len(self._heard) < length:
            return
        asked, self._heard = microlife.asked(self._heard[:length]), b""
        if asked is not None:
            self.life.beside(self._answer(asked[0], asked[1:]))

    async def _answer(self, command: int, operand: bytes) -> None:
        if self.faults.strikes(Fault.SILENCE):
            return
        if command == _END:
            self.life.dismiss()
            return
        if command in _FORBIDDEN:
            self.forbidden.record(_FORBIDDEN[command])
            await self._say(_DONE)
            return
        answers: Mapping[int, Callable[[bytes], bytes | None]] = {
            _HISTORY: self._history,
            _USERS: self._users,
            _DEVICE: self._device,
            _CLOCK: self._clock,
            _SET_CLOCK: self._set_clock,
        }
        answer = answers[command](operand) if command in answers else None
        if answer is not None and self.faults.strikes(Fault.BUSY):
            answer = _NOT_NOW
        if answer is not None:
            await self._say(answer, is_record=command == _HISTORY)

    def _history(self, operand: bytes) -> bytes | None:
        expected = _TIME_OCTETS + (self._family is Family.NEWER)
        if len(operand) != expected:
            return None
        if any(operand[:_TIME_OCTETS]):
            self._take_time(operand[:_TIME_OCTETS])
        wanted = operand[_TIME_OCTETS] if self._family is Family.NEWER else self._selected
        user = wanted if wanted in (1, 2) else self._selected
        readings = list(self._memories.get(user, ()))
        return microlife.history(self._family, user, readings, mam=self._mam)

    def _users(self, _operand: bytes) -> bytes:
        names = {_user(slot): body.person.name for slot, body in self._people.items()}
        known = (1, 2) if self._family is Family.NEWER else (self._selected,)
        people = [(names.get(user, ""), _AGE if user in names else 0) for user in known]
        return microlife.users(self._family, self._selected, people, Firmware(users=len(names)))

    def _device(self, _operand: bytes) -> bytes:
        device_id = bytes.fromhex(self.identity.address.replace(":", ""))
        return microlife.device_info(self._family, device_id, self._measurements, self._failures)

    def _clock(self, _operand: bytes) -> bytes | None:
        return microlife.clock(self._shown()) if self._family is Family.NEWER else None

    def _set_clock(self, operand: bytes) -> bytes | None:
        if self._family is Family.OLDER or len(operand) != _TIME_OCTETS:
            return None
        return _DONE if self._take_time(operand) else None

    def _take_time(self, octets: bytes) -> bool:
        try:
            shown = datetime(2000 + octets[0], *octets[1:])  # noqa: DTZ001 - the cuff's own clock
        except ValueError:
            return False
        self.clock.set_to(shown)
        return True

    async def _say(self, payload: bytes, *, is_record: bool = False) -> None:
        frame = microlife.frame(self._family, payload)
        async with self._talking:
            await self.life.think()
            if is_record and self.faults.strikes(Fault.WRONG_CHECKSUM):
                frame = frame[:-1] + bytes([frame[-1] ^ 1])
            dropped = is_record and self.faults.strikes(Fault.DISCONNECT_MID_RECORD)
            twice = is_record and self.faults.strikes(Fault.DUPLICATE_INDICATION)
            for octets in (frame, frame) if twice else (frame,):
                await self._send(octets[: len(octets) // 2] if dropped else octets)
            if dropped and self.life.peripheral is not None:
                await self.life.peripheral.disconnect()

    async def _send(self, octets: bytes) -> None:
        for at in range(0, len(octets), _PIECE_OCTETS):
            if self.life.peripheral is not None:
                await self.life.peripheral.notify(self._answers, octets[at : at + _PIECE_OCTETS])


def _user(slot: int | None) -> int:
    return 1 if slot is None else slot
