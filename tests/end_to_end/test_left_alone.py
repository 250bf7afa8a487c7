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
