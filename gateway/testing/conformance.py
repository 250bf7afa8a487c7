"""What every driver must stand, as checks that its author runs. Each raises AssertionError.

    @pytest.mark.parametrize("check", CHECKS)
    async def test_my_driver(check: Check) -> None:
        await check(MY_SPECIMEN, installed(["my-package"]))

A `Specimen` is one device of the driver's family, as a table. The checks meet it in every unkind
way: byte by byte, with any frame missing, with every frame twice, cut off after any frame. Then
nothing may be recorded as GOOD that the calm conversation did not bring, and what the device still
has must all be there in the end. Needs nothing but the gateway; `pytest` is up to the author.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.domain.device import Device, DeviceId
from gateway.domain.identity import identity
from gateway.domain.quantity import Quantity, Unit
from gateway.domain.reading import Kind, Measure, Quality, Reading
from gateway.drivers.api import CABLES, Channel, Frame, Reach
from gateway.drivers.plausible import LIMITS
from gateway.drivers.registry import Registry
from gateway.errors import DecodeError, DriverError, LinkError
from gateway.testing.clock import START, ManualClock
from gateway.testing.links import Written
from gateway.testing.session import RecordingSession
from gateway.testing.specimen import Specimen, SpecimenLink, Trouble

Check = Callable[[Specimen, Registry], Awaitable[None]]

_RANDOM_FRAMES = 500
_BESIDE = {Measure.GLUCOSE_TREND, Measure.SENSOR_QUALITY}
_HUB_OFF = timedelta(hours=3)
_ENDINGS = (DriverError, LinkError)
"""What a conversation may raise; anything else is a mistake in the driver."""


@dataclass
class _Met:
    """What came of one or more conversations with a specimen."""

    session: RecordingSession
    clock: ManualClock
    forgotten: list[Written] = field(default_factory=list)
    taken: int = 0
    sent: int = 0
    ended: Exception | None = None
    """What the last conversation raised, if anything."""

    def told(self) -> Counter[_Told]:
        return Counter(_Told.of(reading) for reading in self.session.readings)


@dataclass(frozen=True, slots=True)
class _Told:
    """A reading without its time and identity."""

    kind: str
    slot: str | None
    limit: str | None
    values: frozenset[tuple[str, str, str]]

    @classmethod
    def of(cls, reading: Reading) -> _Told:
        numbers = frozenset(_numbers(reading.values))
        return cls(reading.kind, reading.slot, reading.limit, numbers)

    def is_part_of(self, other: _Told) -> bool:
        """Say whether the other says all of this; whose it is may be left open."""
        same = (self.kind, self.limit) == (other.kind, other.limit)
        return same and self.slot in (None, other.slot) and self.values <= other.values


async def decodes_anything(specimen: Specimen, drivers: Registry) -> None:
    """Check that real frames have a meaning, and that no bytes at all make `decode` fail."""
    driver = specimen.driver
    real = [*((channel, data) for _, channel, data in specimen.says), *specimen.frames]
    for channel, data in real:
        driver.decode(Frame(channel, data, ManualClock().now()))
    names = dict(driver.manifest.decodes)
    if driver.manifest.reach in CABLES:
        names[driver.manifest.name] = CABLES[driver.manifest.reach]
    chance = random.Random(20260314)  # noqa: S311 - the same bytes each time
    for name, channel in names.items():
        known = [data for on, data in real if on == channel]
        for data in _odd(known, chance):
            for hints in _hints(name):
                _decode(specimen, channel, data, hints)


async def is_chosen_for_its_devices(specimen: Specimen, drivers: Registry) -> None:
    """Check that among the drivers this one wins each sighting of its devices, without a tie."""
    _require(specimen.sightings, "a specimen is seen somehow")
    for sighting in specimen.sightings:
        best = drivers.best(sighting)  # a tie raises ConfigError
        name = best.manifest.name if best is not None else "no driver"
        _require(name == specimen.driver.manifest.name, f"{name} is chosen for {sighting}")


async def brings_readings(specimen: Specimen, drivers: Registry) -> None:
    """Check that a calm conversation records readings, all of the kinds the manifest promises.

    Each number is one that its kind has, in the canonical unit: destinations take no other.
    """
    met = await _calm(specimen)
    readings = met.session.readings

    aside = ", ".join(str(error) for _, error in met.session.aside)
    why = (
        f"it ended with {met.ended!r}, {met.taken} frames were taken, set aside: {aside or 'none'}"
    )
    _require(readings, f"the conversation brought nothing: {why}")
    promised = specimen.driver.manifest.emits
    _require({r.kind for r in readings} <= promised, "a reading of a kind that is not in `emits`")
    for reading in readings:
        for measure, quantity in reading.values.items():
            _is_canonical(reading.kind, measure, quantity.unit)


def _is_canonical(kind: Kind, measure: Measure, unit: Unit) -> None:
    limits = LIMITS.get((kind, measure))
    if limits is None:
        _require(measure in _BESIDE, f"a reading of {kind} has no {measure}")
    else:
        _require(unit is limits.unit, f"{measure} of {kind} is in {limits.unit}, not in {unit}")


async def reads_one_byte_at_a_time(specimen: Specimen, drivers: Registry) -> None:
    """Check that a serial stream says the same however it is cut; others are not cut."""
    if specimen.driver.manifest.reach is not Reach.SERIAL:
        return
    calm = (await _calm(specimen)).told()
    for size in (1, 2, 3, 7):
        cut = (await _converse(specimen, Trouble(chunk_bytes=size))).told()
        _require(cut == calm, f"other readings from pieces of {size} byte(s)")


async def invents_nothing_when_a_frame_is_lost(specimen: Specimen, drivers: Registry) -> None:
    """Check that without any one frame nothing is recorded as good that was not there."""
    calm = await _calm(specimen)
    for number in range(calm.sent):
        met = await _converse(specimen, Trouble(without=number))
        _assert_nothing_invented(met, calm, f"without frame {number}")


async def knows_what_is_repeated(specimen: Specimen, drivers: Registry) -> None:
    """Check that frames sent twice, and memories read twice, make no second reading.

    Where neither a record number nor a device's time tells, a repetition is another measurement.
    """
    calm = await _calm(specimen)
    expected = calm.told()
    if specimen.driver.manifest.reach not in CABLES:  # which repeat nothing by themselves
        twice = (await _converse(specimen, Trouble(twice=True))).told()
        _require(twice == expected, "other readings when every frame comes twice")
    calm.forgotten.clear()
    calm.session.readings.clear()
    await _converse(specimen, Trouble(), calm)
    again = [reading for reading in calm.session.readings if _has_a_key(reading)]
    _require(not again, f"{len(again)} reading(s) were news when read again")


async def names_readings_alike_at_every_hub(specimen: Specimen, drivers: Registry) -> None:
    """Check that another hub, whose clock is three hours off, gives the same readings one name.

    So does this hub once its own clock has been corrected, and a replay of what was captured. A
    device that is `named_by_hub` is met at the same time.
    """
    here = await _calm(specimen)
    off = timedelta() if specimen.named_by_hub else _HUB_OFF
    elsewhere = _first_met(specimen, ManualClock(START - off, boot_id="another hub"))
    there = await _converse(specimen, Trouble(), elsewhere)
    named = [
        Counter(identity(reading) for reading in met.session.readings if _has_a_key(reading))
        for met in (here, there)
    ]
    _require(named[0] == named[1], "the same readings are others to another hub")
    _require(set(named[0].values()) <= {1}, "two readings of one conversation have one name")


async def resumes_after_any_cut(specimen: Specimen, drivers: Registry) -> None:
    """Check that a link lost after any frame, and then found again, costs no reading."""
    calm = await _calm(specimen)
    for number in range(calm.taken):
        met = await _converse(specimen, Trouble(lost_after=number))
        await _converse(specimen, Trouble(), met)
        where = f"after a cut at frame {number}"
        missing = calm.told().keys() - met.told().keys()
        _require(not missing, f"{len(missing)} reading(s) are missing {where}")
        _assert_nothing_invented(met, calm, where)
        named = [reading for reading in met.session.readings if _has_a_key(reading)]
        twice = Counter(map(_Told.of, named)) - calm.told()
        _require(not twice, f"{len(twice)} reading(s) are there twice {where}")


CHECKS: tuple[Check, ...] = (
    decodes_anything,
    is_chosen_for_its_devices,
    brings_readings,
    reads_one_byte_at_a_time,
    invents_nothing_when_a_frame_is_lost,
    knows_what_is_repeated,
    names_readings_alike_at_every_hub,
    resumes_after_any_cut,
)


async def _calm(specimen: Specimen) -> _Met:
    return await _converse(specimen, Trouble())


async def _converse(specimen: Specimen, trouble: Trouble, before: _Met | None = None) -> _Met:
    """Hold one conversation; with `before`, the next one of the same hub with the same device."""
    met = before or _first_met(specimen)
    link = SpecimenLink(specimen, met.clock, trouble, met.forgotten)
    met.session.link = link
    met.ended = None
    try:
        await specimen.driver.converse(met.session)
    except _ENDINGS as error:
        met.ended = error
    met.taken, met.sent = link.taken, link.sent
    if specimen.forgets:
        met.forgotten += link.confirmed
    met.clock.advance(60)
    return met


def _first_met(specimen: Specimen, clock: ManualClock | None = None) -> _Met:
    clock = clock or ManualClock()
    sighting = specimen.sightings[0]
    device = Device(
        id=DeviceId("conformance"), driver=specimen.driver.manifest.name, name=sighting.name
    )
    session = RecordingSession(
        driver=specimen.driver,
        link=SpecimenLink(specimen, clock, Trouble()),
        clock=clock,
        device=device,
        sighting=sighting,
        settings=dict(specimen.settings),
    )
    return _Met(session, clock)


def _assert_nothing_invented(met: _Met, calm: _Met, where: str) -> None:
    there = calm.told()
    good = [reading for reading in met.session.readings if reading.quality is Quality.GOOD]
    for reading in good:
        told = _Told.of(reading)
        found = any(told.is_part_of(other) for other in there)
        _require(found, f"a reading of {reading.kind} was invented {where}")


def _require(true: object, otherwise: str) -> None:
    if not true:
        raise AssertionError(otherwise)


def _has_a_key(reading: Reading) -> bool:
    record = reading.record or ""
    return bool(record or reading.device_time) and not record.startswith("received:")


def _numbers(values: Mapping[Measure, Quantity]) -> Iterator[tuple[str, str, str]]:
    for measure, quantity in values.items():
        yield measure, str(quantity.value), quantity.unit


def _decode(specimen: Specimen, channel: Channel, data: bytes, hints: Mapping[str, object]) -> None:
    refused: DecodeError | None = None
    try:
        specimen.driver.decode(Frame(channel, data, ManualClock().now(), hints))
    except DecodeError as error:
        refused = error
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise AssertionError(f"decode raised {error!r} for {channel} {data.hex()}") from error
    if refused is not None:
        _require(refused.reason, f"a refusal without a reason: {channel} {data.hex()}")
        inside = 0 <= refused.offset <= len(data)
        _require(inside, f"offset {refused.offset} is outside of {channel} {data.hex()}")


def _odd(known: list[bytes], chance: random.Random) -> Iterator[bytes]:
    """Frames cut short, lengthened, with a byte changed; and bytes that were never a frame."""
    for data in known:
        yield from (data[:size] for size in range(len(data)))
        yield data + b"\x00"
        yield data + data
        for at, octet in enumerate(data):
            for other in (0x00, 0xFF, octet ^ 0x01, octet ^ 0x80):
                yield data[:at] + bytes((other,)) + data[at + 1 :]
    for _ in range(_RANDOM_FRAMES):
        yield chance.randbytes(chance.randrange(40))


def _hints(name: str) -> Iterator[dict[str, object]]:
    yield {"name": name.lower()}
    yield {"name": name.lower(), "e2e_crc": True}
    yield {"name": name.lower(), "direction": "command"}
