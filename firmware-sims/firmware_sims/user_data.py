"""User Data 0x181C of a scale: a user's records are sent once their code was given on the link.

After three wrong codes a user is locked until somebody presses the button on the scale. Deleting is
not supported and told as forbidden; listing the users only where the scale was made so. A guest,
user 255, needs no consent. A scale that `commits_profile` sends compositions of zeros until the
profile of their user was read and the change counted, as a Beurer BF788 does.
Spec: User Data Service 1.1 section 3.14; the lock and the zeros from ble-scale-sync #168 and #229.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from bumble import att

from firmware_sims.body import Person
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.gatt import (
    CONFIGURATION_IMPROPER,
    INDICATE,
    NOTIFY,
    READ,
    WRITE,
    Read,
    att_error,
    characteristic,
    service,
)
from firmware_sims.packing import user_data
from firmware_sims.packing.user_data import OpCode, Result
from firmware_sims.peripheral import Peripheral
from firmware_sims.store_and_forward import StoreAndForward

GUEST = 0xFF
ACCESS_NOT_PERMITTED = 0x80  # UDS 1.1 section 1.6
_MOST_USERS = 8
_WRONG_CODES = 3
_UNSPECIFIED = 2
_FORBIDDEN = {OpCode.DELETE_DATA: "delete user data", OpCode.DELETE_USERS: "delete users"}


class UserData:
    """The addition to a scale; `consents` are the codes by user."""

    def __init__(
        self,
        people: Mapping[int | None, Person],
        consents: Mapping[int, int],
        forbidden: ForbiddenCommands,
        *,
        secure: bool = False,
        lists_users: bool = False,
        commits_profile: bool = False,
    ) -> None:
        self._people = people
        self._codes = dict(consents)
        self._forbidden = forbidden
        self._secure = secure
        self._lists_users = lists_users
        self._commits_profile = commits_profile
        self._wrong: dict[int, int] = {}
        self._increments: dict[int, int] = {}
        self._consented: set[int] = set()
        self._committed: set[int] = set()
        self._user: int | None = None
        self._store: StoreAndForward | None = None
        self._peripheral: Peripheral | None = None
        self._control = characteristic(0x2A9F, WRITE | INDICATE, write=self._ask, secure=secure)

    def press_button(self) -> None:
        """Unlock every user."""
        self._wrong.clear()

    def services(self) -> Sequence[Any]:
        """Return User Data."""
        born = date(1960, 1, 1)
        return [
            service(
                0x181C,
                self._control,
                characteristic(0x2A9A, READ, read=self._read_index, secure=self._secure),
                characteristic(
                    0x2A99,
                    READ | WRITE | NOTIFY,
                    read=self._of_user(lambda: user_data.increment(self._increment())),
                    write=self._count,
                    secure=self._secure,
                ),
                self._profile(0x2A85, lambda: user_data.date_of_birth(born)),
                self._profile(0x2A8C, lambda: bytes([_UNSPECIFIED])),
                self._profile(0x2A8E, lambda: user_data.height(self._person().height_m)),
                self._profile(0x2A98, lambda: user_data.weight(self._person().weight_kg)),
            )
        ]

    def may_send(self, slot: int | None) -> bool:
        """Say whether a user consented on this link; a guest need not."""
        return slot is None or slot == GUEST or slot in self._consented

    def is_complete(self, slot: int | None) -> bool:
        """Say whether a user's composition is told, or zeros in its place."""
        return not self._commits_profile or slot in self._committed

    def begin(self, store: StoreAndForward, peripheral: Peripheral) -> None:
        """Be there to be asked."""
        self._store, self._peripheral = store, peripheral

    def link_lost(self) -> None:
        """Forget who consented."""
        self._consented.clear()
        self._committed.clear()
        self._user = None

    def _ask(self, octets: bytes) -> None:
        peripheral, store = self._peripheral, self._store
        if not octets:
            raise att_error(att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR)
        if peripheral is None or store is None or not peripheral.subscribed(self._control):
            raise att_error(CONFIGURATION_IMPROPER)
        answer = self._answer(octets[0], octets[1:])

        async def respond() -> None:
            await peripheral.indicate(self._control, answer)
            peripheral.stir()  # records may be sent now

        store.beside(respond())

    def _answer(self, op_code: int, operand: bytes) -> bytes:
        for forbidden, name in _FORBIDDEN.items():
            if op_code == forbidden:
                self._forbidden.record(name)
        if op_code == OpCode.REGISTER:
            return self._register(operand)
        if op_code == OpCode.CONSENT:
            return user_data.response(op_code, self._consent(operand))
        if op_code == OpCode.LIST and self._lists_users:
            return user_data.response(op_code, Result.SUCCESS, bytes([len(self._codes)]))
        return user_data.response(op_code, Result.OP_CODE_NOT_SUPPORTED)

    def _register(self, operand: bytes) -> bytes:
        code = int.from_bytes(operand, "little")
        if len(operand) != 2 or code > user_data.HIGHEST_CODE:
            return user_data.response(OpCode.REGISTER, Result.INVALID_PARAMETER)
        free = [slot for slot in range(1, _MOST_USERS + 1) if slot not in self._codes]
        if not free:
            return user_data.response(OpCode.REGISTER, Result.FAILED)
        self._codes[free[0]] = code
        return user_data.response(OpCode.REGISTER, Result.SUCCESS, bytes(free[:1]))

    def _consent(self, operand: bytes) -> Result:
        if len(operand) != 3:
            return Result.INVALID_PARAMETER
        slot, code = operand[0], int.from_bytes(operand[1:], "little")
        if code > user_data.HIGHEST_CODE:
            return Result.INVALID_PARAMETER
        if self._codes.get(slot) != code or self._wrong.get(slot, 0) >= _WRONG_CODES:
            self._wrong[slot] = self._wrong.get(slot, 0) + 1
            return Result.NOT_AUTHORISED
        self._wrong[slot] = 0
        self._consented.add(slot)
        self._user = slot
        return Result.SUCCESS

    def _profile(self, uuid: int, value: Read) -> Any:
        return characteristic(
            uuid, READ | WRITE, read=self._of_user(value), write=self._take, secure=self._secure
        )

    def _of_user(self, value: Read) -> Read:
        def read() -> bytes:
            if self._user is None:
                raise att_error(ACCESS_NOT_PERMITTED)
            return value()

        return read

    def _take(self, _octets: bytes) -> None:
        """Accept a profile as it is written; nobody weighs differently for it."""
        if self._user is None:
            raise att_error(ACCESS_NOT_PERMITTED)

    def _count(self, octets: bytes) -> None:
        """Accept a new increment, which commits what was written before it."""
        if self._user is None:
            raise att_error(ACCESS_NOT_PERMITTED)
        if len(octets) != 4:
            raise att_error(att.ATT_INVALID_ATTRIBUTE_LENGTH_ERROR)
        if int.from_bytes(octets, "little") != self._increment():
            self._committed.add(self._user)
        self._increments[self._user] = int.from_bytes(octets, "little")

    def _read_index(self) -> bytes:
        return bytes([user_data.INDEX_UNKNOWN if self._user is None else self._user])

    def _increment(self) -> int:
        return self._increments.get(self._user or 0, 0)

    def _person(self) -> Person:
        return self._people.get(self._user) or Person(name="")
