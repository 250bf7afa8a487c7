from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from bumble.att import ATT_Error, ErrorCode
from firmware_sims.bp_monitor.taidoc_ble import PIPE, SERVICE, TaiDocDevice
from firmware_sims.bp_monitor.taidoc_memory import D40, GD40, Habits, Model
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import Fittings
from firmware_sims.faults import Fault, Faults
from firmware_sims.forbidden_commands import ForbiddenCommands
from firmware_sims.gatt import WRITE, WRITE_WITHOUT_RESPONSE
from firmware_sims.identity import Pairing
from firmware_sims.ledger import Kind, Ledger
from firmware_sims.packing.taidoc import HOST, frame, stamp

from tests.firmware_sims.collector import Collector, discovered
from tests.firmware_sims.people import PACE, Time, body, identity

NOON = stamp(datetime(2026, 3, 10, 12, 0))  # noqa: DTZ001


def device(
    model: Model = D40,
    *,
    stored: int = 0,
    habits: Habits | None = None,
    writes: int = WRITE | WRITE_WITHOUT_RESPONSE,
    pairing: Pairing = Pairing.NONE,
    ledger: Ledger | None = None,
    faults: dict[Fault, int] | None = None,
    forbidden: ForbiddenCommands | None = None,
) -> TaiDocDevice:
    now = Time()
    fittings = Fittings(
        now=now,
        clock=DeviceClock(now),
        ledger=ledger or Ledger(),
        faults=Faults(faults),
        pace=PACE,
        forbidden=forbidden or ForbiddenCommands(),
    )
    made = TaiDocDevice(identity(pairing), body(), fittings, model, habits=habits, writes=writes)
    made.remember(stored, every=timedelta(hours=8))
    made.life.wake()
    return made


class App(Collector):
    """Asks one question after the other."""

    async def put(self, command: int, data: bytes, *, with_response: bool = True) -> None:
        pipe = self.find(SERVICE, PIPE)
        await pipe.write_value(frame(command, data, HOST), with_response=with_response)

    async def ask(
        self, command: int, data: bytes = bytes(4), *, with_response: bool = True
    ) -> bytes:
        heard = self.values[PIPE]
        before = len(heard)
        await self.put(command, data, with_response=with_response)
        await self.until(lambda: len(heard) > before)
        (answer,) = heard[before:]
        assert answer == frame(command, answer[2:6])
        return answer[2:6]


@asynccontextmanager
async def linked(one: TaiDocDevice) -> AsyncIterator[App]:
    async with discovered(one, App) as app:
        assert isinstance(app, App)
        await app.subscribe(SERVICE, PIPE)
        yield app


@pytest.mark.parametrize("writes", [WRITE, WRITE_WITHOUT_RESPONSE, WRITE | WRITE_WITHOUT_RESPONSE])
async def test_it_is_asked_with_a_response_and_without_one(writes: int) -> None:
    async with linked(device(writes=writes)) as app:
        answer = await app.ask(0x24, with_response=bool(writes & WRITE))

    assert answer.hex() == "61320000"


@pytest.mark.parametrize("mtu", [None, 185])
async def test_the_memory_is_told_record_by_record_on_any_link(mtu: int | None) -> None:
    ledger = Ledger()
    async with linked(device(stored=3, habits=Habits(strip_every=3), ledger=ledger)) as app:
        if mtu is not None:
            await app.grow(mtu)
        count = (await app.ask(0x2B))[0]
        records = [
            (await app.ask(0x25, bytes([at, 0, 0, 0])), await app.ask(0x26, bytes([at, 0, 0, 0])))
            for at in range(count)
        ]

    assert [stamp_[2] >> 7 for stamp_, _ in records] == [0, 1, 1]
    newest = ledger.produced[-1]
    assert newest.kind is Kind.BLOOD_GLUCOSE
    assert int.from_bytes(records[0][1][:2], "little") == int(newest.values["glucose"])


async def test_each_user_has_a_memory_and_user_0_is_who_is_chosen() -> None:
    one = device(stored=1)
    one.choose(3)
    one.remember(2, every=timedelta(hours=2))
    async with linked(one) as app:
        counts = [(await app.ask(0x2B, bytes([user, 0, 0, 0])))[0] for user in range(5)]
        of_first = await app.ask(0x25, bytes([0, 0, 0, 1]))
        of_third = await app.ask(0x25, bytes([0, 0, 0, 3]))
        of_chosen = await app.ask(0x25, bytes([0, 0, 0, 0]))

    assert counts == [2, 1, 0, 2, 0]
    assert of_chosen == of_third
    assert of_third[3] & 0x1F == 10
    assert of_first[3] & 0x1F == 4


async def test_a_meter_tells_its_model_and_what_else_it_measured() -> None:
    habits = Habits(others_every=2)
    async with linked(device(GD40, stored=2, habits=habits)) as app:
        model, newest, oldest = (
            await app.ask(0x24),
            await app.ask(0x26),
            await app.ask(0x26, b"\x01\0\0\0"),
        )

    assert model.hex() == "72420000"
    assert (newest[3] & 0x3C) >> 2 == 6
    assert oldest[3] & 0x3C == 0


async def test_what_a_meter_showed_as_hi_or_lo_is_beyond_its_range() -> None:
    ledger = Ledger()
    habits = Habits(extremes_every=1)
    async with linked(device(GD40, stored=2, habits=habits, ledger=ledger)) as app:
        low, high = await app.ask(0x26), await app.ask(0x26, b"\x01\0\0\0")

    assert int.from_bytes(low[:2], "little") < 20
    assert int.from_bytes(high[:2], "little") > 600
    assert [row.values for row in ledger.produced] == [{"range": "high"}, {"range": "low"}]


async def test_a_strip_that_failed_has_no_value_and_is_no_record_produced() -> None:
    ledger = Ledger()
    one = device(GD40, ledger=ledger, faults={Fault.NAN_MEASUREMENT: 1})
    one.measure()
    async with linked(one) as app:
        value = await app.ask(0x26)

    assert value[:2] == b"\xff\xff"
    assert ledger.produced == []


async def test_its_clock_is_set_and_that_is_told() -> None:
    forbidden = ForbiddenCommands()
    to = stamp(datetime(2026, 3, 10, 8, 30))  # noqa: DTZ001
    async with linked(device(forbidden=forbidden)) as app:
        answered, shown = await app.ask(0x33, to), await app.ask(0x23)

    assert (answered, shown) == (to, to)
    assert forbidden.received == ["set clock"]


async def test_it_switches_itself_off_without_a_word() -> None:
    forbidden = ForbiddenCommands()
    async with linked(device(forbidden=forbidden)) as app:
        await app.put(0x50, bytes(4))
        await app.until_lost()

    assert app.values[PIPE] == []
    assert forbidden.received == ["power off"]


async def test_its_memory_is_not_erased_by_anybody() -> None:
    forbidden = ForbiddenCommands()
    async with linked(device(stored=2, forbidden=forbidden)) as app:
        await app.ask(0x52)
        count = await app.ask(0x2B)

    assert count.hex() == "02000200"
    assert forbidden.received == ["erase memory"]


async def test_it_wants_to_be_paired_before_it_is_asked() -> None:
    async with discovered(device(pairing=Pairing.JUST_WORKS), App) as app:
        assert isinstance(app, App)
        with pytest.raises(ATT_Error) as refused:
            await app.put(0x24, bytes(4))
        await app.link.pair()
        await app.subscribe(SERVICE, PIPE)
        model = await app.ask(0x24)

    assert refused.value.error_code == ErrorCode.INSUFFICIENT_ENCRYPTION
    assert model.hex() == "61320000"


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (Fault.DUPLICATE_INDICATION, ["51268", "51268"]),
        (Fault.GARBAGE_FRAME, ["51265", "51268"]),
    ],
)
async def test_a_record_may_come_twice_or_cut_short_first(fault: Fault, heard: list[str]) -> None:
    async with linked(device(stored=1, faults={fault: 1})) as app:
        await app.put(0x26, bytes(4))
        await app.received(PIPE, 2)

    assert [f"{value[:2].hex()}{len(value)}" for value in app.values[PIPE]] == heard


async def test_a_sum_may_be_wrong_once_and_an_answer_missing() -> None:
    async with linked(device(faults={Fault.SILENCE: 1, Fault.WRONG_CHECKSUM: 1})) as app:
        await app.put(0x24, bytes(4))
        await app.put(0x24, bytes(4))
        (wrong,) = await app.received(PIPE, 1)
        right = await app.ask(0x24)

    assert sum(wrong[:7]) & 0xFF != wrong[7]
    assert right.hex() == "61320000"
