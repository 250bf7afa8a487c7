"""A FreeStyle Libre reader with a memory, made from the description of its protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.drivers.cgm.freestyle_libre import DRIVER
from gateway.drivers.cgm.freestyle_libre.session import LIBRE
from gateway.testing.clock import ManualClock
from gateway.testing.session import RecordingSession
from tests.drivers.freestyle_lines import Device, clock, log, session_of, summed
from tests.drivers.serial_lines import unplugged_at


def local(month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """A time on the reader's clock."""
    return datetime(2026, month, day, hour, minute, second)  # noqa: DTZ001


SHOWN = local(11, 27, 14, 30)
SERIAL = "JCMV250-S1234"


def when(at: datetime) -> str:
    return f"{at.month},{at.day},{at.year % 100},{at.hour},{at.minute},{at.second}"


def sample(
    number: int, at: datetime, mg_dl: int, minutes: int = 5000, first: int = 0, errors: int = 0
) -> bytes:
    line = f"{number % 65536},12,{when(at)},1,0,0,0,{first},{mg_dl},{minutes},{errors}"
    return line.encode()


def result(
    number: int, at: datetime, value: int, what: int = 0, low: int = 0, errors: int = 0
) -> bytes:
    line = (
        f"{number % 65536},2,{when(at)},1,{what},0,{low},{value},{what // 2},0,0,0,0,0,0,0,0,0,0"
        f',0,0,0,0,{errors},"","","","","",""'
    )
    return line.encode()


def change(number: int, new: datetime, old: datetime | None) -> bytes:
    before = "255,255,255,255,255,255" if old is None else when(old)
    return f"{number % 65536},5,{when(new)},1,{before},1,0,0,0,0".encode()


def ago(minutes: float, since: datetime = SHOWN) -> datetime:
    return since - timedelta(minutes=minutes)


@dataclass
class Reader:
    """Its lists, the oldest record first."""

    history: list[bytes] = field(
        default_factory=lambda: [sample(100, ago(40), 105, 4970), sample(101, ago(25), 98, 4985)]
    )
    results: list[bytes] = field(default_factory=lambda: [result(90, ago(60), 112)])
    shown: datetime | None = SHOWN
    number: int = 102
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def device(self) -> Device:
        return Device(
            {
                b"$sn?": summed(f"{SERIAL}\r\n".encode()),
                b"$swver?": summed(b"2.1.2\r\n"),
                b"$dbrnum?": summed(f"DB Record Number = {self.number}\r\n".encode()),
                **clock(self.shown),
                b"$history?": log(*self.history),
                b"$arresult?": log(*self.results),
            },
            message_type=0x21,
        )

    async def read(
        self, polls: int = 1, device: Device | None = None, bookmark: str | None = None
    ) -> RecordingSession:
        """Let the driver read it until its `polls`th pause."""
        session = session_of(DRIVER, device or self.device, self.clock, LIBRE)
        session._bookmark = bookmark
        return await unplugged_at(polls, DRIVER, session)
