"""What speaks in reports, on cables that lose some and are pulled anywhere.

As `test_broken_cables`; a report of either side is lost as a whole, or comes twice, or late. The
gateway meets a device that was plugged in anew, or one that was left in the middle of its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from firmware_sims.cgm.libre_reader import Habits as ReaderHabits
from firmware_sims.cgm.libre_reader import LibreReader
from firmware_sims.device_spec import TYPES
from firmware_sims.glucose_meter.contour_usb import ContourUsb, Habits
from firmware_sims.glucose_meter.freestyle_neo import FreeStyleNeo
from firmware_sims.packing.contour_usb import MODELS
from firmware_sims.placement import Placement
from firmware_sims.serial_device import Powered

from gateway.drivers.api import HID, Channel, Reach
from tests.conversations.broken import Break
from tests.conversations.cable import Cable
from tests.conversations.counter import Counter, each_seed
from tests.end_to_end.serial_devices import Case

HOUR = timedelta(hours=1)
DAYS_BEHIND = timedelta(days=-11)
TO_THE_MINUTE = timedelta(seconds=70)


def contour(
    name: str, *, molar: bool, announces: bool, enq_apart: bool, quiet_end: bool = False
) -> Case:
    habits = Habits(extremes_every=3, control_every=4, entry_every=2 if molar else None)
    return remembering(
        "glucose_meter/contour_usb",
        lambda placement: ContourUsb(
            placement,
            model=MODELS[name],
            molar=molar,
            announces=announces,
            enq_apart=enq_apart,
            quiet_end=quiet_end,
            habits=habits,
        ),
    )


def remembering(
    driver: str, make: Callable[[Placement], LibreReader | FreeStyleNeo | ContourUsb]
) -> Case:
    return Case(driver=driver, make=make, clock_error=DAYS_BEHIND, time_within=TO_THE_MINUTE)


def libre(placement: Placement) -> LibreReader:
    put_on_at = placement.now() - timedelta(days=2)
    return LibreReader(placement, put_on_at=put_on_at, habits=ReaderHabits(strip_every=2))


STORIES = {
    "contour_usb": {
        "Contour USB": contour("Contour USB", molar=False, announces=True, enq_apart=False),
        "Contour Next USB": contour(
            "Contour Next USB", molar=True, announces=False, enq_apart=True
        ),
        "Contour Next One": contour(
            "Contour Next One", molar=False, announces=True, enq_apart=True, quiet_end=True
        ),
        "Contour Next": contour("Contour Next", molar=True, announces=False, enq_apart=False),
    },
    "freestyle_neo": {"FreeStyle Neo": remembering("glucose_meter/freestyle_neo", FreeStyleNeo)},
    "libre_reader": {"FreeStyle Libre": remembering("cgm/freestyle_libre", libre)},
    "libre_2_reader": {},  # gives nothing away
}
CASES = {name: case for stories in STORIES.values() for name, case in stories.items()}


class UsbCable(Cable):
    """Reports arrive whole, or not at all."""

    channel: ClassVar[Channel] = HID

    def harmed(self, frame: bytes) -> list[bytes]:
        return self.chance.choice([[], [frame, frame]]) if self.harms(1) else [frame]

    def chunk(self) -> bytes:
        return self.coming.pop(0)[1]


class UsbCounter(Counter):
    """Nothing is measured once a device was plugged in for the last time."""

    name = "usb:counter"
    port = "/dev/hidraw0"
    reach = Reach.HID
    kind = UsbCable

    def cable(self, noise: float, how: Break, at: int) -> Cable:
        if isinstance(self.device, Powered) and self.chance.random() < 0.5:
            self.story.append("plugged in anew")
            self.device.cable_moved()
        return super().cable(noise, how, at)

    async def live(self) -> None:
        await super().live()
        last = self.cable(0.0, Break.NEVER, 0)
        last.measures_at_s.clear()
        await self.meet(last)


def test_every_device_on_a_usb_cable_has_a_story() -> None:
    assert set(STORIES) == {name for name, kind in TYPES.items() if kind.on_cable}


@each_seed
@pytest.mark.parametrize("name", CASES)
async def test_wherever_a_cable_fails_a_memory_is_there_once_after_a_calm_conversation(
    name: str, seed: int, tmp_path: Path
) -> None:
    counter = UsbCounter(CASES[name], f"{name}/{seed}", tmp_path)
    device, now = counter.device, counter.clock.now().utc
    if isinstance(device, LibreReader):
        device.remember(now - timedelta(days=1), now - HOUR, scan_every=4 * HOUR)
    else:
        device.remember(5, 8 * HOUR)  # type: ignore[attr-defined]
    await counter.live()

    counter.assert_all_is_there()


class SlowCable(UsbCable):
    """Reports come one after the other, as they do."""

    def send(self, frames: Collection[bytes]) -> None:
        for frame in frames:
            after = self.coming[-1][0] if self.coming else self.now()
            self.coming.append((after + 0.002, frame))


@pytest.mark.parametrize("enq_apart", [False, True])
@pytest.mark.parametrize("announces", [False, True])
async def test_a_meter_that_asks_for_a_host_just_as_it_is_asked_is_read_at_once(
    announces: bool, enq_apart: bool, tmp_path: Path
) -> None:
    case = contour("Contour Next USB", molar=False, announces=announces, enq_apart=enq_apart)
    counter = UsbCounter(case, "slow", tmp_path)
    counter.device.remember(5, 8 * HOUR)  # type: ignore[attr-defined]

    await counter.meet(SlowCable(counter.device, counter.clock, counter.chance))

    assert counter.missing_and_extra() == ([], []), counter.story
