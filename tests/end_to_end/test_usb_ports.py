"""A receiver that is plugged in is read without any configuration; a cable is left alone."""

from datetime import timedelta
from pathlib import Path

import pytest
from firmware_sims.bp_monitor.and_tm import TmKiosk
from firmware_sims.cgm.dexcom_receiver import DexcomReceiver

from gateway.transport.settings import UsbSettings
from gateway.transport.usb_device import UsbDevice
from tests.end_to_end.counter import a_counter, missing_and_extra
from tests.end_to_end.passing import Passing


def plugged_in(monkeypatch: pytest.MonkeyPatch, folder: Path, usb: tuple[int, int]) -> None:
    """Let the machine list the port on the counter as one on USB, while it is there."""
    link = folder / "counter"

    def listed() -> list[UsbDevice]:
        return [UsbDevice(str(link), usb, None, "1-1.3", "Something")] if link.exists() else []

    monkeypatch.setattr("gateway.transport.usb.usb_ports", listed)


async def test_a_receiver_is_read_wherever_it_is_plugged_in(
    tmp_path: Path, time: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged_in(monkeypatch, tmp_path, (0x22A3, 0x0047))
    async with a_counter(
        tmp_path, time, None, lambda where: DexcomReceiver(where), usb=UsbSettings()
    ) as counter:
        await counter.is_heard()
        for _ in range(2):
            counter.device.measure()
            await counter.has_arrived(step_s=5)
            counter.port.unplug()
            await counter.plug_again()

        produced, entries = counter.ledger.produced, counter.entries()
        assert missing_and_extra(produced, entries, timedelta(seconds=10)) == ([], [])
        assert {entry.device.id for entry in entries} == {"usb:22a3:0047:SM44792675"}
        assert counter.forbidden.received == []


async def test_a_cable_is_shown_and_not_a_byte_is_written_to_it(
    tmp_path: Path, time: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged_in(monkeypatch, tmp_path, (0x10C4, 0xEA60))
    async with a_counter(tmp_path, time, None, TmKiosk, usb=UsbSettings()) as counter:
        await counter.until(counter.hub.sightings)
        for _ in range(20):
            time.skip(10)
            await counter.measure()
        await counter.until(lambda: len(counter.hub.sightings()) == 1, step_s=10)

        (seen,) = counter.hub.sightings()
        assert (seen.driver, seen.adopted) == (None, False)
        assert counter.sessions() == []
        assert not counter.port.is_open_elsewhere()
        assert counter.wire.written == b""
        assert counter.entries() == []
