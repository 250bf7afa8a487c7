"""The conversation with a Yonker cuff: subscribe, and take in what it sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.domain.reading import Reading
from gateway.drivers.api import Frame, Session, gatt
from gateway.drivers.bp_monitor.readings import Pressure, readings
from gateway.drivers.bp_monitor.yonker import codec
from gateway.drivers.bp_monitor.yonker.codec import YonkerMeasurement
from gateway.drivers.cable_readings import Origin
from gateway.drivers.episodic import Heard, hear_out, timed
from gateway.drivers.gatt_device import introduce
from gateway.errors import DecodeError

SERVICE = "cdeacd80-5235-4c07-8846-93a37ee6b86d"
DATA = gatt(SERVICE, "cdeacd81-5235-4c07-8846-93a37ee6b86d")

_MINUTE = timedelta(minutes=1)
_ON_THE_AIR = timedelta(minutes=2)  # as for any device that appears after it has measured


async def converse(session: Session) -> None:
    """Record each result until the cuff is silent or hangs up. It shows its clock to nobody."""
    inbox = await session.link.subscribe(DATA)
    await introduce(session)
    await hear_out(session, _Cuff(session), None, inbox)


@dataclass(slots=True)
class _Cuff:
    session: Session
    others: set[int] = field(default_factory=set)
    """First octets of frames that are no results, as far as they were remarked on."""

    async def understand(self, frame: Frame, /) -> YonkerMeasurement | None:
        if frame.data and frame.data[0] != codec.RESULT:
            await self._remark_once(frame)
            return None
        try:
            said = codec.measurement(frame.data)
        except DecodeError as error:
            await self.session.set_aside(frame, error)
            return None
        if not (said.systolic and said.diastolic):
            await self.session.remark("measurement_failed", frame)
            return None
        return said

    def belong_together(self, earlier: YonkerMeasurement, later: YonkerMeasurement, /) -> bool:
        """Say no: each message is a measurement."""
        return False

    async def record(self, heard: Sequence[Heard[YonkerMeasurement]], /, *, alone: bool) -> None:
        made = [reading for one in heard for reading in self._readings(one, alone=alone)]
        await self.session.record(*made)

    def _readings(self, heard: Heard[YonkerMeasurement], *, alone: bool) -> tuple[Reading, ...]:
        frame, said = heard.frame, heard.message
        when = timed(frame, said.timestamp, frame.data[codec.TIME], None, alone=alone)
        told = when.device_time
        origin = Origin(
            device=self.session.device.id,
            received=frame.received,
            device_time=told and told.model_copy(update={"resolution": _MINUTE}),
            record=when.record,
            live=when.live,
            taken_within=_ON_THE_AIR,
        )
        pressure = Pressure(said.systolic, said.diastolic, None, said.pulse or None)
        return readings(pressure, origin)

    async def _remark_once(self, frame: Frame) -> None:
        """Keep one frame of each sort that is no result: some may be worth a driver's while."""
        if frame.data[0] not in self.others:
            self.others.add(frame.data[0])
            await self.session.remark("no_result", frame)
