"""A Yonker YK-IBPA1, or another of its kind: it notifies a result, and listens to nobody.

Nobody finds it by its service, which it does not advertise. While somebody measures on a link, the
pressure in the cuff is notified, then the result. Who subscribes is told the latest result, or all
that it remembers, one right after the other; which of both is not in the collector's hands. Nothing
says whose a result is, nothing sets its clock, and nothing is ever forgotten for having been told.
Sources: blood-pressure-monitor-fl #615, #688 and its comments on the conversation. Guesses: that a
failed measurement has no result, that all are told oldest first, the capacity, and that there is no
other service.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from firmware_sims.asked_device import AskedDevice
from firmware_sims.body import Body
from firmware_sims.episodic import Fittings
from firmware_sims.faults import Fault
from firmware_sims.gatt import NOTIFY, characteristic, is_secure, service
from firmware_sims.identity import Identity
from firmware_sims.memory import RecordMemory
from firmware_sims.packing import yonker
from firmware_sims.peripheral import Peripheral
from firmware_sims.placement import pressure_kinds

SERVICE = "CDEACD80-5235-4C07-8846-93A37EE6B86D"
RESULT = "CDEACD81-5235-4C07-8846-93A37EE6B86D"
_CAPACITY = 99
_INFLATING_MMHG = (40, 90, 160)


class YonkerMonitor(AskedDevice):
    """A virtual monitor; `tells_all` if who subscribes is told all it remembers."""

    advertised: Sequence[int] = ()

    def __init__(
        self, identity: Identity, body: Body, fittings: Fittings, *, tells_all: bool = False
    ) -> None:
        super().__init__(identity, fittings)
        self.memory: RecordMemory[bytes] = RecordMemory(_CAPACITY)
        self._body = body
        self._tells_all = tells_all
        self._result = characteristic(RESULT, NOTIFY, secure=is_secure(identity))
        self._result.on("subscription", self._on_subscription)

    def services(self) -> Sequence[Any]:
        """Return its own."""
        return [service(SERVICE, self._result)]

    @property
    def held(self) -> int:
        """How many results it remembers."""
        return len(self.memory)

    def measure(self, at: datetime | None = None) -> None:
        """Let its person measure, now or at a true time in the past."""
        if self.faults.strikes(Fault.DROP_CLOCK):
            self.clock.reset()
        results = []
        if not self.faults.strikes(Fault.NAN_MEASUREMENT):
            results = [self._kept(at or self.now())]
            self.life.wake()
        if at is None:
            self.life.beside(self._measure_on_link(results))

    async def live_on(self, peripheral: Peripheral) -> None:
        """Be there to be subscribed to."""

    def _kept(self, taken_at: datetime) -> bytes:
        pressure = self._body.pressure(taken_at)
        self.enter(taken_at, pressure_kinds(pressure, mean=False), person=self._body.person.name)
        result = yonker.measurement(
            int(pressure.systolic),
            int(pressure.diastolic),
            int(pressure.pulse),
            self.clock.device_local(taken_at),
        )
        self.memory.keep(result)
        return result

    def _on_subscription(self, _link: Any, notifies: bool, _indicates: bool) -> None:
        if notifies:
            remembered = list(self.memory)
            self.life.beside(self._tell(remembered if self._tells_all else remembered[-1:]))

    async def _measure_on_link(self, results: Iterable[bytes]) -> None:
        for mmhg in _INFLATING_MMHG:
            await self._notify(yonker.inflating(mmhg))
        await self._tell(results)

    async def _tell(self, results: Iterable[bytes]) -> None:
        for result in results:
            await self.life.think()
            if self.faults.strikes(Fault.GARBAGE_FRAME):
                await self._notify(result[:-1])
            await self._notify(result)
            if self.faults.strikes(Fault.DUPLICATE_INDICATION):
                await self._notify(result)
            if self.faults.strikes(Fault.DISCONNECT_MID_RECORD) and self.life.peripheral:
                await self.life.peripheral.disconnect()

    async def _notify(self, octets: bytes) -> None:
        if self.life.peripheral is not None:
            await self.life.peripheral.notify(self._result, octets)
