"""A reading: what a device said, once, before anyone knows whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from gateway.clock import Instant
from gateway.domain.device import DeviceId
from gateway.domain.document import Document
from gateway.domain.quantity import Quantity
from gateway.domain.value import Value


class Kind(StrEnum):
    """What was measured. Consent is given per kind; one reading has one kind."""

    BLOOD_PRESSURE = "blood_pressure"
    HEART_RATE = "heart_rate"
    WEIGHT = "weight"
    HEIGHT = "height"
    BODY_COMPOSITION = "body_composition"
    BLOOD_GLUCOSE = "blood_glucose"
    BLOOD_KETONE = "blood_ketone"
    """Beta-hydroxybutyrate in blood, by a strip of its own. Never glucose, whatever carried it."""
    INTERSTITIAL_GLUCOSE = "interstitial_glucose"
    MEAN_INTERSTITIAL_GLUCOSE = "mean_interstitial_glucose"
    """The mean over a whole number of days, computed here from the samples of one sensor wearer."""
    GLUCOSE_MANAGEMENT_INDICATOR = "glucose_management_indicator"
    """What that mean would be as HbA1c: computed here, over the same days."""
    GLUCOSE_REPORT = "glucose_report"
    """A document, made here: the report of one page over the same days. No number of it is sent."""
    BODY_TEMPERATURE = "body_temperature"
    OXYGEN_SATURATION = "oxygen_saturation"


DOCUMENTS = frozenset({Kind.GLUCOSE_REPORT})
"""The kinds that are documents. Only destinations for documents take them."""


class Measure(StrEnum):
    """The name of one number within a reading."""

    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    MEAN_ARTERIAL = "mean_arterial"
    PULSE_RATE = "pulse_rate"
    WEIGHT = "weight"
    HEIGHT = "height"
    BODY_FAT = "body_fat"
    BODY_FAT_MASS = "body_fat_mass"
    MUSCLE = "muscle"
    MUSCLE_MASS = "muscle_mass"
    FAT_FREE_MASS = "fat_free_mass"
    SOFT_LEAN_MASS = "soft_lean_mass"
    BONE_MASS = "bone_mass"
    BODY_WATER = "body_water"
    BODY_WATER_MASS = "body_water_mass"
    BASAL_METABOLISM = "basal_metabolism"
    IMPEDANCE = "impedance"
    GLUCOSE = "glucose"
    KETONE = "ketone"
    GLUCOSE_MANAGEMENT_INDICATOR = "glucose_management_indicator"
    GLUCOSE_TREND = "glucose_trend"
    SENSOR_QUALITY = "sensor_quality"
    DAYS = "days"
    SAMPLES = "samples"
    TEMPERATURE = "temperature"
    OXYGEN_SATURATION = "oxygen_saturation"


class Quality(StrEnum):
    """How far the number can be trusted. Only GOOD readings may leave."""

    GOOD = "good"
    QUESTIONABLE = "questionable"
    """The device flagged it, or it is physiologically implausible: kept and shown, not sent."""
    CONTROL = "control"
    """A control solution or a test of the device: not a person's reading."""


class Limit(StrEnum):
    """The device had no number because the value lies outside its range ("LO", "HI")."""

    BELOW = "below"
    ABOVE = "above"


class ClockSample(Value):
    """What the device's clock showed at a known moment, read in the same connection."""

    shown: datetime
    """The device's clock, naive, on the same axis as the stamps of its readings."""
    at: Instant


class DeviceTime(Value):
    """When the device says it measured: raw, on the device's own axis, never corrected here.

    Whatever the device counts (a wall clock, seconds since 2009, minutes of a sensor session) is
    put on one naive axis; the difference to `clock.shown` then gives the true moment. `raw` holds
    the bytes of the stamp as hex, also where they make no valid time (`stamp` is None).
    """

    stamp: datetime | None
    raw: str
    utc_offset: timedelta | None = None
    """The device's own offset from UTC, where it states one."""
    clock: ClockSample | None = None
    resolution: timedelta = timedelta(seconds=1)
    counter: bool = False
    """Whether the axis is a count that nobody can set: it drifts, but never jumps by itself."""


WARM_UP = "warm_up"
"""The flag of a sensor value from the first minutes of its session, which its maker does not vouch
for. It is kept and shown, and counts in no summary."""


class Reading(Value):
    """What a device said, in canonical units, its time kept raw, no person attached.

    Made by a driver. Plausibility is a flag (`quality`, `flags`), never a validator: one odd value
    must not end a session.
    """

    device: DeviceId
    kind: Kind
    values: Mapping[Measure, Quantity]
    """Empty only if `limit` says why there is no number."""
    received: Instant
    device_time: DeviceTime | None = None
    """None if the device keeps no time: the reading was taken when it was received."""
    record: str | None = None
    """The device's own key of the record, such as `seq:42`; part of the identity.

    None falls back to the raw device time, and without one to the moment of reception.
    """
    slot: str | None = None
    """The device's user number as text; None if it names none or an unknown user."""
    live: bool = True
    """False if the reading came out of the device's memory some time after it was taken."""
    taken_within: timedelta = timedelta(minutes=2)
    """A live reading was taken at most this long before `received`: episodic devices appear within
    some 30 s of measuring."""
    quality: Quality = Quality.GOOD
    flags: frozenset[str] = Field(default_factory=frozenset)
    """What the device or the driver remarked, such as `irregular_pulse`, `implausible`."""
    limit: Limit | None = None
    period: timedelta | None = None
    """For a summary: the time it covers, ending at the reading's time."""
    document: Document | None = None
    """The file, if its kind is one of DOCUMENTS."""
