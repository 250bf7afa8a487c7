"""By udev's rules the gateway's user may open the meters, and no keyboard."""

from __future__ import annotations

import asyncio
import grp
import subprocess
from pathlib import Path

from tests.hidraw.conftest import READER
from tests.hidraw.gadget import Gadget
from tests.hidraw.machine import found, keyboard

UDEVADM = Path(".tools/hid-box/udev/udevadm")
NOBODY = "65534"
FREESTYLE_LIBRE_PRO = (0x1A61, 0x3670)  # which no driver knows


async def may_be_opened(path: str) -> bool:
    """Say whether a user of the group dialout may, once udev is done with all that came."""
    dialout = str(grp.getgrnam("dialout").gr_gid)
    as_user = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--groups", dialout)
    reading_and_writing = f"exec 3<>{path}"
    await asyncio.to_thread(subprocess.run, [UDEVADM, "settle"], check=True)
    opened = await asyncio.to_thread(
        subprocess.run, [*as_user, "sh", "-c", reading_and_writing], stderr=subprocess.DEVNULL
    )
    return opened.returncode == 0


async def test_a_meter_may_be_opened(reader: Gadget) -> None:
    assert await may_be_opened((await found(READER)).path)


async def test_a_keyboard_may_not() -> None:
    assert not await may_be_opened(await keyboard())


async def test_a_meter_that_no_driver_knows_may_not_either() -> None:
    meter = Gadget(FREESTYLE_LIBRE_PRO, None)
    try:
        path = (await found(FREESTYLE_LIBRE_PRO)).path
        assert not await may_be_opened(path)
    finally:
        meter.remove()
