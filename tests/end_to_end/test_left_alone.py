"""A cuff that never stops advertising: seldom connected, and read when it has something new."""

import asyncio
from pathlib import Path

import pytest

from tests.end_to_end.passing import Passing
from tests.end_to_end.room import Case, Room, a_room

NEVER_SILENT = Case(
    type="enhanced_bp_monitor",
    driver="bp_monitor/bluetooth_sig",
    keys='person = "odile"\nadvertise_for_s = inf\n',
)


def visits(room: Room) -> int:
    said = [line for line in room.hub.metrics().splitlines() if "sessions_total{" in line]
    return sum(int(line.rpartition(" ")[2]) for line in said)


@pytest.mark.slow
async def test_a_cuff_that_never_stops_advertising_is_left_alone_until_somebody_measures(
    tmp_path: Path, time: Passing
) -> None:
    async with a_room(tmp_path, time, NEVER_SILENT, stored=2) as room:
        await room.is_heard()
        await asyncio.sleep(8 * 60)
        before = visits(room)

        room.device.measure()
        measured = time.monotonic()
        await room.is_heard()

        assert time.monotonic() - measured < 10
        assert before <= 7  # 9 where it is asked every minute, and that is 1,200 times a day


WITH_A_CODE = Case(
    type="glucose_meter",
    driver="glucose_meter/bluetooth_sig",
    keys='person = "odile"\nadvertise_for_s = inf\npairing = "passkey"\npasskey = 123456\n',
)


async def test_who_refuses_to_pair_a_device_is_not_asked_over_and_over(
    tmp_path: Path, time: Passing
) -> None:
    refused = 0
    async with a_room(tmp_path, time, WITH_A_CODE, stored=2) as room:
        began = time.monotonic()
        while time.monotonic() - began < 100:
            for asked in room.hub.questions():
                refused += await room.hub.answer(asked, None)
            await asyncio.sleep(1)

    assert 2 <= refused <= 3
