from datetime import timedelta

from firmware_sims.bp_monitor.bluetooth_sig import blood_pressure_monitor
from firmware_sims.device_clock import DeviceClock
from firmware_sims.episodic import Fittings
from firmware_sims.ledger import Ledger
from firmware_sims.packing import blood_pressure_beurer

from tests.firmware_sims.collector import discovered
from tests.firmware_sims.people import PACE, Time, body, identity


async def test_pulse_and_status_begin_with_their_high_octet_and_the_user_is_always_there() -> None:
    now = Time()
    ledger = Ledger()
    device = blood_pressure_monitor(
        identity(),
        {1: body("Odile"), 2: body("Marcel")},
        Fittings(now=now, clock=DeviceClock(now), ledger=ledger, pace=PACE),
        encode=blood_pressure_beurer.measurement,
        mean=False,
    )
    device.remember(2, every=timedelta(hours=1))
    async with discovered(device) as collector:
        frames = await collector.told(0x1810, 0x2A35, 2)

    assert {frame[0] for frame in frames} == {0x56}
    assert {frame[5:7] for frame in frames} == {b"\x00\x00"}
    assert [frame[16] for frame in frames] == [1, 2]
    pulses = [str(int.from_bytes(frame[14:16], "big")) for frame in frames]
    assert pulses == [row.values["pulse"] for row in ledger.produced[1::2]]
    assert not any("mean" in row.values for row in ledger.produced)
