"""Conversations in which anything may go wrong at once, for every built-in driver."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress

import pytest

from gateway.domain.device import Device, DeviceId
from gateway.domain.reading import Quality, Reading
from gateway.errors import DriverError, LinkError
from gateway.testing.clock import ManualClock
from gateway.testing.session import RecordingSession
from gateway.testing.specimen import Specimen, SpecimenLink, Trouble
from tests.conformance.specimens import specimens
from tests.conformance.unkind import UnkindLink

SEEDS = 15
CONVERSATIONS = 3

ALL = [(name, number) for name, found in specimens().items() for number in range(len(found))]
each_specimen = pytest.mark.parametrize(("name", "number"), ALL)


async def met(specimen: Specimen, seed: int, *, garbles: bool = False) -> RecordingSession:
    """Some conversations with the device; raises what no driver may."""
    chance, clock = random.Random(seed), ManualClock()
    session = session_with(specimen, clock)
    for _ in range(CONVERSATIONS):
        session.link = UnkindLink(specimen, clock, chance, garbles)
        with suppress(DriverError, LinkError):
            await specimen.driver.converse(session)
        clock.advance(60)
    return session


async def met_calmly(specimen: Specimen, session: RecordingSession, clock: ManualClock) -> None:
    session.link = SpecimenLink(specimen, clock, Trouble())
    with suppress(DriverError, LinkError):
        await specimen.driver.converse(session)


def session_with(specimen: Specimen, clock: ManualClock) -> RecordingSession:
    name = specimen.driver.manifest.name
    return RecordingSession(
        specimen.driver,
        SpecimenLink(specimen, clock, Trouble()),
        clock,
        Device(id=DeviceId("unkind"), driver=name, name=specimen.sightings[0].name),
        specimen.sightings[0],
        dict(specimen.settings),
    )


async def calm(specimen: Specimen) -> set[tuple[object, ...]]:
    """What the device tells when nothing goes wrong."""
    clock = ManualClock()
    session = session_with(specimen, clock)
    await met_calmly(specimen, session, clock)
    return {part for reading in session.readings for part in parts(reading)}


def parts(reading: Reading) -> Iterator[tuple[object, ...]]:
    """The numbers of a reading one by one: a composition may come without all its packets."""
    yield reading.kind, reading.limit
    for measure, quantity in reading.values.items():
        yield reading.kind, measure, quantity.value


@each_specimen
async def test_whatever_comes_a_driver_raises_what_drivers_may_and_comes_to_an_end(
    name: str, number: int
) -> None:
    for seed in range(SEEDS):
        await met(specimens()[name][number], seed, garbles=True)


@each_specimen
async def test_nothing_good_is_made_of_what_is_lost_repeated_or_out_of_order(
    name: str, number: int
) -> None:
    specimen = specimens()[name][number]
    there = await calm(specimen)
    for seed in range(SEEDS):
        session = await met(specimen, seed)
        good = [reading for reading in session.readings if reading.quality is Quality.GOOD]

        assert {part for reading in good for part in parts(reading)} <= there


@each_specimen
async def test_what_a_device_still_has_is_all_there_after_one_calm_conversation(
    name: str, number: int
) -> None:
    specimen = specimens()[name][number]
    there = set() if specimen.says else await calm(specimen)
    for seed in range(SEEDS):
        session = await met(specimen, seed)
        assert isinstance(session.clock, ManualClock)
        await met_calmly(specimen, session, session.clock)

        assert {part for reading in session.readings for part in parts(reading)} >= there
