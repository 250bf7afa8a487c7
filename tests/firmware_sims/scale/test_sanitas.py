from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from firmware_sims.device_clock import UNIX_EPOCH
from firmware_sims.episodic import People
from firmware_sims.faults import Fault
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing.sanitas import BF700, SBF70, acknowledgement
from firmware_sims.scale.sanitas import SanitasScale

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import NOON, body, fittings, identity

NOON_UNIX = int(NOON.timestamp()).to_bytes(4, "big")


def scale(
    *,
    known: bool = True,
    family: int = SBF70,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
) -> SanitasScale:
    given = fittings(ledger, faults, factory_time=UNIX_EPOCH)
    people: People = {1: body("Odile"), 2: body("Marcel")} if known else {None: body()}
    return SanitasScale(identity(), people, given, family=family, pause_s=0.01)


class App(Collector):
    """What an app does: it acknowledges what has to be."""

    async def say(self, octets: str) -> None:
        await self.write(0xFFE0, 0xFFE1, bytes.fromhex(octets))

    async def greet(self) -> list[bytes]:
        await self.subscribe(0xFFE0, 0xFFE1)
        await self.say("e601")
        return self.values[0xFFE1]

    async def take(self, count: int, command: int) -> list[bytes]:
        """Acknowledge so many parts of a command, one after the other."""
        return [await self._part(number, command) for number in range(1, count + 1)]

    async def _part(self, number: int, command: int) -> bytes:
        def come() -> list[bytes]:
            frames = of(self.values[0xFFE1], command)
            return [frame for frame in frames if len(frame) > 4 and frame[3] == number]

        await self.until(lambda: bool(come()))
        await self.write(0xFFE0, 0xFFE1, acknowledgement(come()[0]))
        return come()[0]


@asynccontextmanager
async def linked(device: SanitasScale) -> AsyncIterator[App]:
    async with discovered(device, App) as app:
        assert isinstance(app, App)
        yield app


def of(frames: list[bytes], command: int) -> list[bytes]:
    return [frame for frame in frames if frame[1] == command]


async def test_somebody_known_is_weighed_live_and_measured_in_three_parts() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger)
    device.measure()
    async with linked(device) as app:
        frames = await app.greet()
        first, second, third = await app.take(3, 0x59)

    weight, composition = ledger.produced
    assert frames[0].hex() == "e600"
    assert [frame[2] for frame in of(frames, 0x58)] == [1, 1, 0]
    steps = int.from_bytes(of(frames, 0x58)[2][3:5], "big")
    assert f"{steps * 0.05:.2f}" == weight.values["weight"]
    assert first.hex() == "e7590301" + "01" + "2600000000000065"
    assert [len(second), len(third)] == [15, 15]
    said = second[4:] + third[4:]
    assert said[:6] == NOON_UNIX + steps.to_bytes(2, "big")
    assert int.from_bytes(said[6:8], "big") == int(composition.values["impedance_ohm"])
    fat = int.from_bytes(said[8:10], "big")
    assert f"{fat / 10:.1f}" == composition.values["body_fat_percent"]


async def test_a_part_waits_for_the_acknowledgement_of_the_one_before() -> None:
    device = scale()
    device.measure()
    async with linked(device) as app:
        frames = await app.greet()
        await app.until(lambda: len(of(frames, 0x59)) == 1)
        for _ in range(3):
            await app.say("e7f1590302")  # of a part that was not sent
        waited = len(of(frames, 0x59))
        await app.take(3, 0x59)

    assert waited == 1


async def test_somebody_unknown_has_a_weight_and_zeros() -> None:
    ledger = Ledger()
    device = scale(known=False, ledger=ledger)
    device.measure()
    async with linked(device) as app:
        await app.greet()
        first, second, third = await app.take(3, 0x59)

    assert first[5:] == bytes(8)
    assert second[10:] + third[4:] == bytes(16)
    assert [row.kind for row in ledger.produced] == [Kind.WEIGHT]
    assert device.held == 0


async def test_what_nobody_saw_is_saved_for_its_user_in_two_parts_each() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger)
    device.remember(4, every=timedelta(days=1))
    async with linked(device) as app:
        frames = await app.greet()
        await app.say("e7412600000000000066")
        saved = await app.take(4, 0x42)
        await app.say("e74100000000000000ff")
        await app.until(lambda: len(of(frames, 0xF0)) == 2)

    assert of(frames, 0xF0)[0].hex() == "e7f0410400"
    assert [frame[2:4].hex() for frame in saved] == ["0401", "0402", "0403", "0404"]
    days = [int.from_bytes(frame[4:8], "big") for frame in saved[::2]]
    assert days == [int((NOON - timedelta(days=ago)).timestamp()) for ago in (3, 1)]
    assert of(frames, 0xF0)[1].hex() == "e7f0410000"
    assert {row.slot for row in ledger.produced} == {1, 2}


async def test_it_lists_its_users_and_says_how_it_is() -> None:
    device = scale()
    device.measure()
    async with linked(device) as app:
        frames = await app.greet()
        await app.take(3, 0x59)
        await app.say("e733")
        users = await app.take(2, 0x34)
        await app.say("e74f2600000000000065")
        await app.until(lambda: len(of(frames, 0xF0)) == 2)

    assert users[0].hex() == "e7340201" + "2600000000000065" + "553100" + "3d"
    assert [answer.hex() for answer in of(frames, 0xF0)] == [
        "e7f033000208",
        "e7f04f005a00000100000001",
    ]


async def test_deleting_is_answered_and_not_done() -> None:
    device = scale()
    device.remember(1, every=timedelta(days=1))
    async with linked(device) as app:
        frames = await app.greet()
        await app.say("e7432600000000000065")
        await app.until(lambda: len(of(frames, 0xF0)) == 1)

    assert device.held == 1
    assert device.forbidden.received == ["delete saved weighings"]


async def test_a_bf700_speaks_with_f7_and_does_not_hear_e7() -> None:
    device = scale(family=BF700)
    device.measure()
    async with linked(device) as app:
        await app.subscribe(0xFFE0, 0xFFE1)
        await app.say("e601")
        await app.say("f601")
        frames = app.values[0xFFE1]
        await app.take(3, 0x59)

    assert frames[0].hex() == "f600"
    assert {frame[0] for frame in frames[1:]} == {0xF7}


async def test_the_time_it_is_given_is_what_it_stamps_from_then_on() -> None:
    device = scale(faults={Fault.DROP_CLOCK: 1})
    device.measure()
    dropped = device.clock.device_local()
    async with linked(device) as app:
        await app.greet()
        await app.say("e9" + NOON_UNIX.hex())
        await app.say("e733")
        await app.take(2, 0x34)

    assert dropped == UNIX_EPOCH
    assert device.clock.device_local() == datetime(2026, 3, 10, 12)  # noqa: DTZ001 - the device's


@pytest.mark.parametrize(
    ("fault", "lengths"),
    [
        (Fault.GARBAGE_FRAME, [3, 13, 15, 15]),
        (Fault.DUPLICATE_INDICATION, [13, 13, 15, 15]),
        (Fault.SLOW, [13, 15, 15]),
    ],
)
async def test_a_fault_strikes_once_and_the_weighing_still_comes(
    fault: Fault, lengths: list[int]
) -> None:
    device = scale(faults={fault: 1})
    device.measure()
    async with linked(device) as app:
        frames = await app.greet()
        await app.take(3, 0x59)

    assert [len(frame) for frame in of(frames, 0x59)] == lengths


async def test_a_link_that_drops_in_a_weighing_leaves_it_saved() -> None:
    device = scale(faults={Fault.DISCONNECT_MID_RECORD: 1})
    device.measure()
    async with linked(device) as app:
        frames = await app.greet()
        await app.until_lost()

    assert [frame[3] for frame in of(frames, 0x59)] == [1]
    assert device.held == 1


async def test_who_steps_off_too_early_is_shown_and_is_no_record() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})
    device.measure()
    async with linked(device) as app:
        frames = await app.greet()
        await app.until_lost()

    assert [frame[2] for frame in of(frames, 0x58)] == [1, 1]
    assert (device.held, ledger.produced) == (0, [])
