from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import Fittings
from firmware_sims.faults import Fault, Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing import qn
from firmware_sims.scale.qn import QnScale
from firmware_sims.scale.qn_models import (
    ARBOLEAF,
    ES30MA2,
    ESCS20MA2,
    ESCS20MN,
    RMSB01,
    TENTHS,
    Model,
)

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import NOON, PACE, Time, body, identity

NOON_SECONDS = int(NOON.timestamp()) - 946684800
NOBODY = "a00d02feffee0000000000029c"
SOMEBODY = "a00d02feffee002b06a4030274"


def scale(
    model: Model = ESCS20MN,
    *,
    time: Time | None = None,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
    forbidden: ForbiddenCommands | None = None,
) -> QnScale:
    now = time or Time()
    fittings = Fittings(
        now=now,
        clock=DeviceClock(now),
        ledger=ledger or Ledger(),
        faults=Faults(faults),
        pace=PACE,
        forbidden=forbidden or ForbiddenCommands(),
    )
    device = QnScale(identity(), body(), fittings, model, pause_s=0.05)
    device.life.wake()
    return device


class App(Collector):
    """What an app does, frame by frame; `new` says where the scale has which characteristic."""

    new = True

    @property
    def heard(self) -> list[bytes]:
        """All that came as a notification, in order."""
        return self.values[0xFFF1 if self.new else 0xFFE1]

    @property
    def asked(self) -> list[bytes]:
        """What comes as an indication on an old scale."""
        return self.values[0xFFF1 if self.new else 0xFFE2]

    async def listen(self) -> None:
        for service, characteristic in (
            [(0xFFF0, 0xFFF1)] if self.new else [(0xFFE0, 0xFFE1), (0xFFE0, 0xFFE2)]
        ):
            await self.subscribe(service, characteristic)

    async def say(self, octets: str) -> None:
        to = (0xFFF0, 0xFFF2) if self.new else (0xFFE0, 0xFFE3)
        if not self.new and octets[:2] in ("20", "22"):
            to = 0xFFE0, 0xFFE4
        await self.write(*to, bytes.fromhex(octets))

    async def come(self, kind: int, count: int = 1) -> list[bytes]:
        def frames() -> list[bytes]:
            all_ = {id(each): each for each in [*self.heard, *self.asked]}.values()
            return [each for each in all_ if each[0] == kind]

        await self.until(lambda: len(frames()) >= count)
        return frames()

    async def greet(self, who: str = "ff", seconds: int = NOON_SECONDS) -> bytes:
        """Answer until the scale is ready; return what it said then."""
        await self.listen()
        await self.come(0x12)
        await self.say(qn.summed(bytes.fromhex(f"1309{who}0110000000")).hex())
        await self.come(0x14)
        time = bytes.fromhex(f"2008{who}") + seconds.to_bytes(4, "little")
        await self.say(qn.summed(time).hex())
        return (await self.come(0x21))[0]


@asynccontextmanager
async def linked(device: QnScale) -> AsyncIterator[App]:
    async with discovered(device, App) as app:
        assert isinstance(app, App)
        app.new = device.advertised == (0xFFF0,)
        yield app


def u16(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


async def test_it_says_what_it_is_until_it_is_answered() -> None:
    async with linked(scale()) as app:
        await app.listen()
        first, second, *_ = await app.come(0x12, 2)

    assert first == second
    assert first.hex() == "1211ff0100000000c4" + "03030500000507" + f"{sum(first[:-1]) % 256:02x}"


@pytest.mark.parametrize(
    ("model", "who", "ready"),
    [
        (ARBOLEAF, "15", "210515013c"),
        (ESCS20MN, "ff", "2104ff0125"),
        (ESCS20MA2, "ff", "2105ff0126"),
        (ES30MA2, "ff", "2106ff01547b"),
    ],
)
async def test_it_gets_ready_as_in_the_captures(model: Model, who: str, ready: str) -> None:
    async with linked(scale(model)) as app:
        assert (await app.greet(who)).hex() == ready
        assert app.asked[-1].hex() == ready


async def test_a_basic_one_shows_a_weighing_as_it_happens() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger)
    device.measure()
    async with linked(device) as app:
        await app.greet()
        await app.come(0x10, 4)
        await app.say("1f05ff1033")
        frames = await app.come(0x10, 4)

    weight, composition = ledger.produced
    states = [frame[5] for frame in frames]
    end = frames[3]
    assert states[:4] == [0x00, 0x00, 0x11, 0x01]
    assert Decimal(u16(end[3:5])) / 100 == Decimal(weight.values["weight"])
    assert str(u16(end[6:8])) == composition.values["impedance_ohm"]
    assert [frame[6:10] for frame in frames[:3]] == [bytes(4)] * 3
    assert device.held == 0


async def test_an_old_one_speaks_over_ffe0_and_needs_no_user() -> None:
    device = scale(ARBOLEAF)
    device.measure()
    async with linked(device) as app:
        await app.greet("15")
        (*_, end) = (await app.come(0x10, 4))[:4]

    assert (end[:3].hex(), end[5], len(end)) == ("100b15", 0x01, 11)


async def test_who_does_not_hear_its_indications_is_shown_weights_all_the_same() -> None:
    device = scale(ARBOLEAF)
    device.measure()
    async with linked(device) as app:
        app.values[0xFFE2] = []
        await app.subscribe(0xFFE0, 0xFFE1)
        await app.come(0x12)
        await app.say("130915011000000042")
        await app.come(0x14)
        await app.write(0xFFE0, 0xFFE3, bytes.fromhex("200815090bac2926"))
        (*_, end) = (await app.come(0x10, 3))[:3]

    assert (end[5], app.values[0xFFE2]) == (0x01, [])


async def test_one_that_counts_in_tenths_says_so_and_does() -> None:
    ledger = Ledger()
    device = scale(TENTHS, ledger=ledger)
    device.measure()
    async with linked(device) as app:
        await app.greet("15")
        (*_, end) = (await app.come(0x10, 4))[:4]
        identity_ = app.heard[0]

    assert identity_[10] == 0
    assert Decimal(u16(end[3:5])) / 10 == Decimal(ledger.produced[0].values["weight"])


@pytest.mark.parametrize(("user", "fat"), [(NOBODY, False), (SOMEBODY, True)])
async def test_an_extended_one_weighs_whom_it_was_told(user: str, fat: bool) -> None:
    forbidden = ForbiddenCommands()
    device = scale(ESCS20MA2, forbidden=forbidden)
    device.measure()
    async with linked(device) as app:
        await app.greet()
        assert [each for each in app.heard if each[0] == 0x10] == []
        await app.say(user)
        (taken,) = await app.come(0xA1)
        (*_, end) = (await app.come(0x10, 4))[:4]

    assert taken.hex() == "a10602fe01a8"
    assert (end[:5].hex(), len(end)) == ("100efffe02", 14)
    assert bool(u16(end[11:13])) is fat
    assert u16(end[7:9])
    assert forbidden.received == []


async def test_what_an_extended_one_was_not_told_of_is_stored() -> None:
    time = Time()
    device = scale(ESCS20MA2, time=time)
    device.measure()
    time.pass_by(timedelta(seconds=16))
    async with linked(device) as app:
        await app.greet()
        await app.say(NOBODY)
        await app.come(0xA1)
        await app.say("2206ff000128")
        (stored,) = await app.come(0x23)
        await app.say("2206ff000128")
        _, empty = await app.come(0x23, 2)

    assert stored[:6].hex() == "2313ff0101f0"
    assert int.from_bytes(stored[6:10], "little") == NOON_SECONDS
    assert empty[3] == 0


@pytest.mark.parametrize(("model", "who"), [(ARBOLEAF, "15"), (ESCS20MN, "ff")])
async def test_what_is_stored_is_given_away_once(model: Model, who: str) -> None:
    ledger = Ledger()
    device = scale(model, ledger=ledger)
    device.remember(3, every=timedelta(hours=8))
    async with linked(device) as app:
        await app.greet(who)
        query = qn.summed(bytes.fromhex(f"2204{who}")).hex()
        await app.say(query)
        frames = await app.come(0x23, 3)
        await app.say(query)
        empty = (await app.come(0x23, 4))[3]

    hours = [(NOON_SECONDS - int.from_bytes(frame[5:9], "little")) // 3600 for frame in frames]
    assert hours == ([8, 16, 24] if model.newest_first else [24, 16, 8])
    assert [(frame[3], frame[4]) for frame in frames] == [(3, 1), (3, 2), (3, 3)]
    assert {len(frame) for frame in frames} == {16 + model.zeros}
    weights = [row.values["weight"] for row in ledger.produced if row.kind is Kind.WEIGHT]
    assert {Decimal(u16(frame[9:11])) / 100 for frame in frames} == set(map(Decimal, weights))
    assert (empty[3], device.held) == (0, 0)


async def test_a_weighing_that_nobody_confirmed_is_stored() -> None:
    device = scale(faults={Fault.DISCONNECT_MID_RECORD: 1})
    device.measure()
    async with linked(device) as app:
        await app.greet()
        await app.until_lost()

    assert device.held == 1


async def test_its_clock_is_what_the_host_counts() -> None:
    device = scale()
    async with linked(device) as app:
        await app.greet(seconds=474)

    assert device.clock.device_local() == datetime(2000, 1, 1, 0, 7, 54)  # noqa: DTZ001


async def test_the_older_way_to_set_its_clock_is_taken_too() -> None:
    device = scale()
    async with linked(device) as app:
        await app.listen()
        await app.say("02da010000")

    assert device.clock.device_local() == datetime(2000, 1, 1, 0, 7, 54)  # noqa: DTZ001


async def test_who_says_another_who_is_answered_and_never_told_a_weight() -> None:
    device = scale()
    device.measure()
    async with linked(device) as app:
        await app.greet("15")
        await app.until_lost()

    assert [frame for frame in app.heard if frame[0] == 0x10] == []


async def test_a_frame_with_a_wrong_sum_is_not_heard() -> None:
    async with linked(scale()) as app:
        await app.listen()
        await app.say("1309ff011000000000")
        await app.come(0x12, 2)

    assert {frame[0] for frame in app.heard} == {0x12}


async def test_writing_a_user_is_told_as_forbidden() -> None:
    forbidden = ForbiddenCommands()
    async with linked(scale(ESCS20MA2, forbidden=forbidden)) as app:
        await app.greet()
        await app.say("a00d02010008002106b804029d")
        (taken,) = await app.come(0xA1)

    assert taken.hex() == "a106020101ab"
    assert forbidden.received == ["write a user"]


async def test_an_r_msb01_shows_what_it_computed_and_hides_the_resistances() -> None:
    ledger = Ledger()
    device = scale(RMSB01, ledger=ledger)
    device.measure()
    async with linked(device) as app:
        await app.greet()
        await app.say(SOMEBODY)
        (panel,) = await app.come(0x15)
        await app.come(0x16)
        end = (await app.come(0x10, 4))[3]

    assert (len(end), len(panel)) == (15, 16)
    assert u16(end[7:9]) > 4000
    assert [row.kind for row in ledger.produced] == [Kind.WEIGHT]


async def test_socks_have_no_resistance() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger, faults={Fault.IMPEDANCE_FAILED: 1})
    device.measure()
    async with linked(device) as app:
        await app.greet()
        end = (await app.come(0x10, 4))[3]

    assert (end[5], end[6:10]) == (0x01, bytes(4))
    assert [row.kind for row in ledger.produced] == [Kind.WEIGHT]


async def test_who_does_not_stand_still_is_not_weighed() -> None:
    ledger = Ledger()
    device = scale(ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})
    device.measure()
    async with linked(device) as app:
        await app.greet()
        await app.until_lost()

    assert [frame[5] for frame in app.heard if frame[0] == 0x10] == [0, 0]
    assert (ledger.produced, device.held) == ([], 0)


async def test_the_end_comes_again_until_it_is_confirmed() -> None:
    device = scale(faults={Fault.GARBAGE_FRAME: 1, Fault.WRONG_CHECKSUM: 1})
    device.measure()
    async with linked(device) as app:
        await app.greet()
        await app.until_lost()

    settling_and_settled = 3
    shown = [frame for frame in app.heard if frame[0] == 0x10][settling_and_settled:]
    cut, wrong, *ends = shown
    assert (len(cut), len(set(ends)), len(ends)) == (6, 1, 5)
    assert qn.summed(wrong[:-1]) == ends[0]
    assert device.held == 1


async def test_it_calls_by_its_name_with_how_many_are_stored() -> None:
    device = scale()
    device.remember(2, every=timedelta(hours=8))

    called = device.called()

    assert called.data.endswith(b"\x09Virtual")
    assert called.response.hex() == "0effffff09e9010002" + "0100000000c4"
