"""What a TaiDoc or FORA device remembers and says of it, whatever carries its frames.

The newest record has index 0. A D40 keeps pressures and strips in one memory for each of four
users: a question for a record names the user in its last data octet, one for their number in its
first, and 0 is who is chosen on the device. Who sets the clock sets it, and is told as forbidden.
Guesses: that a meter that showed HI or LO keeps a number beyond its range, as Tidepool takes it;
silence for a wrong sum, an unknown command, an index or a user that is not there; an erase that is
echoed and not done; the capacity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from firmware_sims.body import Body
from firmware_sims.device_clock import DeviceClock
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Kind
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import taidoc
from firmware_sims.packing.taidoc import Command, Purpose, Substance
from firmware_sims.placement import pressure_kinds

CAPACITY = 200
USERS = (1, 2, 3, 4)
_CHOSEN = 0
_LOWEST_MG_DL, _HIGHEST_MG_DL = 20, 600  # beyond, a meter shows LO and HI (Tidepool)
_SHOWN_AS_LOW, _SHOWN_AS_HIGH = 14, 612
_CONTROL_MG_DL, _HEMATOCRIT_PERCENT = 118, 41
_VARIED = 2
_FORBIDDEN = {
    Command.SET_TIME: "set clock",
    Command.SWITCH_OFF: "power off",
    Command.ERASE: "erase memory",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a model answers to 24, and what it measures.

    `cuff`: pressures, `wide` without a mean. `strips`: glucose. Both: a stamp tells which it is.
    """

    name: str
    code: bytes
    cuff: bool = True
    strips: bool = False
    wide: bool = False

    @property
    def users(self) -> tuple[int, ...]:
        """Whom it keeps memories for; the first is chosen when it is new."""
        return USERS if self.cuff and self.strips else USERS[:1]


TD_3128 = Model(name="TD-3128", code=b"\x28\x31")
P30 = Model(name="P30", code=b"\x29\x31")
D40 = Model(name="D40", code=b"\x61\x32", strips=True)
OLDER_D40 = Model(name="D40b", code=b"\x61\x32", strips=True, wide=True)
"""As two of the public clients read it: systolic u16 where the others read a mean."""
GD40 = Model(name="GD40", code=b"\x72\x42", cuff=False, strips=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What its owner does with it, counted: every so-manieth measurement, of a D40, is a strip.

    Every `control_every`-th strip is a control solution, every `extremes_every`-th shows HI or LO
    in turn, every `others_every`-th of a meter measures something else than glucose. Every
    `mean_every`-th measurement, if a pressure, is the mean of several. `code` is that of a D40's
    strips.
    """

    strip_every: int | None = None
    control_every: int | None = None
    extremes_every: int | None = None
    others_every: int | None = None
    mean_every: int | None = None
    code: int = 0


@dataclass(frozen=True, slots=True)
class _Record:
    stamp: bytes
    value: bytes
    control: bool = False


class TaiDocMemory:
    """The records of one device, and its answers."""

    def __init__(
        self,
        model: Model,
        clock: DeviceClock,
        forbidden: ForbiddenCommands,
        habits: Habits | None = None,
        *,
        serial: str = "",
    ) -> None:
        self._model = model
        self._clock = clock
        self._forbidden = forbidden
        self._habits = habits or Habits()
        self._serial = taidoc.serial_halves(serial)
        self._of: dict[int, RecordMemory[_Record]] = {
            user: RecordMemory(CAPACITY) for user in model.users
        }
        self.chosen = model.users[0]
        self._measured = self._strips = 0
        self._is_high = False

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def take(
        self, body: Body, taken_at: datetime, *, failed: bool = False
    ) -> Mapping[Kind, Mapping[str, str]]:
        """Measure and keep; return what it shows that is a person's and a measurement of that kind.

        A pressure that failed is not kept; a strip that failed has no value.
        """
        self._measured += 1
        shown = self._clock.device_local(taken_at)
        is_strip = not self._model.cuff or _is_turn(self._measured, self._habits.strip_every)
        if is_strip and self._model.strips:
            return self._strip(body, taken_at, shown, failed=failed)
        return {} if failed else self._pressure(body, taken_at, shown)

    def answer(self, request: bytes) -> bytes | None:
        """Return the answer to a request; None is silence."""
        if len(request) != taidoc.SIZE:
            return None
        command, data = request[1], request[2:6]
        if request != taidoc.frame(command, data, taidoc.HOST):
            return None
        forbidden = _FORBIDDEN.get(command)  # type: ignore[call-overload]
        if forbidden is not None:
            self._forbidden.record(forbidden)
        found = self._found(command, data)
        return None if found is None else taidoc.frame(command, found)

    def _found(self, command: int, data: bytes) -> bytes | None:
        match command:
            case Command.CONNECT | Command.TALK:
                return bytes(4)
            case Command.ERASE | Command.SWITCH_OFF:
                return data
            case Command.TELL_TIME:
                return taidoc.stamp(self._clock.device_local())
            case Command.SET_TIME:
                return self._set_time(data)
            case Command.TELL_MODEL:
                return self._model.code + bytes(2)
            case Command.SERIAL_BEGINNING:
                return self._serial[0]
            case Command.SERIAL_END:
                return self._serial[1]
            case Command.COUNT:
                return self._count(data[0])
            case Command.RECORD_TIME | Command.RECORD_VALUE:
                return self._part(command, int.from_bytes(data[:2], "little"), data[3])
        return None

    def _set_time(self, data: bytes) -> bytes | None:
        shown = taidoc.shown_by(data)
        if shown is None:
            return None
        self._clock.set_to(shown)
        return data

    def _count(self, user: int) -> bytes | None:
        memory = self._memory_of(user)
        if memory is None:
            return None
        return taidoc.count(len(memory), sum(not record.control for record in memory))

    def _part(self, command: int, index: int, user: int) -> bytes | None:
        newest_first = list(self._memory_of(user) or ())[::-1]
        if index >= len(newest_first):
            return None
        record = newest_first[index]
        return record.stamp if command == Command.RECORD_TIME else record.value

    def _memory_of(self, user: int) -> RecordMemory[_Record] | None:
        return self._of.get(self.chosen if user == _CHOSEN else user)

    def _pressure(
        self, body: Body, taken_at: datetime, shown: datetime
    ) -> Mapping[Kind, Mapping[str, str]]:
        pressure = body.pressure(taken_at)
        mixed, irregular = self._model.strips, pressure.irregular
        rhythm = _VARIED if mixed and irregular else 0
        average = _is_turn(self._measured, self._habits.mean_every)
        stamp = taidoc.stamp(
            shown, pressure=mixed, irregular=irregular, rhythm=rhythm, average=average
        )
        self._keep(_Record(stamp, taidoc.figures(pressure, wide=self._model.wide)))
        return pressure_kinds(pressure, mean=not self._model.wide)

    def _strip(
        self, body: Body, taken_at: datetime, shown: datetime, *, failed: bool
    ) -> Mapping[Kind, Mapping[str, str]]:
        self._strips += 1
        stamp, code = taidoc.stamp(shown), self._habits.code
        if not self._model.cuff and _is_turn(self._strips, self._habits.others_every):
            other = taidoc.strip(_HEMATOCRIT_PERCENT, substance=Substance.HEMATOCRIT)
            self._keep(_Record(stamp, other))
            return {}
        if _is_turn(self._strips, self._habits.control_every):
            control = taidoc.strip(_CONTROL_MG_DL, purpose=Purpose.CONTROL, code=code)
            self._keep(_Record(stamp, control, control=True))
            return {}
        if failed:
            self._keep(_Record(stamp, taidoc.strip(taidoc.NO_VALUE, code=code)))
            return {}
        if _is_turn(self._strips, self._habits.extremes_every):
            self._is_high = not self._is_high
            extreme = _SHOWN_AS_HIGH if self._is_high else _SHOWN_AS_LOW
            self._keep(_Record(stamp, taidoc.strip(extreme, code=code)))
            return {Kind.BLOOD_GLUCOSE: {"range": "high" if self._is_high else "low"}}
        glucose = min(max(body.glucose(taken_at), _LOWEST_MG_DL), _HIGHEST_MG_DL)
        purpose = self._strips % Purpose.CONTROL
        self._keep(_Record(stamp, taidoc.strip(glucose, purpose=purpose, code=code)))
        return {Kind.BLOOD_GLUCOSE: {"glucose": str(glucose), "unit": "mg/dL"}}

    def _keep(self, record: _Record) -> None:
        self._of[self.chosen].keep(record)


def _is_turn(number: int, every: int | None) -> bool:
    return every is not None and number % every == 0
