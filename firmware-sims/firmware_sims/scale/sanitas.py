"""A Sanitas SBF70 or a relative: it shows a weighing as it happens, saves it, and is asked.

Everything goes over one characteristic, 0xFFE1. A frame of several waits for the acknowledgement of
the one before; without it the scale falls silent and, after a while, hangs up. What it saved it
keeps until it is told to delete, which nobody should: it answers that it did, and did not.
Source: captures of the maker's app (ble-scale-sync #211) and openScale's handler. Guesses: the
octet after E6 in the answer to a greeting, 30 saved weighings for each user, that a live weighing
is saved too, and that somebody unknown is not.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any

from firmware_sims.asked_device import AskedDevice
from firmware_sims.body import Mass, stepped
from firmware_sims.device_clock import UNIX_EPOCH
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Fault
from firmware_sims.gatt import NOTIFY, WRITE, characteristic, service
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind
from firmware_sims.packing import sanitas
from firmware_sims.packing.sanitas import SBF70, Command, User, Weighing
from firmware_sims.peripheral import Peripheral

_COMMAND, _GREETING, _SET_TIME = 7, 6, 9  # the low half of the first octet
_FORBIDDEN: dict[int, str] = {
    Command.ADD_USER: "add user",
    Command.DELETE_USER: "delete user",
    Command.CHANGE_USER: "change user",
    Command.DELETE_SAVED: "delete saved weighings",
    Command.DELETE_OF_NOBODY: "delete weighings of nobody",
}
_KEPT_PER_USER = 30
_MOST_USERS = 8
_SWAYS_KG = (Decimal("-0.85"), Decimal("0.4"))
_ACKNOWLEDGED_WITHIN_S = 5
FIRST_USER = 0x2600_0000_0000_0064  # what apps choose has eight octets
_STANDS_FOR = timedelta(seconds=15)  # whoever hears nothing of the scale steps off
_HALF_STEP_KG = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class _Standing:
    """Somebody on the scale: what it shows meanwhile, and the weighing, if it comes to one."""

    since: datetime
    shown: Sequence[tuple[Decimal, bool]]
    parts: Sequence[bytes]


class SanitasScale(AskedDevice):
    """A virtual scale. User n of `people` has the number FIRST_USER + n; None is nobody known.

    Its clock counts UTC, as apps set it. `pause_s` is between the frames of somebody standing.
    """

    advertised: Sequence[int] = ()

    def __init__(
        self,
        identity: Identity,
        people: People,
        fittings: Fittings,
        *,
        family: int = SBF70,
        pause_s: float = 0.3,
    ) -> None:
        super().__init__(identity, fittings)
        self._family = family
        self._pause_s = pause_s
        self._people = people
        self._turns = cycle(people)
        known = [slot for slot in people if slot is not None]
        self._users = {slot: User(FIRST_USER + slot, f"U{slot}", 1960 + slot) for slot in known}
        self._saved: dict[int, deque[Weighing]] = {
            user.number: deque(maxlen=_KEPT_PER_USER) for user in self._users.values()
        }
        self._standing: _Standing | None = None
        self._greeted = False
        self._talking = asyncio.Lock()
        self._awaited: bytes | None = None
        self._io = characteristic(0xFFE1, WRITE | NOTIFY, write=self._write)

    def services(self) -> Sequence[Any]:
        """Return the one service that it has."""
        return (service(0xFFE0, self._io),)

    @property
    def held(self) -> int:
        """How many weighings it has saved."""
        return sum(map(len, self._saved.values()))

    def measure(self, at: datetime | None = None) -> None:
        """Let the next person step on, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        slot = next(self._turns)
        mass = self._people[slot].weigh()
        swaying = [(mass.weight + by, False) for by in _SWAYS_KG]
        if self.faults.strikes(Fault.NAN_MEASUREMENT):
            self._standing = _Standing(self.now(), swaying, ())
        else:
            taken_at = at or self.now()
            weighing = self._weighing(mass, self.clock.device_local(taken_at), slot)
            self._enter(weighing, taken_at, slot)
            number = self._users[slot].number if slot is not None else 0
            if number:
                self._saved[number].append(weighing)
            parts = sanitas.live(self._family, weighing, number)
            self._standing = _Standing(self.now(), [*swaying, (mass.weight, True)], parts)
        if at is not None:
            self._standing = None
        if self._greeted:
            self.life.beside(self._show())
        self.life.wake()

    async def live_on(self, peripheral: Peripheral) -> None:
        """Forget who greeted when their link is lost."""
        while True:
            await peripheral.until(lambda: peripheral.linked)
            await peripheral.until(lambda: not peripheral.linked)
            self._greeted = False

    def _write(self, octets: bytes) -> None:
        if not octets or octets[0] >> 4 != self._family:
            return
        low, rest = octets[0] & 0xF, octets[1:]
        if low == _GREETING:
            self._greeted = True
            self.life.beside(self._greet())
        elif low == _SET_TIME and len(rest) == 4:
            self.clock.set_to(UNIX_EPOCH + timedelta(seconds=int.from_bytes(rest, "big")))
        elif octets == self._awaited:
            self._awaited = None
            if self.life.peripheral is not None:
                self.life.peripheral.stir()
        elif low == _COMMAND and rest and rest[0] != Command.ACKNOWLEDGE:
            self.life.beside(self._answer(rest[0], rest[1:]))

    async def _greet(self) -> None:
        await self._send(bytes([self._family << 4 | _GREETING, 0]))
        await self._show()

    async def _answer(self, command: int, operand: bytes) -> None:
        forbidden = _FORBIDDEN.get(command)
        if forbidden is not None:
            self.forbidden.record(forbidden)
        known = list(self._users.values())
        saved = list(self._saved.get(int.from_bytes(operand, "big"), ()))
        answer, frames = b"\x00", list[bytes]()
        if command == Command.STATUS:
            # battery, two thresholds, kg; 0 for a user, a reference and a weighing; version
            answer = bytes([0, 90, 0, 0, 1, not known, not known, not saved, 1])
        elif command == Command.USERS:
            answer = bytes([0, len(known), _MOST_USERS])
            frames = sanitas.users(self._family, known)
        elif command == Command.GET_SAVED:
            frames = sanitas.saved(self._family, saved)
            answer = bytes([len(frames), 0])
        elif command == Command.OF_NOBODY:
            answer = bytes([0, 0])
        async with self._talking:
            await self._send(sanitas.answer(self._family, command, answer))
            await self._send_acknowledged(frames)

    async def _show(self) -> None:
        standing, self._standing = self._standing, None
        if standing is None or self.now() - standing.since > _STANDS_FOR:
            return
        async with self._talking:
            for weight, still in standing.shown:
                await self._send(sanitas.live_weight(self._family, weight, still=still))
                await asyncio.sleep(self._pause_s)
            await self._send_acknowledged(standing.parts)

    async def _send_acknowledged(self, frames: Sequence[bytes]) -> None:
        """Send frames, each after the one before was acknowledged; stop when one is not."""
        peripheral = self.life.peripheral
        for frame in frames:
            await self.life.think()
            if self.faults.strikes(Fault.GARBAGE_FRAME):
                await self._send(frame[:3])
            self._awaited = sanitas.acknowledgement(frame)
            await self._send(frame)
            if self.faults.strikes(Fault.DUPLICATE_INDICATION):
                await self._send(frame)
            if peripheral is None:
                return
            is_record = frame[1] != Command.USER
            if is_record and self.faults.strikes(Fault.DISCONNECT_MID_RECORD):
                await peripheral.disconnect()
            await peripheral.until(
                lambda: self._may_go_on() or not peripheral.linked, _ACKNOWLEDGED_WITHIN_S
            )
            if not self._may_go_on():
                return

    def _may_go_on(self) -> bool:
        return self._awaited is None

    async def _send(self, frame: bytes) -> None:
        if self.life.peripheral is not None:
            await self.life.peripheral.notify(self._io, frame)

    def _weighing(self, mass: Mass, at_device: datetime, slot: int | None) -> Weighing:
        if slot is None:
            return Weighing(at_device=at_device, weight=mass.weight)
        basal = round(mass.basal_metabolism_kj / 4.184)
        return Weighing(
            at_device=at_device,
            weight=mass.weight,
            impedance_ohm=int(mass.impedance_ohm),
            fat_percent=mass.body_fat_percent,
            water_percent=stepped(mass.body_water_mass / mass.weight * 100, "0.1"),
            muscle_percent=mass.muscle_percent,
            bone=stepped(mass.weight * Decimal("0.14"), _HALF_STEP_KG),
            basal_kcal=basal,
            active_kcal=round(basal * 1.5),
            bmi=mass.bmi,
        )

    def _enter(self, weighing: Weighing, taken_at: datetime, slot: int | None) -> None:
        kinds = {Kind.WEIGHT: {"weight": str(weighing.weight), "unit": "kg"}}
        if slot is not None:
            kinds[Kind.BODY_COMPOSITION] = {
                "body_fat_percent": str(weighing.fat_percent),
                "body_water_percent": str(weighing.water_percent),
                "muscle_percent": str(weighing.muscle_percent),
                "impedance_ohm": str(weighing.impedance_ohm),
            }
        person = self._people[slot].person.name
        self.enter(taken_at, kinds, slot=slot, person=person)
