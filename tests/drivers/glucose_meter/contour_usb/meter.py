"""A Contour meter with a memory, as public captures show it."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.domain.device import Device, DeviceId
from gateway.drivers.api import HID, Reach, Sighting
from gateway.drivers.glucose_meter.contour_usb import DRIVER
from gateway.errors import LinkTimeout
from gateway.testing.clock import ManualClock
from gateway.testing.links import ScriptedLink
from gateway.testing.session import RecordingSession
from tests.drivers.serial_lines import unplugged_at

USB = (0x1A79, 0x7410)
SERIAL = "7425-3013732"
EOT, ENQ, ACK, NAK = b"\x04", b"\x05", b"\x06", b"\x15"


def summed(number: int, text: str, end: bytes = b"\x17") -> bytes:
    """A frame with its sum."""
    body = f"{number % 8}{text}\r".encode() + end
    return b"\x02" + body + b"%02X\r\n" % (sum(body) % 256)


def reports(data: bytes) -> list[bytes]:
    """What is sent at once, in reports."""
    parts = [data[at : at + 60] for at in range(0, len(data), 60)]
    return [(b"ABC" + bytes((len(part),)) + part).ljust(64, b"\0") for part in parts]


def stored(number: int, value: str, at: str, marks: str = "M0/T1", unit: str = "mg/dL") -> str:
    """A result."""
    return f"R|{number}|^^^Glucose|{value}|{unit}^P||{marks}||{at}"


def memory() -> list[str]:
    """Two tests, and what a person noted between them."""
    return [
        stored(1, "112", "202611271230"),
        "R|2|^^^Carb|8|3^||||202611271231",
        "R|3|^^^Insulin|80|1^||||202611271231",
        stored(4, "98", "202611271420", "F/M0/T1"),
    ]


@dataclass
class Meter:
    """It offers its memory, and sends a frame for each ACK."""

    results: list[str] = field(default_factory=memory)
    shown: str = "20261127143000"
    serial: str = SERIAL
    announces: str = "header"
    """What comes with the offer: `header`, or `nothing`; `ENQ` is all of it."""
    stops: bool = True
    """Whether EOT stops a transfer; a Contour Next One is said not to know it."""
    says_eot: bool = True
    """Whether it answers the last ACK."""
    ending: str = "L|1||N"
    damaged: dict[int, int] = field(default_factory=dict)
    """How often the frame of this place comes damaged."""
    written: list[bytes] = field(default_factory=list)
    _at: int | None = None
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def header(self) -> str:
        """The header, with the password that none of us needs."""
        return (
            f"H|\\^&||mLJsN1|Bayer7410^01.10\\01.05\\10.03^{self.serial}^00000|A=1^C=22^I=0200^R=0"
            f"^S=01^U=311^V=20600^Z=1|{len(self.results)}|||||P|1|{self.shown}"
        )

    def answer(self, report: bytes) -> list[bytes]:
        """Answer a report."""
        assert len(report) == 64
        assert report[:4] == b"ABC\x01"
        assert not any(report[5:])
        said = report[4:5]
        self.written.append(said)
        if said == EOT and (self.stops or self._at is None):
            self._at = None
            header = summed(1, self.header) if self.announces == "header" else b""
            return reports(ENQ if self.announces == "ENQ" else EOT + header + ENQ)
        if said == ACK:
            self._at = 0 if self._at is None else self._at + 1
        if self._at is None or said == EOT:
            return []
        return reports(self._frame(self._at))

    def _frame(self, place: int) -> bytes:
        texts = [self.header, "P|1", *self.results, self.ending]
        if place >= len(texts):
            self._at = None
            return EOT if self.says_eot else b""
        frame = summed(place + 1, texts[place], b"\x03" if texts[place][0] == "L" else b"\x17")
        if self.damaged.get(place, 0):
            self.damaged[place] -= 1
            return frame.replace(b"|", b"!", 1)
        return frame

    def session(self) -> RecordingSession:
        """A session with it."""
        return session_of(self)

    async def read(self, polls: int = 1) -> RecordingSession:
        """Let the driver read it until its `polls`th pause."""
        return await unplugged_at(polls, DRIVER, self.session())


def session_of(meter: Meter) -> RecordingSession:
    """A session with a meter that speaks when spoken to, and is otherwise silent."""
    link = ScriptedLink(
        answers={HID: lambda data: [(HID, each) for each in meter.answer(data)]},
        then=LinkTimeout,
        clock=meter.clock,
    )
    return RecordingSession(
        driver=DRIVER,
        link=link,
        clock=meter.clock,
        device=Device(id=DeviceId("usb:1a79:7410:counter"), driver=DRIVER.manifest.name),
        sighting=Sighting("/dev/hidraw0", Reach.HID, usb=USB),
    )
