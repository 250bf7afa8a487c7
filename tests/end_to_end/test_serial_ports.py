"""Ports with noise on them, ports that come and go, ports that never were: the daemon goes on."""

import os
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from firmware_sims.health_space import HealthSpace
from firmware_sims.port import Port
from firmware_sims.scale.tanita import encode

from tests.end_to_end.home import ODILE, Home, Plan, at_home
from tests.end_to_end.passing import Passing

SCALE, CUFF = "scale/tanita", "bp_monitor/omron_hbp"
DEVICE = "serial:counter"
NOBODY = 65534


def weighing(kilograms: str = "64.5") -> bytes:
    """Return the line of an SC-240; two of them in one minute with one weight are one weighing."""
    head = [("0", "16"), ("~0", "1"), ("~1", "1"), ("~2", "1"), ("MO", '"SC-240"')]
    stamp = [("Da", '"14/03/2026"'), ("TI", '"09:26"')]
    return encode([*head, ("SN", '"00000002"'), *stamp, ("Wk", kilograms)])


WEIGHING = weighing()
# 2026-03-14 09:26, nobody's id typed, no error, 128/82 mmHg, 66/min, no movement.
PRESSURE = b"2026,03,14,09,26,                    ,0,128,082,066,0\r\n"
FORMAT_1 = b"ID12345678B26/03/14/09:26 128 082 066 \r\n"


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "counter"


@pytest.mark.parametrize(
    ("driver", "frame", "kinds"),
    [(SCALE, WEIGHING, {"weight"}), (CUFF, PRESSURE, {"blood_pressure", "heart_rate"})],
)
async def test_noise_is_set_aside_and_the_frame_after_it_is_recorded(
    driver: str,
    frame: bytes,
    kinds: set[str],
    link: Path,
    tmp_path: Path,
    space: HealthSpace,
    time: Passing,
) -> None:
    noise = random.Random(7).randbytes(3000) + b"\r\n"
    async with on_the_counter(link, tmp_path, space, time, driver) as (port, home):
        await is_listened_to(home, port)
        while not (await device(home))["set_aside"]:
            await port.send(noise)
        await heard(home, port, frame, kinds)

        assert (await device(home))["last_aside"]
        assert await home.problem(DEVICE) is None
        assert (await home.get("status"))["sessions"] == [DEVICE]


async def test_noise_without_end_says_what_to_look_at(
    link: Path, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with on_the_counter(link, tmp_path, space, time, SCALE) as (port, home):
        await is_listened_to(home, port)
        while (await device(home))["last_remark"] is None:
            await port.send(b"\xff\x00\r\n" * 80)

        assert (await device(home))["last_remark"] == (
            "too much noise on the line: check its speed, parity and cable"
        )
        await heard(home, port, WEIGHING, {"weight"})


async def test_a_monitor_set_to_another_format_names_the_item_to_change(
    link: Path, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with on_the_counter(link, tmp_path, space, time, CUFF) as (port, home):
        await is_listened_to(home, port)
        while not (await device(home))["set_aside"]:
            await port.send(FORMAT_1)

        assert (await device(home))["last_aside"] == (
            "unsupported_output_format: set function item 32 of the monitor to 5"
        )
        await heard(home, port, PRESSURE, {"blood_pressure", "heart_rate"})


async def test_a_port_that_is_pulled_out_and_put_back_goes_on_by_itself(
    link: Path, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with on_the_counter(link, tmp_path, space, time, SCALE) as (port, home):
        await home.welcome(ODILE)
        await home.give(DEVICE, SCALE, ODILE)
        await heard(home, port, WEIGHING, {"weight"})
        for _ in range(3):
            port.unplug()
            await home.until(lambda: says(home, not_there(link)))

            port.plug()
            await home.until(lambda: says(home, None))
            await is_listened_to(home, port)
        await heard(home, port, weighing("65.5"), {"weight"}, count=2)

        await home.until(lambda: is_accepted(space, 2))
        assert space.person(ODILE).counts.duplicates == 0
        assert await home.problem(DEVICE) is None


async def test_a_cable_pulled_in_the_middle_of_a_frame_costs_that_frame_only(
    link: Path, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    async with on_the_counter(link, tmp_path, space, time, SCALE) as (port, home):
        await heard(home, port, WEIGHING, {"weight"})
        await port.send(weighing("65.5")[:30])
        port.unplug()
        await home.until(lambda: says(home, not_there(link)))
        port.plug()

        await heard(home, port, weighing("66.5"), {"weight"}, count=2)
        weights = [reading["values"]["weight"]["value"] for reading in await home.readings()]
        assert sorted(weights) == ["64.5", "66.5"]


async def test_a_port_that_is_not_there_is_told_and_does_not_hold_up_the_other(
    link: Path, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    missing = tmp_path / "missing"
    plan = Plan(ports={"counter": (link, SCALE), "other": (missing, CUFF)})
    with Port(link) as port:
        async with at_home(tmp_path, space, time, plan) as home:
            await heard(home, port, WEIGHING, {"weight"})

            assert await says(home, not_there(missing), transport="serial:other")
            assert await says(home, None)


async def test_a_port_that_may_not_be_opened_names_the_group_that_is_missing(
    space: HealthSpace, time: Passing
) -> None:
    with unprivileged(space.ca_path) as folder, Port(folder / "counter") as port:
        (folder / "counter").resolve().chmod(0)
        plan = Plan(
            ports={"counter": (folder / "counter", SCALE)},
            destination={"ca_file": str(folder / space.ca_path.name)},
        )
        async with at_home(folder, space, time, plan) as home:
            await home.until(lambda: home.problem(DEVICE))

            assert await home.problem(DEVICE) == (
                f"Port {folder / 'counter'} cannot be opened: the gateway may not open it; add the"
                " service's user to the group dialout and restart it."
            )
            assert (await device(home))["problem"] == await home.problem(DEVICE)
            (folder / "counter").resolve().chmod(0o600)
            await heard(home, port, WEIGHING, {"weight"})
            assert await home.problem(DEVICE) is None


async def test_a_port_that_another_program_has_is_told_so(
    link: Path, tmp_path: Path, space: HealthSpace, time: Passing
) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    plan = Plan(ports={"counter": (link, SCALE)})
    with Port(link) as port:
        async with at_home(tmp_path / "second", space, time, plan) as second:
            async with at_home(tmp_path / "first", space, time, plan) as first:
                await first.until(lambda: first.problem(DEVICE))

                assert await first.problem(DEVICE) == (
                    f"Port {link} cannot be opened: another program has it open; stop that program."
                )
            await heard(second, port, WEIGHING, {"weight"})


@asynccontextmanager
async def on_the_counter(
    link: Path, folder: Path, space: HealthSpace, time: Passing, driver: str
) -> AsyncIterator[tuple[Port, Home]]:
    """Put a port before a hub that has been told of the driver behind it."""
    plan = Plan(ports={"counter": (link, driver)})
    with Port(link) as port:
        async with at_home(folder, space, time, plan) as home:
            yield port, home


def not_there(path: Path) -> str:
    return (
        f"Port {path} cannot be opened: it does not exist; plug the device in, or correct its path."
    )


async def device(home: Home) -> dict[str, object]:
    """Return what the API shows of the device on the counter."""
    devices = await home.get("devices")
    return next(dict(each) for each in devices if each["id"] == DEVICE)


async def says(home: Home, sentence: str | None, transport: str = DEVICE) -> bool:
    """Whether the status says this of the port."""
    parts = (await home.get("status"))["transports"]
    return sentence in [part["problem"] for part in parts if part["name"] == transport]


async def is_listened_to(home: Home, port: Port) -> None:
    """Return once the daemon has the port open, after whatever waiting it saw fit."""

    async def is_open() -> bool:
        return port.is_open_elsewhere()

    await home.hurry_until(is_open, step_s=3)


async def heard(home: Home, port: Port, frame: bytes, kinds: set[str], count: int = 1) -> None:
    """Return once there are so many readings of each kind; print the line again until then.

    What is sent while the daemon is about to open the port is lost, as on a wire, and the same line
    twice is no news.
    """
    await is_listened_to(home, port)
    while True:
        await port.send(frame)
        readings = await home.readings()
        if len(readings) == count * len(kinds):
            assert {reading["kind"] for reading in readings} == kinds
            return


async def is_accepted(space: HealthSpace, count: int) -> bool:
    return space.person(ODILE).counts.accepted == count


@contextmanager
def unprivileged(needed: Path) -> Iterator[Path]:
    """Give a folder with a file in it, and take away the right to open everything: root has it."""
    with TemporaryDirectory(prefix="gateway-") as made:
        shutil.copy(needed, made)
        before = os.geteuid()
        if before == 0:
            for path in (made, Path(made) / needed.name):
                os.chown(path, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            if not os.access(__file__, os.R_OK, effective_ids=True):
                pytest.skip("the checkout lies in a folder that only root may enter, as /root is")
            yield Path(made)
        finally:
            os.seteuid(before)
