"""The conversation with a Yonker cuff: subscribe, and take in what it sends.

Its clock is often wrong and cannot be read, and a result that comes alone may be an old one. So
what is stamped more than a month ago waits to the end: its stamp counts if another result, of these
days by its stamp, came beside it. Else nobody knows whether the clock or the result is old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.device_time import EARLIEST
from gateway.domain.reading import DeviceTime, Reading
from gateway.drivers.api import Frame, Session, gatt
from gateway.drivers.bp_monitor.readings import Pressure, readings
from gateway.drivers.bp_monitor.yonker import codec
from gateway.drivers.bp_monitor.yonker.codec import YonkerMeasurement
from gateway.drivers.cable_readings import Origin
from gateway.drivers.episodic import Heard, hear_out, timed
from gateway.drivers.gatt_device import introduce
from gateway.errors import DecodeError
from gateway.wire.gatt_time import DateTime

SERVICE = "cdeacd80-5235-4c07-8846-93a37ee6b86d"
DATA = gatt(SERVICE, "cdeacd81-5235-4c07-8846-93a37ee6b86d")

_MINUTE = timedelta(minutes=1)
_ON_THE_AIR = timedelta(minutes=2)  # as for any device that appears after it has measured
_A_DAY = timedelta(days=1)
_A_MONTH = timedelta(days=31)
"""A clock that was never set, or lost its battery, is off by more. Guess."""


async def converse(session: Session) -> None:
    """Record each result until the cuff is silent or hangs up. It shows its clock to nobody."""
    inbox = await session.link.subscribe(DATA)
    await introduce(session)
    cuff = _Cuff(session)
    try:
        await hear_out(session, cuff, None, inbox)
    finally:  # also when the gateway stops
        await cuff.finish()


@dataclass(slots=True)
class _Cuff:
    session: Session
    others: set[int] = field(default_factory=set)
    """First octets of frames that are no results, as far as they were remarked on."""
    old: list[Heard[YonkerMeasurement]] = field(default_factory=list)
    """What was stamped long ago, and waits; a remark keeps each frame safe meanwhile."""
    is_right: bool = False
    """Whether a result of these days by its stamp shows that the clock is."""

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
        made: list[Reading] = []
        for one in heard:
            if _is_long_ago(one.message.timestamp, one.frame):
                self.old.append(one)
                await self.session.remark("record_of_long_ago", one.frame)
            else:
                self.is_right = self.is_right or _is_of_these_days(one.message.timestamp, one.frame)
                made += self._readings(one, alone=alone)
        if made:
            await self.session.record(*made)

    async def finish(self) -> None:
        """Record what was stamped long ago."""
        old, self.old = self.old, []
        made = [it for one in old for it in self._readings(one, alone=False, dated=self.is_right)]
        if made:
            await self.session.record(*made)

    def _readings(
        self, heard: Heard[YonkerMeasurement], *, alone: bool, dated: bool = True
    ) -> tuple[Reading, ...]:
        frame, said = heard.frame, heard.message
        when = timed(frame, said.timestamp, frame.data[codec.TIME], None, alone=alone)
        told = when.device_time
        if told is not None and not dated:
            told = DeviceTime(stamp=None, raw=told.raw)
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


def _is_long_ago(stamp: DateTime, frame: Frame) -> bool:
    """Whether the stamp is of more than a month ago; that of a clock never set is of no time."""
    if not isinstance(stamp, datetime) or stamp.year < EARLIEST.year:
        return False
    return stamp < _utc(frame) - _A_MONTH


def _is_of_these_days(stamp: DateTime, frame: Frame) -> bool:
    """Whether the stamp is of the last month, and not of a day to come."""
    return isinstance(stamp, datetime) and -_A_MONTH <= stamp - _utc(frame) <= _A_DAY


def _utc(frame: Frame) -> datetime:
    return frame.received.utc.replace(tzinfo=None)
