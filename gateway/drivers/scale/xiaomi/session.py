"""Listens to a Mi scale: one weight for each time somebody stands on it, and the impedance.

The scale advertises all the while; only what is stabilised, still loaded and no small object is a
person's weight. The impedance of a version 2 comes some seconds after the weight. A body
composition is not measured: the maker's app computes one, the gateway does not.

What is loaded is being weighed as it is heard, whatever the scale's clock shows: nobody sets that
one but the maker's app. What it shows is seen by the advertisement that was the least late.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from gateway.domain.quantity import Quantity, Unit, kg_from_lb
from gateway.domain.reading import ClockSample, Kind, Measure, Reading
from gateway.drivers.api import Channel, Frame, Session
from gateway.drivers.episodic import IDLE_S, next_frame, timed
from gateway.drivers.scale.xiaomi.codec import MiComposition, MiWeight, composition, weight
from gateway.errors import DecodeError
from gateway.wire.gatt_time import date_time_octets

V1 = Channel("advertisement/181d")
V2 = Channel("advertisement/181b")

_KG_PER_JIN = Decimal("0.5")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - any does
_LATE = timedelta(minutes=2)
"""Later than by this no advertisement is heard: then the clock was set."""

Shown = MiWeight | MiComposition


async def converse(session: Session) -> None:
    """Record each weigh-in until the scale is silent."""
    inboxes = [await session.link.subscribe(channel) for channel in (V1, V2)]
    scale = _Scale(session)
    while (frame := await next_frame(inboxes, IDLE_S)) is not None:
        await scale.hear(frame)


class _Scale:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: bytes | None = None
        self._weighed: tuple[Decimal, str] | None = None
        self._measured: int | None = None
        self._object = False
        self._clock: ClockSample | None = None

    async def hear(self, frame: Frame) -> None:
        """Take in one advertisement; the same one again is no news."""
        if frame.data == self._last:
            return
        self._last = frame.data
        try:
            shown = weight(frame.data) if frame.channel == V1 else composition(frame.data)
        except DecodeError as error:
            await self._session.set_aside(frame, error)
            return
        self._look_at_clock(shown, frame)
        if not shown.stabilized or shown.removed:
            self._weighed = self._measured = None
            self._object = False
        elif not shown.object:
            await self._record(shown, frame)
        elif not self._object:
            self._object = True
            await self._session.remark("object_weighed", frame)

    def _look_at_clock(self, shown: Shown, frame: Frame) -> None:
        """Take what the clock shows, unless what was heard before is a little less late."""
        if not isinstance(shown.timestamp, datetime):
            return
        look = ClockSample(shown=shown.timestamp, at=frame.received)
        if self._clock is None or not timedelta() <= _late(look) - _late(self._clock) <= _LATE:
            self._clock = look

    async def _record(self, shown: Shown, frame: Frame) -> None:
        made = []
        if self._weighed != (shown.weight, shown.unit):
            self._weighed = (shown.weight, shown.unit)
            made.append(self._reading(Kind.WEIGHT, Measure.WEIGHT, _kilograms(shown), shown, frame))
        ohm = shown.impedance_ohm if isinstance(shown, MiComposition) else None
        if ohm is not None and ohm != self._measured:
            self._measured = ohm
            quantity = Quantity(value=Decimal(ohm), unit=Unit.OHM)
            kind, measure = Kind.BODY_COMPOSITION, Measure.IMPEDANCE
            made.append(self._reading(kind, measure, quantity, shown, frame))
        if made:
            await self._session.record(*made)

    def _reading(
        self,
        kind: Kind,
        measure: Measure,
        quantity: Quantity,
        shown: Shown,
        frame: Frame,
    ) -> Reading:
        raw = date_time_octets(shown.timestamp)
        when = timed(frame, shown.timestamp, raw, self._clock, alone=True)
        return Reading(
            device=self._session.device.id,
            kind=kind,
            values={measure: quantity},
            received=frame.received,
            device_time=when.device_time,
            record=when.record,
            live=when.live,
        )


def _late(clock: ClockSample) -> timedelta:
    """Say how late a look is, compared with another of the same conversation."""
    return timedelta(seconds=clock.at.monotonic) - (clock.shown - _EPOCH)


def _kilograms(shown: Shown) -> Quantity:
    if shown.unit == "lb":
        return kg_from_lb(shown.weight)
    if shown.unit == "jin":
        kilograms, original = shown.weight * _KG_PER_JIN, f"{shown.weight} jin"
        return Quantity(value=kilograms, unit=Unit.KILOGRAM, original=original)
    return Quantity(value=shown.weight, unit=Unit.KILOGRAM)
