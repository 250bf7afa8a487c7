"""A QN scale: a Renpho, an Arboleaf or another of Qing Niu's. It talks, and the host answers.

It says what it is until it is answered, then what it wants, and then what it shows. An extended
one wants to be told who stands on it, and does not weigh before; told a guest without a body it
computes no fat. Whose weighing a host does not take is stored, and given away once: to have sent it
is to have forgotten it.
Spec: docs/protocols/qn.md. Guesses: what was not confirmed by 1F is stored; the end is repeated
five times at most; who says another `who` back is answered and never told a weight (as
ble-scale-sync says of newer relatives); a frame with a wrong sum is not heard; at most 20 stored.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from firmware_sims.asked_device import AskedDevice
from firmware_sims.body import Body, Mass, stepped
from firmware_sims.episodic import Fittings
from firmware_sims.faults import Fault
from firmware_sims.gatt import (
    INDICATE,
    NOTIFY,
    WRITE,
    WRITE_WITHOUT_RESPONSE,
    Battery,
    characteristic,
    device_information_service,
    service,
)
from firmware_sims.identity import Advertisement, Identity, advertisement
from firmware_sims.ledger import Kind as Produced
from firmware_sims.packing import qn
from firmware_sims.packing.qn import Kind, State, Weighing
from firmware_sims.peripheral import Peripheral
from firmware_sims.scale.qn_models import ESCS20MN, Model, panel_of
from firmware_sims.scale.qn_weighings import Standing, Stored, Weighings

COMPANY = 0xFFFF
_REPEATS = 5
_INTRODUCES_EVERY_S = 0.2
_SWAYS_KG = (Decimal("-0.85"), Decimal("0.4"))
_UNKNOWN = bytes.fromhex("00000100000000")  # what 14 says in captures


@dataclass(slots=True)
class _Talk:
    """How far the conversation of one link is."""

    introduced: bool = False
    ready: bool = False
    estranged: bool = False
    told_who: bool = False
    user: int = qn.GUEST
    computes: bool = False
    received: bool = False


class QnScale(AskedDevice):
    """A virtual scale. `pause_s` is between the frames of somebody standing."""

    def __init__(
        self,
        identity: Identity,
        body: Body,
        fittings: Fittings,
        model: Model = ESCS20MN,
        *,
        pause_s: float = 0.3,
    ) -> None:
        super().__init__(identity, fittings, call=self.called)
        self.advertised: Sequence[int] = (0xFFE0 if model.old_service else 0xFFF0,)
        self._model = model
        self._body = body
        self._pause_s = pause_s
        self._talk = _Talk()
        self._weighings = Weighings(fittings.now, fittings.clock)
        self._showing, self._giving = asyncio.Lock(), asyncio.Lock()
        self._battery = Battery()
        writes = WRITE | WRITE_WITHOUT_RESPONSE
        said, heard = (0xFFE1, (0xFFE3, 0xFFE4)) if model.old_service else (0xFFF1, (0xFFF2,))
        self._said = characteristic(said, NOTIFY)
        self._heard = [characteristic(each, writes, write=self._hear) for each in heard]
        self._asked = characteristic(0xFFE2, INDICATE) if model.old_service else self._said

    def services(self) -> Sequence[Any]:
        """Return its own, device information and battery."""
        own = [self._said, *([self._asked] if self._model.old_service else []), *self._heard]
        return (
            service(self.advertised[0], *own),
            device_information_service(self.identity),
            self._battery.service(),
        )

    @property
    def held(self) -> int:
        """How many weighings it has stored."""
        return len(self._weighings)

    def measure(self, at: datetime | None = None) -> None:
        """Let somebody step on, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        taken_at, mass = at or self.now(), self._body.weigh()
        bare = not self.faults.strikes(Fault.IMPEDANCE_FAILED)
        settles = not self.faults.strikes(Fault.NAN_MEASUREMENT)
        standing = Standing(taken_at, self._model.weighing(mass, bare=bare), mass, settles)
        if settles:
            self._enter(standing)
        if at is not None:
            self._weighings.store(standing)
        else:
            self._weighings.step_on(standing)
            self.life.beside(self._weigh())
        self.life.wake()

    async def live_on(self, peripheral: Peripheral) -> None:
        """Say what it is to each who listens, until answered; begin anew with the next link."""
        model = self._model
        while True:
            await peripheral.until(lambda: peripheral.linked and peripheral.subscribed(self._said))
            while not await peripheral.until(
                lambda: self._talk.introduced or not peripheral.linked, _INTRODUCES_EVERY_S
            ):
                await self._say(qn.identity(model.who, self.identity.address, model.rest))
            await peripheral.until(lambda: not peripheral.linked)
            self._talk = _Talk()

    def called(self) -> Advertisement:
        """Return what it calls out: how many weighings are stored is in the scan response."""
        address = bytes.fromhex(self.identity.address.replace(":", ""))[::-1]
        told = self._model.number.to_bytes(2, "big") + bytes([1, 0, self.held])
        maker = COMPANY.to_bytes(2, "little") + told + address
        called = advertisement(self.identity, self.advertised)
        return replace(called, response=bytes([len(maker) + 1, 0xFF]) + maker)

    def _hear(self, octets: bytes) -> None:
        if octets[:1] == bytes([Kind.OLD_TIME]) and len(octets) == 5:
            self._set_clock(octets[1:])
        elif qn.is_whole(octets):
            self._take(octets)

    def _take(self, octets: bytes) -> None:
        kind, who, payload, talk = octets[0], octets[2], octets[3:-1], self._talk
        if kind != Kind.SET_USER and who != self._model.who:
            talk.estranged = True
        match kind:
            case Kind.SET_UNIT if not talk.introduced:
                talk.introduced = True
                self._stir()
                self.life.beside(self._say(qn.frame(Kind.WANTS_TIME, self._model.who, _UNKNOWN)))
            case Kind.SET_TIME if len(payload) == 4:
                self._set_clock(payload)
                self.life.beside(self._get_ready())
            case Kind.SET_USER if payload:
                self._set_user(who, payload)
            case Kind.GET_STORED:
                self.life.beside(self._give_away())
            case Kind.RECEIVED:
                talk.received = True
                self._stir()

    def _set_clock(self, seconds: bytes) -> None:
        shown = timedelta(seconds=int.from_bytes(seconds, "little"))
        self.clock.set_to(qn.MILLENNIUM + shown)

    def _set_user(self, what: int, payload: bytes) -> None:
        user, talk = payload[0], self._talk
        if what == 0x02 and len(payload) == 9:
            if user != qn.GUEST:
                self.forbidden.record("write a user")
            talk.told_who, talk.user = True, user
            talk.computes = payload[7] != 0 and payload[5:7] != b"\x00\x00"
        taken = qn.frame(Kind.USER_TAKEN, what, bytes([user, 1]))
        self.life.beside(self._answer_user(taken))

    async def _answer_user(self, taken: bytes) -> None:
        await self._say(taken)
        await self._weigh()

    async def _get_ready(self) -> None:
        self._talk.ready = True
        model = self._model
        await self._say_asked(
            qn.frame(Kind.READY, model.who, model.ready, length=model.ready_length)
        )
        await self._weigh()

    async def _weigh(self) -> None:
        """Show the weight of who stands there, if the host is ready for it."""
        async with self._showing:
            talk, standing = self._talk, self._weighings.standing
            if not talk.ready or talk.estranged or standing is None:
                return
            if self._model.extended and not talk.told_who:
                return
            talk.received = False
            await self._show(standing)
            self._weighings.step_off(standing, received=talk.received)

    async def _show(self, standing: Standing) -> None:
        weighing = self._computed(standing)
        for by in _SWAYS_KG:
            swaying = replace(weighing, weight=stepped(weighing.weight + by, self._model.step))
            await self._say(self._live(swaying, State.SETTLING))
            await asyncio.sleep(self._pause_s)
        if not standing.settles:
            return
        if self._model.says_settled:
            await self._say(self._live(weighing, State.SETTLED))
            await asyncio.sleep(self._pause_s)
        await self._say_the_end(weighing, standing.mass)

    async def _say_the_end(self, weighing: Weighing, mass: Mass) -> None:
        peripheral, end = self.life.peripheral, self._live(weighing, State.ENDED)
        if self.faults.strikes(Fault.GARBAGE_FRAME):
            await self._say(end[:6])
        if self.faults.strikes(Fault.WRONG_CHECKSUM):
            await self._say(end[:-1] + bytes([end[-1] ^ 0x01]))
        for time in range(_REPEATS):
            await self._say(end)
            if time == 0 and self._model.panels and self._talk.computes:
                for panel in qn.panels(self._model.who, panel_of(mass)):
                    await self._say(panel)
            if peripheral is None:
                return
            if self.faults.strikes(Fault.DISCONNECT_MID_RECORD):
                await peripheral.disconnect()
            await peripheral.until(
                lambda: self._talk.received or not peripheral.linked, self._pause_s
            )
            if self._talk.received or not peripheral.linked:
                return

    async def _give_away(self) -> None:
        """Send what is stored, and forget each weighing that was sent."""
        async with self._giving:
            model, records = self._model, list(self._weighings)
            if not records:
                await self._say_asked(qn.nothing_stored(model.who, zeros=model.zeros))
            in_order = records[::-1] if model.newest_first else records
            for number, record in enumerate(in_order, start=1):
                if not await self._say_asked(self._stored(record, number, len(records))):
                    return
                self._weighings.forget(record)

    def _stored(self, record: Stored, number: int, count: int) -> bytes:
        model = self._model
        return qn.stored(
            model.who,
            record.weighing,
            record.shown,
            (number, count),
            user=qn.NOT_A_USER if model.extended else None,
            zeros=model.zeros,
            per_kg=model.per_kg,
        )

    def _live(self, weighing: Weighing, state: State) -> bytes:
        model = self._model
        user = self._talk.user if model.extended else None
        rest = b"\x00" if model.panels else b""
        return qn.live(model.who, weighing, state, user=user, per_kg=model.per_kg, rest=rest)

    async def _say(self, octets: bytes) -> bool:
        peripheral = self.life.peripheral
        if peripheral is None or self.faults.strikes(Fault.SILENCE):
            return False
        await self.life.think()
        return await peripheral.notify(self._said, octets)

    async def _say_asked(self, octets: bytes) -> bool:
        if not self._model.old_service:
            return await self._say(octets)
        peripheral = self.life.peripheral
        return peripheral is not None and await peripheral.indicate(self._asked, octets)

    def _stir(self) -> None:
        if self.life.peripheral is not None:
            self.life.peripheral.stir()

    def _computed(self, standing: Standing) -> Weighing:
        computes = self._talk.computes and any(standing.weighing.resistances)
        fat = standing.mass.body_fat_percent if computes else Decimal(0)
        return replace(standing.weighing, fat_percent=fat)

    def _enter(self, standing: Standing) -> None:
        kinds = {Produced.WEIGHT: {"weight": str(standing.weighing.weight), "unit": "kg"}}
        first, _ = standing.weighing.resistances
        if first and not self._model.panels:
            kinds[Produced.BODY_COMPOSITION] = {"impedance_ohm": str(first)}
        self.enter(standing.since, kinds, person=self._body.person.name)
