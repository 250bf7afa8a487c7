"""The kit must refuse what is wrong: each driver here has one mistake, and one check finds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Reading
from gateway.drivers.api import (
    CABLES,
    HID,
    SERIAL,
    Channel,
    Driver,
    Fit,
    Frame,
    Manifest,
    Model,
    Reach,
    Session,
    Sighting,
    gatt,
)
from gateway.drivers.registry import Registry
from gateway.errors import ConfigError, DecodeError
from gateway.testing import conformance
from gateway.testing.conformance import CHECKS, Check
from gateway.testing.specimen import Specimen

WEIGHT = gatt("181d", "2a9d")
SEEN = Sighting("C0:FF:EE:00:00:01", Reach.BLE, services=frozenset({"181d"}))

Converse = Callable[[Session], Awaitable[None]]


def whole(frame: Frame) -> int:
    """A frame of this test's device: a number and a weight in kg, one byte each."""
    if len(frame.data) != 2:
        raise DecodeError("length", frame.data)
    return frame.data[1]


def weight(frame: Frame, session: Session, kg: int, record: str | None) -> Reading:
    values = {Measure.WEIGHT: Quantity(value=Decimal(kg), unit=Unit.KILOGRAM)}
    device = session.device.id
    return Reading(
        device=device, kind=Kind.WEIGHT, values=values, received=frame.received, record=record
    )


async def rightly(session: Session) -> None:
    inbox = await session.link.subscribe(WEIGHT)
    while True:
        frame = await inbox.get(within=10)
        await session.record(weight(frame, session, frame.data[1], f"seq:{frame.data[0]}"))


async def too_late(session: Session) -> None:
    inbox = await session.link.subscribe(WEIGHT)
    frames = [await inbox.get(within=1), await inbox.get(within=1)]
    for frame in frames:
        await session.record(weight(frame, session, frame.data[1], f"seq:{frame.data[0]}"))


async def adding_up(session: Session) -> None:
    inbox = await session.link.subscribe(WEIGHT)
    total = 0
    while True:
        frame = await inbox.get(within=10)
        total += frame.data[1]
        await session.record(weight(frame, session, total, f"seq:{frame.data[0]}"))


async def counting_itself(session: Session) -> None:
    inbox = await session.link.subscribe(WEIGHT)
    number = 0
    while True:
        frame = await inbox.get(within=10)
        number += 1
        await session.record(weight(frame, session, frame.data[1], f"seq:{number}"))


async def whose_before(session: Session) -> None:
    """Take whoever the frame before said for who stands on the scale."""
    inbox = await session.link.subscribe(WEIGHT)
    before = 0
    while True:
        frame = await inbox.get(within=10)
        record = f"seq:{frame.data[0]}"
        reading = weight(frame, session, frame.data[1], record)
        await session.record(reading.model_copy(update={"slot": str(before)}))
        before = frame.data[0]


async def by_the_chunk(session: Session) -> None:
    inbox = await session.link.subscribe(SERIAL)
    while True:
        frame = await inbox.get(within=10)
        await session.record(weight(frame, session, frame.data[-1], None))


async def by_the_report(session: Session) -> None:
    """Rely on what USB holds: a report comes whole, and once."""
    inbox = await session.link.subscribe(HID)
    times: Counter[int] = Counter()
    while True:
        frame = await inbox.get(within=10)
        number = frame.data[0]
        times[number] += 1
        await session.record(weight(frame, session, whole(frame), f"seq:{number}.{times[number]}"))


def telling(kind: Kind, measure: Measure, unit: Unit) -> Converse:
    async def talk(session: Session) -> None:
        inbox = await session.link.subscribe(WEIGHT)
        while True:
            frame = await inbox.get(within=10)
            amount = Quantity(value=Decimal(frame.data[1]), unit=unit)
            told = weight(frame, session, 0, f"seq:{frame.data[0]}")
            told = told.model_copy(update={"kind": kind, "values": {measure: amount}})
            await session.record(told)

    return talk


async def silently(session: Session) -> None:
    await session.link.subscribe(WEIGHT)


async def unable(session: Session) -> None:
    inbox = await session.link.subscribe(WEIGHT)
    while True:
        frame = await inbox.get(within=10)
        await session.set_aside(frame, DecodeError("length", frame.data))


@dataclass
class Made:
    talk: Converse = rightly
    means: Callable[[Frame], object] = whole
    fit: Fit = Fit.PROFILE
    reach: Reach = Reach.BLE
    manifest: Manifest = field(init=False)

    def __post_init__(self) -> None:
        self.manifest = Manifest(
            name="scale/made",
            title="Made for a test",
            reach=self.reach,
            emits=frozenset({Kind.WEIGHT, Kind.BLOOD_GLUCOSE, Kind.BLOOD_KETONE}),
            spec="none",
            models=(Model("none", "simulated"),),
            decodes={"made": CABLES.get(self.reach, WEIGHT)},
        )

    def match(self, sighting: Sighting, /) -> Fit:
        return self.fit

    def decode(self, frame: Frame, /) -> object:
        return self.means(frame)

    async def converse(self, session: Session, /) -> None:
        await self.talk(session)


def specimen(driver: Driver, channel: Channel = WEIGHT) -> Specimen:
    says = ((0.0, channel, b"\x01\x46"), (1.0, channel, b"\x02\x50"))
    return Specimen(driver, (SEEN,), says, forgets=True)


@pytest.mark.parametrize("check", CHECKS)
async def test_a_driver_without_a_mistake_stands_every_check(check: Check) -> None:
    driver = Made()

    await check(specimen(driver), Registry([driver]))


@pytest.mark.parametrize(
    ("mistaken", "check", "what"),
    [
        (Made(means=lambda f: f.data[0]), conformance.decodes_anything, "decode raised Index"),
        (Made(fit=Fit.NONE), conformance.is_chosen_for_its_devices, "no driver is chosen"),
        (Made(talk=silently), conformance.brings_readings, "nothing: it ended with None, 0 frames"),
        (
            Made(talk=unable),
            conformance.brings_readings,
            r"LinkTimeout\(.*2 frames were taken, set aside: length at byte 0 of 2, length at",
        ),
        (Made(talk=too_late), conformance.resumes_after_any_cut, "missing after a cut"),
        (Made(talk=adding_up), conformance.invents_nothing_when_a_frame_is_lost, "invented"),
        (
            Made(talk=whose_before),
            conformance.invents_nothing_when_a_frame_is_lost,
            "invented",
        ),
        (Made(talk=counting_itself), conformance.knows_what_is_repeated, "comes twice"),
    ],
)
async def test_a_mistake_is_found(mistaken: Made, check: Check, what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        await check(specimen(mistaken), Registry([mistaken]))


@pytest.mark.parametrize(
    ("kind", "measure", "unit", "what"),
    [
        (
            Kind.BLOOD_KETONE,
            Measure.GLUCOSE,
            Unit.MILLIGRAM_PER_DECILITRE,
            "blood_ketone has no glucose",
        ),
        (
            Kind.BLOOD_KETONE,
            Measure.KETONE,
            Unit.MILLIGRAM_PER_DECILITRE,
            "ketone of blood_ketone is in mmol/L, not in mg/dL",
        ),
        (
            Kind.BLOOD_GLUCOSE,
            Measure.KETONE,
            Unit.MILLIMOLE_PER_LITRE,
            "blood_glucose has no ketone",
        ),
        (Kind.WEIGHT, Measure.TEMPERATURE, Unit.KILOGRAM, "weight has no temperature"),
        (Kind.WEIGHT, Measure.WEIGHT, Unit.CELSIUS, "weight of weight is in kg, not in Cel"),
    ],
)
async def test_a_number_of_another_kind_or_unit_is_found(
    kind: Kind, measure: Measure, unit: Unit, what: str
) -> None:
    mistaken = Made(talk=telling(kind, measure, unit))

    with pytest.raises(AssertionError, match=what):
        await conformance.brings_readings(specimen(mistaken), Registry([mistaken]))


async def test_a_driver_that_trusts_chunks_is_found() -> None:
    mistaken = Made(talk=by_the_chunk, reach=Reach.SERIAL)

    with pytest.raises(AssertionError, match="pieces of 1"):
        await conformance.reads_one_byte_at_a_time(specimen(mistaken, SERIAL), Registry([mistaken]))


@pytest.mark.parametrize("check", CHECKS)
async def test_reports_are_neither_cut_nor_repeated(check: Check) -> None:
    sound = Made(talk=by_the_report, reach=Reach.HID)
    seen = Sighting("/dev/hidraw0", Reach.HID, name="made")

    await check(replace(specimen(sound, HID), sightings=(seen,)), Registry([sound]))


async def test_a_tie_is_found() -> None:
    class Other(Made):
        def __post_init__(self) -> None:
            super().__post_init__()
            self.manifest = Manifest(
                name="scale/other",
                title="Another",
                reach=Reach.BLE,
                emits=frozenset({Kind.WEIGHT}),
                spec="none",
                models=(),
            )

    driver = Made()

    with pytest.raises(ConfigError, match="equally"):
        await conformance.is_chosen_for_its_devices(specimen(driver), Registry([driver, Other()]))
