"""A OneTouch Verio Flex, Verio Reflect or Select Plus Flex over Bluetooth.

Everything is asked for on F7A2 and answered on F7A3, one question at a time: a question is
acknowledged, then answered, and the answer wants to be acknowledged before the next; who asks on
meanwhile is not heard. Records have a number that goes on for the life of the meter, and a place,
0 for the newest. Some numbers are no tests (the clock was set, a strip was pulled out): they have
no glucose. What is not there is answered 09, what the meter does not know 08.

It pairs with a passkey that it shows. A link that is not encrypted is refused its characteristics,
or, with `refuses_by_status`, heard and answered 07: public sources tell of both.

Its user can delete all results; the numbers begin anew then. While a strip is tested its Bluetooth
is off: who is connected loses the link.

Its clock can be set (20 01). Erasing (1A) and setting a limit (0A 01) is told as forbidden,
answered as done, and not done.
Sources: xDrip (VerioHelper), the Tidepool uploader (oneTouchVerioBLE), Vital's Verio reader,
xavaro, AppiaGlucometers, glucometerutils, and pancra's otble, which was checked against a capture
and tells of two firmwares.
That a test ends the link is said by the owner's booklet of the Select Plus Flex.
Guesses: what it keeps instead of HI and LO (601 and 19), that 27 counts tests alone, the capacity,
what stands in the octets of an entry that is no test, that a question of another length than the
sources write is answered 08, and that a packet with a wrong check is not even acknowledged. Left
out: the challenge that the maker's app answers, without which the others read as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import cycle
from typing import Any, ClassVar

from firmware_sims.asked_device import AskedDevice
from firmware_sims.body import Body
from firmware_sims.episodic import Fittings, People
from firmware_sims.faults import Fault
from firmware_sims.gatt import (
    NOTIFY,
    WRITE,
    WRITE_WITHOUT_RESPONSE,
    characteristic,
    device_information_service,
    is_secure,
    service,
)
from firmware_sims.glucose_meter.onetouch_talk import Talk
from firmware_sims.glucose_meter.strip_memory import HIGHEST_MG_DL, LOWEST_MG_DL
from firmware_sims.identity import Identity, advertisement
from firmware_sims.ledger import Kind
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import onetouch
from firmware_sims.packing.onetouch import Entry, Meal
from firmware_sims.peripheral import Peripheral

SERVICE = "AF9DF7A1-E595-11E3-96B4-0002A5D5C51B"
TO_METER = "AF9DF7A2-E595-11E3-96B4-0002A5D5C51B"
FROM_METER = "AF9DF7A3-E595-11E3-96B4-0002A5D5C51B"
_CAPACITY = 500
_CONTROL_MG_DL = 110
_NO_TEST = b"\x00\x01\x00"
_LOW_LIMITS, _HIGH_LIMITS = (b"\x07", b"\x09"), (b"\x08", b"\x0a")
_LOW_MG_DL, _HIGH_MG_DL = 70, 180


class Status(IntEnum):
    """The first octet of an answer."""

    DONE = 0x06
    NOT_ALLOWED = 0x07
    NOT_SUPPORTED = 0x08
    NOT_THERE = 0x09


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTouchSettings:
    """How a meter is built. `molar` changes what its display shows, and no value.

    Firmware differs in whether the first record has the number 1 or 0. Every `control_every`th test
    is of a control solution, every `extremes_every`th shows HI or LO in turn, and after every
    `others_every`th the memory has an entry that is no test.
    """

    molar: bool = False
    meals: bool = True
    control_every: int | None = None
    extremes_every: int | None = None
    others_every: int | None = None
    refuses_by_status: bool = False
    first_number: int = 1


class OneTouchMeter(AskedDevice):
    """A virtual meter; people take turns, and it knows no users."""

    advertised: Sequence[int] = ()

    def __init__(
        self,
        identity: Identity,
        people: People,
        fittings: Fittings,
        settings: OneTouchSettings | None = None,
    ) -> None:
        super().__init__(
            identity, fittings, call=lambda: advertisement(identity, vendor_service=SERVICE)
        )
        self.memory: RecordMemory[Entry] = RecordMemory(_CAPACITY)
        self._settings = settings or OneTouchSettings()
        self._turns = cycle(people.values())
        self._tests = 0
        self._next = self._settings.first_number
        secure = is_secure(identity) and not self._settings.refuses_by_status
        self._from = characteristic(FROM_METER, NOTIFY, secure=secure)
        self._talk = Talk(self.life, self.faults, self._from, self._answer)
        ways = WRITE | WRITE_WITHOUT_RESPONSE
        self._to = characteristic(TO_METER, ways, write=self._talk.hear, secure=secure)

    def services(self) -> Sequence[Any]:
        """Return its own, and device information."""
        return [service(SERVICE, self._to, self._from), device_information_service(self.identity)]

    @property
    def held(self) -> int:
        """How many tests it remembers."""
        return sum(entry.is_test for entry in self.memory)

    def measure(self, at: datetime | None = None) -> None:
        """Let the next person prick a finger, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        if self.faults.strikes(Fault.RENUMBER):
            self._delete_all()
        if at is None and self.life.peripheral is not None:
            self.life.beside(self.life.peripheral.disconnect())
        taken_at = at or self.now()
        if self.faults.strikes(Fault.NAN_MEASUREMENT):
            return  # it shows an error and keeps nothing
        self._tests += 1
        if self._is_turn_of(self._settings.control_every):
            self._keep(taken_at, _CONTROL_MG_DL, control=True)
        else:
            self._test_blood(next(self._turns), taken_at)
        if self._is_turn_of(self._settings.others_every):
            self._keep(taken_at, 0, end=_NO_TEST)
        self.life.wake()

    async def live_on(self, peripheral: Peripheral) -> None:
        """Forget how far a conversation was when its link is lost."""
        while True:
            await peripheral.until(lambda: peripheral.linked)
            await peripheral.until(lambda: not peripheral.linked)
            self._talk.forget()

    def _is_turn_of(self, every: int | None) -> bool:
        return every is not None and self._tests % every == 0

    def _test_blood(self, body: Body, taken_at: datetime) -> None:
        level = min(max(body.glucose(taken_at), LOWEST_MG_DL), HIGHEST_MG_DL)
        values = {"glucose": str(level), "unit": "mg/dL"}
        if self._is_turn_of(self._settings.extremes_every):
            is_high = self._tests // (self._settings.extremes_every or 1) % 2 == 1
            level = HIGHEST_MG_DL + 1 if is_high else LOWEST_MG_DL - 1
            values = {"range": "high" if is_high else "low"}
        meal = Meal.NONE
        if self._settings.meals and self._tests % 3 == 0:
            meal = (Meal.BEFORE, Meal.AFTER)[self._tests // 3 % 2]
        self.enter(taken_at, {Kind.BLOOD_GLUCOSE: values}, person=body.person.name)
        self._keep(taken_at, level, meal=meal)

    def _keep(
        self,
        taken_at: datetime,
        mg_dl: int,
        *,
        control: bool = False,
        meal: Meal = Meal.NONE,
        end: bytes = bytes(3),
    ) -> None:
        shown = self.clock.device_local(taken_at)
        self.memory.keep(Entry(self._next, shown, mg_dl, control, meal, end))
        self._next += 1

    def _delete_all(self) -> None:
        """Let its user delete all results: its numbers begin anew."""
        for entry in self.memory:
            self.memory.forget(entry)
        self._next = self._settings.first_number

    def _answer(self, asked: bytes) -> bytes:
        """Return status and data."""
        peripheral = self.life.peripheral
        is_refused = self._settings.refuses_by_status and is_secure(self.identity)
        if is_refused and not (peripheral and peripheral.encrypted):
            return bytes([Status.NOT_ALLOWED])
        for start, (octets, answer) in self._ANSWERS.items():
            if asked.startswith(start) and len(asked) == len(start) + octets:
                return answer(self, asked[len(start) :])
        return bytes([Status.NOT_SUPPORTED])

    def _clock(self, _: bytes) -> bytes:
        return _done(onetouch.seconds(self.clock.device_local()))

    def _unit(self, _: bytes) -> bytes:
        return _done(int(self._settings.molar).to_bytes(4, "little"))

    def _count(self, _: bytes) -> bytes:
        return _done(self.held.to_bytes(2, "little"))

    def _set_clock(self, time: bytes) -> bytes:
        self.clock.set_to(onetouch.shown(time))
        return _done()

    def _set_limit(self, _: bytes) -> bytes:
        return self._forbid("set a limit")

    def _erase(self, _: bytes) -> bytes:
        return self._forbid("erase memory")

    def _forbid(self, command: str) -> bytes:
        self.forbidden.record(command)
        return _done()

    def _setting(self, which: bytes) -> bytes:
        values: Mapping[bytes, int] = {
            b"\x06": max(self._next - 1, 0),
            **dict.fromkeys(_LOW_LIMITS, _LOW_MG_DL),
            **dict.fromkeys(_HIGH_LIMITS, _HIGH_MG_DL),
        }
        if which not in values:
            return bytes([Status.NOT_THERE])
        return _done(values[which].to_bytes(4, "little"))

    def _text(self, which: bytes) -> bytes:
        who = self.identity
        texts = {b"\x00": who.serial, b"\x01": who.model, b"\x02": who.firmware}
        if which not in texts:
            return bytes([Status.NOT_SUPPORTED])
        return _done(f"{texts[which]}\0".encode("utf-16-le"))

    def _by_number(self, number: bytes) -> bytes:
        for entry in self.memory:
            if entry.number.to_bytes(2, "little") == number:
                return _done(entry.by_number())
        return bytes([Status.NOT_THERE])

    def _by_place(self, place: bytes) -> bytes:
        tests = [entry for entry in self.memory if entry.is_test][::-1]
        at = int.from_bytes(place[:2], "little")
        if at >= len(tests):
            return bytes([Status.NOT_THERE])
        return _done(tests[at].by_place(at))

    _ANSWERS: ClassVar[Mapping[bytes, tuple[int, Callable[["OneTouchMeter", bytes], bytes]]]] = {
        b"\x20\x02": (0, _clock),
        b"\x20\x01": (4, _set_clock),
        b"\x0a\x02": (1, _setting),
        b"\x0a\x01": (5, _set_limit),
        b"\x09\x02": (1, _unit),
        b"\x27\x00": (0, _count),
        b"\xe6\x02": (1, _text),
        b"\x31\x02": (3, _by_place),
        b"\xb3": (2, _by_number),
        b"\x1a": (0, _erase),
    }


def _done(data: bytes = b"") -> bytes:
    return bytes([Status.DONE]) + data
