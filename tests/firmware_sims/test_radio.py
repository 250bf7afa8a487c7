import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bumble import core, hci
from bumble.device import Device
from bumble.transport import open_transport
from firmware_sims import radio as radio_module
from firmware_sims.bp_monitor.bluetooth_sig import blood_pressure_monitor
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import EpisodicDevice, Fittings
from firmware_sims.identity import advertisement
from firmware_sims.ledger import Ledger
from firmware_sims.peripheral import Peripheral, VirtualDevice
from firmware_sims.radio import VirtualRadio

from tests.firmware_sims.collector import PATIENCE_S, Collector
from tests.firmware_sims.people import PACE, Time, body, identity

# What a gateway does until it is killed: connect, say so, and never confirm anything again.
DOOMED = """
import asyncio, sys
from bumble import hci
from bumble.device import Device
from bumble.transport import open_transport

async def main(hci_address, address):
    transport = await open_transport(f"tcp-client:{hci_address}")
    device = Device.with_hci("doomed", hci.Address("F0:00:00:00:00:09"), *transport)
    await device.power_on()
    await device.connect(hci.Address(address))
    print("connected", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def cuff(readings: int = 2) -> EpisodicDevice:
    now = Time()
    fittings = Fittings(now=now, clock=DeviceClock(now), ledger=Ledger(), pace=PACE)
    device = blood_pressure_monitor(identity(), {None: body()}, fittings)
    device.remember(readings, every=timedelta(hours=1))
    return device


@contextlib.asynccontextmanager
async def host(hci_address: str) -> AsyncIterator[Any]:
    """Join the radio through TCP, as a host in another process does."""
    async with await open_transport(f"tcp-client:{hci_address}") as transport:
        device = Device.with_hci("host", hci.Address("F0:00:00:00:00:08"), *transport)
        await device.power_on()
        yield device


async def take_all(central: Any, device: EpisodicDevice) -> Sequence[bytes]:
    async with Collector(central, device.identity.address) as collector:
        await collector.discover()
        await collector.subscribe(0x1810, 0x2A35)
        await collector.until_lost()
        return collector.values[0x2A35]


async def test_a_host_over_tcp_reads_the_same_devices() -> None:
    device = cuff()
    async with VirtualRadio() as radio:
        await radio.add(device)
        hci_address = await radio.serve("127.0.0.1", 0)
        async with host(hci_address) as central:
            frames = await take_all(central, device)

    assert len(frames) == 2


@pytest.mark.other_processes
async def test_a_killed_host_is_a_disconnection_and_the_next_host_starts_clean() -> None:
    device = cuff()
    async with VirtualRadio() as radio:
        peripheral = await radio.add(device)
        hci_address = await radio.serve("127.0.0.1", 0)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            DOOMED,
            hci_address,
            device.identity.address,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"connected\n"
        assert peripheral.linked
        process.send_signal(signal.SIGKILL)
        await process.wait()
        dropped = await peripheral.until(lambda: not peripheral.linked, PATIENCE_S)
        async with host(hci_address) as central, Collector(central, device.identity.address) as new:
            await new.discover()
            frames = await new.told(0x1810, 0x2A35, 2)

    assert dropped
    assert len(frames) == 2


async def linked_over_tcp(central: Any, peripheral: Peripheral) -> None:
    await central.connect(hci.Address("C4:00:00:00:00:01"), timeout=20)
    assert await peripheral.until(lambda: peripheral.linked, 5)


async def test_a_newer_host_replaces_the_one_before_it() -> None:
    device = cuff()
    async with VirtualRadio() as radio:
        peripheral = await radio.add(device)
        hci_address = await radio.serve("127.0.0.1", 0)
        async with host(hci_address) as old:
            await linked_over_tcp(old, peripheral)
            async with host(hci_address) as new:
                await linked_over_tcp(new, peripheral)

                assert len(new.connections) == 1


async def test_a_reset_ends_every_link() -> None:
    device = cuff()
    async with VirtualRadio() as radio:
        peripheral = await radio.add(device)
        central = await radio.central()
        await linked_over_tcp(central, peripheral)

        await central.host.reset()

        assert await peripheral.until(lambda: not peripheral.linked, 5)


async def test_what_is_not_hci_ends_the_connection() -> None:
    async with VirtualRadio() as radio:
        address, port = (await radio.serve("127.0.0.1", 0)).split(":")
        reader, writer = await asyncio.open_connection(address, int(port))
        writer.write(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        async with host(f"{address}:{port}") as central:
            assert central.powered_on


async def test_a_connection_that_nobody_answers_can_be_given_up() -> None:
    device = cuff()
    async with VirtualRadio() as radio:
        await radio.add(device)
        central = await radio.central()
        with pytest.raises(core.TimeoutError):
            await central.connect(hci.Address("C4:00:00:00:00:99"), timeout=0.05)

        assert len(await take_all(central, device)) == 2


async def test_cancelling_nothing_is_refused() -> None:
    async with VirtualRadio() as radio:
        central = await radio.central()
        with pytest.raises(hci.HCI_Error):
            await central.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())


async def test_a_controller_in_trouble_does_not_stop_scanning_until_it_is_asked_again() -> None:
    async with VirtualRadio() as radio, host(await radio.serve("127.0.0.1", 0)) as central:
        await central.start_scanning(legacy=True)
        radio.refuse_to_stop_scanning()
        with pytest.raises(hci.HCI_Error):
            await central.stop_scanning(legacy=True)
        await central.stop_scanning(legacy=True)

        assert not central.is_scanning


async def test_a_device_that_is_removed_is_lost_to_who_is_connected() -> None:
    async with VirtualRadio() as radio:
        device = cuff()
        await radio.add(device)
        central = await radio.central()
        link = await central.connect(hci.Address(device.identity.address))
        lost = asyncio.get_running_loop().create_future()
        link.on("disconnection", lost.set_result)
        await radio.remove(device)

        reason = await asyncio.wait_for(lost, 5)
        assert reason == hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR


class Stubborn:
    """A device whose firmware does not end when it is told to."""

    identity = identity()
    advertised = (0x1810,)

    def __init__(self) -> None:
        self.let_go = asyncio.Event()

    def services(self) -> Sequence[Any]:
        return ()

    async def run(self, peripheral: Peripheral) -> None:
        try:
            await peripheral.until(lambda: False)
        finally:
            await self.let_go.wait()


async def test_a_device_that_does_not_end_can_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio_module, "_GONE_WITHIN_S", 0.01)
    async with VirtualRadio() as radio:
        device = Stubborn()
        await radio.add(device)
        try:
            await asyncio.wait_for(radio.remove(device), 5)
        finally:
            device.let_go.set()


class Broken:
    """A device whose firmware fails."""

    identity = identity()
    advertised = (0x1810,)

    def services(self) -> Sequence[Any]:
        return ()

    async def run(self, peripheral: Peripheral) -> None:
        raise LookupError(f"no firmware in {peripheral}")


async def live_with(device: VirtualDevice) -> None:
    async with VirtualRadio() as radio:
        await radio.add(device)
        await asyncio.Event().wait()


async def test_a_device_that_fails_is_not_silent() -> None:
    with pytest.raises(ExceptionGroup) as failed:
        await live_with(Broken())

    assert failed.group_contains(LookupError)


async def test_a_name_too_long_to_advertise_is_refused() -> None:
    device = cuff()
    device.identity = replace(device.identity, name="x" * 40)

    with pytest.raises(ValueError, match="does not fit"):
        await live_with(device)


@pytest.mark.parametrize("active", [True, False])
async def test_a_name_that_does_not_fit_is_in_the_answer_to_a_scan_request(active: bool) -> None:
    device = cuff()
    device.identity = replace(device.identity, name="A long name, for once, of 29")
    found: asyncio.Queue[Any] = asyncio.Queue()
    async with VirtualRadio() as radio:
        central = await radio.central()
        central.on("advertisement", found.put_nowait)
        await central.start_scanning(active=active)
        await radio.add(device)
        async with asyncio.timeout(20):
            heard = await found.get()

    name = heard.data.get(core.AdvertisingData.Type.COMPLETE_LOCAL_NAME)
    assert name == (device.identity.name if active else None)
    assert heard.data.get(core.AdvertisingData.Type.FLAGS) is not None


def test_a_name_that_does_not_fit_the_answer_either_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        advertisement(replace(identity(), name=30 * "x"))
