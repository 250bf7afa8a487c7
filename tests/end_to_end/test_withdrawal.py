"""After a withdrawal not one more byte about that person leaves, whatever was on its way."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from firmware_sims.health_space import Fault, HealthSpace, Kind
from firmware_sims.scale.tanita import encode

from tests.end_to_end.captures import Line, capture
from tests.end_to_end.home import MARCEL, ODILE, Home, Plan
from tests.end_to_end.passing import Passing
from tests.end_to_end.processes import a_daemon, command

pytestmark = pytest.mark.other_processes

DRIVER = "scale/tanita"
MEASURED = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
QUEUED = 5


@pytest.mark.parametrize(
    ("trouble", "ends"),
    [
        (Fault(Kind.HANG), {"dropped"}),
        (Fault(Kind.SLOW, delay_s=2.5), {"settled", "dropped"}),
        (None, {"dropped"}),
    ],
    ids=["the server hangs", "the server is slow", "the link is cut"],
)
async def test_a_withdrawal_in_an_outage_holds_at_once_and_after_a_power_cut(
    trouble: Fault | None,
    ends: set[str],
    tmp_path: Path,
    space: HealthSpace,
    time: Passing,
) -> None:
    captures = tuple(
        weighings(tmp_path, device, times)
        for device, times in (("odile", QUEUED), ("marcel", 2), ("later", 1))
    )
    async with a_daemon(tmp_path, space, time, Plan(captures=captures)) as (home, daemon):
        await home.until(lambda: has_readings(home, QUEUED + 3))
        await home.welcome(ODILE)
        await home.welcome(MARCEL)
        if trouble is None:
            await space.link.cut()
        else:
            space.add_fault(trouble)
        await home.give("serial:odile", DRIVER, ODILE)
        await home.until(lambda: is_tried(home))

        ran = await command(tmp_path / "gateway.toml", "consent", "withdraw", ODILE, "--to", "mes")
        seen = space.person(ODILE).counts.bytes_seen

        assert (ran.status, ran.error) == (0, "")
        assert ran.output.startswith("Withdrawn.")
        space.faults.clear()
        await space.link.restore()
        await home.give("serial:marcel", DRIVER, MARCEL)
        await home.until(lambda: are_settled(home, MARCEL, 2))
        states = await home.states(ODILE)
        assert space.person(ODILE).counts.bytes_seen == seen
        assert (set(states), len(states)) == (ends, QUEUED)
        assert space.person(ODILE).counts.accepted == states.count("settled")

        await asyncio.to_thread(daemon.kill)
        await asyncio.to_thread(daemon.launch)
        await home.give("serial:later", DRIVER, MARCEL)
        await home.until(lambda: are_settled(home, MARCEL, 3))
        assert space.person(ODILE).counts.bytes_seen == seen
        assert await home.states(ODILE) == states


def weighings(folder: Path, device: str, times: int) -> Path:
    """Write a capture of a scale on which somebody stood so often."""
    about = {"id": f"serial:{device}", "driver": DRIVER, "serial": device, "manufacturer": "Tanita"}
    lines = [
        Line("in", "serial", encode([("MO", '"SC-240"'), ("Wk", f"{60 + number}.0")]))
        for number in range(times)
    ]
    return capture(folder / f"{device}.jsonl", about, MEASURED, lines, apart_s=60)


async def has_readings(home: Home, count: int) -> bool:
    return len(await home.readings()) == count


async def is_tried(home: Home) -> bool:
    """Whether a delivery of hers is on its way, or was."""
    ways = await home.ways(ODILE)
    return any(state == "sending" or reason is not None for state, reason in ways)


async def are_settled(home: Home, name: str, count: int) -> bool:
    return await home.states(name) == ["settled"] * count
