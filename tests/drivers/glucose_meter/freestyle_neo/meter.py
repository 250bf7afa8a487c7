"""A FreeStyle Precision or Optium Neo with a memory, from the description of its protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.drivers.glucose_meter.freestyle_neo import DRIVER
from gateway.drivers.glucose_meter.freestyle_neo.session import NEO
from gateway.testing.clock import ManualClock
from gateway.testing.session import RecordingSession
from tests.drivers.freestyle_lines import Device, clock, log, session_of, summed
from tests.drivers.serial_lines import unplugged_at

SHOWN = datetime(2026, 11, 27, 14, 30)  # noqa: DTZ001 - of the meter's clock
SERIAL = "XGMP123-S1234"


def when(at: datetime) -> str:
    return f"{at.month},{at.day},{at.year % 100},{at.hour},{at.minute}"


def strip(number: int, at: datetime, told: int | str, blood: int = 1) -> bytes:
    return f"7,{number},{when(at)},1,{told},0,{blood},0,0,0,0,0,0,0,0".encode()


def ketone_strip(number: int, at: datetime, told: int | str, blood: int = 1) -> bytes:
    return f"9,{number},{when(at)},1,{told},{blood}".encode()


def change(number: int, new: datetime, old: datetime) -> bytes:
    return f"6,{number},{when(new)},1,{when(old)},1".encode()


def ago(minutes: float) -> datetime:
    return SHOWN - timedelta(minutes=minutes)


@dataclass
class Meter:
    """Its memory, the newest record first."""

    memory: list[bytes] = field(
        default_factory=lambda: [strip(12, ago(10), 98), strip(11, ago(120), 112)]
    )
    shown: datetime | None = SHOWN
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def device(self) -> Device:
        return Device(
            {
                b"$serlnum?": summed(f"{SERIAL}\r\n".encode()),
                b"$swver?": summed(b"1.20 15.04\r\n"),
                **clock(self.shown),
                b"$result?": log(*self.memory),
            }
        )

    async def read(self, polls: int = 1, device: Device | None = None) -> RecordingSession:
        """Let the driver read it until its `polls`th pause."""
        session = session_of(DRIVER, device or self.device, self.clock, NEO)
        return await unplugged_at(polls, DRIVER, session)
