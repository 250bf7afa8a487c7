"""Readings that come in while a browser is open."""

from datetime import datetime, timedelta
from decimal import Decimal

from gateway.domain.device import Device, DeviceId
from gateway.domain.entry import Entry
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import DeviceTime, Kind, Measure, Reading
from tests.web.window import Window

SCALE = Device(id=DeviceId("serial:scale"), driver="scale/tanita", serial="SN-1")
MOMENT = timedelta(seconds=5)


async def owned(window: Window, device: Device) -> Window:
    """Let in the owner of this device."""
    await window.hub.journal.describe(device)
    await window.hub.journal.adopt(device.id, device.driver)
    await window.enter()
    return window


async def weigh(
    window: Window,
    kg: str,
    *,
    within: timedelta = MOMENT,
    taken_at: datetime | None = None,
) -> Entry:
    """Let a weight arrive now; from the scale's memory if it was taken at another time."""
    clock = window.hub.clock
    told = None
    if taken_at is not None:
        stamp = taken_at.replace(tzinfo=None)
        told = DeviceTime(stamp=stamp, raw="00", utc_offset=timedelta())
    reading = Reading(
        device=SCALE.id,
        kind=Kind.WEIGHT,
        values={Measure.WEIGHT: Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)},
        received=clock.now(),
        device_time=told,
        live=taken_at is None,
        taken_within=within,
    )
    (entry,) = await window.hub.journal.record(SCALE, [reading])
    return entry


async def use_a_ketone_strip(window: Window, mmol_l: str) -> Entry:
    """Let an amount of ketone arrive, through the same device."""
    amount = Quantity(value=Decimal(mmol_l), unit=Unit.MILLIMOLE_PER_LITRE)
    reading = Reading(
        device=SCALE.id,
        kind=Kind.BLOOD_KETONE,
        values={Measure.KETONE: amount},
        received=window.hub.clock.now(),
        taken_within=MOMENT,
    )
    (entry,) = await window.hub.journal.record(SCALE, [reading])
    return entry


async def wear_a_sensor(window: Window) -> None:
    """Let a value of a glucose sensor arrive, through the same device."""
    value = Quantity(value=Decimal(104), unit=Unit.MILLIGRAM_PER_DECILITRE)
    reading = Reading(
        device=SCALE.id,
        kind=Kind.INTERSTITIAL_GLUCOSE,
        values={Measure.GLUCOSE: value},
        received=window.hub.clock.now(),
        taken_within=MOMENT,
    )
    await window.hub.journal.record(SCALE, [reading])
