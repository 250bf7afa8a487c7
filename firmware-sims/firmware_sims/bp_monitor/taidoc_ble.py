"""A FORA D40 (TD-3261) and a GD40 (TD-4272) over Bluetooth: the frames of a D40's cable.

A question is written to 1524 and answered by a notification of it. A D40 measures pressures and,
every `glucose_every` times, glucose, which it keeps in the same memory; the memory is that of the
person who is chosen on it. Beside this it has the Blood Pressure Service, advertises it, and tells
nothing there once a measurement is over. A GD40 keeps what its strips measure: glucose and, every
`others_every` tests, a blood count.
Erasing (52), setting the clock (33) and switching off (50) are told as forbidden and answered.
Sources: as `taidoc`; for Bluetooth, pico-vitals-gateway, which was compared with the display of a
D40, markchuang56/iOS-Demo and advmeds-bluetooth-lib; for what a strip measured, also Tidepool's
uploader (GlucoRx). Guesses: the capacity, silence for a wrong sum
or an index that is not there, 65535 for a strip that failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from firmware_sims.asked_device import AskedDevice
from firmware_sims.body import Body
from firmware_sims.bp_monitor.taidoc import (
    CAPACITY,
    D40,
    FORBIDDEN,
    HOST,
    encode,
    encode_date,
    encode_figures,
)
from firmware_sims.episodic import Fittings
from firmware_sims.faults import Fault
from firmware_sims.gatt import INDICATE, NOTIFY, WRITE, characteristic, is_secure, service
from firmware_sims.identity import Identity
from firmware_sims.ledger import Kind
from firmware_sims.memory import RecordMemory
from firmware_sims.peripheral import Peripheral
from firmware_sims.placement import pressure_kinds

SERVICE = "00001523-1212-EFDE-1523-785FEABCD123"
PIPE = "00001524-1212-EFDE-1523-785FEABCD123"
_BLOOD_PRESSURE, _MEASUREMENT = 0x1810, 0x2A35
_LOWEST_MG_DL, _HIGHEST_MG_DL = 20, 600
_CONTROL_MG_DL, _CONTROL, _NO_VALUE = 110, 3, 0xFFFF
_HEMATOCRIT, _HEMATOCRIT_PERCENT = 6, 46
_ROOM_CELSIUS = 24
_GD40 = b"\x72\x42"


def encode_glucose(mg_dl: int, *, meal: int = 0, substance: int = 0) -> bytes:
    """Return what a record of a strip says; meal 1 before, 2 after, 3 control solution."""
    return mg_dl.to_bytes(2, "little") + bytes([_ROOM_CELSIUS, meal << 6 | substance << 2])


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedSettings:
    """How often it measures glucose, and how often that is of control solution, or no glucose."""

    glucose_every: int | None = None
    control_every: int | None = None
    others_every: int | None = None
    code: bytes = D40.code


class MixedMonitor(AskedDevice):
    """A virtual D40 of one person."""

    advertised: Sequence[int] = (_BLOOD_PRESSURE,)

    def __init__(
        self,
        identity: Identity,
        body: Body,
        fittings: Fittings,
        settings: MixedSettings | None = None,
    ) -> None:
        super().__init__(identity, fittings)
        self.memory: RecordMemory[tuple[bytes, bytes]] = RecordMemory(CAPACITY)
        self._body = body
        self._settings = settings or MixedSettings()
        self._measured = self._pricked = 0
        secure = is_secure(identity)
        self._pipe = characteristic(PIPE, WRITE | NOTIFY, write=self._hear, secure=secure)
        self._standard = characteristic(_MEASUREMENT, INDICATE, secure=secure)

    def services(self) -> Sequence[Any]:
        """Return its own, and the standard one that is silent."""
        return [service(SERVICE, self._pipe), service(_BLOOD_PRESSURE, self._standard)]

    @property
    def held(self) -> int:
        """How many records it keeps."""
        return len(self.memory)

    def measure(self, at: datetime | None = None) -> None:
        """Let its person measure, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        taken_at = at or self.now()
        self._measured += 1
        failed = self.faults.strikes(Fault.NAN_MEASUREMENT)
        if _is_turn(self._measured, self._settings.glucose_every):
            self._keep(taken_at, self._tested(taken_at, failed=failed))
        elif not failed:
            pressure = self._body.pressure(taken_at)
            self.enter(taken_at, pressure_kinds(pressure, mean=True), person=self._body.person.name)
            shown = self.clock.device_local(taken_at)
            date = encode_date(shown, irregular=pressure.irregular, marked=D40.marks)
            self.memory.keep((date, encode_figures(pressure)))
        self.life.wake()

    async def live_on(self, peripheral: Peripheral) -> None:
        """Be there to be asked."""

    def _keep(self, taken_at: datetime, glucose: bytes) -> None:
        self.memory.keep((encode_date(self.clock.device_local(taken_at)), glucose))

    def _tested(self, taken_at: datetime, *, failed: bool) -> bytes:
        self._pricked += 1
        if failed:
            return encode_glucose(_NO_VALUE)
        if _is_turn(self._pricked, self._settings.control_every):
            return encode_glucose(_CONTROL_MG_DL, meal=_CONTROL)
        if _is_turn(self._pricked, self._settings.others_every):
            return encode_glucose(_HEMATOCRIT_PERCENT, substance=_HEMATOCRIT)
        level = min(max(self._body.glucose(taken_at), _LOWEST_MG_DL), _HIGHEST_MG_DL)
        values = {"glucose": str(level), "unit": "mg/dL"}
        self.enter(taken_at, {Kind.BLOOD_GLUCOSE: values}, person=self._body.person.name)
        return encode_glucose(level, meal=self._pricked % 3)

    def _hear(self, request: bytes) -> None:
        self.life.beside(self._reply(request))

    async def _reply(self, request: bytes) -> None:
        await self.life.think()
        answer = self._answer(request)
        if answer is None or self.faults.strikes(Fault.SILENCE):
            return
        if self.faults.strikes(Fault.GARBAGE_FRAME):
            await self._notify(answer[:-1])
        if self.faults.strikes(Fault.WRONG_CHECKSUM):
            await self._notify(answer[:-1] + bytes([answer[-1] ^ 0x01]))
        await self._notify(answer)
        if self.faults.strikes(Fault.DUPLICATE_INDICATION):
            await self._notify(answer)
        if self.faults.strikes(Fault.DISCONNECT_MID_RECORD) and self.life.peripheral:
            await self.life.peripheral.disconnect()

    def _answer(self, request: bytes) -> bytes | None:
        command, data = request[1:2], request[2:6]
        if len(data) != 4 or request != encode(command[0], data, HOST):
            return None
        if command[0] in FORBIDDEN:
            self.forbidden.record(FORBIDDEN[command[0]])
            return encode(command[0], data)
        found = self._found(command[0], int.from_bytes(data[:2], "little"))
        return None if found is None else encode(command[0], found)

    def _found(self, command: int, index: int) -> bytes | None:
        newest_first = list(self.memory)[::-1]
        match command:
            case 0x23:
                return encode_date(self.clock.device_local())
            case 0x24:
                return self._settings.code + bytes(2)
            case 0x2B:
                return len(newest_first).to_bytes(4, "little")
            case 0x25 | 0x26 if index < len(newest_first):
                return newest_first[index][command == 0x26]
        return None

    async def _notify(self, octets: bytes) -> None:
        if self.life.peripheral is not None:
            await self.life.peripheral.notify(self._pipe, octets)


class StripMeter(MixedMonitor):
    """A virtual GD40; it knows no users."""

    advertised: Sequence[int] = ()

    def __init__(
        self,
        identity: Identity,
        body: Body,
        fittings: Fittings,
        settings: MixedSettings | None = None,
    ) -> None:
        settings = replace(settings or MixedSettings(), glucose_every=1, code=_GD40)
        super().__init__(identity, body, fittings, settings)

    def services(self) -> Sequence[Any]:
        """Return its own."""
        return [service(SERVICE, self._pipe)]


def _is_turn(number: int, every: int | None) -> bool:
    return every is not None and number % every == 0
