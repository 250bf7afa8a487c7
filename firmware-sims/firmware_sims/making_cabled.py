"""Makes the devices of a scenario that are on a USB cable, from what the scenario says of them."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from firmware_sims.cabled import CabledDevice, Remembering
from firmware_sims.cgm.libre2_reader import Libre2Reader
from firmware_sims.cgm.libre_reader import Habits as ReaderHabits
from firmware_sims.cgm.libre_reader import LibreReader
from firmware_sims.device_spec import TYPES, DeviceSpec
from firmware_sims.glucose_meter.contour_usb import ContourUsb
from firmware_sims.glucose_meter.contour_usb import Habits as ContourHabits
from firmware_sims.glucose_meter.freestyle_neo import FreeStyleNeo
from firmware_sims.glucose_meter.freestyle_neo import Habits as MeterHabits
from firmware_sims.making import identity
from firmware_sims.packing.contour_usb import CONTOUR_NEXT_USB, MODELS
from firmware_sims.placement import Placement
from firmware_sims.routine import Routine
from firmware_sims.scenario import ScenarioError
from firmware_sims.surroundings import Surroundings

_NOTE_EVERY, _DOSE_EVERY = 4, 3


def made_cabled(spec: DeviceSpec, where: Surroundings) -> CabledDevice:
    """Make a device on a USB cable, with its past in its memory."""
    placement = where.placement(spec)
    device = _MAKERS[spec.type](spec, placement)
    return CabledDevice(identity(spec), device, placement, Routine(spec.interval_s, spec.limit))


def _libre_reader(spec: DeviceSpec, placement: Placement) -> Remembering:
    # A record has whole seconds.
    now = placement.now().replace(microsecond=0)
    until = now - timedelta(minutes=spec.history_ends_min_ago)
    since = until - timedelta(days=spec.history_days)
    reader = LibreReader(
        placement,
        put_on_at=since,
        serial=spec.serial,
        software=spec.firmware,
        mmol=spec.molar,
        habits=ReaderHabits(
            strip_every=spec.strip_every,
            ketone_every=spec.ketone_every,
            note_every=_NOTE_EVERY if spec.notes else None,
        ),
    )
    if spec.history_days:
        reader.remember(since, until, scan_every=timedelta(hours=spec.scan_every_h))
    return reader


def _libre_2_reader(spec: DeviceSpec, placement: Placement) -> Remembering:
    return Libre2Reader(placement, serial=spec.serial)


def _freestyle_neo(spec: DeviceSpec, placement: Placement) -> Remembering:
    meter = FreeStyleNeo(
        placement,
        serial=spec.serial,
        software=spec.firmware,
        mmol=spec.molar,
        habits=MeterHabits(
            control_every=spec.control_every,
            ketone_every=spec.ketone_every,
            insulin_every=_DOSE_EVERY if spec.notes else None,
        ),
    )
    meter.remember(spec.stored, timedelta(hours=spec.stored_every_h))
    return meter


def _contour_usb(spec: DeviceSpec, placement: Placement) -> Remembering:
    model = MODELS.get(spec.model or TYPES[spec.type].model)
    if model is None:
        raise ScenarioError(f"device {spec.name!r}: a Contour is one of {', '.join(MODELS)}")
    meter = ContourUsb(
        placement,
        model=model,
        serial=spec.serial,
        molar=spec.molar,
        habits=ContourHabits(
            meals=spec.meals,
            control_every=spec.control_every,
            extremes_every=spec.extremes_every,
            entry_every=_NOTE_EVERY if spec.notes and model is CONTOUR_NEXT_USB else None,
        ),
    )
    meter.remember(spec.stored, timedelta(hours=spec.stored_every_h))
    return meter


_MAKERS: Mapping[str, Callable[[DeviceSpec, Placement], Remembering]] = {
    "libre_reader": _libre_reader,
    "libre_2_reader": _libre_2_reader,
    "freestyle_neo": _freestyle_neo,
    "contour_usb": _contour_usb,
}
