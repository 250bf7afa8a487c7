"""What is done about a scan that is stuck, and that nothing is done about one that is not."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import BleakDBusError

from gateway.errors import RadioTrouble, RadioUnavailable
from gateway.transport.ble.scanning import (
    ORPHAN_LOOK_S,
    ORPHAN_S,
    SILENCE_S,
    SILENT_ROUNDS,
    Gone,
    Scanning,
)

BUSY = "org.bluez.Error.InProgress"
SWITCHED_OFF = "org.bluez.Error.NotReady"
NOT_RUNNING = "org.freedesktop.DBus.Error.ServiceUnknown"


class Linux:
    """A bluetoothd and a kernel that answer what the test says, and write down what was done."""

    linux: ClassVar[Linux]

    def __init__(self) -> None:
        self.log: list[str] = []
        self.start_answers: list[str | None] = []
        self.stop_answers: list[str | None] = []
        self.stuck = False
        """Whether starting fails until the adapter was restarted."""
        self.audible = False
        self.scanned_by_us = False
        self.linked = False
        self.slept: list[float] = []
        self.gone: Gone = asyncio.get_running_loop().create_future()
        self.sleeps_left = 100
        Linux.linux = self

    # The adapter, as `scanning.Adapter`.

    async def name(self) -> str | None:
        return "hci7"

    async def is_scanning(self) -> bool:
        return self.scanned_by_us

    async def is_linked(self) -> bool:
        return self.linked

    async def restart(self) -> None:
        self.log.append("restart")
        self.stuck = False

    # Time.

    async def pause(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sleeps_left -= 1
        if self.sleeps_left <= 0 and not self.gone.done():
            self.gone.set_result(RadioTrouble.NO_SERVICE)
        await asyncio.sleep(0)

    async def scan(self, sleeps: int) -> None:
        """Scan until time has passed so often."""
        self.sleeps_left = sleeps
        scanning = Scanning(lambda *_: None, self, self.pause, ScriptedScanner)
        async with asyncio.timeout(5):
            await scanning.until(self.gone)


class ScriptedScanner(BaseBleakScanner):
    """bleak's scanner as it behaves over that Linux."""

    def __init__(self, detection_callback: Any, service_uuids: Any, *_: Any, **named: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        assert named["bluez"]["adapter"] == "hci7"
        self._started = False

    async def start(self) -> None:
        linux = Linux.linux
        linux.log.append("start")
        answer = linux.start_answers.pop(0) if linux.start_answers else None
        if linux.stuck or answer is not None:
            raise BleakDBusError(answer or BUSY, [])
        self._started = True
        if linux.audible:
            data = AdvertisementData(None, {}, {}, [], None, -60, ())
            device = BLEDevice("C0:FF:EE:00:00:01", None, {})
            self.call_detection_callbacks(device, data)

    async def stop(self) -> None:
        linux = Linux.linux
        if not self._started:
            return
        linux.log.append("stop")
        answer = linux.stop_answers.pop(0) if linux.stop_answers else None
        if answer is not None:
            raise BleakDBusError(answer, [])


@pytest.fixture
async def linux() -> Linux:
    return Linux()


async def test_the_scan_of_a_bluetoothd_that_was_killed_is_waited_for(linux: Linux) -> None:
    linux.start_answers = [BUSY] * 10
    await linux.scan(sleeps=11)

    assert linux.log == ["start"] * 11 + ["stop"]
    assert linux.slept[:10] == [ORPHAN_LOOK_S] * 10


async def test_a_scan_that_the_kernel_cannot_end_is_ended_by_restarting_the_adapter(
    linux: Linux,
) -> None:
    linux.stuck = True
    await linux.scan(sleeps=13)

    assert linux.log == ["start"] * 12 + ["restart", "start", "stop"]
    assert sum(linux.slept[:-1]) == ORPHAN_S


async def test_bleak_may_hear_late_that_the_adapter_is_on_again(linux: Linux) -> None:
    linux.start_answers = [BUSY] * 12 + [SWITCHED_OFF] * 2
    await linux.scan(sleeps=15)

    assert linux.log == ["start"] * 12 + ["restart"] + ["start"] * 3 + ["stop"]


async def test_an_adapter_that_stays_off_after_a_restart_is_reported(linux: Linux) -> None:
    linux.start_answers = [BUSY] * 12 + [SWITCHED_OFF] * 9

    with pytest.raises(RadioUnavailable) as trouble:
        await linux.scan(sleeps=50)
    assert trouble.value.reason is RadioTrouble.POWERED_OFF


async def test_an_adapter_that_stays_busy_after_a_restart_is_reported(linux: Linux) -> None:
    linux.start_answers = [BUSY] * 20

    with pytest.raises(RadioUnavailable) as trouble:
        await linux.scan(sleeps=50)
    assert (trouble.value.reason, linux.log.count("restart")) == (RadioTrouble.BUSY, 1)


async def test_a_second_scanner_of_our_own_is_reported_at_once(linux: Linux) -> None:
    linux.start_answers = [BUSY]
    linux.scanned_by_us = True

    with pytest.raises(RadioUnavailable) as trouble:
        await linux.scan(sleeps=50)
    assert (trouble.value.reason, linux.log) == (RadioTrouble.BUSY, ["start"])


async def test_any_other_trouble_is_reported_at_once(linux: Linux) -> None:
    linux.start_answers = [NOT_RUNNING]

    with pytest.raises(RadioUnavailable) as trouble:
        await linux.scan(sleeps=50)
    assert (trouble.value.reason, linux.log) == (RadioTrouble.NO_SERVICE, ["start"])


async def test_a_scan_that_cannot_be_stopped_has_the_adapter_restarted(linux: Linux) -> None:
    linux.stop_answers = [BUSY]
    await linux.scan(sleeps=2)

    assert linux.log == ["start", "stop", "restart", "start", "stop"]


async def test_a_scanner_whose_bluetoothd_ended_is_left_as_it_is(linux: Linux) -> None:
    linux.stop_answers = [NOT_RUNNING]
    await linux.scan(sleeps=1)

    assert linux.log == ["start", "stop"]


async def test_minutes_of_silence_have_an_idle_adapter_restarted(linux: Linux) -> None:
    await linux.scan(sleeps=SILENT_ROUNDS + 1)

    assert linux.log.index("restart") == 2 * SILENT_ROUNDS
    assert set(linux.slept) == {SILENCE_S}


async def test_an_adapter_with_links_is_not_restarted_for_silence(linux: Linux) -> None:
    linux.linked = True
    await linux.scan(sleeps=3 * SILENT_ROUNDS)

    assert "restart" not in linux.log


async def test_an_adapter_that_hears_something_is_not_restarted(linux: Linux) -> None:
    linux.audible = True
    await linux.scan(sleeps=3 * SILENT_ROUNDS)

    assert "restart" not in linux.log
