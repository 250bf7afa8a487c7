"""The conversation with an Omron cuff that is read like a memory: unlock, begin, read all, end.

Nothing is written to the memory: not the clock, not the count of what was read; a mistake there can
spoil it. Older cuffs (service ECBE3980) want a key of 16 octets, which is given to them once, in
pairing mode, on the owner's order; newer ones (FE4A) show their service to who is bonded only, and
answer once they have given back four octets that we chose.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from gateway.drivers.api import Channel, Frame, Inbox, Session, Setting, gatt
from gateway.drivers.bp_monitor.memory import Stored, made
from gateway.drivers.bp_monitor.omron_ble import codec
from gateway.drivers.bp_monitor.omron_ble.codec import OmronFrame
from gateway.drivers.bp_monitor.omron_ble.models import LAYOUTS, Layout
from gateway.drivers.bp_monitor.readings import Pressure
from gateway.drivers.gatt_device import introduce
from gateway.errors import (
    ConfigError,
    DecodeError,
    LinkTimeout,
    PairingNeeded,
    ProtocolError,
)

OLD, NEW = "ecbe3980-c9a2-11e1-b1bd-0002a5d5c51b", "fe4a"
MODEL = Setting("model", f"Which cuff it is: {', '.join(LAYOUTS)}. Nothing tells it by itself.")
KEY = Setting("key", "32 hex digits of your own, for a cuff of the older kind: its key.")
PROGRAM_KEY = Setting(
    "program_key", "Give the cuff this key, once, while it shows its pairing mode.", default=False
)

_UNLOCK = "b305b680-aee7-11e1-a730-0002a5d5c51b"
_ASK = "db5b55e0-aee7-11e1-965e-0002a5d5c51b"  # requests have 8 octets: the first of four will do
_ANSWERS = (
    "49123040-aee8-11e1-a74d-0002a5d5c51b",
    "4d0bf320-aee8-11e1-a0d9-0002a5d5c51b",
    "5128ce60-aee8-11e1-b84b-0002a5d5c51b",
    "560f1420-aee8-11e1-8184-0002a5d5c51b",
)
_ANSWER_S = 5.0  # guess: public clients wait a second and ask again, up to five times
_TRIES = 3
_PROGRAM, _SET, _OPEN = b"\x02" + bytes(16), b"\x00", b"\x01"
_GREETING, _GREETED = b"\x11", b"\x91\x00"


async def converse(session: Session) -> None:
    """Record all that the cuff holds; what is known already is no news."""
    layout = _layout(session)
    service = next((it for it in (NEW, OLD) if gatt(it, _ASK) in session.link.channels), None)
    if service is None:
        raise PairingNeeded(
            "The cuff hides its memory until it is paired: pair it, then try again."
        )
    unlock = gatt(service, _UNLOCK)
    is_locked = unlock in session.link.channels
    if is_locked and service == OLD:
        await _unlock(session, unlock)
    memory = await _Memory.subscribed(session, service)
    if is_locked and service == NEW:
        await _greet(session, unlock)
    await memory.expect(codec.BEGIN, codec.BEGUN)
    for user in range(len(layout.users)):
        await _read(session, memory, layout, user)
    await memory.expect(codec.END, codec.ENDED)
    await introduce(session)


def _layout(session: Session) -> Layout:
    named = str(session.setting(MODEL.name) or "").upper()
    if named not in LAYOUTS:
        raise ConfigError(f"{MODEL.name} must say which cuff it is: one of {', '.join(LAYOUTS)}.")
    return LAYOUTS[named]


async def _unlock(session: Session, channel: Channel) -> None:
    try:
        key = bytes.fromhex(str(session.setting(KEY.name) or ""))
    except ValueError:
        key = b""
    if len(key) != 16:
        raise ConfigError(f"{KEY.name} must be 32 hex digits of your own; the cuff is given them.")
    inbox = await session.link.subscribe(channel)
    if await _said(session, channel, inbox, _OPEN + key) == "8100":
        return
    if session.setting(PROGRAM_KEY.name):
        entered = await _said(session, channel, inbox, _PROGRAM) == "8200"
        if entered and await _said(session, channel, inbox, _SET + key) == "8000":
            await session.remark("key_programmed")
            if await _said(session, channel, inbox, _OPEN + key) == "8100":
                return
    raise PairingNeeded(
        "The cuff does not know the key: hold its Bluetooth button until it shows P, and set"
        f" {PROGRAM_KEY.name} for one conversation."
    )


async def _greet(session: Session, channel: Channel) -> None:
    """Have the cuff give back what we chose; one that does not may answer all the same.

    Spec: eigger/hass-omron, unlock.py, `_token_unlock`, from what the maker's app was seen to send:
    after the answers are subscribed to, and first as a command that is not acknowledged.
    """
    inbox = await session.link.subscribe(channel)
    chosen = secrets.token_bytes(4)
    for acknowledged in (False, True):
        await session.link.write(channel, _GREETING + chosen + bytes(15), acknowledged=acknowledged)
        try:
            while not (await inbox.get(within=_ANSWER_S)).data.startswith(_GREETED + chosen):
                pass
        except LinkTimeout:
            continue
        return


async def _said(session: Session, channel: Channel, inbox: Inbox, octets: bytes) -> str:
    await session.link.write(channel, octets)
    return (await inbox.get(within=_ANSWER_S)).data[:2].hex()


class _Memory:
    """Requests to the memory, and their answers put together."""

    def __init__(self, session: Session, ask: Channel, answers: Sequence[Inbox]) -> None:
        self._session = session
        self._ask = ask
        self._answers = answers
        self.channel = ask
        """What names the memory where a part of it is kept."""

    @classmethod
    async def subscribed(cls, session: Session, service: str) -> _Memory:
        offered = session.link.channels
        channels = [gatt(service, it) for it in _ANSWERS if gatt(service, it) in offered]
        if not channels:
            raise ProtocolError("The cuff offers nothing to answer on: is it another model?")
        inboxes = [await session.link.subscribe(channel) for channel in channels]
        return cls(session, gatt(service, _ASK), inboxes)

    async def expect(self, request: bytes, kind: str, address: int | None = None) -> OmronFrame:
        """Ask, again if no right answer comes, and return it. Raises ProtocolError.

        An answer to something else is passed over: it was asked for twice, and came late.
        """
        for _ in range(_TRIES):
            await self._session.link.write(self._ask, request)
            try:
                while True:
                    answer = codec.frame(await self._whole())
                    here = address is None or int(answer.address, 16) == address
                    if answer.packet_type == kind and here:
                        return answer
            except (DecodeError, LinkTimeout):
                continue
        raise ProtocolError("The cuff gave no right answer: is it another model, or locked?")

    async def block(self, address: int, octets: int) -> bytes:
        """Read a part of the memory. Raises ProtocolError.

        Of one that was never written a cuff may say how long it is, and give nothing of it.
        """
        request = codec.read_request(address, octets)
        answer = await self.expect(request, codec.READ, address)
        if not answer.data and answer.size == octets:
            return codec.UNWRITTEN * octets
        if len(answer.data) != octets:
            raise ProtocolError("The cuff gave another amount of its memory than was asked for.")
        return answer.data

    async def _whole(self) -> bytes:
        first, *others = self._answers
        data = (await first.get(within=_ANSWER_S)).data
        for inbox in others:
            if data and len(data) < data[0]:
                data += (await inbox.get(within=_ANSWER_S)).data
        return data


async def _read(session: Session, memory: _Memory, layout: Layout, user: int) -> None:
    """Record one user's measurements; an unreadable or damaged slot is set aside."""
    stored: list[Stored] = []
    for address, octets in layout.blocks(user):
        block = await memory.block(address, octets)
        for at in range(0, octets, layout.record_octets):
            slot = block[at : at + layout.record_octets]
            try:
                found = codec.record(slot, layout.order, layout.sum_at)
            except DecodeError as error:
                if error.reason != "empty_slot":
                    await session.set_aside(Frame(memory.channel, slot, session.now()), error)
                continue
            whose = str(user + 1)
            stored.append(Stored(found.timestamp, _pressure(found), session.now(), whose))
    if stored:
        await session.record(*made(session, stored))


def _pressure(found: codec.OmronRecord) -> Pressure:
    doubts = {"body_movement"} if found.body_movement else set()
    findings = {"irregular_pulse"} if found.irregular_pulse else set()
    return Pressure(found.systolic, found.diastolic, None, found.pulse, doubts, findings)
