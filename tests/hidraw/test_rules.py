"""By udev's rules the gateway's user may open the meters, and no keyboard."""

from __future__ import annotations

import asyncio
import grp
import subprocess
from pathlib import Path

from gateway.drivers.api import Reach, Sighting
from gateway.drivers.cgm.freestyle_libre import DRIVER
from gateway.testing.clock import ManualClock
from gateway.transport.hid import HidTransport
from gateway.transport.settings import HidSettings
from tests.hidraw.conftest import READER
from tests.hidraw.gadget import Gadget
from tests.hidraw.machine import found, keyboard

UDEVADM = Path(".tools/hid-box/udev/udevadm")
NOBODY = "65534"
RULES = Path("deploy/70-healthspace-gateway.rules")
SOCKET = "3-1"  # of the cable in the kernel
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


async def test_an_owners_own_rule_names_a_meter_by_its_socket_for_the_configuration() -> None:
    example = next(line for line in RULES.read_text().splitlines() if "KERNELS" in line)
    own = Path("/run/udev/rules.d/99-own.rules")
    own.write_text(example.removeprefix("# ").replace("1-1.3", SOCKET))
    await asyncio.to_thread(subprocess.run, [UDEVADM, "control", "--reload"], check=True)
    with Gadget(READER, None):
        await found(READER)
        await asyncio.to_thread(subprocess.run, [UDEVADM, "settle"], check=True)
        settings = HidSettings(name="a", path="/dev/gateway/reader", driver=DRIVER.manifest.name)
        transport = HidTransport(settings, [DRIVER], ManualClock())
        link = await transport.open(Sighting(settings.path, Reach.HID), DRIVER.manifest)
        assert Path(settings.path).is_symlink()
        await link.close()
    own.unlink()


async def test_a_meter_that_no_driver_knows_may_not_either() -> None:
    with Gadget(FREESTYLE_LIBRE_PRO, None):
        path = (await found(FREESTYLE_LIBRE_PRO)).path
        assert not await may_be_opened(path)
